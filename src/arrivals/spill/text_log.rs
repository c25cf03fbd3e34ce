//! Groups of texts one after the other in a temporary file, of which none is looked for but by its place. Where no such file
//! can be written, they are in memory.

use std::io;

use super::byte_log::{ByteLog, unreadable};
use intake::TraceError;

/// Bytes of the length of a text.
const LENGTH: usize = 4;

/// Bytes that are read at once: few groups have more.
const AT_ONCE: usize = 256;

/// Groups of texts up to now.
#[derive(Debug)]
pub struct TextLog<const TEXTS: usize>(ByteLog);

impl<const TEXTS: usize> Default for TextLog<TEXTS> {
    fn default() -> Self {
        Self(ByteLog::new("texts"))
    }
}

impl<const TEXTS: usize> TextLog<TEXTS> {
    /// Adds a group; its place, which is larger than those before.
    pub fn push(&mut self, texts: [&str; TEXTS]) -> u64 {
        let place = self.0.end();
        self.0.push(|bytes| {
            for text in texts {
                // No line of a trace is as long as a length can say.
                bytes.extend((text.len() as u32).to_le_bytes());
            }
            for text in texts {
                bytes.extend(text.as_bytes());
            }
        });
        place
    }

    /// The group at a place.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn get(&self, place: u64) -> Result<[String; TEXTS], TraceError> {
        self.read(place).map_err(|error| self.0.failed(&error))
    }

    /// Takes every group in order.
    ///
    /// # Errors
    /// The temporary file can't be read, or taking a group fails.
    pub fn each(
        &self,
        mut take: impl FnMut([String; TEXTS]) -> Result<(), TraceError>,
    ) -> Result<(), TraceError> {
        let (mut place, end) = (0, self.0.end());
        while place < end {
            let group = self.get(place)?;
            let length: usize = group.iter().map(|text| LENGTH + text.len()).sum();
            place += length as u64;
            take(group)?;
        }
        Ok(())
    }

    fn read(&self, place: u64) -> io::Result<[String; TEXTS]> {
        let mut bytes = self.0.get(place..place, AT_ONCE)?;
        let lengths = lengths::<TEXTS>(&bytes).ok_or_else(unreadable)?;
        let whole = TEXTS * LENGTH + lengths.iter().sum::<usize>();
        if whole > bytes.len() {
            bytes = self.0.get(place..place + whole as u64, 0)?;
        }
        group(&bytes).ok_or_else(unreadable)
    }
}

/// The lengths at the beginning of a group.
fn lengths<const TEXTS: usize>(bytes: &[u8]) -> Option<[usize; TEXTS]> {
    let (words, _) = bytes.get(..TEXTS * LENGTH)?.as_chunks::<LENGTH>();
    Some(std::array::from_fn(|place| {
        u32::from_le_bytes(words[place]) as usize
    }))
}

/// The group with which bytes begin.
fn group<const TEXTS: usize>(bytes: &[u8]) -> Option<[String; TEXTS]> {
    let lengths = lengths::<TEXTS>(bytes)?;
    let mut texts = std::array::from_fn(|_| String::new());
    let mut from = TEXTS * LENGTH;
    for (text, length) in texts.iter_mut().zip(lengths) {
        let own = bytes.get(from..from + length)?;
        *text = String::from_utf8_lossy(own).into_owned();
        from += length;
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_back_from_their_places(
            groups in prop::collection::vec(("[aä]{0,3}", "b{0,200}"), 0..9),
            flushed in 0_usize..9,
        ) {
            let mut log: TextLog<2> = TextLog::default();
            let mut places = Vec::new();
            for (number, (one, other)) in groups.iter().enumerate() {
                if number == flushed {
                    log.0.write().expect("a temporary folder");
                }
                places.push(log.push([one, other]));
            }
            prop_assert!(places.is_sorted_by(|one, other| one < other));
            let mut all = Vec::new();
            let each = log.each(|[one, other]| {
                all.push((one, other));
                Ok(())
            });
            each.expect("readable");
            prop_assert_eq!(&all, &groups);
            for (place, (one, other)) in places.into_iter().zip(groups) {
                prop_assert_eq!(log.get(place).expect("readable"), [one, other]);
            }
        }
    }
}

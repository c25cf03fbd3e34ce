//! Amounts in the order in which they came, and sorted: in memory up to a number of them, and beyond it in a temporary file that
//! has no name, so that it is gone with the program. Copies share what is in the file and go on with other amounts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::spill::{FixedSort, FixedSorted};
use intake::{TemporaryFile, TraceError};

/// Groups of amounts that are held in memory.
const MOST_HELD: usize = 1 << 16;

/// Bytes of an amount.
const AMOUNT: usize = 8;

/// The bit of a word that orders negative numbers below the others.
const SIGN: u64 = 1 << 63;

/// Groups of amounts up to now.
#[derive(Clone, Debug)]
pub struct Kept<const AMOUNTS: usize> {
    /// The places of the parts in the file, each of as many groups as are held.
    parts: Vec<u64>,
    /// The groups that follow them.
    held: Vec<[f64; AMOUNTS]>,
    most_held: usize,
    /// Whether the file can't be written, so that what comes stays in memory.
    stays: bool,
    disk: Option<Arc<Disk>>,
}

/// A temporary file to which copies write, each to places of its own.
#[derive(Debug)]
struct Disk {
    file: TemporaryFile,
    end: AtomicU64,
}

impl<const AMOUNTS: usize> Default for Kept<AMOUNTS> {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl<const AMOUNTS: usize> Kept<AMOUNTS> {
    /// Creates a list of no groups, a number of which will be held in memory.
    pub const fn holding(most_held: usize) -> Self {
        Self {
            parts: Vec::new(),
            held: Vec::new(),
            most_held,
            stays: false,
            disk: None,
        }
    }

    /// Adds a group.
    #[inline]
    pub fn push(&mut self, amounts: [f64; AMOUNTS]) {
        if self.held.len() >= self.most_held && !self.stays {
            self.stays = self.take_out().is_err();
        }
        self.held.push(amounts);
    }

    /// Returns the number of groups.
    pub fn len(&self) -> usize {
        self.parts.len() * self.most_held + self.held.len()
    }

    /// Returns whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take_out(&mut self) -> io::Result<()> {
        let disk = if let Some(disk) = &self.disk {
            disk
        } else {
            let file = TemporaryFile::new("amounts")?;
            let end = AtomicU64::new(0);
            self.disk.insert(Arc::new(Disk { file, end }))
        };
        let words = self.held.iter().flatten();
        let bytes: Vec<u8> = words.flat_map(|amount| amount.to_le_bytes()).collect();
        let place = disk.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        disk.file.write(&bytes, place)?;
        self.parts.push(place);
        self.held.clear();
        Ok(())
    }

    /// Takes every group in order.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn each(&self, mut take: impl FnMut([f64; AMOUNTS])) -> Result<(), TraceError> {
        if let Some(disk) = &self.disk {
            let mut bytes = vec![0; self.most_held * AMOUNTS * AMOUNT];
            for &place in &self.parts {
                let read = disk.file.read(&mut bytes, place);
                read.map_err(|error| disk.file.failed(&error))?;
                for group in bytes.chunks_exact(AMOUNTS * AMOUNT) {
                    let (words, _) = group.as_chunks::<AMOUNT>();
                    take(std::array::from_fn(|own| f64::from_le_bytes(words[own])));
                }
            }
        }
        self.held.iter().for_each(|&group| take(group));
        Ok(())
    }

    /// Returns the amounts at a place of all groups, the largest first.
    ///
    /// # Errors
    /// The temporary file can't be read.
    ///
    /// # Panics
    /// A group has no such place.
    pub fn descending(&self, place: usize) -> Result<Descending, TraceError> {
        let mut sort = FixedSort::holding(MOST_HELD);
        self.each(|group| sort.push([descending(group[place])]))?;
        Ok(Descending(sort.sorted()))
    }
}

/// A word that is the smaller, the larger an amount is by [`f64::total_cmp`].
const fn descending(amount: f64) -> u64 {
    let bits = amount.to_bits();
    if bits & SIGN == 0 {
        !(bits | SIGN)
    } else {
        bits
    }
}

/// Amounts, the largest first. A copy goes on from the same place.
#[derive(Clone, Debug)]
pub struct Descending(FixedSorted<1>);

impl Descending {
    /// Returns the largest amount that is left, or `None` at the end.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn next_largest(&mut self) -> Result<Option<f64>, TraceError> {
        let word = self.0.next()?.map(|[word]| word);
        let bits = word.map(|word| {
            if word & SIGN == 0 {
                !word & !SIGN
            } else {
                word
            }
        });
        Ok(bits.map(f64::from_bits))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use proptest::prelude::*;

    use super::*;

    fn all(kept: &Kept<2>) -> Vec<[u64; 2]> {
        let mut all = Vec::new();
        let taken = kept.each(|group| all.push(group.map(f64::to_bits)));
        taken.expect("a readable file");
        all
    }

    proptest! {
        #[test]
        fn amounts_are_kept_and_sorted_wherever_they_are_held(
            groups in prop::collection::vec(any::<(f64, f64)>(), 0..60),
            more in any::<f64>(),
            most_held in 1_usize..30,
        ) {
            let mut kept = Kept::holding(most_held);
            let groups: Vec<[f64; 2]> = groups.into_iter().map(<[f64; 2]>::from).collect();
            let (mut plain, mut copy) = (Vec::new(), kept.clone());
            for (number, &group) in groups.iter().enumerate() {
                kept.push(group);
                plain.push(group.map(f64::to_bits));
                if number == groups.len() / 2 {
                    copy = kept.clone();
                    for _ in 0..most_held {
                        copy.push([more, more]);
                    }
                }
            }
            prop_assert_eq!((all(&kept), kept.len()), (plain.clone(), plain.len()));
            let ours = (groups.len() / 2 + 1).min(groups.len());
            prop_assert_eq!(&all(&copy)[..ours], &plain[..ours]);
            prop_assert!(all(&copy)[ours..].iter().flatten().all(|&bits| bits == more.to_bits()));
            let mut sorted: Vec<f64> = groups.iter().map(|group| group[1]).collect();
            sorted.sort_by(|one, other| other.total_cmp(one));
            let mut found = kept.descending(1).expect("a readable file");
            for amount in sorted {
                let next = found.next_largest().expect("a readable file");
                prop_assert_eq!(next.map(f64::to_bits), Some(amount.to_bits()));
            }
            prop_assert_eq!(found.next_largest().map(|next| next.is_none()), Ok(true));
        }
    }

    #[test]
    fn where_nothing_can_be_written_all_are_in_memory() {
        let mut kept = Kept::holding(1);
        kept.push([1.0, 2.0]);
        kept.push([3.0, 4.0]);
        let disk = kept.disk.as_ref().expect("a file");
        let file = TemporaryFile {
            file: OpenOptions::new()
                .read(true)
                .open("/dev/null")
                .expect("there"),
            path: disk.file.path.clone(),
        };
        let end = AtomicU64::new(0);
        let parts = std::mem::take(&mut kept.parts);
        kept.disk = Some(Arc::new(Disk { file, end }));
        kept.push([5.0, 6.0]);
        kept.push([7.0, 8.0]);
        assert!(kept.stays && kept.parts.is_empty() && parts.len() == 1);
        assert_eq!(kept.len(), 3);
        kept.parts = parts;
        let read = kept.each(|_| ());
        assert!(read.is_err(), "the part is in another file");
    }
}

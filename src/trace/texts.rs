//! Numbering of texts by order of first appearance, for texts that are looked up once a row: they
//! lie one after the other in one buffer, and looking one up allocates nothing.

/// No text.
const NONE: u32 = u32::MAX;

/// Texts and their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// Numbers by hash, each in the first vacant place from its own on; at most half of them are
    /// taken.
    places: Vec<u32>,
    bytes: Vec<u8>,
    /// End of each text.
    ends: Vec<usize>,
}

impl Texts {
    /// The number of a text, if it was added.
    #[inline]
    pub(super) fn find(&self, text: &[u8]) -> Option<u32> {
        let mask = self.places.len().checked_sub(1)?;
        let mut place = hash(text) & mask;
        loop {
            let number = *self.places.get(place)?;
            if number == NONE {
                return None;
            }
            if is_equal(self.text(number), text) {
                return Some(number);
            }
            place = place.wrapping_add(1) & mask;
        }
    }

    /// Adds a text that is not there; its number.
    pub(super) fn add(&mut self, text: &[u8]) -> u32 {
        let number = self.ends.len() as u32;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        if 2 * self.ends.len() > self.places.len() {
            self.places = vec![NONE; (4 * self.ends.len()).next_power_of_two().max(64)];
            (0..number).for_each(|known| self.settle(known));
        }
        self.settle(number);
        number
    }

    #[inline]
    fn text(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 {
            0
        } else {
            self.ends[number - 1]
        };
        &self.bytes[start..self.ends[number]]
    }

    fn settle(&mut self, number: u32) {
        let mask = self.places.len() - 1;
        let mut place = hash(self.text(number)) & mask;
        while self.places[place] != NONE {
            place = (place + 1) & mask;
        }
        self.places[place] = number;
    }
}

/// Whether two texts are equal. They are short, so that a call of a library for each costs more than the comparison.
#[inline]
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let (one_words, _) = one.as_chunks::<8>();
    let (other_words, _) = other.as_chunks::<8>();
    let mut pairs = one_words.iter().zip(other_words);
    let is_same =
        |pair: (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*pair.0) == u64::from_le_bytes(*pair.1);
    one.len() == other.len() && end(one) == end(other) && pairs.all(is_same)
}

/// The last eight bytes of a text, or all of them where it has fewer: of texts of equal length, different ones
/// where these bytes are.
#[inline]
fn end(text: &[u8]) -> u64 {
    if let Some(last) = text.last_chunk::<8>() {
        return u64::from_le_bytes(*last);
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let first = u64::from(u32::from_le_bytes(*first));
        return first | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    match *text {
        [] => 0,
        [one] => u64::from(one),
        [one, two] => u64::from(one) | u64::from(two) << 8,
        [one, two, .., last] => u64::from(one) | u64::from(two) << 8 | u64::from(last) << 16,
    }
}

/// A multiplicative hash over words of eight bytes: equal texts of equal hashes, and keys of trace
/// rows, which are short and alike, well apart.
#[inline]
fn hash(text: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, _) = text.as_chunks::<8>();
    let mut hash = text.len() as u64;
    for word in words {
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(ODD);
    }
    hash = (hash.rotate_left(5) ^ end(text)).wrapping_mul(ODD);
    (hash ^ (hash >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_equal_byte_for_byte() {
        let all = b"0123456789abcdefghijk";
        for length in 0..all.len() {
            let one = &all[..length];
            assert!(is_equal(one, one) && !is_equal(one, &all[..=length]));
            for place in 0..length {
                let mut other = one.to_vec();
                other[place] = b'X';
                assert!(!is_equal(one, &other), "{length} {place}");
            }
        }
    }

    #[test]
    fn texts_are_numbered_as_they_come() {
        let mut texts = Texts::default();
        assert_eq!(texts.find(b""), None);
        let text = |number: u32| format!("{:x}", number.wrapping_mul(7_919)).into_bytes();
        for number in 0..5_000 {
            assert_eq!(texts.find(&text(number)), None);
            assert_eq!(texts.add(&text(number)), number);
        }
        assert_eq!(texts.add(b""), 5_000);
        for number in 0..5_000 {
            assert_eq!(texts.find(&text(number)), Some(number));
        }
        assert_eq!(
            (texts.find(b""), texts.find(b"nobody")),
            (Some(5_000), None)
        );
    }
}

//! Numbering of texts by order of first appearance, for texts that are looked up once a row: short ones lie in
//! the table by which they are found, the others one after the other in one buffer, and looking one up
//! allocates nothing.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use super::table::Piece;

/// No text.
const NONE: u32 = u32::MAX;

/// Texts and their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// Texts by hash, each in the first vacant place from its own on; at most half of them are taken.
    places: Vec<Place>,
    /// The texts that are longer than two words.
    long: Vec<u8>,
    count: u32,
}

/// A place of the table.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// A short text with zeros behind it; the hash of a long one, and where it begins.
    words: [u64; 2],
    length: u32,
    number: u32,
}

const VACANT: Place = Place {
    words: [0; 2],
    length: 0,
    number: NONE,
};

impl Texts {
    /// The number of a text, if it was added.
    #[inline(always)]
    pub(super) fn find(&self, text: Piece<'_>) -> Option<u32> {
        let Some(words) = text.words() else {
            return self.find_long(text.bytes());
        };
        let length = text.bytes().len() as u32;
        let mask = self.places.len().checked_sub(1)?;
        let mut at = spread(words, length) & mask;
        loop {
            let place = self.places.get(at)?;
            if place.words == words && place.length == length && place.number != NONE {
                return Some(place.number);
            }
            if place.number == NONE {
                return None;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    fn find_long(&self, text: &[u8]) -> Option<u32> {
        let (hash, length) = (hash(text), text.len() as u32);
        let mask = self.places.len().checked_sub(1)?;
        let mut at = spread([hash, 0], length) & mask;
        loop {
            let place = self.places.get(at)?;
            if place.number == NONE {
                return None;
            }
            if place.length == length && place.words[0] == hash && are_equal(self.of(place), text) {
                return Some(place.number);
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    /// The long text of a place.
    fn of(&self, place: &Place) -> &[u8] {
        let start = place.words[1] as usize;
        &self.long[start..start + place.length as usize]
    }

    /// Adds a text that is not there; its number.
    pub(super) fn add(&mut self, text: Piece<'_>) -> u32 {
        let number = self.count;
        self.count += 1;
        let words = text.words().unwrap_or_else(|| {
            let start = self.long.len() as u64;
            self.long.extend_from_slice(text.bytes());
            [hash(text.bytes()), start]
        });
        if 2 * self.count as usize > self.places.len() {
            let room = (4 * self.count as usize).next_power_of_two().max(64);
            let known = std::mem::replace(&mut self.places, vec![VACANT; room]);
            let known = known.into_iter().filter(|place| place.number != NONE);
            known.for_each(|place| self.settle(place));
        }
        self.settle(Place {
            words,
            length: text.bytes().len() as u32,
            number,
        });
        number
    }

    fn settle(&mut self, place: Place) {
        let mask = self.places.len() - 1;
        let Place { words, length, .. } = place;
        let words = if length > 16 { [words[0], 0] } else { words };
        let mut at = spread(words, length) & mask;
        while self.places[at].number != NONE {
            at = (at + 1) & mask;
        }
        self.places[at] = place;
    }
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A multiplicative hash of two words: keys of trace rows, which are short and alike, well apart.
#[inline(always)]
fn spread(words: [u64; 2], length: u32) -> usize {
    let hash = (words[0] ^ u64::from(length)).wrapping_mul(ODD);
    let hash = (hash.rotate_left(29) ^ words[1]).wrapping_mul(ODD);
    (hash ^ (hash >> 32)) as usize
}

/// Whether two long texts of the same length are equal: they are so short that a call takes longer than this.
#[inline(always)]
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    let (blocks, _) = one.as_chunks::<16>();
    let (other_blocks, _) = other.as_chunks::<16>();
    for (block, other) in blocks.iter().zip(other_blocks) {
        if u128::from_le_bytes(*block) != u128::from_le_bytes(*other) {
            return false;
        }
    }
    one.last_chunk::<16>() == other.last_chunk::<16>()
}

/// A multiplicative hash of a long text, of sixteen bytes at a time; the last ones may stand in two blocks.
#[inline(always)]
fn hash(text: &[u8]) -> u64 {
    let (blocks, _) = text.as_chunks::<16>();
    let mut hash = text.len() as u64;
    for block in blocks {
        hash = mixed(hash, block);
    }
    match text.last_chunk() {
        Some(block) => mixed(hash, block),
        None => hash,
    }
}

#[inline(always)]
fn mixed(hash: u64, block: &[u8; 16]) -> u64 {
    let block = u128::from_le_bytes(*block);
    let (low, high) = (block as u64 ^ hash, (block >> 64) as u64 ^ ODD);
    let product = u128::from(low) * u128::from(high);
    (product as u64 ^ (product >> 64) as u64).wrapping_add(ODD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &[u8]) -> Piece<'_> {
        Piece::of(text, 0, text.len())
    }

    #[test]
    fn texts_of_all_lengths_are_told_apart() {
        let all = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut texts = Texts::default();
        let mut known = Vec::new();
        for length in 0..all.len() {
            for place in 0..=length {
                let mut other = all[..length].to_vec();
                if let Some(byte) = other.get_mut(place) {
                    *byte = 0;
                }
                assert_eq!(texts.find(piece(&other)), None, "{length} {place}");
                assert_eq!(texts.add(piece(&other)), known.len() as u32);
                known.push(other);
            }
        }
        for (number, text) in (0..).zip(&known) {
            assert_eq!(texts.find(piece(text)), Some(number));
        }
    }

    #[test]
    fn texts_are_numbered_as_they_come() {
        let mut texts = Texts::default();
        assert_eq!(texts.find(piece(b"")), None);
        let text = |number: u32| format!("{:x}", number.wrapping_mul(7_919)).into_bytes();
        for number in 0..5_000 {
            assert_eq!(texts.find(piece(&text(number))), None);
            assert_eq!(texts.add(piece(&text(number))), number);
        }
        assert_eq!(texts.add(piece(b"")), 5_000);
        for number in 0..5_000 {
            assert_eq!(texts.find(piece(&text(number))), Some(number));
        }
        assert_eq!(
            (texts.find(piece(b"")), texts.find(piece(b"nobody"))),
            (Some(5_000), None)
        );
    }
}

//! Numbering of texts by order of first appearance, for texts that are looked up once a row: short ones lie in
//! the table by which they are found, the others one after the other in one buffer, and looking one up
//! allocates nothing.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use crate::table::{FOUR_WORDS, Piece};

/// No text.
const NONE: u32 = u32::MAX;

/// Texts and their numbers.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// The number of the text at each place: by its hash, or the first vacant place behind it. An eighth of the
    /// places is taken at most, so that most texts are found at the first.
    places: Vec<u32>,
    /// The texts by number.
    known: Vec<Known>,
    /// The texts that are longer than four words.
    long: Vec<u8>,
}

/// A known text.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The words of a short text; the hash of a long one, and where it begins.
    words: Words,
    length: usize,
}

/// The bytes of a short text, with zeros behind them.
type Words = [u64; 4];

/// The places for each text.
const PLACES: usize = 8;

impl Known {
    /// Whether a short text is this one. Word by word, as the words may be on their way to memory still, and to load
    /// them two at a time would wait for that.
    #[inline(always)]
    fn is(&self, words: Words, length: usize) -> bool {
        let [first, second, third, fourth] = self.words;
        let differs = (first ^ words[0]) | (second ^ words[1]);
        let differs = differs | (third ^ words[2]) | (fourth ^ words[3]);
        differs == 0 && self.length == length
    }
}

impl Texts {
    /// The number of a text, if it was added.
    #[inline(always)]
    pub fn find(&self, text: Piece<'_>) -> Option<u32> {
        let Some(words) = text.four_words() else {
            return self.find_long(text.bytes());
        };
        let length = text.bytes().len();
        self.find_where(spread(words, length), |known| known.is(words, length))
    }

    fn find_long(&self, text: &[u8]) -> Option<u32> {
        let (hash, length) = (hash(text), text.len());
        self.find_where(spread([hash, 0, 0, 0], length), |known| {
            known.length == length && known.words[0] == hash && are_equal(self.of(known), text)
        })
    }

    /// The number of a known text, which is looked for from a place on.
    #[inline(always)]
    fn find_where(&self, from: usize, is_it: impl Fn(&Known) -> bool) -> Option<u32> {
        let mask = self.places.len().checked_sub(1)?;
        let mut at = from & mask;
        loop {
            // Nothing has the number of a vacant place.
            let number = *self.places.get(at)?;
            let known = self.known.get(number as usize)?;
            if is_it(known) {
                return Some(number);
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    /// A long text.
    fn of(&self, known: &Known) -> &[u8] {
        let start = known.words[1] as usize;
        &self.long[start..start + known.length]
    }

    /// Adds a text that is not there; its number.
    pub fn add(&mut self, text: Piece<'_>) -> u32 {
        let number = self.known.len() as u32;
        let words = text.four_words().unwrap_or_else(|| {
            let start = self.long.len() as u64;
            self.long.extend_from_slice(text.bytes());
            [hash(text.bytes()), start, 0, 0]
        });
        let length = text.bytes().len();
        self.known.push(Known { words, length });
        let room = (PLACES * self.known.len()).next_power_of_two();
        if room > self.places.len() {
            self.places = vec![NONE; room];
            (0..number).for_each(|known| self.settle(known));
        }
        self.settle(number);
        number
    }

    fn settle(&mut self, number: u32) {
        let mask = self.places.len() - 1;
        let Known { words, length } = self.known[number as usize];
        let is_short = length <= FOUR_WORDS;
        let words = if is_short { words } else { [words[0], 0, 0, 0] };
        let mut at = spread(words, length) & mask;
        while self.places[at] != NONE {
            at = (at + 1) & mask;
        }
        self.places[at] = number;
    }
}

/// Odd numbers of well-mixed bits.
const ODD: [u64; 4] = [
    0x9e37_79b9_7f4a_7c15,
    0x2d35_8dcc_aa6c_78a5,
    0x8bb8_4b93_962e_acc9,
    0x4b33_a62e_d433_d4a3,
];

/// A hash of words by which keys of trace rows, which are short and alike, lie well apart: each bit of the place
/// depends on all of them, as it would not by a product without its upper half.
#[inline(always)]
fn spread(words: Words, length: usize) -> usize {
    let first = folded(words[0] ^ ODD[0] ^ length as u64, words[1] ^ ODD[1]);
    let last = folded(words[2] ^ ODD[2], words[3] ^ ODD[3]);
    (first ^ last.rotate_left(1)) as usize
}

/// The two halves of a product, one over the other.
#[inline(always)]
fn folded(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
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
    let (low, high) = (block as u64 ^ hash, (block >> 64) as u64 ^ ODD[0]);
    folded(low, high).wrapping_add(ODD[0])
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

    /// The keys of pods of a few sizes lie at places of their own, mostly: a place that is taken costs a surprise.
    #[test]
    fn keys_that_are_alike_lie_apart() {
        let mut texts = Texts::default();
        let keys = (1..=24).flat_map(|cpu| (1..=10).map(move |gpu| (cpu * 1_000, gpu * 100)));
        let keys: Vec<String> = keys
            .map(|(cpu, gpu)| format!("{cpu},{},1,{gpu},", cpu * 4))
            .collect();
        let places = |texts: &Texts, key: &String| {
            let key = piece(key.as_bytes());
            let words = key.four_words().expect("short");
            spread(words, key.bytes().len()) & (texts.places.len() - 1)
        };
        for key in &keys {
            texts.add(piece(key.as_bytes()));
        }
        let is_first =
            |&(number, key): &(u32, &String)| texts.places[places(&texts, key)] == number;
        let first = (0..).zip(&keys).filter(is_first).count();
        assert!(first * 10 > keys.len() * 9, "{first} of {}", keys.len());
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

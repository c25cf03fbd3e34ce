//! A short text within a longer one: what stands behind it is at hand, so that it is loaded as words without a
//! look at its length.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use crate::number::{DECIMALS_MAX, TENS, decimal, eight_digits, many_digits};

/// A text, and what stands behind it in its buffer.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'text> {
    /// The text, and what stands behind it.
    text: &'text [u8],
    length: usize,
}

impl<'text> Piece<'text> {
    /// The text from a place in a buffer to another.
    #[inline(always)]
    pub fn of(buffer: &'text [u8], start: usize, end: usize) -> Self {
        Self {
            text: &buffer[start..],
            length: end - start,
        }
    }

    /// The bytes.
    #[inline(always)]
    pub fn bytes(&self) -> &'text [u8] {
        &self.text[..self.length]
    }

    /// Whether there are no bytes.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes as four words, with zeros behind them; `None` if there are more. Texts of all lengths are loaded alike,
    /// so that no length is a surprise.
    #[inline(always)]
    pub(crate) fn four_words(&self) -> Option<[u64; 4]> {
        let masks = KEPT.get(FOUR_WORDS.checked_sub(self.length)?..)?;
        let Some(chunk) = self.text.first_chunk::<FOUR_WORDS>() else {
            let mut bytes = [0; FOUR_WORDS];
            bytes[..self.length].copy_from_slice(self.bytes());
            return Some(words_of(&bytes));
        };
        let (words, masks) = (words_of(chunk), words_of(masks.first_chunk()?));
        Some([
            words[0] & masks[0],
            words[1] & masks[1],
            words[2] & masks[2],
            words[3] & masks[3],
        ])
    }

    /// The whole number that the text states, as [`crate::number::digits`] reads it.
    #[inline(always)]
    pub fn digits(&self) -> Option<i64> {
        let (length, missing) = (self.length, 8_usize.wrapping_sub(self.length));
        if let Some(chunk) = self.text.first_chunk::<8>()
            && missing < 8
        {
            return eight_digits(right_aligned(u64::from_le_bytes(*chunk), missing));
        }
        if (9..=16).contains(&length) {
            // Not by a call of itself: what calls itself is never inlined.
            let (high, low) = (self.text.first_chunk::<8>()?, self.text.get(length - 8..)?);
            let high = right_aligned(u64::from_le_bytes(*high), 16 - length);
            let low = u64::from_le_bytes(*low.first_chunk::<8>()?);
            return Some(100_000_000 * eight_digits(high)? + eight_digits(low)?);
        }
        match length {
            1..=18 => many_digits(self.bytes()),
            _ => None,
        }
    }

    /// The decimal number that the text states, as [`decimal`] reads it.
    #[inline(always)]
    pub fn decimal(&self) -> Option<f64> {
        let length = self.length;
        let Some(chunk) = self.text.first_chunk::<16>() else {
            return decimal(self.bytes());
        };
        if !(1..=DECIMALS_MAX).contains(&length) {
            return None;
        }
        let text = u128::from_le_bytes(*chunk) & below(length);
        let [low, high] = halves(text);
        let point = match first_point(low) {
            8 => 8 + first_point(high),
            within => within,
        };
        if point >= length {
            return self.digits().map(|own| own as f64);
        }
        if point == 0 || point + 1 == length {
            return None;
        }
        // The digits side by side, with zeros for as many as are missing before them.
        let digits = text & below(point) | text >> (8 * (point + 1)) << (8 * point);
        let missing = 17 - length;
        let zeros = u128::from_le_bytes([b'0'; 16]) & below(missing);
        let [high, low] = halves(digits << (8 * missing) | zeros);
        let mut number = eight_digits(low)?;
        if length > 9 {
            number += 100_000_000 * eight_digits(high)?;
        }
        Some(number as f64 / TENS[length - 1 - point] as f64)
    }
}

/// The bytes of four words.
pub(crate) const FOUR_WORDS: usize = 32;

/// The bits of bytes that are kept and of as many that are not, so that those of any number stand side by side.
static KEPT: [u8; 2 * FOUR_WORDS] = {
    let mut kept = [0; 2 * FOUR_WORDS];
    let mut place = 0;
    while place < FOUR_WORDS {
        kept[place] = u8::MAX;
        place += 1;
    }
    kept
};

/// Four words of their bytes.
#[inline(always)]
fn words_of(bytes: &[u8; FOUR_WORDS]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    [0, 1, 2, 3].map(|place| u64::from_le_bytes(words[place]))
}

/// The bits of as many bytes, fewer than sixteen, from the first on.
#[inline(always)]
fn below(bytes: usize) -> u128 {
    (1 << (8 * bytes as u32)) - 1
}

/// The place of the first point of eight bytes; 8 if there is none.
#[inline(always)]
fn first_point(word: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let other = word ^ (ONES * u64::from(b'.'));
    // A byte above the first zero may be taken for one as well, which does not matter.
    let zeros = other.wrapping_sub(ONES) & !other & (ONES << 7);
    zeros.trailing_zeros() as usize / 8
}

/// The two halves of sixteen bytes.
#[inline(always)]
fn halves(all: u128) -> [u64; 2] {
    [all as u64, (all >> 64) as u64]
}

/// Digits at the end of eight bytes, with zeros for as many as are missing before them.
#[inline(always)]
fn right_aligned(word: u64, missing: usize) -> u64 {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let shift = 8 * missing as u32;
    word << shift | ZEROS & ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::number::digits;

    proptest! {
        #[test]
        fn a_piece_is_its_bytes_whatever_stands_behind_it(
            buffer in prop::collection::vec(prop::sample::select(&b"0123456789,-x.."[..]), 0..60),
            start in any::<prop::sample::Index>(),
            length in 0_usize..36,
        ) {
            let start = start.index(buffer.len() + 1);
            let end = (start + length).min(buffer.len());
            let bytes = &buffer[start..end];
            let piece = Piece::of(&buffer, start, end);
            prop_assert_eq!(piece.bytes(), bytes);
            prop_assert_eq!(piece.is_empty(), bytes.is_empty());
            prop_assert_eq!(piece.digits(), digits(bytes));
            prop_assert_eq!(piece.decimal(), decimal(bytes));
            let mut padded = [0; FOUR_WORDS];
            let words = (bytes.len() <= FOUR_WORDS).then(|| {
                padded[..bytes.len()].copy_from_slice(bytes);
                words_of(&padded)
            });
            prop_assert_eq!(piece.four_words(), words);
        }
    }
}

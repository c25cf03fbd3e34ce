//! Keys by which names are told apart: a short one is its own key, so that names that are counted up come in order and need
//! no sorting, and the last digit of one stands apart from the rest, so that ten of those take the room of one.

use crate::spill::{key_of, padded};

/// Bytes of a name that is its own key.
const SHORT: usize = 15;

/// The key of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameKey {
    /// A short name behind its length, without its last character if that is a digit; a hash of any other.
    pub stem: [u64; 2],
    /// The last digit of a short name; `NO_DIGIT` of any other name.
    pub digit: u8,
}

/// The digit of a name that ends otherwise, or is no short one.
pub(crate) const NO_DIGIT: u8 = 10;

/// The bits by which the stem of a long name differs from that of any short one.
const LONG: u64 = 0xff << 56;

impl NameKey {
    /// The key of a name.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let (true, Some(bytes)) = (name.len() <= SHORT, padded(name)) else {
            let [first, second] = key_of(name);
            return Self {
                // No name is as long as that.
                stem: [first | LONG, second],
                digit: NO_DIGIT,
            };
        };
        let mut stem = (name.len() as u128) << 120 | bytes.swap_bytes() >> 8;
        let shift = 8 * (SHORT - name.len()) as u32;
        let last = (stem >> shift) as u8;
        let mut digit = NO_DIGIT;
        // The length of no name at all is no digit.
        if last.is_ascii_digit() {
            stem ^= u128::from(last) << shift;
            digit = last - b'0';
        }
        Self {
            stem: [(stem >> 64) as u64, stem as u64],
            digit,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_of_names_differ_and_those_that_are_counted_up_grow(
            one in "[a0-2\0-]{0,17}",
            other in "[a0-2\0-]{0,17}",
            number in 0_u64..1_000_000,
        ) {
            let [first, second] = [&one, &other].map(|name| NameKey::of(name.as_bytes()));
            prop_assert_eq!(first == second, one == other);
            let numbered = [number, number + 1].map(|own| NameKey::of(format!("job-{own}").as_bytes()));
            let [first, second] = numbered.map(|own| (own.stem, own.digit));
            prop_assert!(first < second);
        }
    }
}

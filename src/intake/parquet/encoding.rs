//! The encodings of values and levels: plain, runs and packed bits, and packed differences.

use super::thrift::{varint, zigzag};
use crate::budget::COLUMN_BYTES;

/// Values of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    /// Truth values and whole numbers.
    Integers(Vec<i64>),
    /// Numbers with a fraction.
    Floats(Vec<f64>),
    /// Texts one after the other, and where each ends.
    Texts(Vec<u8>, Vec<usize>),
}

/// The physical types, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    /// Of old files, and not read.
    Int96,
    Float,
    Double,
    ByteArray,
    FixedBytes(usize),
}

impl Values {
    /// No values of a type.
    pub(super) fn none(physical: Physical) -> Self {
        match physical {
            Physical::Boolean | Physical::Int32 | Physical::Int64 | Physical::Int96 => {
                Self::Integers(Vec::new())
            }
            Physical::Float | Physical::Double => Self::Floats(Vec::new()),
            Physical::ByteArray | Physical::FixedBytes(_) => Self::Texts(Vec::new(), Vec::new()),
        }
    }

    /// Adds a number of values as they stand one after the other; `None` if there are fewer.
    pub(super) fn add_plain(
        &mut self,
        physical: Physical,
        bytes: &[u8],
        count: usize,
    ) -> Option<()> {
        match (self, physical) {
            (Self::Integers(values), Physical::Boolean) => {
                for place in 0..count {
                    let byte = bytes.get(place / 8)?;
                    values.push(i64::from(byte >> (place % 8) & 1));
                }
            }
            (Self::Integers(values), Physical::Int32) => {
                let whole = exactly::<4>(bytes, count)?;
                values.extend(whole.map(|bytes| i64::from(i32::from_le_bytes(bytes))));
            }
            (Self::Integers(values), Physical::Int64) => {
                values.extend(exactly::<8>(bytes, count)?.map(i64::from_le_bytes));
            }
            (Self::Floats(values), Physical::Float) => {
                let whole = exactly::<4>(bytes, count)?;
                values.extend(whole.map(|bytes| f64::from(f32::from_le_bytes(bytes))));
            }
            (Self::Floats(values), Physical::Double) => {
                values.extend(exactly::<8>(bytes, count)?.map(f64::from_le_bytes));
            }
            (Self::Texts(text, ends), Physical::FixedBytes(length)) => {
                let end = length.checked_mul(count)?;
                let start = text.len();
                has_room(text, end)?;
                text.extend_from_slice(bytes.get(..end)?);
                ends.extend((1..=count).map(|place| start + place * length));
            }
            (Self::Texts(text, ends), Physical::ByteArray) => {
                let mut rest = bytes;
                for _ in 0..count {
                    let (length, behind) = rest.split_first_chunk::<4>()?;
                    let (value, behind) =
                        behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                    has_room(text, value.len())?;
                    text.extend_from_slice(value);
                    ends.push(text.len());
                    rest = behind;
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Adds values of a dictionary by their places in it; `None` if it has no such place.
    pub(super) fn add_places(&mut self, dictionary: &Self, places: &[u32]) -> Option<()> {
        match (self, dictionary) {
            (Self::Integers(values), Self::Integers(known)) => {
                for &place in places {
                    values.push(*known.get(place as usize)?);
                }
            }
            (Self::Floats(values), Self::Floats(known)) => {
                for &place in places {
                    values.push(*known.get(place as usize)?);
                }
            }
            (Self::Texts(text, ends), known @ Self::Texts(..)) => {
                for &place in places {
                    let value = known.text(place as usize)?;
                    has_room(text, value.len())?;
                    text.extend_from_slice(value);
                    ends.push(text.len());
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Adds whole numbers.
    pub(super) fn add_integers(&mut self, numbers: impl IntoIterator<Item = i64>) -> Option<()> {
        let Self::Integers(values) = self else {
            return None;
        };
        values.extend(numbers);
        Some(())
    }

    /// The text at a place.
    pub(super) fn text(&self, place: usize) -> Option<&[u8]> {
        let Self::Texts(text, ends) = self else {
            return None;
        };
        let start = match place.checked_sub(1) {
            Some(before) => *ends.get(before)?,
            None => 0,
        };
        text.get(start..*ends.get(place)?)
    }
}

/// Whether the texts of a column may grow by so much; `None` if not.
fn has_room(text: &[u8], more: usize) -> Option<()> {
    (text.len().checked_add(more)? <= COLUMN_BYTES).then_some(())
}

/// A number of values of a width; `None` if there are fewer.
fn exactly<const N: usize>(
    bytes: &[u8],
    count: usize,
) -> Option<impl Iterator<Item = [u8; N]> + '_> {
    let (whole, _) = bytes.as_chunks::<N>();
    Some(whole.get(..count)?.iter().copied())
}

/// The bits that a number up to `most` takes.
pub(super) fn width_of(most: u32) -> u32 {
    u32::BITS - most.leading_zeros()
}

/// Numbers of a width in runs and packed bits; `None` if there are fewer.
pub(super) fn hybrid(bytes: &[u8], width: u32, count: usize) -> Option<Vec<u32>> {
    if width > u32::BITS {
        return None;
    }
    let mut found = Vec::new();
    if width == 0 {
        found.resize(count, 0);
        return Some(found);
    }
    let mut at = 0;
    while found.len() < count {
        let left = count - found.len();
        let head = varint(bytes, &mut at)?;
        let length = usize::try_from(head >> 1).ok()?;
        if head & 1 == 0 {
            let taken = bytes.get(at..at + width.div_ceil(8) as usize)?;
            at += taken.len();
            let value = { taken.iter().rev() }.fold(0, |value, &byte| value << 8 | u32::from(byte));
            found.resize(found.len() + length.min(left), value);
            if length == 0 {
                return None;
            }
        } else {
            let end = at.checked_add(length.checked_mul(width as usize)?)?;
            // The last group may be cut where no value stands any more.
            let packed = bytes.get(at..end.min(bytes.len()))?;
            let values = length.checked_mul(8)?.min(left);
            for place in 0..values {
                found.push(bits(packed, place, width)? as u32);
            }
            if values == 0 {
                return None;
            }
            at = end;
        }
    }
    Some(found)
}

/// The number at a place among packed ones of a width of at most 64 bits.
fn bits(packed: &[u8], place: usize, width: u32) -> Option<u64> {
    let (mut value, mut have) = (0_u64, 0_u32);
    let mut bit = place.checked_mul(width as usize)?;
    while have < width {
        let byte = u64::from(*packed.get(bit / 8)?);
        let within = (bit % 8) as u32;
        let taken = (8 - within).min(width - have);
        value |= (byte >> within & ((1 << taken) - 1)) << have;
        have += taken;
        bit += taken as usize;
    }
    Some(value)
}

/// Whole numbers as packed differences; `None` if there are fewer.
pub(super) fn differences(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let mut at = 0;
    let block: usize = varint(bytes, &mut at)?.try_into().ok()?;
    let minis: usize = varint(bytes, &mut at)?.try_into().ok()?;
    let total: usize = varint(bytes, &mut at)?.try_into().ok()?;
    let mut value = zigzag(varint(bytes, &mut at)?);
    let each = block
        .checked_div(minis)
        .filter(|each| each % 8 == 0 && *each > 0)?;
    if total < count {
        return None;
    }
    let mut found = Vec::new();
    if count > 0 {
        found.push(value);
    }
    while found.len() < count {
        let least = zigzag(varint(bytes, &mut at)?);
        let widths = bytes.get(at..at.checked_add(minis)?)?;
        at += minis;
        for &width in widths {
            if found.len() >= count {
                break;
            }
            let width = u32::from(width);
            if width > u64::BITS {
                return None;
            }
            let packed = bytes.get(at..)?;
            for place in 0..each.min(count - found.len()) {
                let more = bits(packed, place, width)? as i64;
                value = value.wrapping_add(least).wrapping_add(more);
                found.push(value);
            }
            at = at.checked_add(each.checked_mul(width as usize)? / 8)?;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_packed_bits_are_read() {
        // Five times 3 in a run, then 0 to 7 in packed bits of three (the example of the format).
        let bytes = [10, 3, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let all = [3, 3, 3, 3, 3, 0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(hybrid(&bytes, 3, 13), Some(all.to_vec()));
        assert_eq!(hybrid(&bytes, 3, 6), Some(all[..6].to_vec()));
        assert_eq!(hybrid(&bytes, 3, 14), None);
        assert_eq!(hybrid(&[], 0, 2), Some(vec![0, 0]));
        assert_eq!((width_of(0), width_of(1), width_of(2)), (0, 1, 2));
    }

    #[test]
    fn differences_are_added_up() {
        // Blocks of 128 in 4 parts: 7, 5, 3, 1, 2, 3, 4, 5 (the example of the format).
        let bytes = [
            128,
            1,
            4,
            8,
            14,
            3,
            2,
            0,
            0,
            0,
            0b1100_0000,
            0b0011_1111,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        let found = differences(&bytes, 8).expect("eight");
        assert_eq!(found, [7, 5, 3, 1, 2, 3, 4, 5]);
        assert_eq!(differences(&bytes, 9), None);
        assert_eq!(differences(&bytes[..10], 8), None);
    }

    #[test]
    fn plain_values_of_each_type_are_read() {
        let add = |physical, bytes: &[u8], count| {
            let mut values = Values::none(physical);
            values.add_plain(physical, bytes, count).map(|()| values)
        };
        let integers = |list: &[i64]| Some(Values::Integers(list.to_vec()));
        assert_eq!(add(Physical::Boolean, &[0b10], 2), integers(&[0, 1]));
        assert_eq!(add(Physical::Int32, &[255; 4], 1), integers(&[-1]));
        assert_eq!(add(Physical::Int64, &[255; 8], 2), None);
        let text = add(Physical::ByteArray, &[1, 0, 0, 0, b'a', 0, 0, 0, 0], 2);
        assert_eq!(text, Some(Values::Texts(b"a".to_vec(), vec![1, 1])));
        assert_eq!(add(Physical::ByteArray, &[9, 0, 0, 0, b'a'], 1), None);
        let mut places = Values::none(Physical::ByteArray);
        let dictionary = text.expect("read");
        assert_eq!(places.add_places(&dictionary, &[1, 0, 0]), Some(()));
        assert_eq!(places, Values::Texts(b"aa".to_vec(), vec![0, 1, 2]));
        assert_eq!(places.add_places(&dictionary, &[2]), None);
        let long = Values::Texts(vec![b'x'; 1 << 20], vec![1 << 20]);
        let mut column = Values::none(Physical::ByteArray);
        assert_eq!(column.add_places(&long, &[0; 3]), Some(()));
        let mut full = Values::Texts(Vec::new(), vec![0]);
        assert_eq!(has_room(&[0; 8], COLUMN_BYTES - 8), Some(()));
        assert_eq!(has_room(&[0; 8], COLUMN_BYTES - 7), None);
        assert_eq!(
            full.add_plain(Physical::FixedBytes(COLUMN_BYTES), &[0], 2),
            None
        );
    }
}

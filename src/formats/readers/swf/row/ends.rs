//! The shortest way through a row of plain numbers that stands in a text of rows: where its fields end is found for
//! many bytes at once, so that no number waits for the one before it.

use super::FIELDS;
use intake::number::value_of_digits;

/// Bytes that are looked through at once: rows are hardly longer.
const BLOCK: usize = 64;

/// The most blocks of a row: longer ones are not plain.
const BLOCKS: usize = 16;

/// The most digits: seconds of so many still fit nanoseconds.
const DIGITS: usize = 9;

/// A byte eight times.
const fn eight(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

const HIGH: u64 = eight(0x80);

/// Reads the numbers of the row that begins at a place of a text, behind the row before it. Returns where the next row
/// begins; `None` leaves the row to the parser of lines.
#[inline(always)]
pub(super) fn plain_row(text: &[u8], start: usize, numbers: &mut [i64; FIELDS]) -> Option<usize> {
    let ends = ends(text, start)?.map(|end| end as usize);
    numbers_between(text, start, &ends, numbers)?;
    let others = ends[..FIELDS - 1].iter().any(|&end| text[end] != b' ');
    let last = ends[FIELDS - 1];
    let behind = text[last..].iter().position(|&byte| byte != b' ')?;
    (!others && text[last + behind] == b'\n').then_some(last + behind + 1)
}

/// Reads the numbers of a row that begins at a place of a text, behind a byte, and whose fields end at these places.
/// Returns `None` if one is not plain.
#[inline(always)]
pub(super) fn numbers_between(
    text: &[u8],
    start: usize,
    ends: &[usize; FIELDS],
    numbers: &mut [i64; FIELDS],
) -> Option<()> {
    let mut before = start.checked_sub(1)?;
    for (number, &end) in numbers.iter_mut().zip(ends) {
        *number = number_between(text, before, end)?;
        before = end;
    }
    // The job's number and its submission are always known.
    (numbers[0] >= 0 && numbers[1] >= 0).then_some(())
}

/// The places where the first fields of a row end.
#[inline(always)]
fn ends(text: &[u8], start: usize) -> Option<[u32; FIELDS]> {
    let mut ends = [0; FIELDS];
    let (mut count, mut at, mut is_blank_before) = (0, start, 1);
    for _ in 0..BLOCKS {
        let blanks = blanks(text.get(at..)?.first_chunk()?);
        let mut found = blanks & !(blanks << 1 | is_blank_before);
        for end in &mut ends[count..] {
            *end = (at as u32).wrapping_add(found.trailing_zeros());
            count += usize::from(found != 0);
            found &= found.wrapping_sub(1);
        }
        if count == FIELDS {
            return Some(ends);
        }
        is_blank_before = blanks >> (BLOCK - 1);
        at += BLOCK;
    }
    None
}

/// A bit for each byte of a block that may be a blank or the end of a line: up to the blank, or beyond ASCII.
#[inline(always)]
fn blanks(block: &[u8; BLOCK]) -> u64 {
    let (words, _) = block.as_chunks::<8>();
    let mut bits = 0;
    for (shift, word) in (0..).step_by(8).zip(words) {
        let word = u64::from_le_bytes(*word);
        // No difference borrows from the next byte.
        let found = (!(word | HIGH).wrapping_sub(eight(b' ' + 1)) | word) & HIGH;
        // Eight bits that are eight apart, moved side by side.
        bits |= (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56 << shift;
    }
    bits
}

/// The two characters of -1 at the end of eight bytes, as [`number_between`] has them.
const MINUS_ONE: u64 = u64::from_le_bytes([0, 0, 0, 0, 0, 0, b'-' ^ b'0', b'1' ^ b'0']);

/// A blank eight times, as [`number_between`] has it.
const BLANKS: u64 = eight(b' ' ^ b'0');

/// The number of digits alone or -1 between two blanks, with more of them before it or not.
#[inline(always)]
fn number_between(text: &[u8], before: usize, end: usize) -> Option<i64> {
    let length = end.wrapping_sub(before).wrapping_sub(1);
    let word = u64::from_le_bytes(*text.get(end.wrapping_sub(8)..)?.first_chunk()?);
    // A digit is its value so.
    let own = word ^ eight(b'0');
    if length == 1 {
        let digit = own >> 56;
        return (digit < 10).then_some(digit as i64);
    }
    if !(2..=8).contains(&length) {
        return long_number(text.get(before + 1..end)?);
    }
    let missing = 64_u32.wrapping_sub(8 * length as u32);
    let own = own.wrapping_shr(missing).wrapping_shl(missing);
    if length == 2 && own == MINUS_ONE {
        return Some(-1);
    }
    // No sum carries into the next byte.
    let others = ((own & !HIGH).wrapping_add(eight(0x80 - 10)) | own) & HIGH;
    if others == 0 {
        return Some(value_of_digits(own));
    }
    let blanks = BLANKS.wrapping_shr(missing).wrapping_shl(missing);
    padded_number(own, others.leading_zeros() & !7, blanks)
}

/// The number of the digits that the last bits of eight bytes stand for, or -1, behind blanks alone.
#[inline(never)]
fn padded_number(own: u64, bits: u32, blanks: u64) -> Option<i64> {
    let is_blank_before = |bits: u32| own.checked_shl(bits) == blanks.checked_shl(bits);
    if bits > 0 && is_blank_before(bits) {
        let missing = 64 - bits;
        return Some(value_of_digits(own >> missing << missing));
    }
    (own >> 48 == MINUS_ONE >> 48 && is_blank_before(16)).then_some(-1)
}

/// The number of a field of more than eight characters, blanks before it among them.
#[inline(never)]
fn long_number(field: &[u8]) -> Option<i64> {
    let digits = &field[field.iter().position(|&byte| byte != b' ')?..];
    if digits == b"-1" {
        return Some(-1);
    }
    if digits.len() > DIGITS {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then_some(digit & 15)?;
        Some(10 * number + i64::from(digit))
    })
}

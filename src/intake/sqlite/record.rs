//! Records: the cells of a row.

use std::fmt::Write;

use crate::budget::COLUMNS;

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'r> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(&'r str),
    /// Bytes, which no trace has.
    Bytes,
}

impl Cell<'_> {
    /// Adds the text of the cell.
    pub(super) fn write(&self, text: &mut String) {
        // To write into a text never fails.
        let _ = match self {
            Self::Null => Ok(()),
            Self::Integer(number) => write!(text, "{number}"),
            Self::Real(number) => write!(text, "{number}"),
            Self::Text(own) => text.write_str(own),
            Self::Bytes => text.write_str("(bytes)"),
        };
    }
}

/// A number in groups of seven bits, the highest first, of nine bytes at most; `at` moves behind it.
pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for place in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if place == 8 {
            return Some(number << 8 | u64::from(byte));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

/// The cells of a record; `None` if it is damaged.
pub(super) fn cells(record: &[u8]) -> Option<Vec<Cell<'_>>> {
    let mut at = 0;
    let header = usize::try_from(varint(record, &mut at)?).ok()?;
    let mut body = header;
    let mut cells = Vec::new();
    while at < header {
        if cells.len() == COLUMNS {
            return None;
        }
        let kind = varint(record, &mut at)?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind as usize,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let end = body.checked_add(length)?;
        let bytes = record.get(body..end)?;
        body = end;
        cells.push(match kind {
            0 => Cell::Null,
            8 => Cell::Integer(0),
            9 => Cell::Integer(1),
            7 => Cell::Real(f64::from_bits(whole(bytes) as u64)),
            1..=6 => Cell::Integer(whole(bytes)),
            kind if kind % 2 == 0 => Cell::Bytes,
            _ => Cell::Text(str::from_utf8(bytes).ok()?),
        });
    }
    Some(cells)
}

/// A number with a sign of up to eight bytes, the highest first.
fn whole(bytes: &[u8]) -> i64 {
    let first = bytes.first().map_or(0, |&byte| i64::from(byte as i8));
    { bytes.iter().skip(1) }.fold(first, |number, &byte| number << 8 | i64::from(byte))
}

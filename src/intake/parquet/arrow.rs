//! Types of columns that Parquet has no word for. Writers of Arrow (pyarrow, pandas, Polars) keep its schema beside that
//! of the file: a message in `FlatBuffers`, written in Base64. Of it, the units of spans of time are read, which the file
//! stores as bare whole numbers. Source: Arrow's `Schema.fbs` and `Message.fbs`.

use super::thrift::{Struct, Value};
use crate::budget::COLUMNS;

/// The key of the schema among what a file says of itself.
const KEY: &[u8] = b"ARROW:schema";
/// The deepest nesting of columns.
const DEEPEST: u32 = 8;
/// What a message begins with since Arrow 0.15, before its length.
const GOES_ON: [u8; 4] = [0xff; 4];

/// Numbers of types of columns.
const LIST: u8 = 12;
const FIXED_LIST: u8 = 16;
const DURATION: u8 = 18;
const LARGE_LIST: u8 = 21;

/// Nanoseconds of the units of spans: seconds, and their thousandths, millionths and billionths.
const UNITS: [i64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];

/// The columns of a footer that are spans of time, with the nanoseconds of their units. A schema that is damaged has none.
pub(super) fn spans(footer: &Struct<'_>) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    let schema = schema(footer).unwrap_or_default();
    if let Some(fields) = fields(&schema) {
        let outer = Outer {
            name: "",
            is_list: false,
            depth: 0,
        };
        for field in fields {
            add(field, &outer, &mut found);
        }
    }
    found
}

/// The schema of Arrow in a footer.
fn schema(footer: &Struct<'_>) -> Option<Vec<u8>> {
    let said = footer.list(5)?.iter().filter_map(Value::as_struct);
    let mut own = said.filter(|pair| pair.bytes(1) == Some(KEY));
    base64(own.next()?.bytes(2)?)
}

/// The fields of a message that holds a schema.
fn fields(message: &[u8]) -> Option<Vec<Table<'_>>> {
    let message = message.strip_prefix(&GOES_ON).unwrap_or(message);
    let message = Table::root(message.get(4..)?)?;
    message.table(2)?.tables(1)
}

/// What is around a field.
struct Outer<'o> {
    name: &'o str,
    is_list: bool,
    depth: u32,
}

/// Adds the spans of a field and of those inside it, by the names that columns have.
fn add(field: Table<'_>, outer: &Outer<'_>, found: &mut Vec<(String, i64)>) -> Option<()> {
    if outer.depth > DEEPEST {
        return None;
    }
    let own = field.text(0)?;
    let name = match (outer.name, outer.is_list) {
        ("", _) => own.to_owned(),
        (name, true) => name.to_owned(),
        (name, false) => format!("{name}.{own}"),
    };
    let kind = field.byte(2).unwrap_or_default();
    if kind == DURATION {
        // Thousandths of a second are not written, as they are the default.
        let unit = field.table(3)?.half(0).unwrap_or(1);
        found.push((name, *UNITS.get(usize::from(unit))?));
        return Some(());
    }
    let inside = Outer {
        name: &name,
        is_list: outer.is_list || matches!(kind, LIST | FIXED_LIST | LARGE_LIST),
        depth: outer.depth + 1,
    };
    for inner in field.tables(5).unwrap_or_default() {
        add(inner, &inside, found);
    }
    Some(())
}

/// A table of `FlatBuffers`: bytes, and where it begins in them. Whatever points beyond them is absent.
#[derive(Clone, Copy)]
struct Table<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Table<'b> {
    fn root(bytes: &'b [u8]) -> Option<Self> {
        let at = word(bytes, 0)? as usize;
        Some(Self { bytes, at })
    }

    /// Where a field is, by its number.
    fn field(self, number: usize) -> Option<usize> {
        let back = word(self.bytes, self.at)?.cast_signed();
        let list = i64::try_from(self.at).ok()? - i64::from(back);
        let list = usize::try_from(list).ok()?;
        let place = 4 + 2 * number;
        if place + 2 > usize::from(half(self.bytes, list)?) {
            return None;
        }
        match half(self.bytes, list.checked_add(place)?)? {
            0 => None,
            offset => self.at.checked_add(usize::from(offset)),
        }
    }

    /// Where what a field points to is.
    fn target(self, number: usize) -> Option<usize> {
        let at = self.field(number)?;
        at.checked_add(word(self.bytes, at)? as usize)
    }

    fn byte(self, number: usize) -> Option<u8> {
        self.bytes.get(self.field(number)?).copied()
    }

    fn half(self, number: usize) -> Option<u16> {
        half(self.bytes, self.field(number)?)
    }

    fn text(self, number: usize) -> Option<&'b str> {
        let at = self.target(number)?;
        let length = word(self.bytes, at)? as usize;
        let text = self.bytes.get(at.checked_add(4)?..)?.get(..length)?;
        str::from_utf8(text).ok()
    }

    fn table(self, number: usize) -> Option<Self> {
        let at = self.target(number)?;
        Some(Self { at, ..self })
    }

    fn tables(self, number: usize) -> Option<Vec<Self>> {
        let at = self.target(number)?;
        let count = word(self.bytes, at)? as usize;
        if count > COLUMNS {
            return None;
        }
        let table = |place: usize| {
            let own = at.checked_add(4 + 4 * place)?;
            let at = own.checked_add(word(self.bytes, own)? as usize)?;
            Some(Self { at, ..self })
        };
        (0..count).map(table).collect()
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let own = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*own))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let own = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*own))
}

/// The bytes of a text in Base64; `None` if it is none.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.trim_ascii_end();
    let digits = digits.strip_suffix(b"==").unwrap_or(digits);
    let digits = digits.strip_suffix(b"=").unwrap_or(digits);
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 3);
    let (mut held, mut bits) = (0_u32, 0);
    for &digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("Zg==", Some(b"f")),
            ("Zm8=", Some(b"fo")),
            ("Zm9v+/8", Some(b"foo\xfb\xff")),
            ("Zm-v", None),
        ] {
            assert_eq!(base64(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }
}

//! Columns of tables as their formats describe them, and tests by which a text is recognized as one.

use crate::number::without_exponent;

/// One column or field of a format.
#[derive(Clone, Copy, Debug)]
pub struct ColumnDoc {
    /// The name in the header, or the number.
    pub name: &'static str,
    /// The meaning, with the unit.
    pub meaning: &'static str,
    /// Whether a file without the column is refused.
    pub required: bool,
    /// Whether an object that leaves its key out states 0, as protobuf's JSON writes zeros.
    pub zero_if_absent: bool,
    /// The test of a field by which a table of the format is recognized, of a column by which it is.
    pub sign: Option<fn(&str) -> bool>,
}

impl ColumnDoc {
    /// A column that must be there.
    pub const fn required(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            required: true,
            zero_if_absent: false,
            sign: None,
        }
    }

    /// A column that must be there; an object that leaves its key out states 0.
    pub const fn or_zero(name: &'static str, meaning: &'static str) -> Self {
        Self {
            zero_if_absent: true,
            ..Self::required(name, meaning)
        }
    }

    /// A column that may be missing.
    pub const fn optional(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            required: false,
            zero_if_absent: false,
            sign: None,
        }
    }

    /// The column as one by which a table is recognized: by its name, or where there is no header by a test of its fields.
    pub const fn with_sign(self, sign: fn(&str) -> bool) -> Self {
        Self {
            sign: Some(sign),
            ..self
        }
    }
}

/// The confidence of a format that a text is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// The text is of another format.
    No,
    /// The text may be of this format.
    Maybe,
    /// The text is of this format.
    Certain,
}

/// Returns `Certain` if the first line that is not blank is a comma-separated header with all of these columns.
pub fn header_has(first: &[u8], columns: &[&str]) -> Confidence {
    let has = |header: &[&str]| columns.iter().all(|column| header.contains(column));
    match separator_of_header(first, b",", has) {
        Some(_) => Confidence::Certain,
        None => Confidence::No,
    }
}

/// Returns the first separator by which the first line that is not blank is a header whose names pass a test; blanks and
/// quotes about a name are no part of it.
pub fn separator_of_header(
    first: &[u8],
    separators: &[u8],
    is_own: impl Fn(&[&str]) -> bool,
) -> Option<u8> {
    let mut lines = first.split(|&byte| byte == b'\n');
    let line = lines.find(|line| !line.trim_ascii().is_empty())?;
    let line = std::str::from_utf8(line).ok()?;
    { separators.iter().copied() }.find(|&separator| {
        let names = line.split(char::from(separator));
        let names: Vec<&str> = names.map(|name| name.trim().trim_matches('"')).collect();
        is_own(&names)
    })
}

/// A test of the field at a place of a row.
pub type FieldTest = (usize, fn(&str) -> bool);

/// The most rows by which a table without a header is recognized: a row with a fault hides none of the others.
const SHOWN_ROWS: usize = 16;

/// Returns `Certain` if the first line that is no remark has this number of fields, and those at some places pass a test,
/// and half of the first lines or more do; `Maybe` if any of them does.
pub fn row_has(first: &[u8], separator: u8, fields: usize, tests: &[FieldTest]) -> Confidence {
    let passes = |line: &[u8]| {
        let Ok(line) = str::from_utf8(line) else {
            return false;
        };
        let found = line.split(char::from(separator)).map(str::trim);
        let found: Vec<&str> = found.map(without_quotes).collect();
        found.len() == fields && tests.iter().all(|&(place, test)| test(found[place]))
    };
    // What comes last may be cut off.
    let end = first.iter().rposition(|&byte| byte == b'\n');
    let whole = end.map_or(first, |end| &first[..end]);
    let rows = whole
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));
    let passed: Vec<bool> = rows.take(SHOWN_ROWS).map(passes).collect();
    let own = passed.iter().filter(|&&passes| passes).count();
    match passed.first() {
        _ if own == 0 => Confidence::No,
        Some(true) if 2 * own >= passed.len() => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// The text of a field that may stand in quotes.
fn without_quotes(field: &str) -> &str {
    let inner = field
        .strip_prefix('"')
        .and_then(|own| own.strip_suffix('"'));
    inner.unwrap_or(field)
}

/// Whether a field is anything at all, of a column whose name is sign enough.
pub fn is_any(_: &str) -> bool {
    true
}

/// Whether a field is a whole number.
pub fn is_whole(field: &str) -> bool {
    let plain = || without_exponent(field)?.parse::<i64>().ok();
    field.parse().ok().or_else(plain).is_some()
}

/// Whether a field is empty or a number.
pub fn is_number_or_empty(field: &str) -> bool {
    field.is_empty() || field.parse::<f64>().is_ok()
}

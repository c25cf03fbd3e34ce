//! Values of single cells.

use crate::readers::prelude::*;
use intake::number::{digits, without_exponent};
use intake::table::{Column, Row, Table};
use model::usage::Pattern;

/// The rule that seconds break which are too many.
const BEYOND: &str = "at most 9223372036 s, and not in milliseconds; write the unit, as in `1500ms`, if it is another";

/// The same as a number with a fraction.
const MOST_SECONDS: f64 = 9_223_372_036.0;

pub(super) const QUANTITY: &str = "a quantity such as `500m`, `2` or `4Gi`";

/// The rule that cores break of which there are more than a run takes.
pub(super) const TOO_MANY_CORES: &str = "at most 9007199254740992m";

/// The rule that bytes break of which there are more than a run takes.
pub(super) const TOO_MANY_BYTES: &str = "at most 8Pi";

/// Usage over time as it is written; `None` if nothing stands there.
pub(super) fn pattern(row: &Row<'_>, column: Option<&Column>) -> Result<Option<Text>, BadRow> {
    let Some(column) = column else {
        return Ok(None);
    };
    let text = row.text(column);
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<Pattern>() {
        Ok(pattern) if pattern.trace().is_none() => Ok(Some(text.into())),
        Ok(_) => Err(row.bad(column, "no series by name: this table is the trace")),
        Err(why) => Err(row.bad(column, &why)),
    }
}

/// A whole number between two bounds, both included; `None` if nothing stands there.
#[inline(always)]
pub(super) fn integer(
    row: &Row<'_>,
    column: Option<&Column>,
    least: i64,
    most: i64,
) -> Result<Option<i64>, BadRow> {
    match column {
        Some(column) => written_integer(row, column, least, most),
        None => Ok(None),
    }
}

fn written_integer(
    row: &Row<'_>,
    column: &Column,
    least: i64,
    most: i64,
) -> Result<Option<i64>, BadRow> {
    if row.bytes(column).is_empty() {
        return Ok(None);
    }
    row.integer(column, least, most).map(Some)
}

/// A column of times or spans.
pub(super) struct Span {
    column: Column,
    /// Whether it has whole nanoseconds.
    is_nanos: bool,
}

impl Span {
    /// The column of a name, or of that name with the unit.
    pub(super) fn find(table: &Table, name: &str) -> Result<Option<Self>, TraceError> {
        let found = either(table, name, &format!("{name}_ns"))?;
        Ok(found.map(|(column, is_nanos)| Self { column, is_nanos }))
    }

    /// A complaint about the column.
    pub(super) fn bad(&self, row: &Row<'_>, expected: &str) -> BadRow {
        row.bad(&self.column, expected)
    }
}

/// A column by one of two names, and whether it is the second; a table has only one of them.
pub(super) fn either(
    table: &Table,
    name: &str,
    other: &str,
) -> Result<Option<(Column, bool)>, TraceError> {
    match (table.column(name), table.column(other)) {
        (Some(_), Some(_)) => Err(table.refuse(&format!(
            "the header has both `{name}` and `{other}`; keep one of them"
        ))),
        (Some(column), None) => Ok(Some((column, false))),
        (None, other) => Ok(other.map(|column| (column, true))),
    }
}

/// A time or span that isn't negative; `None` if nothing stands there.
#[inline(always)]
pub(super) fn span(row: &Row<'_>, span: Option<&Span>) -> Result<Option<Duration>, BadRow> {
    let Some(Span { column, is_nanos }) = span else {
        return Ok(None);
    };
    let piece = row.piece(column);
    if piece.is_empty() {
        return Ok(None);
    }
    if *is_nanos {
        let nanos = row.integer(column, 0, i64::MAX)?;
        return Ok(Some(Duration::from_nanos(nanos)));
    }
    // Most times are plain seconds.
    if let Some(span) = piece.digits().and_then(Duration::checked_from_secs) {
        return Ok(Some(span));
    }
    match seconds_with_point(piece.bytes()) {
        Some(span) => Ok(Some(span)),
        None => span_with_unit(row, column),
    }
}

fn span_with_unit(row: &Row<'_>, column: &Column) -> Result<Option<Duration>, BadRow> {
    let text = row.text(column);
    let plain = without_exponent(text);
    let text = plain.as_deref().unwrap_or(text);
    let seconds = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
    let parsed = if seconds {
        format!("{text}s").parse::<Duration>()
    } else {
        text.parse()
    };
    match parsed {
        Ok(span) if span >= Duration::ZERO => Ok(Some(span)),
        Ok(_) => Err(row.bad(column, "at least 0")),
        Err(_) if text.parse::<f64>().is_ok_and(|own| own > MOST_SECONDS) => {
            Err(row.bad(column, BEYOND))
        }
        Err(_) => Err(row.bad(
            column,
            "seconds, or a time with unit such as `90s` or `2h30m`",
        )),
    }
}

/// Seconds of digits alone, with up to nine more behind a point.
fn seconds_with_point(text: &[u8]) -> Option<Duration> {
    let point = text.iter().position(|&byte| byte == b'.')?;
    let (whole, fraction) = (&text[..point], &text[point + 1..]);
    let scale = NANOS_BY_DIGITS.get(fraction.len())?;
    let nanos = digits(fraction)? * scale;
    Duration::checked_from_secs(digits(whole)?)?.checked_add(Duration::from_nanos(nanos))
}

/// Nanoseconds of the last digit of a fraction, by its number of digits.
const NANOS_BY_DIGITS: [i64; 10] = [
    1_000_000_000,
    100_000_000,
    10_000_000,
    1_000_000,
    100_000,
    10_000,
    1_000,
    100,
    10,
    1,
];

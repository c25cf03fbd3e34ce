//! Values of single cells.

use crate::ledger::BadRow;
use crate::number::digits;
use crate::table::{Column, Row};
use model::Text;
use model::usage::Pattern;
use units::Duration;

pub(super) const QUANTITY: &str = "a quantity such as `500m`, `2` or `4Gi`";

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

pub(super) fn integer(
    row: &Row<'_>,
    column: Option<&Column>,
    least: i64,
    most: i64,
) -> Result<Option<i64>, BadRow> {
    match column.filter(|column| !row.bytes(column).is_empty()) {
        Some(column) => row.integer(column, least, most).map(Some),
        None => Ok(None),
    }
}

/// A time or span that isn't negative; `None` if nothing stands there.
#[inline]
pub(super) fn span(row: &Row<'_>, column: Option<&Column>) -> Result<Option<Duration>, BadRow> {
    let Some(column) = column else {
        return Ok(None);
    };
    let bytes = row.bytes(column);
    if bytes.is_empty() {
        return Ok(None);
    }
    // Most times are plain seconds.
    match plain_seconds(bytes) {
        Some(span) => Ok(Some(span)),
        None => span_with_unit(row, column),
    }
}

fn span_with_unit(row: &Row<'_>, column: &Column) -> Result<Option<Duration>, BadRow> {
    let text = row.text(column);
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
        Err(_) => Err(row.bad(
            column,
            "seconds, or a time with unit such as `90s` or `2h30m`",
        )),
    }
}

/// Seconds of digits alone, or with up to nine more behind a point.
#[inline]
fn plain_seconds(text: &[u8]) -> Option<Duration> {
    if let Some(seconds) = digits(text) {
        return Duration::checked_from_secs(seconds);
    }
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

//! Date at which a run begins.

use jiff::Timestamp;

/// Second of a date, since 1970.
///
/// # Errors
/// It is no date, or has a part of a second, in words.
pub fn second_of(date: &str) -> Result<i64, String> {
    let parsed = date.parse::<Timestamp>().map_err(|_| {
        format!("expected a date and time such as `2025-03-03T00:00:00Z`, found `{date}`")
    })?;
    if parsed.subsec_nanosecond() == 0 {
        return Ok(parsed.as_second());
    }
    Err(format!(
        "a run begins at a whole second, found `{date}`; leave the fraction out"
    ))
}

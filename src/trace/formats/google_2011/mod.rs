//! Google's cluster trace of 2011 (`clusterdata-2011-2`): headerless tables in shards, times in
//! microseconds, amounts as shares of the largest machine. Format: `traces.md`, section 2.

pub(crate) mod attributes;
pub(crate) mod events;
pub mod machines;
pub mod tasks;
pub mod usage;

use crate::ledger::BadRow;
use crate::rows::Fields;
use units::Instant;

/// The time of what lies behind the trace's window.
const AFTER: i64 = i64::MAX;
/// The last microsecond that is an instant.
const MAX_MICROS: i64 = i64::MAX / 1_000;

/// The time of a row; `None` if it lies behind the window.
pub(crate) fn time(fields: &Fields<'_, '_>, place: usize) -> Result<Option<Instant>, BadRow> {
    let micros = fields.number(place, 0, AFTER)?;
    if micros == AFTER {
        return Ok(None);
    }
    if micros > MAX_MICROS {
        return Err(fields.bad(
            place,
            "microseconds, or 9223372036854775807 after the trace",
        ));
    }
    Ok(Some(Instant::from_nanos(1_000 * micros)))
}

//! Google's cluster trace of 2011 (`clusterdata-2011-2`): headerless tables in shards, times in
//! microseconds, amounts as shares of the largest machine. Format: `traces.md`, section 2.

pub(crate) mod attributes;
pub(crate) mod events;
pub mod machines;
pub(crate) mod presence;
pub mod tasks;
pub(crate) mod unsorted;
pub mod usage;

use crate::readers::prelude::*;

trace_tables! { TABLES;
    "task_events": |first| tasks::LAYOUT.confidence(first), "task events, read by `google-2011-tasks`";
    "task_constraints": attributes::is_constraints, "constraints of tasks, read by `google-2011-tasks`";
    "task_usage": |first| usage::LAYOUT.confidence(first), "usage of tasks, read by `google-2011-tasks`";
    "job_events": is_jobs, "job events, not read; the events of their tasks say when, whose and how urgent";
    "machine_events": |first| machines::LAYOUT.confidence(first), MACHINES_UNREAD;
    "machine_attributes": attributes::is_attributes, "attributes of machines, read by `google-2011-machines`";
}

/// The note about machine events beside those of tasks.
const MACHINES_UNREAD: &str = "machine events, read by `google-2011-machines`";

/// Whether a table that begins with these bytes is one of job events.
fn is_jobs(first: &[u8]) -> Confidence {
    let is_word = |field: &str| !is_number_or_empty(field);
    let tests: [FieldTest; 6] = [
        (0, is_whole),
        (1, |field| matches!(field, "" | "0" | "1" | "2")),
        (2, is_whole),
        (3, is_whole),
        (5, |field| matches!(field, "" | "0" | "1" | "2" | "3")),
        (7, is_word),
    ];
    row_has(first, b',', 8, &tests)
}

/// The outcome of an event that ends a task, by its number; that of a lost one is not known.
fn outcome(kind: i64) -> Option<Outcome> {
    match kind {
        3 => Some(Outcome::Failed),
        4 => Some(Outcome::Completed),
        5 => Some(Outcome::Cancelled),
        _ => None,
    }
}

/// The instant at which the trace's window begins; what is before it has time 0.
const WINDOW: Instant = Instant::from_secs(600);

/// Notes a trace that ends before its window begins, as one in another unit of time does.
pub(crate) fn tell_unit(latest: Instant, journal: &mut Journal) -> Result<(), TraceError> {
    if latest == Instant::ZERO || latest >= WINDOW {
        return Ok(());
    }
    let kind =
        "trace that ends before its window begins, at 600000000; its times must be in microseconds";
    journal.dirt(kind, Action::Keep, 1)
}

/// The time of what lies behind the trace's window.
const AFTER: i64 = i64::MAX;
/// The last microsecond that is an instant.
const MAX_MICROS: i64 = i64::MAX / 1_000;

/// The time of a row; `None` if it lies behind the window.
#[inline(always)]
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

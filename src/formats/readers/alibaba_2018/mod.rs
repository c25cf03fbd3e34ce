//! Alibaba's trace of 2018 of services and batch on the same machines: headerless tables, seconds
//! from the start, memory as a percentage of the largest machine, processors in 1/100 core. Format:
//! `traces.md`, section 4.

pub mod containers;
mod instances;
pub mod machines;
pub mod tasks;
mod usage;

use crate::readers::prelude::*;

trace_tables! { TABLES;
    "batch_task": |first| tasks::LAYOUT.confidence(first), "batch tasks, read by `alibaba-2018-tasks`";
    "batch_instance": |first| instances::LAYOUT.confidence(first), "instances of batch tasks, read by `alibaba-2018-tasks`";
    "container_meta": |first| containers::LAYOUT.confidence(first), "containers, read by `alibaba-2018-containers`";
    "container_usage": |first| usage::LAYOUT.confidence(first), "usage of containers, read by `alibaba-2018-containers`";
    "machine_meta": |first| machines::LAYOUT.confidence(first), "machines, read by `alibaba-2018-machines`";
    "machine_usage": usage::of_machines, "usage of machines, not read; a run's nodes use what their pods do";
}

/// The outcome of a state of Alibaba's batch tasks and instances, of any year: only Terminated is a success. `None` of
/// those that have not ended.
pub(super) fn outcome(state: &[u8]) -> Option<Outcome> {
    match state {
        b"Terminated" => Some(Outcome::Completed),
        b"Failed" | b"Interrupted" => Some(Outcome::Failed),
        b"Cancelled" => Some(Outcome::Cancelled),
        _ => None,
    }
}

/// 1/1000 cores of a field in 1/100 core.
fn centi_cores(fields: &Fields<'_, '_>, place: usize) -> Result<Option<i64>, BadRow> {
    fields.scaled(place, 10, 1e6)
}

/// Bytes of a field in percent of the largest machine; `None` if it is absent or marked as invalid
/// (-1, 101).
fn percent_of(fields: &Fields<'_, '_>, place: usize, full: i64) -> Result<Option<i64>, BadRow> {
    if matches!(fields.bytes(place), b"-1" | b"-1.0" | b"101" | b"101.0") {
        return Ok(None);
    }
    let percent = fields.decimal(place, 100.0)?;
    Ok(percent.map(|percent| libm::rint(percent / 100.0 * full as f64) as i64))
}

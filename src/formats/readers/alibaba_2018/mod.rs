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
    "batch_task": tasks::is_tasks, "batch tasks, read by `alibaba-2018-tasks`";
    "batch_instance": instances::sniff, "instances of batch tasks, read by `alibaba-2018-tasks`";
    "container_meta": containers::is_containers, "containers, read by `alibaba-2018-containers`";
    "container_usage": usage::of_containers, "usage of containers, read by `alibaba-2018-containers`";
    "machine_meta": machines::is_machines, "machines, read by `alibaba-2018-machines`";
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

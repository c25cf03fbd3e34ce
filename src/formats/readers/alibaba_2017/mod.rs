//! Alibaba's trace of 2017 of services and batch on the same machines: headerless tables, seconds
//! from the start (0 and less: before it), memory as a share of the largest machine. Format:
//! `traces.md`, section 4, and the trace's own `schema.csv`.

mod instances;
pub mod machines;
pub mod services;
pub mod tasks;
mod usage;

use crate::readers::prelude::*;

trace_tables! { TABLES;
    "batch_task": |first| tasks::LAYOUT.confidence(first), "batch tasks, read by `alibaba-2017-tasks`";
    "batch_instance": |first| instances::LAYOUT.confidence(first), "instances of batch tasks, read by `alibaba-2017-tasks`";
    "container_event": |first| services::LAYOUT.confidence(first), "service instances, read by `alibaba-2017-services`";
    "container_usage": usage::of_services, "usage of service instances, read by `alibaba-2017-services`";
    "server_event": |first| machines::LAYOUT.confidence(first), "machines, read by `alibaba-2017-machines`";
    "server_usage": usage::of_machines, "usage of machines, not read; a run's nodes use what their pods do";
}

/// Bytes of the largest disk of a machine, of which the trace states shares: 1 TiB. A run knows them by what fits, so that
/// any other size would do as well.
const FULL_DISK: i64 = 1 << 40;

/// The time of a row; one before the trace's start is the start.
fn time(journal: &mut Journal, fields: &Fields<'_, '_>, place: usize) -> Result<Instant, Refused> {
    let seconds = fields.number(place, -LAST_SECOND, LAST_SECOND)?;
    let kind = "time before the trace's start; counted as 0";
    journal.repair_if(seconds < 0, kind, fields.line())?;
    Ok(Instant::from_secs(seconds.max(0)))
}

/// The time at which something was created: 0 is that of all that was there before (`trace_201708.md`).
fn creation(
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    place: usize,
) -> Result<Instant, Refused> {
    let at = time(journal, fields, place)?;
    let is_zero = fields.text(place) == "0";
    journal.keep_if(is_zero, "created at 0, perhaps before", fields.line())?;
    Ok(at)
}

/// Bytes of a field that is a share of the largest machine.
fn share_of(fields: &Fields<'_, '_>, place: usize, full: i64) -> Result<Option<i64>, BadRow> {
    fields.scaled(place, full, 1.0)
}

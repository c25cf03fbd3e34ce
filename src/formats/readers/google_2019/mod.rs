//! Google's cluster traces of 2019 (cells a to h), as `BigQuery` exports them: tables with a header, or
//! JSON with an object a line. Times and amounts are those of the trace of 2011. Format: `traces.md`,
//! section 3.

pub(crate) mod attributes;
mod collections;
pub mod instances;
pub mod machines;

use crate::parts::cells::show_records;
use crate::readers::prelude::*;
use intake::archive::{beginning, parts};
use intake::records::{object_has, record_has};

trace_tables! { TABLES;
    "instance_usage": is_usage, "usage of instances, read by `google-2019-instances`";
    "collection_events": collections::is_collections, "collection events, read by `google-2019-instances`";
    "instance_events": instances::is_events, "instance events, read by `google-2019-instances`";
    "machine_events": machines::is_events, MACHINES_UNREAD;
    "machine_attributes": attributes::is_attributes, "attributes of machines, read by `google-2019-machines`";
}

/// The note about machine events beside those of instances.
const MACHINES_UNREAD: &str = "machine events, read by `google-2019-machines`";

/// Whether a table that begins with these bytes is one of usage.
fn is_usage(first: &[u8]) -> Confidence {
    if is_joined(first) {
        return Confidence::No;
    }
    let names = ["start_time", "end_time", "collection_id", "instance_index"];
    // Objects leave out what is 0.
    let objects = object_has(first, &["end_time", "collection_id", "average_usage"]);
    record_has(first, &names).max(objects)
}

/// Whether a table that begins with these bytes has the columns of usage beside those of events: a join of the trace's
/// tables, as samples of it are published.
pub(crate) fn is_joined(first: &[u8]) -> bool {
    let has = |names: &[&str]| record_has(first, names) == Confidence::Certain;
    has(&["collection_id", "instance_index", "end_time"])
        && (has(&["resource_request", "time"]) || has(&["resource_request.cpus", "time"]))
}

/// The words about such a join.
pub(crate) const JOINED: &str = "is a join of tables of Google's trace of 2019, with the columns of `instance_events`, `collection_events` and \
     `instance_usage` in one row, as samples of it are published; its nearest format is `google-2019-instances`, but it has \
     single events of tasks and not all of each, so that no workload can be read from it; take the tables themselves \
     (`clusterdata_2019_a` and the other cells), or a part of them with all events of its collections";

/// Refuses a join of the trace's tables.
fn refuse_joined(input: &Input) -> Result<(), TraceError> {
    for part in parts(input)? {
        if is_joined(&beginning(&part)?) {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: JOINED.to_owned(),
            });
        }
    }
    Ok(())
}

/// Shows the cells of the first table but for those of names, and the text of the others that are read.
fn show<const N: usize>(
    tables: &Tables<N>,
    format: &FormatEntry,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    for (place, parts) in tables.read.iter().enumerate() {
        for part in parts {
            if place == 0 {
                show_records(format, part, show)?;
            } else {
                show_text(format, part, show)?;
            }
        }
    }
    Ok(())
}

/// The most of a resource that one takes or offers, in largest machines.
const MOST: f64 = 100.0;

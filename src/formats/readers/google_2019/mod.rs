//! Google's cluster traces of 2019 (cells a to h), as `BigQuery` exports them: tables with a header, or
//! JSON with an object a line. Times and amounts are those of the trace of 2011. Format: `traces.md`,
//! section 3.

pub(crate) mod attributes;
mod collections;
pub mod instances;
pub mod machines;

use crate::parts::cells::show_records;
use crate::readers::prelude::*;
use intake::records::record_has;

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
    let names = ["start_time", "end_time", "collection_id", "instance_index"];
    record_has(first, &names)
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

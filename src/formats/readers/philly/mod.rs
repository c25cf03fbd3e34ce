//! Jobs of Microsoft's Philly clusters of 2017, in Pacific local time: the log itself, and a table that
//! was derived of it. A job is a gang of pods of one GPU each. Format: `traces.md`, section 7.

pub mod log;
pub mod machines;
pub mod table;
mod used;

use crate::readers::prelude::*;
use intake::calendar::Zone;

trace_tables! { TABLES;
    "cluster_job_log": log::is_log, "jobs, read by `philly`";
    "cluster_machine_list": |first| machines::LAYOUT.confidence(first), "machines, read by `philly-machines`";
    "cluster_gpu_util": |first| header_has(first, &["time", "gpu0_util"]),
        "use of GPUs by machine, not read; a GPU is given to one pod, however busy it is";
    "cluster_cpu_util": |first| header_has(first, &["time", "cpu_util"]),
        "use of processors by machine, not read; jobs request none";
    "cluster_mem_util": |first| header_has(first, &["time", "mem_total"]),
        "use of memory by machine, not read; jobs request none";
}

/// Whether a table that begins with these bytes is one of use by machine.
fn is_use(first: &[u8]) -> Confidence {
    let uses = TABLES.iter().filter(|table| table.name.ends_with("_util"));
    uses.map(|table| (table.sniff)(first))
        .max()
        .unwrap_or(Confidence::No)
}

/// The zone of the trace's dates.
fn zone() -> Zone {
    Zone::named("America/Los_Angeles")
}

//! Jobs of Microsoft's Philly clusters of 2017, in Pacific local time: the log itself, and a table that
//! was derived of it. A job is a gang of pods of one GPU each. Format: `traces.md`, section 7.

pub mod log;
pub mod machines;
pub mod table;

use crate::readers::prelude::*;
use intake::calendar::Zone;

/// The tables of the trace.
const TABLES: &[TraceTable] = &[
    TraceTable {
        name: "cluster_job_log",
        sniff: log::is_log,
        unread: "jobs, read by `philly`",
    },
    TraceTable {
        name: "cluster_machine_list",
        sniff: machines::is_machines,
        unread: "machines, read by `philly-machines`",
    },
    TraceTable {
        name: "cluster_gpu_util",
        sniff: |first| header_has(first, &["time", "gpu0_util"]),
        unread: "use of GPUs by machine, not read; a GPU is given to one pod, however busy it is",
    },
    TraceTable {
        name: "cluster_cpu_util",
        sniff: |first| header_has(first, &["time", "cpu_util"]),
        unread: "use of processors by machine, not read; jobs request none",
    },
    TraceTable {
        name: "cluster_mem_util",
        sniff: |first| header_has(first, &["time", "mem_total"]),
        unread: "use of memory by machine, not read; jobs request none",
    },
];

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

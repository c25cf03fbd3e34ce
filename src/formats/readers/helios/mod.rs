//! `SenseTime`'s Helios clusters of 2020: jobs, and the GPUs of virtual clusters day by day, in the time of UTC+8.
//! Format: `traces.md`, section 8.

pub mod jobs;
pub mod machines;

use crate::readers::prelude::*;
use intake::calendar::Zone;

trace_tables! { TABLES;
    "cluster_log": |first| jobs::LAYOUT.confidence(first), "jobs, read by `helios`";
    "cluster_gpu_number": machines::sniff, "GPUs of virtual clusters, read by `helios-machines`";
}

/// The zone of the trace's dates.
fn zone() -> Zone {
    Zone::east(8)
}

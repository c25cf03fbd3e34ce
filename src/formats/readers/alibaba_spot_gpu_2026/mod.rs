//! Alibaba's trace of 2026 of jobs on GPUs, with spot jobs beside jobs of high priority: tables with a
//! header, seconds from the first submission. Format: `traces.md`, section 5; the columns of jobs as
//! the publisher's page lists them (`cluster-trace-v2026-spot-gpu/README.md`).

pub mod jobs;
pub mod machines;

use crate::readers::prelude::*;

trace_tables! { TABLES;
    "job_info_df": |first| jobs::LAYOUT.confidence(first), "jobs, read by `alibaba-spot-gpu-2026-jobs`";
    "node_info_df": |first| machines::LAYOUT.confidence(first), "machines, read by `alibaba-spot-gpu-2026-machines`";
}

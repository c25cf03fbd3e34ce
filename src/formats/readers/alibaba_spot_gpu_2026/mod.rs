//! Alibaba's trace of 2026 of jobs on GPUs, with spot jobs beside jobs of high priority: tables with a
//! header, seconds from the first submission. Format: `traces.md`, section 5; the columns of jobs as
//! the publisher's page lists them (`cluster-trace-v2026-spot-gpu/README.md`).

pub mod jobs;
pub mod machines;

use crate::readers::prelude::*;

/// The tables of the trace.
const TABLES: &[TraceTable] = &[
    TraceTable {
        name: "job_info_df",
        sniff: jobs::sniff,
        unread: "jobs, read by `alibaba-spot-gpu-2026-jobs`",
    },
    TraceTable {
        name: "node_info_df",
        sniff: machines::sniff,
        unread: "machines, read by `alibaba-spot-gpu-2026-machines`",
    },
];

//! Alibaba's trace of 2026 of jobs on GPUs, with spot jobs beside jobs of high priority: tables with a
//! header, seconds from the first submission. Format: `traces.md`, section 5; the columns of jobs as
//! the publisher's page lists them (`cluster-trace-v2026-spot-gpu/README.md`).

pub mod jobs;
pub mod machines;

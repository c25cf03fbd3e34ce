//! Policies: implementations of the extension points of `control`, one file each, and their
//! registries.

pub mod backfill;
pub mod job_order;

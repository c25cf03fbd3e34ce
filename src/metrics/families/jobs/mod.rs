//! Jobs and pods: their counts by outcome, completion times, throughput and the work done.

pub mod goodput;
pub mod hogs;
pub mod job_census;
pub(crate) mod job_times;
pub mod makespan;
pub mod pod_census;
pub mod rates;
pub mod throughput;
pub mod tier_use;
pub mod turnaround;
pub mod wasted_work;

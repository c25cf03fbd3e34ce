//! Waiting: queues, delays until pods start, and slowdowns.

pub mod backlog_age;
pub mod decisions;
pub mod first_wait;
pub mod image_pull;
pub mod pending_time;
pub mod queue_length;
pub mod quota_wait;
pub mod scheduling_latency;
pub mod slowdown;
pub mod start_skew;
pub mod start_up;
pub mod tier_wait;
pub mod weighted_wait;
pub mod work_conservation;

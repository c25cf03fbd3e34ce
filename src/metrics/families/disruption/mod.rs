//! Disruption: pods that lose their place, containers that restart, nodes that come and go.

pub mod blast_radius;
pub mod churn;
pub mod disruptions;
pub mod migrations;
pub mod oom_kills;
pub mod queue_evictions;
pub mod relocations;
pub mod restarts;

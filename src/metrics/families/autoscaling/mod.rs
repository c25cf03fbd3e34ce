//! Autoscaling: scaling of workloads and nodes, and controllers that undo each other's work.

pub mod autoscalers;
pub mod fights;
pub mod machine_failures;
pub mod reversals;
pub mod scaling;

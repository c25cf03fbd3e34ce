//! Autoscaling: scaling of workloads and nodes, and controllers that undo each other's work.

pub mod autoscalers;
pub mod fights;
pub mod machine_failures;
pub mod scaling;
pub mod turns;

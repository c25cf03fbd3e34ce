//! Controllers: each keeps one kind of object as it is wanted. Pure deterministic machines: what
//! one sees comes in as a view of typed objects with the present instant, what it wants goes out as
//! writes in the order in which they are to be made. Nothing here knows the store, so a component
//! drives them from its log as well as a verifier from a recording. Specification: kubernetes.md
//! parts 2 and 4.

pub mod cron_job;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod event;
pub mod job;
pub mod kubelet_eviction;
pub mod manager;
pub mod node_lifecycle;
pub mod order;
pub mod pod_accounting;
pub mod pod_gc;
pub mod replica_set;
pub mod stateful_set;
pub mod taint_eviction;

pub use event::{ControllerEvent, Severity};

//! Kueue's decisions as pure functions and state machines: quotas in trees of cohorts, the choice of
//! flavors, preemption by priority and by fair shares, places in topologies, and the queues (spec:
//! batch-on-kubernetes.md 1).
//!
//! A [`Snapshot`] is the state that decisions read; [`nominate()`] decides about one workload by itself,
//! and [`run::Controller`] runs the queues.

pub mod assign;
pub mod limits;
pub mod names;
pub mod nominate;
pub mod preempt;
pub mod run;
pub mod settings;
pub mod share;
pub mod snapshot;
#[cfg(test)]
mod tests;
pub mod topology;
pub mod tree;
pub mod workload;

pub use assign::{Assignment, Mode};
pub use names::{Flavor, FlavorResource, Names, Resource};
pub use nominate::{Nomination, nominate};
pub use preempt::{Reason, Target};
pub use settings::Settings;
pub use snapshot::Snapshot;
pub use tree::Tree;
pub use workload::{PendingWorkload, QUOTA_RESERVED, QuotaHolder};

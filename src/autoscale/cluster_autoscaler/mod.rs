//! The cluster autoscaler (spec: kubernetes.md 3.3).
//!
//! Growing: pending pods in groups of equal ones, [`estimate`] how many nodes of each group they
//! need (over the scheduler's own filters, [`KubeSnapshot`](crate::snapshot::KubeSnapshot)), [`choose`] a group, order the nodes
//! ([`Grower`]). Shrinking: [`crate::nodes::drain`] says which nodes could go, [`shrink`]
//! keeps for how long and which go now.

pub mod component;
pub mod estimator;
pub mod expander;
pub mod group;
pub mod grow;
mod options;
mod ordering;
mod orders;
mod refusals;
pub mod shrink;
mod similar;
mod soft_taints;
#[cfg(test)]
mod tests;

/// The taint of nodes on their way out.
pub const LEAVING_TAINT: &str = "ToBeDeletedByClusterAutoscaler";

pub use component::{ClusterAutoscaler, ClusterAutoscalerOptions, GroupOptions};
pub use estimator::{Estimate, PodGroup, Template, estimate, fits_template, template_refusals};
pub use expander::{Choice, Expander, Prices, Priority, choose};
pub use group::{NodeGroup, balance};
pub use grow::{GrowSettings, GrowView, Grower, Growth, Health, PendingPod};
pub use shrink::{
    GroupSize, Removal, ShrinkNode, ShrinkPlan, ShrinkSettings, ShrinkView, Shrinker,
    UnremovableReason,
};

//! The cluster autoscaler (spec: kubernetes.md 3.3).
//!
//! Growing: pending pods in groups of equal ones, [`estimate`] how many nodes of each group they
//! need (over the scheduler's own filters, [`KubeCluster`]), [`choose`] a group, order the nodes
//! ([`Grower`]). Shrinking: [`utilization`] and [`drain()`] say which nodes could go, [`shrink`]
//! keeps for how long and which go now.

pub mod component;
pub mod drain;
pub mod estimator;
pub mod expander;
pub mod filters;
pub mod group;
pub mod grow;
mod kube_cluster;
mod orders;
pub mod shrink;
#[cfg(test)]
mod tests;

pub use component::{ClusterAutoscaler, ClusterAutoscalerOptions, GroupOptions};
pub use drain::{
    Blocked, BudgetCheck, Budgets, Drain, Ignored, NodeAmounts, NodePod, PodController, PodEnd,
    SafeToEvict, Used, Utilization, Waived, drain, drain_without, utilization,
};
pub use estimator::{Estimate, PodGroup, Template, estimate, fits_template};
pub use expander::{Choice, Expander, Prices, Priority, choose};
pub use filters::{ClusterSnapshot, Fit};
pub use group::{NodeGroup, balance};
pub use grow::{GrowSettings, Grower, Growth, Health, PendingPod};
pub use kube_cluster::KubeCluster;
pub use shrink::{
    GroupSize, Kept, Removal, ShrinkNode, ShrinkPlan, ShrinkSettings, ShrinkView, Shrinker,
};

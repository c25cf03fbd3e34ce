//! The rules by which a node admits a pod, each written once: taints, node affinity, room,
//! host ports and cordons (spec: kubernetes.md 1.5, 1.7).
//!
//! Rules are pure functions over types of the model and plain integers. Schedulers, kubelets,
//! controllers, autoscalers, the descheduler and metrics all call them; forms that keep answers in
//! bit sets or columns obtain each answer from the rule.

pub mod affinity;
pub mod ports;
pub mod room;
pub mod taints;
pub mod unschedulable;

use crate::{Node, PodSpec};

/// Whether a node's labels and taints admit a pod: its node selector, its required node affinity and
/// its tolerations.
pub fn admits(spec: &PodSpec, node: &Node) -> bool {
    affinity::admits(spec, node) && taints::admits(spec, &node.taints)
}

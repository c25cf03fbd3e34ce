//! `PrioritySort` and `DefaultBinder`: the order of the queue and the binding itself take no part
//! in the choice of a node; profiles name them (spec: kubernetes.md 1.1).

use scheduler::kube::{KubePlugin, KubePoints};

/// Higher priority first, then earlier arrival.
pub struct PrioritySort;

impl KubePlugin for PrioritySort {
    fn name(&self) -> &'static str {
        "PrioritySort"
    }

    fn points(&self) -> KubePoints {
        KubePoints::QUEUE_SORT
    }
}

/// Writes the binding.
pub struct DefaultBinder;

impl KubePlugin for DefaultBinder {
    fn name(&self) -> &'static str {
        "DefaultBinder"
    }

    fn points(&self) -> KubePoints {
        KubePoints::BIND
    }
}

//! `PrioritySort` and `DefaultBinder`: the order of the queue and the binding itself take no part
//! in the choice of a node; profiles name them (spec: kubernetes.md 1.1).

use scheduler::kube::{KubePlugin, KubePoints};

use std::sync::Arc;

use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const PRIORITY_SORT: Entry = Entry {
    name: "PrioritySort",
    point: Point::KubePlugin,
    summary: "Puts pods of higher priority first, then those that arrived earlier.",
    source: "kubernetes.md 1.2",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["queueSort"],
        weight: Some(0),
        build: |_, _| Arc::new(PrioritySort),
    }),
};

/// The registry's entry.
pub const DEFAULT_BINDER: Entry = Entry {
    name: "DefaultBinder",
    point: Point::KubePlugin,
    summary: "Writes the binding of a pod to its node.",
    source: "kubernetes.md 1.1",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["bind"],
        weight: Some(0),
        build: |_, _| Arc::new(DefaultBinder),
    }),
};

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

//! `SchedulingGates`: pods that are held back (spec: kubernetes.md 1.5).

use model::ClusterObjects;
use scheduler::kube::{ClusterEvent, EventKinds, KubePlugin, KubePoints, PodInfo, Rejection};

use std::sync::Arc;

use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "SchedulingGates",
    point: Point::KubePlugin,
    summary: "Keeps pods with scheduling gates out of the queue.",
    source: "kubernetes.md 1.5",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preEnqueue"],
        weight: Some(0),
        build: |_, _| Arc::new(SchedulingGates),
    }),
};

/// Keeps pods with gates out of the queue.
pub struct SchedulingGates;

impl KubePlugin for SchedulingGates {
    fn name(&self) -> &'static str {
        "SchedulingGates"
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_ENQUEUE
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::POD_GATES
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        event.own_change(pod).is_some()
    }

    fn pre_enqueue(&self, pod: &PodInfo, _: &ClusterObjects) -> Result<(), Rejection> {
        let gates = &pod.spec().scheduling_gates;
        if gates.is_empty() {
            return Ok(());
        }
        Err(Rejection::unresolvable(format!(
            "waiting for scheduling gates: [{}]",
            gates.join(" ")
        )))
    }
}

//! The component `pod-gc`: removes what ended long ago, and what was told to end on nodes that are
//! switched off for good (spec: kubernetes.md 2.8). It looks only while there may be something.

use std::collections::{BTreeMap, BTreeSet};

use super::{after_on_grid, on_grid};
use crate::cluster::{Conflict, Store};
use crate::control::controllers::pod_gc::{
    DEFAULT_THRESHOLD, GcNode, GcPod, OUT_OF_SERVICE_TAINT, PERIOD, PodGc,
};
use crate::control::{Component, Outbox, Progress, Write};
use crate::model::workload::ObservedPhase;
use crate::model::{EndReason, Event, Node, PodChange, PodRef, Text};
use crate::units::{Instant, NodeId, Revision};

/// The component.
#[derive(Clone, Debug)]
pub struct Collector {
    threshold: usize,
    cursor: Revision,
    /// Nodes that are switched off for good.
    out_of_service: BTreeSet<NodeId>,
    /// When the next pass is made.
    pass: Option<Instant>,
}

impl Default for Collector {
    fn default() -> Self {
        Self::new(DEFAULT_THRESHOLD)
    }
}

impl Collector {
    /// A collector that keeps `threshold` ended pods; 0 keeps all.
    pub const fn new(threshold: usize) -> Self {
        Self {
            threshold,
            cursor: Revision(0),
            out_of_service: BTreeSet::new(),
            pass: None,
        }
    }

    fn read(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            if let Event::NodeAdded { node, object } | Event::NodeUpdated { node, object } =
                &entry.event
            {
                if is_out_of_service(object) {
                    self.out_of_service.insert(*node);
                } else {
                    self.out_of_service.remove(node);
                }
            }
        }
        self.cursor = store.revision();
    }

    /// Whether a pass would find anything.
    fn has_work(&self, store: &Store) -> bool {
        let kept = store.pod_states().finished_count();
        let is_over = self.threshold > 0 && kept > self.threshold;
        is_over
            || self.out_of_service.iter().any(|&node| {
                let pods = store.nodes().pods(node).iter();
                let mut pods = pods.filter_map(|&slot| store.pods().at(slot));
                let is_down = !store.nodes().is_ready(node);
                is_down && pods.any(|record| store.pod_states().is_terminating(record.pod))
            })
    }

    fn make_pass(&self, now: Instant, store: &Store, out: &mut Outbox) {
        let mut known: BTreeMap<Text, (PodRef, bool)> = BTreeMap::new();
        let mut pods = Vec::new();
        for finished in store.pod_states().all_finished() {
            let (pod, reason) = (finished.pod.pod, finished.reason);
            let mut seen = gc_pod(pod, finished.pod.created);
            seen.phase = match reason {
                EndReason::Completed => ObservedPhase::Succeeded,
                _ => ObservedPhase::Failed,
            };
            seen.is_evicted = reason == EndReason::Evicted;
            known.insert(seen.name.clone(), (pod, true));
            pods.push(seen);
        }
        for &node in &self.out_of_service {
            let on_node = store.nodes().pods(node).iter();
            for record in on_node.filter_map(|&slot| store.pods().at(slot)) {
                let mut seen = gc_pod(record.pod, record.created);
                seen.node = Some(store.nodes().name(node).into());
                seen.phase = ObservedPhase::Running;
                seen.is_terminating = store.pod_states().is_terminating(record.pod);
                known.insert(seen.name.clone(), (record.pod, false));
                pods.push(seen);
            }
        }
        let nodes: BTreeMap<Text, GcNode> = (self.out_of_service.iter())
            .map(|&node| {
                let seen = GcNode {
                    is_ready: store.nodes().is_ready(node),
                    is_out_of_service: true,
                };
                (store.nodes().name(node).into(), seen)
            })
            .collect();
        for name in PodGc::new(self.threshold).pass(now, &pods, &nodes) {
            let Some(&(pod, has_ended)) = known.get(&name) else {
                continue;
            };
            let event = if has_ended {
                let change = PodChange::Forgotten;
                Event::PodChanged { pod, change }
            } else {
                let reason = EndReason::NodeLost;
                Event::PodEnded { pod, reason }
            };
            out.write(store, event);
        }
    }
}

fn is_out_of_service(node: &Node) -> bool {
    (node.taints.iter()).any(|taint| *taint.key == *OUT_OF_SERVICE_TAINT)
}

/// A pod by its identity, in the order of creation.
fn gc_pod(pod: PodRef, created: Instant) -> GcPod {
    GcPod {
        name: format!("{:010}", pod.id.0).into(),
        created,
        ..GcPod::default()
    }
}

impl Component for Collector {
    fn name(&self) -> &'static str {
        "pod-gc"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        if self.cursor < view.revision() {
            self.read(view);
        }
        if self.pass.is_some_and(|at| at <= now) {
            self.pass = None;
            self.make_pass(now, view, out);
            self.pass = (!out.writes.is_empty()).then(|| after_on_grid(now, PERIOD));
        } else if self.pass.is_none() && self.has_work(view) {
            self.pass = Some(on_grid(now, PERIOD));
        }
        if let Some(at) = self.pass {
            out.wake_at(at);
        }
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

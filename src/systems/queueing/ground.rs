//! The nodes of topologies and the pods on them that get no places, as the log has them (spec:
//! batch-on-kubernetes.md 1.9.1).

use cluster::Store;
use kueue::run::Controller;
use model::node::HOSTNAME_LABEL;
use model::{Event, Text};
use units::{ClassId, Duration, Instant, NodeId, PodId, SortedMap};

use super::job::PLACED_LABEL;

/// Time for which a node is not ready until its workloads lose their places.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// What is known of nodes and pods.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// Whether nodes have changed since they were taken in.
    is_stale: bool,
    /// Pods on nodes that have no places.
    foreign: SortedMap<PodId, (Text, ClassId)>,
    /// Nodes that are not ready, and when they count as lost.
    silent: SortedMap<NodeId, Instant>,
}

impl Ground {
    pub(super) fn new() -> Self {
        Self {
            is_stale: true,
            foreign: SortedMap::default(),
            silent: SortedMap::default(),
        }
    }

    /// Time at which the next node counts as lost.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.silent.values().min().copied()
    }

    /// Takes note of a change.
    pub(super) fn read(
        &mut self,
        now: Instant,
        event: &Event,
        store: &Store,
        controller: &mut Controller,
    ) {
        match event {
            Event::NodeAdded { .. } | Event::NodeUpdated { .. } => self.is_stale = true,
            Event::NodeReadiness { node, ready } => {
                self.is_stale = true;
                self.silent.remove(node);
                if !ready {
                    let at = now.saturating_add(LOST_AFTER);
                    self.silent.insert(*node, at);
                }
            }
            Event::NodeRemoved { node } => {
                self.is_stale = true;
                self.silent.remove(node);
                controller.lose_node(&host(store, *node));
            }
            Event::PodBound { pod, .. } if !self.is_stale => {
                let record = store.pods().get(*pod);
                if let Some((name, class)) = record.and_then(|own| foreign(store, own)) {
                    if let Ok(requests) = store.class(class).spec.requests() {
                        controller.add_foreign_pod(&name, &requests);
                    }
                    self.foreign.insert(pod.id, (name, class));
                }
            }
            Event::PodEnded { pod, .. } => {
                if let Some((name, class)) = self.foreign.remove(&pod.id)
                    && let Ok(requests) = store.class(class).spec.requests()
                {
                    controller.remove_foreign_pod(&name, &requests);
                }
            }
            _ => {}
        }
    }

    /// Brings the queues up to date; whether anything has changed.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        store: &Store,
        controller: &mut Controller,
    ) -> bool {
        let due = self.silent.iter().filter(|(_, at)| **at <= now);
        let lost: Vec<NodeId> = due.map(|(node, _)| *node).collect();
        for node in &lost {
            self.silent.remove(node);
            controller.lose_node(&host(store, *node));
        }
        if !std::mem::replace(&mut self.is_stale, false) {
            return !lost.is_empty();
        }
        let nodes = store.nodes();
        let ready = nodes.present().filter(|node| nodes.is_ready(*node));
        controller.renew_nodes(
            ready
                .filter_map(|node| nodes.object(node))
                .map(|own| &**own),
        );
        let bound = store.pods().iter();
        let bound = bound.filter_map(|pod| Some((pod.pod.id, foreign(store, pod)?)));
        self.foreign = bound.collect();
        for (name, class) in self.foreign.values() {
            if let Ok(requests) = store.class(*class).spec.requests() {
                controller.add_foreign_pod(name, &requests);
            }
        }
        true
    }
}

/// Node and class of a pod that has a node and no place.
fn foreign(store: &Store, pod: &model::Pod) -> Option<(Text, ClassId)> {
    let node = pod.node()?;
    let has_place = store
        .class(pod.class)
        .spec
        .labels
        .contains_key(PLACED_LABEL);
    (!has_place).then(|| (store.nodes().name(node).into(), pod.class))
}

/// The value of a node's label of its host name.
fn host(store: &Store, node: NodeId) -> Text {
    let object = store.nodes().object(node);
    let label = object.and_then(|own| own.labels.get(HOSTNAME_LABEL));
    label.map_or_else(|| store.nodes().name(node).into(), Clone::clone)
}

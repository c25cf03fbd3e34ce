//! The nodes of topologies and the pods on them that get no places, as the log has them (spec:
//! batch-on-kubernetes.md 1.9.1).

use crate::parts::turn::Turn;
use cluster::Store;
use kueue::run::Controller;
use model::node::HOSTNAME_LABEL;
use model::{EndReason, Event, PodChange, PodRef, Text, rules};
use units::{ClassId, Duration, Instant, NodeId, ObjectId, PodId, SortedMap};

use super::job::{PLACED_LABEL, Place};
use super::ungate::is_gated;

/// Time for which changes of a node's pods are collected.
pub(super) const COLLECTED: Duration = Duration::from_millis(100);

/// Jobs by namespace and name of their workloads, in order of their places.
pub(super) type JobsOf = SortedMap<(Text, Text), SortedMap<Place, ObjectId>>;

/// What is known of nodes and pods.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// Whether nodes have changed since they were taken in.
    is_stale: bool,
    /// Pods on nodes that have no places.
    foreign: SortedMap<PodId, (Text, ClassId)>,
    /// Nodes that workloads may lose or keep, and when that is looked at.
    doubtful: SortedMap<NodeId, Instant>,
}

impl Ground {
    pub(super) fn new() -> Self {
        Self {
            is_stale: true,
            foreign: SortedMap::default(),
            doubtful: SortedMap::default(),
        }
    }

    /// Has all nodes taken in anew.
    pub(super) const fn renew(&mut self) {
        self.is_stale = true;
    }

    /// Time at which the next node is looked at.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.doubtful.values().min().copied()
    }

    /// Sees to it that a node is looked at, after a time.
    fn doubt(&mut self, node: NodeId, at: Instant) {
        let due = self.doubtful.entry(node).or_insert(at);
        *due = at.min(*due);
    }

    /// Takes note of a change.
    pub(super) fn read(
        &mut self,
        now: Instant,
        event: &Event,
        store: &Store,
        controller: &mut Controller,
    ) {
        let soon = now.saturating_add(COLLECTED);
        match event {
            Event::NodeAdded { node, .. } => {
                self.is_stale = true;
                self.doubt(*node, soon);
            }
            Event::NodeUpdated { node, .. } | Event::NodeReadiness { node, .. } => {
                self.is_stale = true;
                // Pods that are there from the start come after their nodes.
                let at = if now == Instant::ZERO { soon } else { now };
                self.doubt(*node, at);
            }
            Event::NodeRemoved { node } => {
                self.is_stale = true;
                self.doubtful.remove(node);
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
            Event::PodCreated(created) => self.doubt_node_of(created.pod, store, soon),
            Event::PodChanged { pod, change } => {
                if matches!(
                    change,
                    PodChange::Declared { .. } | PodChange::Terminating { .. }
                ) {
                    self.doubt_node_of(*pod, store, soon);
                }
            }
            _ => {}
        }
    }

    /// A pod has begun to wait for its node, or to leave it.
    fn doubt_node_of(&mut self, pod: PodRef, store: &Store, at: Instant) {
        let record = store.pods().get(pod);
        let node = record.and_then(|own| own.node().or_else(|| awaited(store, own)));
        self.doubt_host(node, store, at);
    }

    /// Sees to it that a node is looked at that pods do not stay on as a matter of course.
    pub(super) fn doubt_host(&mut self, node: Option<NodeId>, store: &Store, at: Instant) {
        let Some(node) = node else { return };
        let object = store.nodes().object(node);
        let repels = object.is_some_and(|own| {
            let mut taints = own.taints.iter();
            taints.any(|own| rules::taints::REPELLING.contains(&own.effect))
        });
        if repels || !store.nodes().is_ready(node) {
            self.doubt(node, at);
        }
    }

    /// Brings the queues up to date; whether anything has changed.
    pub(super) fn settle(
        &mut self,
        controller: &mut Controller,
        jobs: &JobsOf,
        turn: &mut Turn<'_>,
    ) -> bool {
        let (now, store) = (turn.now, turn.store);
        let due = self.doubtful.iter().filter(|(_, at)| **at <= now);
        let due: Vec<NodeId> = due.map(|(node, _)| *node).collect();
        for node in &due {
            self.doubtful.remove(node);
            look_at(*node, controller, jobs, turn);
        }
        if !std::mem::replace(&mut self.is_stale, false) {
            return !due.is_empty();
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

/// Workloads lose a node that is not ready, or that their pods may not stay on, once none of their pods
/// works there; those that wait for it fail (the original's `tas/node_controller.go`).
fn look_at(node: NodeId, controller: &mut Controller, jobs: &JobsOf, turn: &mut Turn<'_>) {
    let store = turn.store;
    let Some(object) = store.nodes().object(node) else {
        return;
    };
    let host = host(store, node);
    for number in controller.placed_on(&host) {
        let Some(state) = controller.state_of(number) else {
            continue;
        };
        let key = (
            state.workload.namespace.clone(),
            state.workload.name.clone(),
        );
        // Nothing is known of the pods of a workload whose job is not part of the run.
        let Some(own) = jobs.get(&key) else { continue };
        if store.nodes().is_ready(node) && controller.tolerates(number, object, &host) {
            controller.keep_place(number, &host);
            continue;
        }
        let rows = own.values().filter_map(|id| store.objects().get(*id));
        let pods = rows.flat_map(|row| &row.pods);
        let mut works = false;
        for pod in pods.filter_map(|pod| store.pods().get(*pod)) {
            let is_ending = store.pod_states().is_terminating(pod.pod);
            works |= pod.node() == Some(node) && !is_ending;
            if awaited(store, pod) == Some(node) && !is_ending {
                let (pod, reason) = (pod.pod, EndReason::Error);
                turn.write(Event::PodEnded { pod, reason });
            }
        }
        if works {
            controller.keep_place(number, &host);
        } else {
            controller.lose_place(number, &host);
        }
    }
}

/// The node that a pod without one has to be on, by its selector.
fn awaited(store: &Store, pod: &model::Pod) -> Option<NodeId> {
    let host = store
        .class(pod.class)
        .spec
        .node_selector
        .get(HOSTNAME_LABEL)?;
    let is_free = pod.node().is_none() && !is_gated(store, pod);
    store.nodes().by_name(host).filter(|_| is_free)
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

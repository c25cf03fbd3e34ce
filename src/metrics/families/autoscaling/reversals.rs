//! Turns: changes that are soon undone, as autoscalers go back on their last change and nodes join
//! where equal ones have just left. Metrics that count or name such turns share this module.

use std::collections::VecDeque;

use model::node::{BILLED_LABEL, GROUP_LABEL, INSTANCE_TYPE_LABEL, ORDERED_LABEL};
use model::{Object, Text};
use units::{Duration, Instant, NodeId, ObjectId, SortedMap, SortedSet};

use crate::record::collector::Change;

/// Within this time what is done against what was done undoes it.
pub const SHORTLY: Duration = Duration::from_secs(600);

/// Labels that tell equal nodes, the most telling first.
const ALIKE: [&str; 2] = [INSTANCE_TYPE_LABEL, GROUP_LABEL];

/// Changes of replicas by horizontal autoscalers.
#[derive(Clone, Debug, Default)]
pub struct ReplicaTurns {
    /// The last change of each: when, and whether it was upward.
    last: SortedMap<ObjectId, (Instant, bool)>,
    /// Replicas that each last asked for.
    desired: SortedMap<ObjectId, i32>,
}

/// A change of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaTurn {
    /// `true` if the change was upward.
    pub is_up: bool,
    /// `true` if the change undid the one before.
    pub is_back: bool,
}

impl ReplicaTurns {
    /// An object was declared anew: the change that this is, if an autoscaler has just made one.
    pub fn follow(&mut self, id: ObjectId, object: &Object, at: Instant) -> Option<ReplicaTurn> {
        let Object::HorizontalPodAutoscaler(own) = object else {
            return None;
        };
        if own.status.last_scale != Some(at) {
            return None;
        }
        let (before, after) = (own.status.current, own.status.desired);
        let before = self.desired.insert(id, after).unwrap_or(before);
        if before == after {
            return None;
        }
        let is_up = after > before;
        let last = self.last.insert(id, (at, is_up));
        let is_back =
            last.is_some_and(|(last, was_up)| was_up != is_up && at.since(last) <= SHORTLY);
        Some(ReplicaTurn { is_up, is_back })
    }
}

/// Nodes by what makes them equal, and those that left lately.
#[derive(Clone, Debug, Default)]
pub struct NodeTurns {
    /// Kind of each node and the time it joined; nodes without a kind that exist from the start are
    /// omitted.
    nodes: SortedMap<NodeId, (Text, Instant)>,
    left: VecDeque<(Instant, Text)>,
    /// Machines that were made for one task each, which the next one does not make up for.
    of_tasks: SortedSet<NodeId>,
}

impl NodeTurns {
    /// A node joined; what kind of node it is.
    pub fn joined(&mut self, node: NodeId, change: &Change<'_>) -> Text {
        let object = change.store.nodes().object(node);
        let label = |key: &&str| object.and_then(|object| object.labels.get(key)).cloned();
        let kind = ALIKE.iter().find_map(label).unwrap_or_default();
        if label(&BILLED_LABEL).is_some() {
            self.of_tasks.insert(node);
        }
        if !kind.is_empty() || change.at > Instant::ZERO {
            self.nodes.insert(node, (kind.clone(), change.at));
        }
        kind
    }

    /// Instant at which a present node joined.
    pub fn joined_at(&self, node: NodeId) -> Instant {
        let known = self.nodes.get(&node);
        known.map_or(Instant::ZERO, |(_, joined)| *joined)
    }

    /// Whether a node of this kind left shortly before a node was ordered; it is made up for then. One that
    /// was ordered while the other was there replaces it.
    pub fn makes_up(&mut self, kind: &Text, node: NodeId, change: &Change<'_>) -> bool {
        let at = change.at;
        let object = change.store.nodes().object(node);
        let ordered = object.and_then(|object| object.labels.get(ORDERED_LABEL)?.parse().ok());
        let ordered = ordered.map_or(at, Instant::from_nanos);
        while let Some((left, _)) = self.left.front()
            && at.since(*left) > SHORTLY
        {
            self.left.pop_front();
        }
        let is_it = |(left, own): &(Instant, Text)| own == kind && *left <= ordered;
        let place = self.left.iter().position(is_it);
        place.is_some_and(|place| self.left.remove(place).is_some())
    }

    /// A node left.
    pub fn left(&mut self, node: NodeId, at: Instant) {
        let (kind, _) = self.nodes.remove(&node).unwrap_or_default();
        if !self.of_tasks.remove(&node) {
            self.left.push_back((at, kind));
        }
    }
}

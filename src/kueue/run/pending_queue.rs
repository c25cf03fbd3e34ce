//! The workloads that wait in a queue of the cluster (spec: batch-on-kubernetes.md 1.6).

use std::cmp::Reverse;

use model::Text;
use model::queueing::QueueingStrategy;
use units::{Instant, SortedMap, SortedSet};

use super::life::GIVEN_UP;
use super::shapes::ShapeId;
use super::{COLLECTED, Controller, RequeueReason, Stage};
use crate::tree::NodeId;
use crate::workload::queue_timestamp;

/// Place of a workload among those of its queue that wait to be tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) priority: Reverse<i32>,
    pub(super) timestamp: Instant,
    pub(super) uid: Text,
    pub(super) number: usize,
    shape: ShapeId,
}

/// The workloads that wait in one queue.
#[derive(Clone, Debug, Default)]
pub(super) struct PendingQueue {
    /// Those that are tried, the best first.
    active: SortedSet<Key>,
    /// Their numbers, by shape.
    by_shape: SortedMap<ShapeId, SortedSet<usize>>,
    /// Those that are not tried until something changes.
    pub(super) inadmissible: SortedSet<usize>,
    /// The one that others made room for last.
    pub(super) preemptor: Option<usize>,
    /// Number of workloads that gave quota of the queue up.
    pub(super) generation: u64,
    /// Shapes of workloads that can't be admitted.
    pub(super) noted: SortedSet<ShapeId>,
    popped: u64,
    retried: Option<u64>,
}

impl PendingQueue {
    /// Those that are tried, the best first.
    pub(super) fn active(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.active.iter()
    }

    fn insert(&mut self, key: Key) {
        let alike = self.by_shape.entry(key.shape).or_default();
        alike.insert(key.number);
        self.active.insert(key);
    }

    fn remove(&mut self, key: &Key) {
        self.active.remove(key);
        if let Some(alike) = self.by_shape.get_mut(&key.shape) {
            alike.remove(&key.number);
            if alike.is_empty() {
                self.by_shape.remove(&key.shape);
            }
        }
    }

    /// Takes the workload out that is tried next: one that others made room for, if its key is given.
    pub(super) fn pop(&mut self, sticky: Option<&Key>) -> Option<usize> {
        self.popped += 1;
        let sticky = sticky.filter(|key| self.active.contains(*key));
        let key = sticky.or(self.active.first())?.clone();
        self.remove(&key);
        Some(key.number)
    }

    /// Whether a retry came since the last workload was taken out.
    fn was_retried(&self) -> bool {
        self.retried.is_some_and(|at| at >= self.popped)
    }
}

impl Controller {
    fn key(&self, number: usize) -> Key {
        let workload = &self.states[&number].workload;
        Key {
            priority: Reverse(workload.priority),
            timestamp: queue_timestamp(workload, self.snapshot.settings.requeue_time),
            uid: workload.uid.clone(),
            number,
            shape: self.states[&number].shape,
        }
    }

    /// Whether a workload is held back: for some time, or because it was given up before.
    fn is_backing_off(&self, number: usize) -> bool {
        let state = &self.states[&number];
        let was_given_up = state
            .evicted
            .as_ref()
            .is_some_and(|evicted| evicted.starts_with(GIVEN_UP));
        was_given_up || state.requeue_at.is_some_and(|at| at > self.now)
    }

    /// A workload that waits out of sight is among the inadmissible ones once it changes.
    pub(super) fn show_in_queue(&mut self, number: usize) {
        let state = &self.states[&number];
        let waits = state.stage == Stage::Pending && state.workload.active && state.key.is_none();
        if let Some(queue) = state.queue.filter(|_| waits) {
            self.set_aside(queue, number);
        }
    }

    /// A workload that has changed waits to be tried.
    pub(super) fn enqueue(&mut self, number: usize) {
        self.dequeue(number);
        let state = &self.states[&number];
        let waits = state.stage == Stage::Pending && state.workload.active;
        let Some(queue) = state.queue.filter(|_| waits) else {
            return;
        };
        let shape = state.shape;
        let is_backing_off = self.is_backing_off(number);
        let is_noted = self.waiting[&queue].noted.contains(&shape);
        if is_backing_off || is_noted {
            self.set_aside(queue, number);
        } else {
            self.activate_in(queue, number);
        }
    }

    /// A workload waits no more.
    pub(super) fn dequeue(&mut self, number: usize) {
        let state = self.state_mut(number);
        let key = state.key.take();
        let Some(queue) = state.queue else {
            return;
        };
        if let Some(waiting) = self.waiting.get_mut(&queue) {
            waiting.inadmissible.remove(&number);
            if let Some(key) = key {
                waiting.remove(&key);
            }
        }
    }

    fn activate_in(&mut self, queue: NodeId, number: usize) {
        let key = self.key(number);
        self.state_mut(number).key = Some(key.clone());
        if let Some(waiting) = self.waiting.get_mut(&queue) {
            waiting.inadmissible.remove(&number);
            waiting.insert(key);
        }
    }

    fn set_aside(&mut self, queue: NodeId, number: usize) {
        if let Some(waiting) = self.waiting.get_mut(&queue) {
            waiting.inadmissible.insert(number);
        }
    }

    /// A workload goes back after it was tried (spec: batch-on-kubernetes.md 1.6.2).
    pub(super) fn requeue(&mut self, number: usize, reason: RequeueReason) {
        let state = &self.states[&number];
        let waits = state.stage == Stage::Pending && state.workload.active;
        let Some(queue) = state.queue.filter(|_| waits) else {
            return;
        };
        let strategy = self.snapshot.queue(queue).spec.strategy;
        let has_untried = state.cursor.as_ref().is_some_and(|cursor| {
            cursor
                .cursor
                .iter()
                .any(|set| set.values().any(|tried| *tried != -1))
        });
        let shape = state.shape;
        let is_immediate = match strategy {
            QueueingStrategy::StrictFifo => reason != RequeueReason::NamespaceMismatch,
            QueueingStrategy::BestEffortFifo => reason.is_immediate(),
        };
        let is_backing_off = self.is_backing_off(number);
        let waiting = self.waiting.entry(queue).or_default();
        if reason == RequeueReason::PendingPreemption {
            waiting.preemptor = Some(number);
        }
        if !is_backing_off && (is_immediate || waiting.was_retried() || has_untried) {
            self.activate_in(queue, number);
            return;
        }
        self.set_aside(queue, number);
        if strategy == QueueingStrategy::BestEffortFifo && reason.is_about_shape() {
            self.set_aside_equal(queue, shape);
        }
    }

    /// Workloads of a shape that can't be admitted are tried no more.
    fn set_aside_equal(&mut self, queue: NodeId, shape: ShapeId) {
        let Some(waiting) = self.waiting.get_mut(&queue) else {
            return;
        };
        waiting.noted.insert(shape);
        let equal = waiting.by_shape.get(&shape).cloned().unwrap_or_default();
        for number in equal {
            self.dequeue(number);
            self.set_aside(queue, number);
        }
    }

    /// Asks that the inadmissible workloads of a node's tree are tried again; requests of a second are
    /// one.
    pub(super) fn ask_for_retry(&mut self, node: NodeId) {
        let root = self.snapshot.tree.root(node);
        let at = self.now.saturating_add(COLLECTED);
        self.retries.entry(root).or_insert(at);
    }

    /// Inadmissible workloads of a tree are tried again (spec: batch-on-kubernetes.md 1.6.4).
    pub(super) fn retry(&mut self, root: NodeId) {
        let tree = &self.snapshot.tree;
        let queues = self
            .waiting
            .keys()
            .copied()
            .filter(|queue| tree.root(*queue) == root);
        let queues: Vec<NodeId> = queues.collect();
        for queue in queues {
            let waiting = self.waiting.entry(queue).or_default();
            waiting.noted.clear();
            waiting.retried = Some(waiting.popped);
            let numbers: Vec<usize> = waiting.inadmissible.iter().copied().collect();
            for number in numbers {
                if !self.is_backing_off(number) {
                    self.activate_in(queue, number);
                }
            }
        }
    }
}

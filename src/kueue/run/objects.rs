//! Objects that change while workloads wait and run: quotas, cohorts, flavors and queues.

use model::queueing::{LocalQueue, StopPolicy};
use units::SortedSet;

use super::pending_queue::PendingQueue;
use super::{CheckState, Controller, Stage};
use crate::snapshot::Snapshot;
use crate::tree::NodeId;

impl Controller {
    /// Names the queues of namespaces; workloads of one that is stopped wait out of its reach.
    pub fn add_local_queues(&mut self, queues: &[LocalQueue]) {
        let active = |own: &&LocalQueue| own.stop == StopPolicy::None;
        for queue in queues.iter().filter(active) {
            self.add_local_queue(&queue.namespace, &queue.name, &queue.cluster_queue);
        }
    }

    /// Takes in other objects. Workloads keep what they hold, even beyond the new quotas, and all that wait are
    /// tried anew: a changed quota makes what was found out about them void (the original's
    /// `AllocatableResourceGeneration`).
    pub fn reconfigure(&mut self, mut snapshot: Snapshot, local_queues: &[LocalQueue]) {
        snapshot.cycle = self.snapshot.cycle;
        self.snapshot = snapshot;
        let queues: SortedSet<NodeId> = self.snapshot.queues().map(|(id, _)| id).collect();
        let empty = queues.iter().map(|id| (*id, PendingQueue::default()));
        self.waiting = empty.collect();
        self.by_holding.clear();
        self.retries.clear();
        self.local_queues.clear();
        self.add_local_queues(local_queues);
        let numbers: Vec<usize> = self.states.keys().copied().collect();
        for number in numbers {
            self.enter(number);
        }
        // Numbers of queues from before stand for others now.
        self.changed_queues = queues;
    }

    /// A workload takes its place in objects that have none of it yet.
    fn enter(&mut self, number: usize) {
        let workload = self.states[&number].workload.clone();
        let local = (workload.namespace.clone(), workload.queue.clone());
        let local = self.local_queues.get(&local).copied();
        let held = workload.admission.as_ref();
        let held = held.and_then(|own| self.snapshot.queue_named(&own.cluster_queue));
        let checks = local.map(|queue| self.snapshot.queue(queue).spec.checks.clone());
        let state = self.state_mut(number);
        (state.cursor, state.key) = (None, None);
        let was_holding = state.holding.take().is_some();
        state.queue = held.filter(|_| was_holding).or(local);
        if state.stage == Stage::Pending {
            let known = std::mem::take(&mut state.checks);
            let checks = checks.into_iter().flatten().map(|own| own.name);
            state.checks = checks
                .map(|name| {
                    let before = known.get(&name).copied();
                    (name, before.unwrap_or(CheckState::Pending))
                })
                .collect();
        }
        if was_holding {
            self.hold(number);
        } else {
            self.enqueue(number);
        }
    }
}

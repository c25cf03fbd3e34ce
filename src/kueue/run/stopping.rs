//! Workloads whose pods hold their quota until they are gone (spec: batch-on-kubernetes.md 1.10), and
//! what a preemptor does in the meantime.

use std::sync::Arc;

use super::{Controller, Stage};

impl Controller {
    /// The pods of a workload keep its quota while they stop.
    pub fn keep_quota_while_stopping(&mut self, namespace: &str, name: &str) {
        if let Some(number) = self.number(namespace, name) {
            self.state_mut(number).keeps_quota = true;
        }
    }

    /// A workload whose queue is drained loses its quota.
    pub fn drain(&mut self, namespace: &str, name: &str, reason: &str) {
        let number = self.number(namespace, name);
        let holds = |own: &usize| self.states[own].holding.is_some();
        if let Some(number) = number.filter(holds) {
            self.evict(number, reason);
        }
    }

    /// The pods of a workload that was evicted are gone.
    pub fn stopped(&mut self, namespace: &str, name: &str) {
        let number = self.number(namespace, name);
        if let Some(number) = number.filter(|own| self.stopping.remove(own)) {
            self.state_mut(number).is_stopping = false;
            self.leave(number);
        }
    }

    /// Whether a further cycle may choose other victims though nothing has changed: ties are decided by
    /// chance, and a workload waits for others that stop.
    pub fn draws_again(&self) -> bool {
        let waits = |own: &super::pending_queue::PendingQueue| {
            let preemptor = own.preemptor.and_then(|number| self.states.get(&number));
            preemptor.is_some_and(|preemptor| preemptor.stage == Stage::Pending)
        };
        self.snapshot.settings.ties.is_some()
            && !self.stopping.is_empty()
            && self.waiting.values().any(waits)
    }

    /// Whether the workload of a holding was evicted, and its pods stop.
    pub(super) fn is_stopping(&self, holding: usize) -> bool {
        let number = self.by_holding.get(&holding);
        number.is_some_and(|number| self.stopping.contains(number))
    }

    /// The pods of a workload begin to stop. It still counts, as the first that others would evict.
    pub(super) fn begin_to_stop(&mut self, number: usize) {
        self.state_mut(number).is_stopping = true;
        self.stopping.insert(number);
        self.hold_anew(number);
    }

    pub(super) fn forget_stopping(&mut self, number: usize) {
        if self.stopping.remove(&number)
            && let Some(state) = self.states.get_mut(&number)
        {
            Arc::make_mut(state).is_stopping = false;
        }
    }

    /// A workload holds its quota as it is now.
    pub(super) fn hold_anew(&mut self, number: usize) {
        if let Some(holding) = self.state_mut(number).holding.take() {
            self.by_holding.remove(&holding);
            self.snapshot.release(holding);
            self.hold(number);
        }
    }
}

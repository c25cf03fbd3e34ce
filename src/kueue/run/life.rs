//! Life of workloads after they were submitted: ends, evictions, checks, times that run out
//! (spec: batch-on-kubernetes.md 1.10).

use std::sync::Arc;

use model::Text;
use model::queueing::Condition;
use units::{Duration, Instant};

use super::{CheckState, Controller, Readiness, Stage};
use crate::workload::{EVICTED, QUOTA_RESERVED};

/// Reason of an eviction by its user.
const DEACTIVATED: &str = "Deactivated";

/// Beginning of the reasons for which a workload is given up.
pub(super) const GIVEN_UP: &str = "DeactivatedDueTo";

impl Controller {
    /// A workload ends; one that is not admitted stays as it is.
    pub fn finish_workload(&mut self, namespace: &str, name: &str) {
        if let Some(number) = self.number(namespace, name) {
            self.finish_numbered(number);
        }
    }

    /// A workload ends, by its number.
    pub fn finish_numbered(&mut self, number: usize) {
        let state = self.states.get(&number);
        if state.is_some_and(|state| state.stage == Stage::Admitted) {
            self.release(number);
            self.state_mut(number).stage = Stage::Finished;
            self.forget_stopping(number);
        }
    }

    /// A workload is deleted.
    pub fn delete(&mut self, namespace: &str, name: &str) {
        let Some(number) = self.number(namespace, name) else {
            return;
        };
        self.release(number);
        self.dequeue(number);
        self.forget_preemptor(number);
        self.forget_stopping(number);
        let state = self.states.remove(&number);
        let state = state.expect("invariant: numbers stand for workloads that are known");
        let key = (
            state.workload.namespace.clone(),
            state.workload.name.clone(),
        );
        self.number_of.remove(&key);
        if let Some(queue) = state.queue {
            self.ask_for_retry(queue);
        }
    }

    /// The pods of a workload are ready; of one that is not admitted that says nothing.
    pub fn pods_ready(&mut self, namespace: &str, name: &str) {
        let number = self.number(namespace, name);
        let Some(number) = number.filter(|own| self.was_admitted(*own)) else {
            return;
        };
        if self.states[&number].readiness != Readiness::Ready {
            self.state_mut(number).readiness = Readiness::Ready;
            self.note_change(number);
        }
    }

    /// A pod of a workload is lost that was ready.
    pub fn pods_lost(&mut self, namespace: &str, name: &str) {
        let now = self.now;
        if let Some(number) = self.number(namespace, name) {
            let state = self.state_mut(number);
            if state.readiness == Readiness::Ready {
                state.readiness = Readiness::WaitForRecovery(now);
                self.note_change(number);
                self.set_alarm(number);
            }
        }
    }

    /// This number of pods of a workload's set needs its quota no more.
    pub fn reclaim(&mut self, namespace: &str, name: &str, set: usize, pods: i64) {
        let number = self.number(namespace, name);
        let Some(number) = number.filter(|own| self.was_admitted(*own)) else {
            return;
        };
        let state = self.state_mut(number);
        let workload = Arc::make_mut(&mut state.workload);
        let Some(set) = workload
            .pod_sets
            .get(set)
            .map(|pod_set| pod_set.name.clone())
        else {
            return;
        };
        if workload.reclaimable.insert(set, pods) == Some(pods) {
            return;
        }
        let (queue, workload) = (state.queue, Arc::clone(&state.workload));
        let shape = self.shape_of(&workload);
        self.state_mut(number).shape = shape;
        self.hold_anew(number);
        if let Some(queue) = queue {
            self.ask_for_retry(queue);
        }
    }

    /// A check of a workload changes.
    pub fn set_check(&mut self, namespace: &str, name: &str, check: &str, state: CheckState) {
        let Some(number) = self.number(namespace, name) else {
            return;
        };
        let own = self.state_mut(number);
        let Some(known) = own.checks.get_mut(check) else {
            return;
        };
        *known = state;
        if !matches!(own.stage, Stage::QuotaReserved | Stage::Admitted) {
            // Even the same state is a change, as its time is new.
            self.note_change(number);
            self.show_in_queue(number);
            return;
        }
        self.checked.insert(number);
    }

    /// Acts on what is due and on checks that have changed, once all changes of an instant are there.
    pub fn settle(&mut self) {
        while let Some(number) = self.checked.pop_first() {
            let Some(state) = self.states.get(&number) else {
                continue;
            };
            if !matches!(state.stage, Stage::QuotaReserved | Stage::Admitted) {
                continue;
            }
            let has = |wanted| state.checks.values().any(|check| *check == wanted);
            if has(CheckState::Rejected) {
                self.give_up(number, "AdmissionCheck");
            } else if has(CheckState::Retry) {
                self.evict(number, "AdmissionCheck");
            } else {
                self.admit_if_ready(number);
            }
        }
        self.ring();
    }

    /// Whether a workload runs or has run to its end.
    fn was_admitted(&self, number: usize) -> bool {
        self.is_in(number, Stage::Admitted) || self.is_in(number, Stage::Finished)
    }

    /// A user takes a workload out.
    pub fn deactivate(&mut self, namespace: &str, name: &str) {
        let Some(number) = self.number(namespace, name) else {
            return;
        };
        Arc::make_mut(&mut self.state_mut(number).workload).active = false;
        self.note_change(number);
        if self.states[&number].stage == Stage::Finished {
            return;
        }
        let state = self.state_mut(number);
        state.requeue_count = 0;
        state.requeue_at = None;
        if state.evicted.is_none() {
            self.evict(number, DEACTIVATED);
        } else {
            self.dequeue(number);
        }
    }

    /// A user lets a workload in again.
    pub fn activate(&mut self, namespace: &str, name: &str) {
        if let Some(number) = self.number(namespace, name) {
            Arc::make_mut(&mut self.state_mut(number).workload).active = true;
            self.note_change(number);
            self.enqueue(number);
        }
    }

    /// Any change of a workload that has ended, or that its user took out, has others tried again.
    fn note_change(&mut self, number: usize) {
        let state = &self.states[&number];
        let is_out = state.stage == Stage::Finished || !state.workload.active;
        if let Some(queue) = state.queue.filter(|_| is_out) {
            self.ask_for_retry(queue);
        }
    }

    fn is_in(&self, number: usize, stage: Stage) -> bool {
        self.states[&number].stage == stage
    }

    fn forget_preemptor(&mut self, number: usize) {
        let queue = self.states[&number].queue;
        let waiting = queue.and_then(|queue| self.waiting.get_mut(&queue));
        if let Some(waiting) = waiting.filter(|own| own.preemptor == Some(number)) {
            waiting.preemptor = None;
        }
    }

    /// A workload gives up its quota, if it holds any.
    pub(super) fn release(&mut self, number: usize) {
        let state = self.state_mut(number);
        let (holding, queue) = (state.holding.take(), state.queue);
        if let Some(holding) = holding {
            self.by_holding.remove(&holding);
            self.snapshot.release(holding);
            if let Some(queue) = queue {
                self.waiting.entry(queue).or_default().generation += 1;
                self.ask_for_retry(queue);
            }
        }
    }

    /// A workload is given up for good, for a reason that is not its user's.
    fn give_up(&mut self, number: usize, cause: &str) {
        let state = self.state_mut(number);
        Arc::make_mut(&mut state.workload).active = false;
        state.requeue_count = 0;
        state.requeue_at = None;
        self.evict(number, &format!("{GIVEN_UP}{cause}"));
    }

    /// A workload is evicted: it loses its quota and waits again, at once or when its pods are gone.
    pub(super) fn evict(&mut self, number: usize, reason: &str) {
        if self.states[&number].is_stopping {
            return;
        }
        let now = self.now;
        let state = self.state_mut(number);
        state.evicted = Some(Text::from(reason));
        let workload = Arc::make_mut(&mut state.workload);
        workload
            .conditions
            .retain(|condition| &*condition.kind != EVICTED);
        workload.conditions.push(Condition {
            kind: EVICTED.into(),
            holds: true,
            reason: reason.into(),
            since: now,
        });
        if state.keeps_quota && state.stage == Stage::Admitted {
            self.begin_to_stop(number);
        } else {
            self.leave(number);
        }
    }

    /// A workload that is evicted gives its quota back, and waits again.
    pub(super) fn leave(&mut self, number: usize) {
        self.release(number);
        let now = self.now;
        let state = self.state_mut(number);
        if let Some(admitted) = state.admitted.take() {
            let ran = now.since(admitted);
            state.ran_before = state.ran_before.saturating_add(ran);
        }
        state.stage = Stage::Pending;
        state.lost = None;
        if state.readiness == Readiness::Ready {
            state.readiness = Readiness::WaitForStart;
        }
        for check in state.checks.values_mut() {
            *check = CheckState::Pending;
        }
        let workload = Arc::make_mut(&mut state.workload);
        workload.admission = None;
        workload
            .conditions
            .retain(|condition| &*condition.kind != QUOTA_RESERVED);
        self.set_alarm(number);
        if self.states[&number].requeue_at.is_none() {
            self.enqueue(number);
        } else {
            self.dequeue(number);
        }
    }

    /// Sees to it that a workload is looked at when its next time runs out.
    pub(super) fn set_alarm(&mut self, number: usize) {
        if let Some(at) = self.due(number) {
            self.alarms.insert((at, number));
        }
    }

    /// The time at which something happens to a workload by itself.
    fn due(&self, number: usize) -> Option<Instant> {
        let state = &self.states[&number];
        let second_pass = state.lost.as_ref().map(|(at, _)| *at);
        match state.stage {
            _ if state.is_stopping => None,
            Stage::Pending => state.requeue_at,
            Stage::Admitted => {
                let times = self.ready_by(number).into_iter().chain(self.run_by(number));
                times.chain(second_pass).min()
            }
            Stage::QuotaReserved => second_pass,
            Stage::Finished => None,
        }
    }

    /// Whether something will happen to a workload by itself.
    pub(super) fn is_due_some_time(&self, number: usize) -> bool {
        self.states.contains_key(&number) && self.due(number).is_some()
    }

    /// The time by which the pods of an admitted workload have to be ready.
    fn ready_by(&self, number: usize) -> Option<Instant> {
        let limits = self.wait_for_pods_ready.as_ref()?;
        let state = &self.states[&number];
        match state.readiness {
            Readiness::Ready => None,
            Readiness::WaitForStart => Some(state.admitted?.saturating_add(limits.timeout)),
            Readiness::WaitForRecovery(since) => {
                Some(since.saturating_add(limits.recovery_timeout?))
            }
        }
    }

    /// The time by which an admitted workload has to end.
    fn run_by(&self, number: usize) -> Option<Instant> {
        let state = &self.states[&number];
        let most = state.workload.max_execution?;
        let left = most
            .as_nanos()
            .saturating_sub(state.ran_before.as_nanos())
            .max(0);
        Some(state.admitted?.saturating_add(Duration::from_nanos(left)))
    }

    /// Does what is due.
    pub(super) fn ring(&mut self) {
        while let Some((at, number)) = self.alarms.first().copied() {
            if at > self.now {
                return;
            }
            self.alarms.remove(&(at, number));
            if !self.states.contains_key(&number) {
                continue;
            }
            match self.due(number) {
                Some(due) if due <= self.now => self.run_out(number),
                _ => self.set_alarm(number),
            }
        }
    }

    fn run_out(&mut self, number: usize) {
        let now = self.now;
        if self.is_in(number, Stage::Pending) {
            self.state_mut(number).requeue_at = None;
            self.enqueue(number);
        } else if self.states[&number]
            .lost
            .as_ref()
            .is_some_and(|(at, _)| *at <= now)
        {
            self.replace_node(number);
        } else if self.run_by(number).is_some_and(|at| at <= now) {
            self.give_up(number, "MaximumExecutionTimeExceeded");
        } else {
            self.not_ready(number);
        }
    }

    /// The pods of a workload were not ready in time.
    fn not_ready(&mut self, number: usize) {
        let Some(limits) = self.wait_for_pods_ready.clone() else {
            return;
        };
        let now = self.now;
        let state = self.state_mut(number);
        let count = state.requeue_count + 1;
        if limits.backoff_limit.is_some_and(|most| count > most) {
            self.give_up(number, "RequeuingLimitExceeded");
            return;
        }
        let doublings = u32::try_from(count - 1).unwrap_or(u32::MAX).min(62);
        let wait = limits.backoff_base.checked_mul(1 << doublings);
        let wait = wait.map_or(limits.backoff_max, |wait| wait.min(limits.backoff_max));
        state.requeue_count = count;
        state.requeue_at = Some(now.saturating_add(wait).whole_second());
        self.evict(number, "PodsReadyTimeout");
    }
}

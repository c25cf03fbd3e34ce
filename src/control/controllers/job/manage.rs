//! Management of a job's pods: creating missing ones, deleting those that are too many.

use std::cmp::Ordering;

use super::super::order::{by_restarts, by_usefulness, by_youth, sort_by_insertion};
use super::{
    BURST, JobBackoff, JobCondition, JobConditionKind, JobPod, JobReason, NewJobPod, Sync, policy,
};
use units::Duration;

/// Syncs asked for are not closer together than this.
const BATCH_PERIOD: Duration = Duration::from_secs(1);

impl<'a> Sync<'a> {
    /// Deletes every active pod, as the job ends; how many stay active.
    pub(super) fn delete_active(&mut self) -> i32 {
        let active = self.active.clone();
        let left = self.delete(&active);
        if self.view.is_waiting {
            // There may be pods that were not seen yet.
            self.end = None;
        }
        left
    }

    /// Deletes pods that are too many; they count for nothing. How many stay active.
    fn discard(&mut self, pods: &[&JobPod]) -> i32 {
        let uncounted = pods.iter().filter(|pod| pod.is_uncounted);
        let names = uncounted.map(|pod| pod.pod.name.clone());
        self.writes.count.extend(names);
        self.delete(pods)
    }

    /// Deletes pods; how many stay active.
    fn delete(&mut self, pods: &[&JobPod]) -> i32 {
        let ready = pods.iter().filter(|pod| pod.pod.is_ready()).count() as i32;
        let deleted = pods.len() as i32;
        let names = pods.iter().map(|pod| pod.pod.name.clone());
        self.writes.delete.extend(names);
        self.status.ready = self.status.ready.map(|known| known - ready);
        self.status.terminating = self.status.terminating.map(|known| known + deleted);
        self.active.len() as i32 - deleted
    }

    /// Brings the number of pods to what is wanted, and sees whether the job is complete; how many
    /// are active then.
    pub(super) fn manage_and_complete(&mut self) -> i32 {
        let may_manage = !self.view.is_waiting;
        let active = if may_manage {
            self.manage()
        } else {
            self.active.len() as i32
        };
        let is_complete = active == 0
            && match self.job.completions {
                None => self.succeeded > 0,
                Some(completions) => self.succeeded >= completions,
            };
        if is_complete {
            let kind = JobConditionKind::SuccessCriteriaMet;
            self.end = Some(self.condition(kind, JobReason::CompletionsReached));
        } else if may_manage {
            self.note_suspension();
        }
        active
    }

    fn note_suspension(&mut self) {
        let suspended = |known: &&mut JobCondition| known.kind == JobConditionKind::Suspended;
        let known = self.status.conditions.iter_mut().find(suspended);
        let reason = if self.job.suspend {
            JobReason::JobSuspended
        } else {
            JobReason::JobResumed
        };
        let condition = JobCondition {
            kind: JobConditionKind::Suspended,
            holds: self.job.suspend,
            reason,
            changed: self.now,
        };
        match known {
            Some(known) if known.holds == self.job.suspend => {}
            Some(known) => {
                *known = condition;
                self.status.start = (!self.job.suspend).then_some(self.now);
            }
            None if self.job.suspend => {
                self.status.conditions.push(condition);
                self.status.start = None;
            }
            None => {}
        }
    }

    fn manage(&mut self) -> i32 {
        let active = self.active.len() as i32;
        if self.job.suspend {
            let pods = self.surplus(active as usize);
            return self.discard(&pods);
        }
        let wanted = match self.job.completions {
            None if self.succeeded > 0 => active,
            None => self.job.parallelism,
            Some(completions) => (completions - self.succeeded)
                .min(self.job.parallelism)
                .max(0),
        };
        let mut surplus = self.surplus((active - wanted).max(0) as usize);
        surplus.truncate(BURST);
        if !surplus.is_empty() {
            return self.discard(&surplus);
        }
        let held = if self.replaces_failed_only() {
            self.terminating().count() as i32
        } else {
            0
        };
        let missing = wanted - held - active;
        if missing > 0 {
            return self.create(missing as usize, active);
        }
        active
    }

    /// Creates pods unless the back-off forbids it; how many are active then.
    fn create(&mut self, missing: usize, active: i32) -> i32 {
        let has_limit = self.job.backoff_limit_per_index.is_some();
        let wait = self.backoff.remaining(self.now);
        if !has_limit && wait > Duration::ZERO {
            // The original counts no pod as active here.
            self.writes.requeue.push(wait.max(BATCH_PERIOD));
            return 0;
        }
        let count = missing.min(BURST);
        if !self.is_indexed() {
            self.writes.create = vec![NewJobPod::default(); count];
            return active + count as i32;
        }
        let mut indexes = self.pending_indexes(count);
        if has_limit && !indexes.is_empty() {
            let waits = indexes.iter().map(|&index| self.remaining_of(index));
            let least = waits.min().unwrap_or(Duration::ZERO);
            if least > Duration::ZERO {
                self.writes.requeue.push(least.max(BATCH_PERIOD));
                return 0;
            }
            indexes.retain(|&index| self.remaining_of(index) == Duration::ZERO);
        }
        let new = indexes.into_iter().map(|index| self.new_pod(index));
        self.writes.create = new.collect();
        active + self.writes.create.len() as i32
    }

    /// The lowest indexes that are neither active nor done.
    fn pending_indexes(&self, count: usize) -> Vec<i32> {
        let mut taken = self.status.completed_indexes.clone();
        taken.merge(&self.failed_indexes);
        for index in self.active.iter().filter_map(|pod| pod.index) {
            taken.insert(index);
        }
        if self.replaces_failed_only() {
            for index in self.terminating().filter_map(|pod| pod.index) {
                taken.insert(index);
            }
        }
        taken.first_missing(count, self.completions())
    }

    fn remaining_of(&self, index: i32) -> Duration {
        let last = self.delayed.get(&index);
        last.map_or(Duration::ZERO, |last| {
            let backoff = JobBackoff {
                failures: last.index_failures + last.index_ignored + 1,
                last_failure: Some(last.finish_time()),
            };
            backoff.remaining(self.now)
        })
    }

    fn new_pod(&self, index: i32) -> NewJobPod {
        let mut new = NewJobPod {
            index: Some(index),
            ..NewJobPod::default()
        };
        if self.job.backoff_limit_per_index.is_some() {
            let last = self.delayed.get(&index);
            let (mut failures, mut ignored) =
                last.map_or((0, 0), |last| (last.index_failures, last.index_ignored));
            match last.map(|last| policy::is_counted(self.job, last)) {
                Some(true) => failures += 1,
                Some(false) => ignored += 1,
                None => {}
            }
            new.index_failures = Some(failures);
            new.index_ignored = ignored;
        }
        new
    }

    /// The active pods to be removed, `least` at least: of indexed jobs first those without a valid
    /// index and all but one of an index; then the least useful ones.
    fn surplus(&self, least: usize) -> Vec<&'a JobPod> {
        let mut left = self.active.clone();
        let mut surplus = Vec::new();
        if self.is_indexed() {
            (surplus, left) = self.duplicates(left);
        }
        if surplus.len() < least {
            sort(&mut left);
            surplus.extend(left.into_iter().take(least - surplus.len()));
        }
        surplus
    }

    /// Pods without a valid index and all but the most useful of each index, and the others.
    fn duplicates(&self, mut pods: Vec<&'a JobPod>) -> (Vec<&'a JobPod>, Vec<&'a JobPod>) {
        pods.sort_by_key(|pod| pod.index);
        let (mut surplus, mut left) = (Vec::new(), Vec::new());
        for same in pods.chunk_by_mut(|one, other| one.index == other.index) {
            if same[0].index.is_some() && self.is_valid(same[0]) {
                sort(same);
                let last = same.len() - 1;
                surplus.extend_from_slice(&same[..last]);
                left.push(same[last]);
            } else {
                surplus.extend_from_slice(same);
            }
        }
        (surplus, left)
    }
}

/// Whether a pod goes before another when there are too many.
fn goes_first(one: &JobPod, other: &JobPod) -> bool {
    let (one, other) = (&one.pod, &other.pod);
    let by_readiness = || {
        if one.is_ready() && other.is_ready() {
            by_youth(one.ready_since(), other.ready_since())
        } else {
            Ordering::Equal
        }
    };
    let order = by_usefulness(one, other)
        .then_with(by_readiness)
        .then_with(|| by_restarts(one, other))
        .then_with(|| by_youth(one.created, other.created));
    order == Ordering::Less
}

/// Sorts pods, first to go first.
fn sort(pods: &mut [&JobPod]) {
    sort_by_insertion(pods, goes_first);
}

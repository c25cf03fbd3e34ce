//! Jobs: pods that run until enough of them succeeded or too many failed
//! (spec: kubernetes.md 2.5). A sync counts what ended, judges, then creates or deletes, and ends
//! with the status; a finished job is declared so only once all of its pods are gone or counted.

mod account;
mod backoff;
mod manage;
mod policy;
#[cfg(test)]
mod tests;

use model::Text;
use model::workload::job::{
    FailureAction, Indexes, JobCondition, JobConditionKind, JobReason, JobStatus,
};
use model::workload::{
    CompletionMode, Job, ObservedPhase, ObservedPod, PodReplacement, RestartPolicy,
};
use units::{Duration, Instant};

/// Greatest number of pods that one sync creates or deletes.
pub const BURST: usize = 500;

/// A pod of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobPod {
    /// Observed state of the pod.
    pub pod: ObservedPod,
    /// The pod's completion index.
    pub index: Option<i32>,
    /// Number of counted failures that the index had before the pod.
    pub index_failures: i32,
    /// Number of ignored failures that the index had before the pod.
    pub index_ignored: i32,
    /// Marks a pod that is not counted yet (it carries the job's finalizer).
    pub is_uncounted: bool,
    /// Instant at which the last of the pod's containers ended, if all have.
    pub finished: Option<Instant>,
    /// Instant at which the pod was asked to end.
    pub deleted: Option<Instant>,
    /// Exit codes of containers that ended, by name.
    pub exit_codes: Vec<(Text, i32)>,
    /// The pod's other conditions, type and status.
    pub conditions: Vec<(Text, Text)>,
}

/// Failures since the last success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobBackoff {
    /// Number of failures.
    pub failures: i32,
    /// Instant at which the last failed pod finished.
    pub last_failure: Option<Instant>,
}

/// The controller's view of one job.
#[derive(Clone, Copy, Debug)]
pub struct JobView<'a> {
    /// The job.
    pub job: &'a Job,
    /// The job's pods.
    pub pods: &'a [JobPod],
    /// Last reported status.
    pub status: &'a JobStatus,
    /// The job's failures since the last success, as of the last sync.
    pub backoff: JobBackoff,
    /// Whether creations or deletions of its own have not been seen yet.
    pub is_waiting: bool,
}

/// A pod to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewJobPod {
    /// The pod's index.
    pub index: Option<i32>,
    /// Counted failures of its index; `None` without a limit per index.
    pub index_failures: Option<i32>,
    /// Ignored failures of its index.
    pub index_ignored: i32,
}

/// Changes that the controller requests for one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobWrites {
    /// Pods to be made, in batches (see [`super::replica_set::slow_start`]).
    pub create: Vec<NewJobPod>,
    /// Pods to be deleted.
    pub delete: Vec<Text>,
    /// Pods whose finalizer is removed: they are counted now, or never will be.
    pub count: Vec<Text>,
    /// Status to report.
    pub status: JobStatus,
    /// Failures since the last success.
    pub backoff: JobBackoff,
    /// Times until the next looks, one for each request.
    pub requeue: Vec<Duration>,
}

/// Instant at which a finished job is deleted; `None` is never.
pub fn expiry(job: &Job, status: &JobStatus) -> Option<Instant> {
    let ended = |known: &&JobCondition| known.holds && known.kind.is_final();
    let finished = status.conditions.iter().find(ended)?;
    Some(finished.changed.saturating_add(job.ttl_after_finished?))
}

/// One sync.
pub fn sync(now: Instant, view: &JobView<'_>) -> JobWrites {
    let mut sync = Sync::new(now, view);
    let ended = |known: &JobCondition| known.holds && known.kind.is_final();
    if !view.status.conditions.iter().any(ended) {
        sync.run();
    }
    sync.writes
}

struct Sync<'a> {
    now: Instant,
    job: &'a Job,
    view: &'a JobView<'a>,
    active: Vec<&'a JobPod>,
    status: JobStatus,
    backoff: JobBackoff,
    succeeded: i32,
    failed: i32,
    failed_indexes: Indexes,
    /// The failed pods whose successors will carry on their counts, by index.
    delayed: units::SortedMap<i32, &'a JobPod>,
    /// Condition that ends the job, if any.
    end: Option<JobCondition>,
    writes: JobWrites,
}

impl<'a> Sync<'a> {
    fn new(now: Instant, view: &'a JobView<'a>) -> Self {
        Self {
            now,
            job: view.job,
            view,
            active: view.pods.iter().filter(|pod| pod.pod.is_active()).collect(),
            status: view.status.clone(),
            backoff: view.backoff,
            succeeded: 0,
            failed: 0,
            failed_indexes: Indexes::default(),
            delayed: units::SortedMap::new(),
            end: None,
            writes: JobWrites {
                status: view.status.clone(),
                backoff: view.backoff,
                ..JobWrites::default()
            },
        }
    }

    fn run(&mut self) {
        let ready = self.active.iter().filter(|pod| pod.pod.is_ready()).count();
        let terminating = self.terminating().count();
        self.status.ready = Some(ready as i32);
        self.status.terminating = Some(terminating as i32);
        self.count_new();
        if self.status.start.is_none() && !self.job.suspend {
            self.status.start = Some(self.now);
        }
        self.judge();
        if self.is_indexed() {
            self.judge_indexes();
        }
        let was_suspended = self.status.conditions.clone();
        let active = if self.end.is_some() {
            self.delete_active()
        } else {
            self.manage_and_complete()
        };
        let before = self.view.status;
        let mut is_news = was_suspended != self.status.conditions
            || active != before.active
            || self.status.ready != before.ready
            || self.status.terminating != before.terminating;
        self.status.active = active;
        is_news |= self.account();
        if is_news {
            self.writes.backoff = self.backoff;
        }
        is_news |= self.finish();
        if is_news {
            self.writes.status = self.status.clone();
        }
    }

    fn is_indexed(&self) -> bool {
        self.job.mode == CompletionMode::Indexed
    }

    fn completions(&self) -> i32 {
        self.job.completions.unwrap_or(i32::MAX)
    }

    /// Whether a pod that is asked to terminate is replaced only once it has failed.
    fn replaces_failed_only(&self) -> bool {
        self.job.replacement == PodReplacement::Failed || !self.job.failure_policy.is_empty()
    }

    fn terminating(&self) -> impl Iterator<Item = &'a JobPod> + use<'a> {
        let pods = self.view.pods.iter();
        pods.filter(|pod| pod.pod.is_terminating && !pod.pod.phase.is_terminal())
    }

    fn is_failed(&self, pod: &JobPod) -> bool {
        pod.pod.phase == ObservedPhase::Failed
            || (!self.replaces_failed_only()
                && pod.pod.is_terminating
                && pod.pod.phase != ObservedPhase::Succeeded)
    }

    /// Whether the pod's index is one of the job's; pods of jobs without indexes need none.
    fn is_valid(&self, pod: &JobPod) -> bool {
        !self.is_indexed() || pod.index.is_some_and(|index| index < self.completions())
    }

    /// Pods that ended and are not counted yet.
    fn new_ended(&self, has_ended: impl Fn(&JobPod) -> bool) -> Vec<&'a JobPod> {
        let pods = self.view.pods.iter();
        pods.filter(|pod| pod.is_uncounted && self.is_valid(pod) && has_ended(pod))
            .collect()
    }

    fn count_new(&mut self) {
        let succeeded = self.new_ended(|pod| pod.pod.phase == ObservedPhase::Succeeded);
        let failed = self.new_ended(|pod| self.is_failed(pod));
        let counted = failed
            .iter()
            .filter(|pod| policy::is_counted(self.job, pod));
        self.succeeded = self.status.succeeded + succeeded.len() as i32;
        self.failed = self.status.failed + counted.count() as i32;
        self.backoff = self.backoff.after(&succeeded, &failed);
    }

    fn condition(&self, kind: JobConditionKind, reason: JobReason) -> JobCondition {
        JobCondition {
            kind,
            holds: true,
            reason,
            changed: self.now,
        }
    }

    fn fail(&mut self, reason: JobReason) {
        self.end = Some(self.condition(JobConditionKind::FailureTarget, reason));
    }

    fn known(&self, kind: JobConditionKind) -> Option<JobCondition> {
        let mut known = self.status.conditions.iter().copied();
        known.find(|known| known.kind == kind && known.holds)
    }

    /// Whether the job ends: by what was decided before, by the failure policy, by its limits.
    fn judge(&mut self) {
        if let Some(met) = self.known(JobConditionKind::SuccessCriteriaMet) {
            self.end = Some(met);
        } else if let Some(target) = self.known(JobConditionKind::FailureTarget) {
            self.end = Some(self.condition(JobConditionKind::Failed, target.reason));
        } else if self.view.pods.iter().any(|pod| {
            self.is_failed(pod)
                && policy::failure_action(self.job, pod) == Some(FailureAction::FailJob)
        }) {
            self.fail(JobReason::PodFailurePolicy);
        } else if self.failed > self.job.backoff_limit || self.has_too_many_restarts() {
            self.fail(JobReason::BackoffLimitExceeded);
        } else if let (Some(deadline), Some(start), false) = (
            self.job.active_deadline,
            self.status.start,
            self.job.suspend,
        ) {
            let elapsed = self.now.since(start);
            if elapsed >= deadline {
                self.fail(JobReason::DeadlineExceeded);
            } else {
                let left = deadline.as_nanos() - elapsed.as_nanos();
                self.writes.requeue.push(Duration::from_nanos(left));
            }
        }
    }

    /// Containers that are restarted in place count against the limit too.
    fn has_too_many_restarts(&self) -> bool {
        if self.job.restart != RestartPolicy::OnFailure {
            return false;
        }
        let running = self.view.pods.iter().filter(|pod| {
            matches!(
                pod.pod.phase,
                ObservedPhase::Running | ObservedPhase::Pending
            )
        });
        let restarts = running.map(|pod| i64::from(pod.pod.restarts.total()));
        let restarts: i64 = restarts.sum();
        match self.job.backoff_limit {
            0 => restarts > 0,
            limit => restarts >= i64::from(limit),
        }
    }

    fn judge_indexes(&mut self) {
        let completions = self.completions();
        for pod in self.new_ended(|pod| pod.pod.phase == ObservedPhase::Succeeded) {
            if let Some(index) = pod.index {
                self.status.completed_indexes.insert(index);
            }
        }
        self.succeeded = self.status.completed_indexes.total();
        if let Some(limit) = self.job.backoff_limit_per_index {
            self.judge_failed_indexes(limit);
        }
        if self.end.is_none()
            && policy::is_success(self.job, &self.status.completed_indexes, completions)
        {
            let kind = JobConditionKind::SuccessCriteriaMet;
            self.end = Some(self.condition(kind, JobReason::SuccessPolicy));
        }
    }

    fn judge_failed_indexes(&mut self, limit: i32) {
        self.failed_indexes = self.status.failed_indexes.clone().unwrap_or_default();
        let failed = self.new_ended(|pod| self.is_failed(pod));
        for pod in &failed {
            let action = policy::failure_action(self.job, pod);
            let is_over = action == Some(FailureAction::FailIndex)
                || (action != Some(FailureAction::Ignore) && pod.index_failures >= limit);
            if let Some(index) = pod.index.filter(|_| is_over) {
                self.failed_indexes.insert(index);
            }
        }
        let total = self.failed_indexes.total();
        let most = self.job.max_failed_indexes;
        if self.end.is_none() && most.is_some_and(|most| total > most) {
            self.fail(JobReason::MaxFailedIndexesExceeded);
        } else if self.end.is_none() && total > 0 && total + self.succeeded >= self.completions() {
            self.fail(JobReason::FailedIndexes);
        }
        self.delay_counting(failed);
    }

    /// Failed pods of indexes that go on stay uncounted until their successor is there.
    fn delay_counting(&mut self, failed: Vec<&'a JobPod>) {
        for pod in failed {
            let Some(index) = pod.index else { continue };
            let is_settled = self.status.completed_indexes.has(index)
                || self.failed_indexes.has(index)
                || self.active.iter().any(|pod| pod.index == Some(index));
            let failures = |pod: &JobPod| pod.index_failures + pod.index_ignored;
            let is_later = self.delayed.get(&index).is_none_or(|known| {
                failures(known) <= failures(pod) && pod.finish_time() >= known.finish_time()
            });
            if !is_settled && is_later {
                self.delayed.insert(index, pod);
            }
        }
    }
}

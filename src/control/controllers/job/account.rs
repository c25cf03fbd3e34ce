//! Account of a job, as a sync leaves it in the job's status: counted pods, and the end once
//! nothing of the job is left.

use super::{JobConditionKind, Sync, policy};
use model::workload::ObservedPhase;

impl Sync<'_> {
    /// Counts pods that ended, and all pods once the job ends; whether anything was counted.
    pub(super) fn account(&mut self) -> bool {
        let is_over = self.end.is_some();
        let fails = self
            .end
            .is_some_and(|end| end.kind != JobConditionKind::SuccessCriteriaMet);
        let mut is_news = false;
        for pod in self.view.pods.iter().filter(|pod| pod.is_uncounted) {
            let is_failed = self.is_failed(pod);
            let has_succeeded = pod.pod.phase == ObservedPhase::Succeeded;
            let is_delayed = pod.index.is_some_and(|index| {
                let delayed = self.delayed.get(&index);
                delayed.is_some_and(|delayed| delayed.pod.name == pod.pod.name)
            });
            if !(is_over || has_succeeded || (is_failed && !is_delayed)) {
                continue;
            }
            self.writes.count.push(pod.pod.name.clone());
            if has_succeeded {
                self.status.succeeded += i32::from(!self.is_indexed());
                is_news = true;
            } else if (is_failed || fails) && self.is_valid(pod) {
                let is_counted = policy::is_counted(self.job, pod);
                self.status.failed += i32::from(is_counted);
                is_news |= is_counted;
            }
        }
        if self.is_indexed() {
            self.status.succeeded = self.succeeded;
            is_news |= self.status.completed_indexes != self.view.status.completed_indexes;
            if self.job.backoff_limit_per_index.is_some() {
                let failed = Some(std::mem::take(&mut self.failed_indexes));
                is_news |= failed != self.status.failed_indexes;
                self.status.failed_indexes = failed;
            }
        }
        is_news | self.announce()
    }

    /// Records that the job is about to end.
    fn announce(&mut self) -> bool {
        let Some(end) = self.end else { return false };
        let last = match end.kind {
            JobConditionKind::FailureTarget => JobConditionKind::Failed,
            JobConditionKind::SuccessCriteriaMet => JobConditionKind::Complete,
            _ => return false,
        };
        self.end = Some(self.condition(last, end.reason));
        let is_new = self.known(end.kind).is_none();
        if is_new {
            self.status.conditions.push(end);
        }
        is_new
    }

    /// Declares the end once nothing of the job is left; whether it did.
    pub(super) fn finish(&mut self) -> bool {
        let Some(end) = self.end.filter(|_| self.status.terminating <= Some(0)) else {
            return false;
        };
        self.status.conditions.push(end);
        if end.kind == JobConditionKind::Complete {
            self.status.completion = Some(end.changed);
        }
        true
    }
}

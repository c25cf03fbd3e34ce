//! Reported state of jobs (spec: kubernetes.md 2.5).

use super::indexes::Indexes;
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};
use units::{Instant, PodId};

/// Reported status of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobStatus {
    /// Instant of the beginning; suspended jobs have none.
    pub start: Option<Instant>,
    /// Instant of completion.
    pub completion: Option<Instant>,
    /// Active pods.
    pub active: i32,
    /// Active pods that are ready; `None` before the first sync.
    pub ready: Option<i32>,
    /// Pods asked to terminate that have not; `None` before the first sync.
    pub terminating: Option<i32>,
    /// Counted successes.
    pub succeeded: i32,
    /// Counted failures.
    pub failed: i32,
    /// Indexes that succeeded.
    pub completed_indexes: Indexes,
    /// Indexes that failed, with a back-off limit per index.
    pub failed_indexes: Option<Indexes>,
    /// Conditions that hold or held.
    pub conditions: Vec<JobCondition>,
    /// Pods without the job's finalizer that are still there.
    #[serde(default)]
    pub untracked: UntrackedPods,
}

/// Pods that no longer bear the finalizer `batch.kubernetes.io/job-tracking`, or are about to lose it:
/// the job controller counts none of them again. The original has this in the pods themselves and
/// in `status.uncountedTerminatedPods` (`job_controller.go`, `trackJobStatusAndRemoveFinalizers`). In
/// canonical bytes it is nothing, as it follows from the other changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntrackedPods {
    /// Pods that the status counts.
    pub counted: Vec<PodId>,
    /// Pods that were too many: once asked to terminate, they count for nothing.
    pub discarded: Vec<PodId>,
}

impl Hash for UntrackedPods {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// A condition of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobCondition {
    /// About what.
    pub kind: JobConditionKind,
    /// `true` if the condition holds.
    pub holds: bool,
    /// Reason the condition holds.
    pub reason: JobReason,
    /// Instant of the condition's last change.
    pub changed: Instant,
}

/// Type of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JobConditionKind {
    /// It stands still.
    Suspended,
    /// It will fail once its pods are gone.
    FailureTarget,
    /// It will be complete once its pods are gone.
    SuccessCriteriaMet,
    /// It failed.
    Failed,
    /// It is complete.
    Complete,
}

/// Reason a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JobReason {
    /// On request.
    JobSuspended,
    /// On request.
    JobResumed,
    /// Too many failures.
    BackoffLimitExceeded,
    /// It took too long.
    DeadlineExceeded,
    /// A rule of the failure policy.
    PodFailurePolicy,
    /// Too many indexes failed.
    MaxFailedIndexesExceeded,
    /// Every index ended and some failed.
    FailedIndexes,
    /// Enough pods succeeded.
    CompletionsReached,
    /// A rule of the success policy.
    SuccessPolicy,
}

impl JobStatus {
    /// Returns whether the job failed, once nothing more happens to it.
    pub fn has_failed(&self) -> Option<bool> {
        let mut conditions = self.conditions.iter();
        let last = conditions.find(|condition| condition.holds && condition.kind.is_final());
        last.map(|own| own.kind == JobConditionKind::Failed)
    }
}

impl JobConditionKind {
    /// The reason that a condition of this type has most often.
    pub const fn usual_reason(self) -> JobReason {
        match self {
            Self::Suspended => JobReason::JobSuspended,
            Self::FailureTarget | Self::Failed => JobReason::BackoffLimitExceeded,
            Self::SuccessCriteriaMet | Self::Complete => JobReason::CompletionsReached,
        }
    }

    /// Whether the job ends, or has ended: it makes no more pods.
    pub const fn is_ending(self) -> bool {
        matches!(self, Self::FailureTarget | Self::SuccessCriteriaMet) || self.is_final()
    }

    /// Whether nothing more happens to the job.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Failed | Self::Complete)
    }
}

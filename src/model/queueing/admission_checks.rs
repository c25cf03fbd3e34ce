//! Admission checks of Kueue and the time until pods are ready, both of which workloads have to pass
//! beside quota (spec: batch-on-kubernetes.md 1.10).

use super::super::Text;
use units::Duration;

/// Time by which a workload is ordered that comes back because its pods were not ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequeueTime {
    /// That of its eviction.
    #[default]
    Eviction,
    /// That of its creation.
    Creation,
}

/// Times that a workload is given until its pods are ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitForPodsReady {
    /// Time from admission.
    pub timeout: Duration,
    /// Time from the loss of a pod; `None` is any.
    pub recovery_timeout: Option<Duration>,
    /// Wait before the second attempt; it doubles with each.
    pub backoff_base: Duration,
    /// Longest wait.
    pub backoff_max: Duration,
    /// Number of attempts after which the workload is given up; `None` is never.
    pub backoff_limit: Option<i64>,
    /// Whether nothing is admitted while the pods of an admitted workload are not ready.
    pub blocks_admission: bool,
    /// Time by which a workload is ordered that comes back.
    pub requeue_time: RequeueTime,
}

impl Default for WaitForPodsReady {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(1800),
            recovery_timeout: Some(Duration::from_secs(1800)),
            backoff_base: Duration::from_secs(60),
            backoff_max: Duration::from_secs(3600),
            backoff_limit: None,
            blocks_admission: false,
            requeue_time: RequeueTime::Eviction,
        }
    }
}

/// Answer of an admission check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckAnswer {
    /// The workload passes.
    #[default]
    Ready,
    /// The workload gives its quota back and is tried again.
    Retry,
    /// The workload is never to run.
    Rejected,
}

/// An admission check, whose controller is not part of a cluster: the answer is stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmissionCheck {
    /// The check's name.
    pub name: Text,
    /// Time from the reservation of quota to the answer.
    pub takes: Duration,
    /// Number of times that each workload is asked to try again before the answer.
    pub retries: u32,
    /// The answer.
    pub answer: CheckAnswer,
}

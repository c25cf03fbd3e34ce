//! Kueue's configuration, as far as decisions depend on it.

use model::queueing::{FairStrategy, RequeueTime};

/// Settings of the whole of Kueue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Rules of fair sharing, in order; `None` is preemption by priority.
    pub fair_sharing: Option<Vec<FairStrategy>>,
    /// Whether resources that no group of a queue covers are left out of account
    /// (`quotaCheckStrategy: IgnoreUndeclared`).
    pub ignores_undeclared: bool,
    /// Whether pods without a wish about the topology take the fullest domains first (the gate
    /// `TASProfileMixed`).
    pub fills_smallest: bool,
    /// Time by which a workload is ordered that comes back because its pods were not ready.
    pub requeue_time: RequeueTime,
    /// Seed of the choice among cohorts of equal shares whose workloads could make room, which the
    /// original leaves to chance; `None` takes the last by name.
    pub ties: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fair_sharing: None,
            ignores_undeclared: false,
            fills_smallest: true,
            requeue_time: RequeueTime::Eviction,
            ties: None,
        }
    }
}

//! Rollouts as the systems that carry them out report them (spec: orchestrators-a.md sections 2.7, 7.2 and 8.2).

use serde::{Deserialize, Serialize};

/// A step of a workload's rollout that can't be derived from its pods: whether it is held up, has failed, or was
/// taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RolloutStep {
    /// Its bounds let it stop no old pod and start no new one.
    Stuck,
    /// Its pods end before they run, and the next try waits.
    Throttled,
    /// It is given up, and the pods stay as they are.
    Failed,
    /// It is given up, and the system goes back to the version before.
    RollingBack,
    /// The version before has all its pods again.
    RolledBack,
    /// It is halted until it is asked for again, and the pods stay as they are.
    Paused,
    /// All pods are of the new version, and the time of watching them is over.
    Completed,
    /// It was to be taken back, and is paused or has no version before.
    BackRefused,
    /// A newer version came before it was done, and takes its place.
    Cancelled,
    /// A change was asked for while it was under way, and refused.
    Locked,
}

impl RolloutStep {
    /// The step's name in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::RollingBack => "rolling-back",
            Self::RolledBack => "rolled-back",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::BackRefused => "rollback-refused",
            Self::Cancelled => "cancelled",
            Self::Locked => "locked",
        }
    }
}

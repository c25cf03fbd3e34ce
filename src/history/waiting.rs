//! Pods that wait when a run ends, by class and reason.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most entries of [`WaitingList`].
pub const WAITING_MAX: usize = 200;

/// Pods that wait for a node at the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingList {
    /// Number of pods that wait.
    pub pods: u64,
    /// Pods by class and reason, most first, at most [`WAITING_MAX`] entries.
    pub listed: Vec<WaitingPods>,
}

impl WaitingList {
    /// Whether no pod waits.
    pub fn is_empty(&self) -> bool {
        self.pods == 0
    }

    pub(super) fn is_sound(&self) -> bool {
        let sum = self
            .listed
            .iter()
            .try_fold(0_u64, |sum, own| sum.checked_add(own.pods));
        self.listed.len() <= WAITING_MAX && sum.is_some_and(|sum| sum <= self.pods)
    }
}

/// Pods of one class that wait for one reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingPods {
    /// The pod that waits longest, `NAMESPACE/NAME` or its name.
    pub first: String,
    /// Number of pods.
    pub pods: u64,
    /// Creation of the pod that waits longest, in nanoseconds.
    pub since_ns: i64,
    /// The scheduler's last answer, or the number of nodes by the first rule that excludes each; names
    /// claims that are missing.
    pub reason: String,
    /// Filters of the scheduler that rejected the pods, where they are known.
    pub filters: Vec<String>,
}

//! Phases of a pod's life.

use std::fmt;

/// Phase of a pod's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodPhase {
    /// Created and without a node.
    Pending,
    /// Bound to a node; nothing has started there yet.
    Bound,
    /// The node is starting the pod.
    Starting,
    /// It runs.
    Running,
    /// It ended as it should.
    Succeeded,
    /// It ended otherwise, or no node could ever take it.
    Failed,
    /// It was taken off its node.
    Evicted,
}

impl fmt::Display for PodPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Bound => "bound",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Evicted => "evicted",
        })
    }
}

impl PodPhase {
    /// Whether the pod holds resources of a node in this phase.
    pub const fn holds_node(self) -> bool {
        matches!(self, Self::Bound | Self::Starting | Self::Running)
    }

    /// Whether nothing more happens to the pod.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Evicted)
    }
}

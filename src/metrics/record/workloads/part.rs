//! Memory of the objects and pods that make up workloads.

use model::{EndReason, EvictionCause};
use units::PodId;

use super::placement::{Place, Standing};

/// Role of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// An object without pods.
    #[default]
    Other,
    /// Part of a workload that is kept at strength.
    Part(u32),
    /// Runs work to its end.
    Work,
}

/// Remembered state of a pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodPart {
    pub(super) id: PodId,
    pub(super) role: Role,
    pub(super) restarts: u32,
    /// Rollouts of its workload that had begun before it was created.
    pub(super) version: u32,
    /// Place that it is bound to.
    pub(super) place: Option<Place>,
    pub(super) is_ready: bool,
    pub(super) is_told: bool,
    pub(super) is_unheard: bool,
}

impl PodPart {
    pub(super) const fn counts(&self) -> bool {
        self.is_ready && !self.is_told && !self.is_unheard
    }

    /// Place of the pod, whether it is bound there to stay, and whether it counts as ready.
    pub(super) const fn standing(&self) -> Standing {
        (
            self.place,
            self.place.is_some() && !self.is_told,
            self.counts(),
        )
    }
}

/// Cause of a pod's loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Deliberate removal.
    Planned,
    /// It failed, or something else needed its place.
    Unplanned,
    /// Loss of the pod's node.
    Node,
}

impl Loss {
    pub(super) const fn of(reason: EndReason) -> Self {
        match reason {
            EndReason::Cancelled
            | EndReason::Moved
            | EndReason::Evicted(
                EvictionCause::Drain
                | EvictionCause::Descheduling
                | EvictionCause::Consolidation
                | EvictionCause::Resizing,
            ) => Self::Planned,
            EndReason::NodeLost => Self::Node,
            EndReason::Completed
            | EndReason::TimeLimit
            | EndReason::Error
            | EndReason::Rejected
            | EndReason::Refused(_)
            | EndReason::Evicted(_) => Self::Unplanned,
        }
    }
}

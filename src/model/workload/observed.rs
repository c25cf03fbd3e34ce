//! Pod as a controller sees it: its identity, its place and its last reported status.

use crate::{Restarts, Text};
use serde::{Deserialize, Serialize};
use units::{Duration, Instant};

/// The phase that an API server shows. A bound pod that has not started is `Pending` here.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum ObservedPhase {
    /// Not all of its containers have started.
    #[default]
    Pending,
    /// The pod's node does not answer.
    Unknown,
    /// It runs.
    Running,
    /// It ended as it should.
    Succeeded,
    /// It ended otherwise.
    Failed,
}

impl ObservedPhase {
    /// Whether the pod has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// The condition `Ready` of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Readiness {
    /// `true` if the pod is ready.
    pub is_ready: bool,
    /// Instant at which that last changed; `None` is unknown.
    pub since: Option<Instant>,
}

/// A pod as its controller sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObservedPod {
    /// The pod's name.
    pub name: Text,
    /// The pod's unique identifier, compared as text.
    pub uid: Text,
    /// The node that it is assigned to.
    pub node: Option<Text>,
    /// The pod's phase.
    pub phase: ObservedPhase,
    /// The pod's condition `Ready`; `None` if nothing was reported.
    pub readiness: Option<Readiness>,
    /// Restarts of its containers.
    pub restarts: Restarts,
    /// The pod's annotation `controller.kubernetes.io/pod-deletion-cost`; an unreadable value
    /// counts as 0.
    pub deletion_cost: i32,
    /// Instant of the pod's creation; `None` is unknown.
    pub created: Option<Instant>,
    /// Marks a pod that was asked to end and has not gone yet.
    pub is_terminating: bool,
}

impl ObservedPod {
    /// Neither ended nor asked to terminate.
    pub const fn is_active(&self) -> bool {
        !self.phase.is_terminal() && !self.is_terminating
    }

    /// `true` if the pod's condition `Ready` is true.
    pub fn is_ready(&self) -> bool {
        self.readiness.is_some_and(|ready| ready.is_ready)
    }

    /// Instant from which the pod is ready, if it is and that is known.
    pub fn ready_since(&self) -> Option<Instant> {
        let ready = self.readiness.filter(|ready| ready.is_ready)?;
        ready.since
    }

    /// `true` if the pod has been ready for at least `least` (spec: kubernetes.md part 2).
    pub fn is_available(&self, least: Duration, now: Instant) -> bool {
        self.is_ready()
            && (least <= Duration::ZERO
                || self
                    .ready_since()
                    .is_some_and(|since| since.saturating_add(least) <= now))
    }
}

/// Reads the annotation of the deletion cost: a decimal `i32` without a plus, and without zeros before
/// it; behind a minus the original takes them (`GetDeletionCostFromPodAnnotations`). `None` is refused by
/// an API server, and counts 0 in pods that are there all the same.
///
/// ```
/// # use model::workload::observed::deletion_cost;
/// assert_eq!([deletion_cost("-10"), deletion_cost("-007")], [Some(-10), Some(-7)]);
/// assert_eq!([deletion_cost("+5"), deletion_cost("007"), deletion_cost("x")], [None; 3]);
/// ```
pub fn deletion_cost(annotation: &str) -> Option<i32> {
    let is_plain = annotation == "0" || !annotation.starts_with(['0', '+']);
    annotation.parse().ok().filter(|_| is_plain)
}

//! State of pods that are on a node before the run begins, as a dump of a cluster reports it: what their
//! containers do, how often they were started again, and whether they are ready.

use crate::{ContainerKind, EndReason, PodSpec, Restarts, Text};
use serde::{Deserialize, Serialize};
use units::{Duration, Instant, NodeId};

/// A pod's state before the run began: it has its node, whatever assigned it, and whether or not the
/// node has room for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialState {
    /// The node that it is on.
    pub node: NodeId,
    /// Instant of the pod's creation, at or before the run's zero, if that is known.
    #[serde(default)]
    pub created: Option<Instant>,
    /// Instant at which the pod began to run, at or before the run's zero, if that is known.
    pub started: Option<Instant>,
    /// Marks a pod that was asked to end and has not ended yet.
    pub is_terminating: bool,
    /// When the pod was asked to end, if that is known.
    #[serde(default)]
    pub told_to_end: Option<InitialStopOrder>,
    /// Time that a pod which was asked to end may still take; `None` of one that something unknown holds.
    #[serde(default)]
    pub stop_within: Option<Duration>,
    /// Marks a pod whose containers were up.
    #[serde(default)]
    pub is_running: bool,
    /// Marks a pod of which its node could not tell the state.
    #[serde(default)]
    pub is_unknown: bool,
    /// The pod's unique identifier, if that is known.
    #[serde(default)]
    pub uid: Option<Text>,
    /// The pod's condition `Ready`, if the dump says more than its phase.
    #[serde(default)]
    pub readiness: Option<InitialReadiness>,
    /// State of each container, init containers first; empty where a pod that runs has nothing but
    /// containers that run, and one that does not has yet to start them.
    #[serde(default)]
    pub containers: Vec<InitialContainer>,
    /// End of a pod that had ended and whose object was there still.
    #[serde(default)]
    pub end: Option<InitialEnd>,
}

/// End of a pod that was found ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InitialEnd {
    /// Instant of the end, at or before the run's zero, if that is known.
    pub at: Option<Instant>,
    /// Reason for the end.
    pub reason: EndReason,
    /// The codes that its containers ended with, by their number (init containers first), as far as they
    /// are known.
    pub codes: Vec<(u16, i32)>,
}

/// The order to end of a pod that was found ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InitialStopOrder {
    /// Instant of the order, at or before the run's zero.
    pub since: Instant,
    /// Time that the pod may take from then.
    pub grace: Duration,
}

/// Readiness in which a pod was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InitialReadiness {
    /// Whether the pod was ready.
    pub is_ready: bool,
    /// Instant from which it was so, at or before the run's zero, if that is known.
    pub since: Option<Instant>,
}

/// A container of a pod as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InitialContainer {
    /// Activity of the container.
    pub state: InitialContainerState,
    /// Whether the container counted as ready.
    pub is_ready: bool,
    /// Number of restarts.
    pub restarts: u32,
}

/// Activity of a container that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InitialContainerState {
    /// It has yet to start, once it is its turn.
    Waiting,
    /// It can't be started: its image or its settings are missing, and nothing says that they will come.
    Stuck,
    /// It runs, from an instant on.
    Running(Instant),
    /// It failed and will be started again.
    BackOff(InitialCrash),
    /// It ended and stays so.
    Ended {
        /// The code that it ended with.
        code: i32,
    },
}

/// Last run of a container that fails again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InitialCrash {
    /// Instant of its end, at or before the run's zero.
    pub ended: Instant,
    /// Time for which it ran.
    pub run_time: Duration,
    /// The code that it ended with.
    pub code: i32,
    /// Whether the container was ready before it ended.
    pub was_ready: bool,
}

impl InitialState {
    /// A pod on a node of which nothing else is known.
    pub const fn on(node: NodeId) -> Self {
        Self {
            node,
            created: None,
            started: None,
            is_terminating: false,
            told_to_end: None,
            stop_within: None,
            is_running: false,
            is_unknown: false,
            uid: None,
            readiness: None,
            containers: Vec::new(),
            end: None,
        }
    }

    /// Whether more is known of the pod than its phase.
    pub const fn says_more(&self) -> bool {
        self.readiness.is_some() || !self.containers.is_empty()
    }

    /// Restarts of the containers of the pod, which has this specification.
    pub fn restarts(&self, spec: &PodSpec) -> Restarts {
        let counts = self.containers.iter().map(|container| container.restarts);
        Restarts::of(ContainerKind::all(spec).zip(counts))
    }

    /// Instant from which a pod that is found ready, or not ready, was so.
    pub fn ready_since(&self, is_ready: bool) -> Option<Instant> {
        match self.readiness {
            Some(known) if known.is_ready != is_ready => None,
            Some(InitialReadiness {
                since: Some(since), ..
            }) => Some(since),
            _ if is_ready && self.is_running => self.started,
            _ => None,
        }
    }
}

impl InitialContainerState {
    /// Whether the container has a process.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Running(_))
    }
}

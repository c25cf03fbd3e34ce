//! Strikes: single things that fail or are whole again, on time lines.

use std::iter::Peekable;
use std::sync::Arc;

use crate::control_faults::{ApiLimit, BindFault, Part, ViewFault};
use crate::hosts::Trouble;
use cluster::Incident;
use model::{MachineFailure, Node, ResourceList, Text};
use units::{Instant, NodeId};

/// A change that a failure makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Trouble of a node begins.
    Begin(NodeId, Trouble),
    /// It is over.
    End(NodeId, Trouble),
    /// A node is not there yet, and is not counted as one: its machine comes later, which ends a crash.
    Absent(NodeId),
    /// A node is cordoned, and its pods are asked to terminate.
    Drain(NodeId),
    /// A node is cordoned, and its pods are evicted as budgets allow.
    Vacate(NodeId),
    /// A node takes no new pods.
    Cordon(NodeId),
    /// A node takes pods again.
    Uncordon(NodeId),
    /// A node has other resources to offer.
    Resize(NodeId, ResourceList),
    /// The machine of a node is destroyed, and the node leaves.
    Remove(NodeId),
    /// A machine is made anew for a node whose machine was destroyed, and joins as it was declared.
    Create(NodeId, Arc<Node>),
    /// A machine that was to be made does not come.
    NotCreated(Arc<MachineFailure>),
    /// Every component of the control plane stops acting, or acts again.
    ControlPlane {
        /// `true` if the control plane acts.
        is_up: bool,
    },
    /// The registry of images stops answering, or answers again.
    Registry {
        /// `true` if the registry answers.
        is_up: bool,
    },
    /// An image comes corrupted, or whole again.
    Image {
        /// The image.
        image: Text,
        /// `true` if the image comes corrupted.
        is_corrupted: bool,
    },
    /// The leader of a part of the control plane crashes, or another is elected.
    Leader {
        /// Part whose leader is lost.
        part: Part,
        /// Whether there is one.
        is_up: bool,
    },
    /// A part of the control plane sees changes late or not at all, or as usual again.
    Sight(Part, Option<ViewFault>),
    /// Bindings fail, or don't any more.
    Binds(Option<BindFault>),
    /// Requests of a part of the control plane take time, or don't any more.
    Api(Part, Option<ApiLimit>),
    /// The number of managers of the control plane that are away from now on, the leader first.
    Managers {
        /// Number of absent managers; none is that all are there.
        away: u32,
    },
    /// The list of nodes stops answering, or answers again.
    Discovery {
        /// `true` if the discovery answers.
        is_up: bool,
    },
    /// A framework that shares the cluster is away, or back.
    Framework {
        /// The number of the framework.
        framework: u32,
        /// `true` if the framework is back.
        is_up: bool,
    },
}

impl Change {
    /// Whether something is whole again by it.
    const fn is_relief(&self) -> bool {
        matches!(
            self,
            Self::End(..)
                | Self::Uncordon(_)
                | Self::Resize(..)
                | Self::Create(..)
                | Self::ControlPlane { is_up: true }
                | Self::Registry { is_up: true }
                | Self::Image {
                    is_corrupted: false,
                    ..
                }
                | Self::Leader { is_up: true, .. }
                | Self::Managers { away: 0 }
                | Self::Discovery { is_up: true }
                | Self::Framework { is_up: true, .. }
                | Self::Sight(_, None)
                | Self::Binds(None)
                | Self::Api(_, None)
        )
    }

    /// The node that the change is about; `None` where it is about none, or makes one.
    pub(crate) const fn node_mut(&mut self) -> Option<&mut NodeId> {
        match self {
            Self::Begin(node, _)
            | Self::End(node, _)
            | Self::Absent(node)
            | Self::Drain(node)
            | Self::Vacate(node)
            | Self::Cordon(node)
            | Self::Uncordon(node)
            | Self::Resize(node, _)
            | Self::Remove(node) => Some(node),
            _ => None,
        }
    }

    /// The incident as observers see it.
    /// `None` if it is none.
    pub(crate) fn incident(&self) -> Option<Incident> {
        let (what, node) = match self {
            Self::Resize(..) | Self::Remove(_) | Self::Create(..) | Self::NotCreated(_) => {
                return None;
            }
            Self::Begin(node, trouble) | Self::End(node, trouble) => (trouble.name(), Some(*node)),
            Self::Absent(node) => (Trouble::Crash.name(), Some(*node)),
            Self::Drain(node) => ("taken back", Some(*node)),
            Self::Vacate(node) => ("drained", Some(*node)),
            Self::Cordon(node) | Self::Uncordon(node) => ("cordoned", Some(*node)),
            Self::ControlPlane { .. } => ("control plane down", None),
            Self::Leader { part, .. } => (part.without_leader(), None),
            Self::Registry { .. } => ("registry down", None),
            Self::Image { .. } => ("corrupted image", None),
            Self::Sight(..) => ("stale caches", None),
            Self::Binds(_) => ("failing binds", None),
            Self::Api(..) => ("slow API", None),
            Self::Managers { .. } => ("managers away", None),
            Self::Discovery { .. } => ("discovery down", None),
            Self::Framework { .. } => ("framework away", None),
        };
        Some(Incident {
            what,
            node,
            begins: !self.is_relief(),
        })
    }
}

/// A change at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Instant of the strike.
    pub at: Instant,
    /// The change.
    pub change: Change,
}

/// Strikes in order of time.
pub struct Timeline {
    pub(super) strikes: Box<dyn Iterator<Item = Strike> + Send>,
    /// Marks a time line without end, so that a run that ends by itself does not go on for it.
    pub(super) is_endless: bool,
}

impl Timeline {
    /// Strikes that were written down.
    pub fn scripted(mut strikes: Vec<Strike>) -> Self {
        strikes.sort_by_key(|strike| strike.at);
        Self {
            strikes: Box::new(strikes.into_iter()),
            is_endless: false,
        }
    }

    /// Strikes that are drawn one after the other, in order of time.
    pub fn drawn(strikes: impl Iterator<Item = Strike> + Send + 'static) -> Self {
        Self {
            strikes: Box::new(strikes),
            is_endless: true,
        }
    }

    /// The strikes.
    pub fn into_strikes(self) -> impl Iterator<Item = Strike> {
        self.strikes
    }
}

/// A time line in a run.
pub(crate) struct TimelineState {
    strikes: Peekable<Box<dyn Iterator<Item = Strike> + Send>>,
    is_endless: bool,
}

/// The next strike of a time line, as far as it is known ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextStrike {
    pub(crate) at: Instant,
    /// Whether something is whole again by it.
    pub(crate) is_relief: bool,
    /// Whether the time line goes on without end.
    pub(crate) is_endless: bool,
}

impl From<Timeline> for TimelineState {
    fn from(timeline: Timeline) -> Self {
        Self {
            strikes: timeline.strikes.peekable(),
            is_endless: timeline.is_endless,
        }
    }
}

impl TimelineState {
    /// The next strike.
    pub(crate) fn ahead(&mut self) -> Option<NextStrike> {
        let next = self.strikes.peek()?;
        Some(NextStrike {
            at: next.at,
            is_relief: next.change.is_relief(),
            is_endless: self.is_endless,
        })
    }

    /// Takes the next strike.
    pub(crate) fn take(&mut self) -> Option<Strike> {
        self.strikes.next()
    }
}

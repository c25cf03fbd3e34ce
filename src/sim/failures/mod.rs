//! Failures: each kind of failure makes time lines of strikes, drawn ahead of and apart from
//! everything else that happens (spec: orchestrators-b.md section 10).

use crate::hosts::Trouble;

mod control_plane;
mod domain_outage;
mod domains;
mod exposure;
mod failure_log;
mod flapping;
mod layout;
mod leader_failover;
mod maintenance;
mod merge;
mod node_crash;
mod outage;
mod registry;
mod spot;
mod strike;
#[cfg(test)]
mod tests;

pub use control_plane::{ControlPlaneFault, Fault};
pub use domain_outage::DomainOutage;
pub use domains::{Domain, Domains, unavailability};
pub use exposure::Exposure;
pub use failure_log::LoggedOutages;
pub use flapping::Flapping;
pub use layout::{FailureError, Layout, Target};
pub use leader_failover::{Crashes, LeaderFailover};
pub use maintenance::Maintenance;
pub use node_crash::{Burst, NodeCrash};
pub use outage::Outage;
pub use registry::{CorruptedImage, RegistryOutage};
pub use spot::{Spot, interrupted_within, interruptions_per_month, kept_by_month};
pub(super) use strike::TimelineState;
pub use strike::{Change, Strike, Timeline};

/// Every kind of failure.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// Nodes, zones or domains are down, cut off, slow or full for a while.
    Outage(Outage),
    /// Domains fail by a distribution.
    DomainOutage(DomainOutage),
    /// Nodes crash by a distribution.
    NodeCrash(NodeCrash),
    /// Nodes are down as a log says.
    Logged(LoggedOutages),
    /// Nodes come and go.
    Flapping(Flapping),
    /// Nodes are serviced.
    Maintenance(Maintenance),
    /// Nodes are taken back with notice.
    Spot(Spot),
    /// The registry of images is away.
    Registry(RegistryOutage),
    /// An image comes corrupted.
    Image(CorruptedImage),
    /// Something is wrong with the control plane.
    ControlPlane(ControlPlaneFault),
    /// A part of the control plane loses its memory.
    LeaderFailover(LeaderFailover),
}

impl Failure {
    /// The failure's strikes.
    ///
    /// # Errors
    /// It names what the cluster does not have.
    pub fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        match self {
            Self::Outage(kind) => kind.timelines(layout),
            Self::DomainOutage(kind) => kind.timelines(layout),
            Self::NodeCrash(kind) => kind.timelines(layout),
            Self::Logged(kind) => Ok(kind.timelines()),
            Self::Flapping(kind) => kind.timelines(layout),
            Self::Maintenance(kind) => kind.timelines(layout),
            Self::Spot(kind) => kind.timelines(layout),
            Self::ControlPlane(kind) => Ok(kind.timelines()),
            Self::Registry(kind) => Ok(kind.timelines()),
            Self::Image(kind) => Ok(kind.timelines()),
            Self::LeaderFailover(kind) => Ok(kind.timelines(layout)),
        }
    }

    /// The nodes that it is about; `None` where nodes are not all that it is about, or by their names in a log.
    const fn target(&self) -> Option<&Target> {
        match self {
            Self::Outage(Outage { target, .. })
            | Self::DomainOutage(DomainOutage { target, .. })
            | Self::NodeCrash(NodeCrash { target, .. })
            | Self::Flapping(Flapping { target, .. })
            | Self::Maintenance(Maintenance { target, .. })
            | Self::Spot(Spot { target, .. }) => Some(target),
            _ => None,
        }
    }

    /// Whether parts of the control plane lose their memory by it.
    pub const fn loses_memory(&self) -> bool {
        matches!(self, Self::LeaderFailover(_))
    }

    /// Whether work comes to take longer by it.
    pub const fn slows_work(&self) -> bool {
        matches!(
            self,
            Self::Outage(Outage {
                trouble: Trouble::Slow(_),
                ..
            }) | Self::NodeCrash(NodeCrash {
                trouble: Trouble::Slow(_),
                ..
            })
        )
    }
}

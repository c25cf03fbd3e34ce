//! What fails, when and for how long: each kind of failure makes time lines of strikes, drawn ahead
//! of and apart from everything else that happens (spec: orchestrators-b.md section 10).

mod control_plane;
mod flapping;
mod layout;
mod node_crash;
mod outage;
mod registry;
mod spot;
mod strike;
#[cfg(test)]
mod tests;

pub use control_plane::ControlPlaneOutage;
pub use flapping::Flapping;
pub use layout::{FailureError, Layout, Target};
pub use node_crash::NodeCrash;
pub use outage::Outage;
pub use registry::{CorruptedImage, RegistryOutage};
pub use spot::Spot;
pub(super) use strike::Standing;
pub use strike::{Change, Strike, Timeline};

/// Every kind of failure.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// Nodes, zones or domains are down or cut off for a while.
    Outage(Outage),
    /// Nodes crash by a distribution.
    NodeCrash(NodeCrash),
    /// Nodes come and go.
    Flapping(Flapping),
    /// Nodes are taken back with notice.
    Spot(Spot),
    /// The control plane is away.
    ControlPlane(ControlPlaneOutage),
    /// The registry of images is away.
    Registry(RegistryOutage),
    /// An image comes corrupted.
    Image(CorruptedImage),
}

impl Failure {
    /// Its strikes.
    ///
    /// # Errors
    /// It names what the cluster does not have.
    pub fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        match self {
            Self::Outage(kind) => kind.timelines(layout),
            Self::NodeCrash(kind) => kind.timelines(layout),
            Self::Flapping(kind) => kind.timelines(layout),
            Self::Spot(kind) => kind.timelines(layout),
            Self::ControlPlane(kind) => Ok(kind.timelines()),
            Self::Registry(kind) => Ok(kind.timelines()),
            Self::Image(kind) => Ok(kind.timelines()),
        }
    }
}

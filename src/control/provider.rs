//! Requests of the control plane to the provider of machines, and its answers. That a machine
//! joined or left is seen in the log, like everything else of nodes.

use std::sync::Arc;

use model::{Node, Text};
use units::NodeId;

pub use model::node::{
    CAPACITY_LABEL, GROUP_LABEL, INSTANCE_TYPE_LABEL, ON_DEMAND, ORDERED_LABEL, SPOT,
};

/// A request for a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineOrder {
    /// The node that it is to become; its name is the order's, too.
    pub node: Arc<Node>,
    /// The group or pool that it is for.
    pub group: Text,
    /// The machine's instance type.
    pub instance_type: Text,
    /// Marks a machine that the provider may take back.
    pub is_spot: bool,
}

/// A request to a provider of machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderRequest {
    /// A machine.
    Launch(MachineOrder),
    /// That an order that has not joined be given up, by its node's name.
    Cancel(Text),
    /// That a machine be taken away, with what runs on it.
    Terminate(NodeId),
}

/// A provider's report of a failed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFailed {
    /// The name of the node that was ordered.
    pub node: Text,
    /// Reason the machine will not come.
    pub why: Text,
}

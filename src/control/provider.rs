//! Requests of the control plane to the provider of machines, and its answers. That a machine
//! joined or left is seen in the log, like everything else of nodes.

use std::fmt;
use std::sync::Arc;

use model::{Node, Text};
use units::{Duration, Instant, NodeId};

pub use model::node::{
    CAPACITY_LABEL, GROUP_LABEL, HYPERVISOR_LABEL, INSTANCE_TYPE_LABEL, ON_DEMAND, ORDERED_LABEL,
    SPOT,
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
pub struct OrderFailure {
    /// The name of the node that was ordered.
    pub node: Text,
    /// Reason the machine will not come.
    pub why: Text,
}

/// A machine that has been given a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedMachine {
    /// Time until it has booted.
    pub takes: Duration,
    /// Label that its node gets, key and value.
    pub label: (Text, Text),
}

/// Hosts on which a provider's machines are made: the lower level of placement.
pub trait MachineHosts: fmt::Debug + Send + Sync {
    /// Gives the machine that is to become a node a host.
    ///
    /// # Errors
    /// No host can take it; the reason.
    fn place(&mut self, now: Instant, node: &Node) -> Result<PlacedMachine, Text>;

    /// Takes the machine of a node off its host, if it is on one.
    fn remove(&mut self, now: Instant, node: &str);

    /// Returns equal hosts that evolve on their own from here.
    fn clone_hosts(&self) -> Box<dyn MachineHosts>;
}

impl Clone for Box<dyn MachineHosts> {
    fn clone(&self) -> Self {
        self.clone_hosts()
    }
}

//! Questions to the allocator and its answers.

use model::{Labels, NodeSelector, Text};

/// A release of kube-scheduler, as far as its allocators differ (spec: batch-on-kubernetes.md 2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// 1.34: the order of pools is random there, and two quirks concern `All` among alternatives.
    V1_34,
    /// 1.36: pools go by driver and name, and those that are not whole show no devices.
    #[default]
    V1_36,
}

/// A node on which claims are allocated.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The node's name.
    pub name: &'a str,
    /// The node's labels.
    pub labels: &'a Labels,
}

/// A device in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceId {
    /// Name of the driver.
    pub driver: Text,
    /// Name of the pool.
    pub pool: Text,
    /// Name of the device.
    pub device: Text,
}

/// A device that a claim gets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllocatedDevice {
    /// The request that it is for; with the name of the alternative, `request/alternative`.
    pub request: Text,
    /// The device.
    pub id: DeviceId,
    /// Whether others may have the device, too.
    pub admin_access: bool,
}

/// Devices that a claim gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocated {
    /// The devices, in the order in which they were chosen.
    pub devices: Vec<AllocatedDevice>,
    /// Nodes that can use all of them; `None` is every node.
    pub nodes: Option<NodeSelector>,
}

//! The objects of dynamic resource allocation, `resource.k8s.io/v1`: devices that drivers offer, classes of
//! them, and claims on them (spec: batch-on-kubernetes.md 2.1).

use serde::{Deserialize, Serialize};

use super::{NodeSelector, Text};
use units::{Quantity, SortedMap};

/// Devices of one pool that a driver offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceSlice {
    /// The slice's name.
    pub name: Text,
    /// Name of the driver.
    pub driver: Text,
    /// Name of the pool, unique for the driver.
    pub pool: Text,
    /// Generation of the pool; older slices of a pool do not count.
    pub generation: i64,
    /// Number of slices that the pool has in this generation.
    pub slice_count: i64,
    /// Nodes that can use the devices.
    pub nodes: SliceNodes,
    /// The devices, in order.
    pub devices: Vec<Device>,
}

/// Nodes that can use the devices of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SliceNodes {
    /// The node of a name.
    Named(Text),
    /// Nodes that match one term.
    Selected(NodeSelector),
    /// Every node.
    All,
    /// Each device has nodes of its own, which takes the feature of partitionable devices.
    ByDevice,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The device's name, unique in its pool.
    pub name: Text,
    /// Attributes by name; a name without a domain is of the driver's.
    pub attributes: SortedMap<Text, Attribute>,
    /// Capacities by name; a name without a domain is of the driver's.
    pub capacity: SortedMap<Text, Quantity>,
    /// Marks a device whose binding waits for conditions, which takes a feature that is off.
    pub has_binding_conditions: bool,
}

/// Value of an attribute of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attribute {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Text),
    /// A semantic version, as written.
    Version(Text),
}

/// A class of devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceClass {
    /// The class's name.
    pub name: Text,
    /// Expressions in CEL that each of its devices meets.
    pub selectors: Vec<Text>,
}

/// A claim on devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceClaim {
    /// Namespace of the claim.
    pub namespace: Text,
    /// The claim's name.
    pub name: Text,
    /// Requests, in order.
    pub requests: Vec<ClaimRequest>,
    /// Constraints on devices of several requests.
    pub constraints: Vec<MatchAttribute>,
}

/// A request of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// The request's name.
    pub name: Text,
    /// Devices that it asks for.
    pub devices: RequestedDevices,
}

/// Devices that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestedDevices {
    /// These.
    Exactly(DeviceRequest),
    /// The first of several alternatives, each with a name, that can be had.
    FirstAvailable(Vec<(Text, DeviceRequest)>),
}

/// Devices of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// Name of the class.
    pub class: Text,
    /// Expressions in CEL that each device meets besides those of the class.
    pub selectors: Vec<Text>,
    /// Number of the devices.
    pub count: DeviceCount,
    /// Access to devices that others have, too, which administrators ask for.
    pub admin_access: bool,
}

/// Number of devices that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceCount {
    /// This number, at least 1.
    Exact(u64),
    /// All that match, at least one.
    All,
}

/// A constraint: the devices of some requests have the same value of an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchAttribute {
    /// Name of the attribute, with its domain.
    pub attribute: Text,
    /// Requests, or alternatives of requests as `request/alternative`; all requests if empty.
    pub requests: Vec<Text>,
}

//! The objects of dynamic resource allocation, `resource.k8s.io/v1`: devices that drivers offer, classes of
//! them, and claims on them (spec: batch-on-kubernetes.md 2.1).

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::{NodeSelector, Text};
use units::{PodId, Quantity, SortedMap};

mod objects;

pub use objects::{ClaimKey, DeviceObjects, InFlight, MissingClaim};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceClaim {
    /// Namespace of the claim.
    pub namespace: Text,
    /// The claim's name.
    pub name: Text,
    /// Requests, in order.
    pub requests: Vec<ClaimRequest>,
    /// Constraints on devices of several requests.
    pub constraints: Vec<MatchAttribute>,
    /// The pod that the claim was made for from a template, if any.
    pub made_for: Option<ClaimOwner>,
    /// Devices that the claim has, if any.
    pub allocation: Option<Allocation>,
    /// Pods that use the devices, or are about to.
    pub reserved_for: Vec<Consumer>,
}

impl ResourceClaim {
    /// Whether the devices are reserved for a pod.
    pub fn is_reserved_for(&self, name: &str, id: PodId) -> bool {
        self.reserved_for.iter().any(|own| own.is(name, id))
    }

    /// Whether one more pod may use the devices.
    pub const fn can_be_reserved(&self) -> bool {
        self.reserved_for.len() < MOST_CONSUMERS
    }

    /// The devices that the claim keeps from others: those with admin access are shared.
    pub fn held(&self) -> impl Iterator<Item = &DeviceId> {
        self.allocation.iter().flat_map(Allocation::held)
    }
}

/// Most pods that may share a claim.
pub const MOST_CONSUMERS: usize = 256;

/// The pod that a claim was made for from a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClaimOwner {
    /// The pod.
    pub pod: Consumer,
    /// Name of the claim among those of the pod.
    pub entry: Text,
}

/// A pod that uses a claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Consumer {
    /// Name of the pod.
    pub name: Text,
    /// The pod's identity; `None` in a dump, which names pods alone.
    pub id: Option<PodId>,
}

impl Consumer {
    /// Whether this is a pod.
    pub fn is(&self, name: &str, id: PodId) -> bool {
        *self.name == *name && self.id.is_none_or(|own| own == id)
    }
}

/// Devices that a claim has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Allocation {
    /// The devices, in the order in which they were chosen.
    pub devices: Vec<AllocatedDevice>,
    /// Nodes that can use all of them; `None` is every node.
    pub nodes: Option<NodeSelector>,
}

impl Allocation {
    /// The devices that are kept from others.
    pub fn held(&self) -> impl Iterator<Item = &DeviceId> {
        let held = self.devices.iter().filter(|device| !device.admin_access);
        held.map(|own| &own.id)
    }
}

/// A device that a claim has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AllocatedDevice {
    /// The request that it is for; with the name of the alternative, `request/alternative`.
    pub request: Text,
    /// The device.
    pub id: DeviceId,
    /// Whether others may have the device, too.
    pub admin_access: bool,
}

/// A device in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceId {
    /// Name of the driver.
    pub driver: Text,
    /// Name of the pool.
    pub pool: Text,
    /// Name of the device.
    pub device: Text,
}

impl std::fmt::Display for DeviceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.driver, self.pool, self.device)
    }
}

/// Claims of a pod on devices. In canonical bytes they are nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PodClaims(pub Vec<PodClaim>);

impl Hash for PodClaims {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.0.is_empty() {
            self.0.hash(state);
        }
    }
}

/// A claim of a pod on devices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodClaim {
    /// Name of the claim among those of the pod.
    pub name: Text,
    /// Origin of the claim.
    pub source: ClaimSource,
}

/// Origin of a pod's claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ClaimSource {
    /// The claim of a name, which pods may share.
    Named(Text),
    /// A claim of the pod's own, made from the template of a name.
    Template(Text),
}

/// A request of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// The request's name.
    pub name: Text,
    /// Devices that it asks for.
    pub devices: RequestedDevices,
}

/// Devices that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RequestedDevices {
    /// These.
    Exactly(DeviceRequest),
    /// The first of several alternatives, each with a name, that can be had.
    FirstAvailable(Vec<(Text, DeviceRequest)>),
}

/// Devices of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeviceCount {
    /// This number, at least 1.
    Exact(u64),
    /// All that match, at least one.
    All,
}

/// A constraint: the devices of some requests have the same value of an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MatchAttribute {
    /// Name of the attribute, with its domain.
    pub attribute: Text,
    /// Requests, or alternatives of requests as `request/alternative`; all requests if empty.
    pub requests: Vec<Text>,
}

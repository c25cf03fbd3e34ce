//! Nodes: the machines that pods are placed on.

use super::{GpuInventory, Labels, ResourceList, Taint, Text};

/// The label that names a node's zone.
pub const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// The label that names a node's region.
pub const REGION_LABEL: &str = "topology.kubernetes.io/region";
/// The label that names a node itself.
pub const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";
/// The taint that stands for a cordon: a pod that tolerates it may go to a cordoned node.
pub const CORDON_TAINT: &str = "node.kubernetes.io/unschedulable";

/// A machine that pods are placed on, as it is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Node {
    /// Its name, unique in its cell.
    pub name: Text,
    /// Its labels.
    pub labels: Labels,
    /// Its taints.
    pub taints: Vec<Taint>,
    /// Cordoned: nothing new is placed on it.
    pub unschedulable: bool,
    /// What pods may use.
    pub allocatable: ResourceList,
    /// What the machine has, reserved parts included; empty means equal to `allocatable`.
    pub capacity: ResourceList,
    /// Its GPU devices.
    pub gpu: Option<GpuInventory>,
    /// Container images present at start, with their sizes in bytes.
    pub images: Vec<(Text, i64)>,
}

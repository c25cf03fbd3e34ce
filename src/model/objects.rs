//! The objects beside nodes and pods that placements look at: namespaces, budgets of disruption,
//! services and owners, storage.

use std::collections::{BTreeMap, BTreeSet};

use super::volume::{
    CsiDriver, CsiNode, CsiStorageCapacity, PersistentVolume, PersistentVolumeClaim, StorageClass,
    VolumeAttachment,
};
use super::{LabelSelector, Labels, Text};
use units::Duration;

/// All such objects of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterObjects {
    /// Labels of namespaces by name.
    pub namespaces: BTreeMap<Text, Labels>,
    /// Budgets of disruption, in order of their file.
    pub budgets: Vec<DisruptionBudget>,
    /// Services.
    pub services: Vec<Service>,
    /// Owners of pods.
    pub workloads: Vec<Workload>,
    /// Volumes by name.
    pub volumes: BTreeMap<Text, PersistentVolume>,
    /// Claims by namespace and name.
    pub claims: BTreeMap<(Text, Text), PersistentVolumeClaim>,
    /// Storage classes by name.
    pub storage_classes: BTreeMap<Text, StorageClass>,
    /// Storage drivers of nodes, by node name.
    pub csi_nodes: BTreeMap<Text, CsiNode>,
    /// Storage drivers by name.
    pub csi_drivers: BTreeMap<Text, CsiDriver>,
    /// Storage left.
    pub capacities: Vec<CsiStorageCapacity>,
    /// Volumes that are attached to nodes.
    pub attachments: Vec<VolumeAttachment>,
    /// Groups of pods by namespace and name.
    pub groups: BTreeMap<(Text, Text), PodGroup>,
}

impl ClusterObjects {
    /// Takes in the objects of another file.
    pub fn merge(&mut self, other: Self) {
        self.namespaces.extend(other.namespaces);
        self.budgets.extend(other.budgets);
        self.services.extend(other.services);
        self.workloads.extend(other.workloads);
        self.volumes.extend(other.volumes);
        self.claims.extend(other.claims);
        self.storage_classes.extend(other.storage_classes);
        self.csi_nodes.extend(other.csi_nodes);
        self.csi_drivers.extend(other.csi_drivers);
        self.capacities.extend(other.capacities);
        self.attachments.extend(other.attachments);
        self.groups.extend(other.groups);
    }

    /// The group of a name in a namespace.
    pub fn group(&self, namespace: &Text, name: &Text) -> Option<&PodGroup> {
        self.groups.get(&(namespace.clone(), name.clone()))
    }

    /// The claim of a name in a namespace.
    pub fn claim(&self, namespace: &Text, name: &Text) -> Option<&PersistentVolumeClaim> {
        self.claims.get(&(namespace.clone(), name.clone()))
    }
}

/// Pods that start together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodGroup {
    /// Number of members that must have a place before one starts.
    pub least: usize,
    /// Time for which placed pods wait for the others; `None` is the scheduler's default.
    pub timeout: Option<Duration>,
}

/// Number of pods of a selection that may be disrupted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisruptionBudget {
    /// The budget's namespace.
    pub namespace: Text,
    /// The budget's name.
    pub name: Text,
    /// Selector of the pods; `None` and an empty selector match none.
    pub selector: Option<LabelSelector>,
    /// Number of further pods that may be disrupted now.
    pub allowed: i64,
    /// Names of pods whose disruption is counted already.
    pub disrupted: BTreeSet<Text>,
}

/// A service: pods behind one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The service's namespace.
    pub namespace: Text,
    /// Labels of its pods; empty is no pod.
    pub selector: Labels,
}

/// An object that owns pods: a `ReplicationController`, `ReplicaSet` or `StatefulSet`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The workload's kind.
    pub kind: Text,
    /// The workload's namespace.
    pub namespace: Text,
    /// The workload's name.
    pub name: Text,
    /// Selector of the workload's own pods.
    pub selector: Option<LabelSelector>,
}

/// The controller of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The owner's kind.
    pub kind: Text,
    /// The owner's name.
    pub name: Text,
}

//! The objects beside nodes and pods that placements look at: namespaces, budgets of disruption,
//! services and owners, storage.

use super::dra::DeviceObjects;
use super::node_pools::NodePoolObjects;
use super::queueing::QueueingObjects;
use super::volume::{
    CsiDriver, CsiNode, CsiStorageCapacity, PersistentVolume, PersistentVolumeClaim, StorageClass,
    VolumeAttachment,
};
use super::{LabelSelector, Labels, Text};
use serde::{Deserialize, Serialize};
use units::{Duration, SortedMap, SortedSet};

/// All such objects of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterObjects {
    /// Labels of namespaces by name.
    pub namespaces: SortedMap<Text, Labels>,
    /// Budgets of disruption, in order of their file.
    pub budgets: Vec<DisruptionBudget>,
    /// Services.
    pub services: Vec<Service>,
    /// Owners of pods.
    pub workloads: Vec<Workload>,
    /// Volumes by name.
    pub volumes: SortedMap<Text, PersistentVolume>,
    /// Claims by namespace and name.
    pub claims: SortedMap<(Text, Text), PersistentVolumeClaim>,
    /// Storage classes by name.
    pub storage_classes: SortedMap<Text, StorageClass>,
    /// Storage drivers of nodes, by node name.
    pub csi_nodes: SortedMap<Text, CsiNode>,
    /// Storage drivers by name.
    pub csi_drivers: SortedMap<Text, CsiDriver>,
    /// Storage left.
    pub capacities: Vec<CsiStorageCapacity>,
    /// Volumes that are attached to nodes.
    pub attachments: Vec<VolumeAttachment>,
    /// Groups of pods by namespace and name.
    pub groups: SortedMap<(Text, Text), PodGroup>,
    /// Queues of Kueue with their quotas.
    pub queueing: QueueingObjects,
    /// Devices that drivers offer, and claims on them.
    pub devices: DeviceObjects,
    /// Pools and claims of nodes.
    pub node_pools: NodePoolObjects,
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
        self.queueing.merge(other.queueing);
        self.devices.merge(other.devices);
        self.node_pools.merge(other.node_pools);
    }

    /// Takes in the objects of a file that is applied while the cluster runs and that no event of the
    /// log brings: they are there from the start, and those that are there already stay as they are.
    pub fn merge_applied(&mut self, other: &Self) -> Vec<AppliedObjects> {
        let (added, unchanged) = self.devices.merge_applied(&other.devices);
        let mut queueing = other.queueing.clone();
        // Those come at their time.
        let _ = queueing.take_changeable();
        let counts = vec![
            AppliedObjects {
                noun: "object of device allocation",
                added,
                unchanged,
            },
            merge_map("persistent volume", &mut self.volumes, &other.volumes),
            merge_map("volume claim", &mut self.claims, &other.claims),
            merge_map(
                "storage class",
                &mut self.storage_classes,
                &other.storage_classes,
            ),
            merge_map("CSINode", &mut self.csi_nodes, &other.csi_nodes),
            merge_map("CSIDriver", &mut self.csi_drivers, &other.csi_drivers),
            merge_list(
                "CSIStorageCapacity",
                &mut self.capacities,
                &other.capacities,
            ),
            merge_list(
                "VolumeAttachment",
                &mut self.attachments,
                &other.attachments,
            ),
            merge_map("PodGroup", &mut self.groups, &other.groups),
            merge_list(SERVICES, &mut self.services, &other.services),
            AppliedObjects {
                noun: "queueing object",
                added: 0,
                unchanged: queueing.len(),
            },
        ];
        let is_any = |count: &AppliedObjects| count.added + count.unchanged > 0;
        counts.into_iter().filter(is_any).collect()
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

/// Noun for a service as schedulers see it.
pub const SERVICES: &str = "service selector";

/// Numbers of the applied objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppliedObjects {
    /// Noun for one of them.
    pub noun: &'static str,
    /// Objects that are there from the start.
    pub added: usize,
    /// Objects that are there already with other content, and keep it.
    pub unchanged: usize,
}

fn merge_map<K: Ord + Clone, V: Clone + PartialEq>(
    noun: &'static str,
    known: &mut SortedMap<K, V>,
    applied: &SortedMap<K, V>,
) -> AppliedObjects {
    let mut counts = AppliedObjects {
        noun,
        added: 0,
        unchanged: 0,
    };
    for (key, value) in applied {
        match known.get(key) {
            Some(own) if own == value => {}
            Some(_) => counts.unchanged += 1,
            None => {
                counts.added += 1;
                known.insert(key.clone(), value.clone());
            }
        }
    }
    counts
}

fn merge_list<V: Clone + PartialEq>(
    noun: &'static str,
    known: &mut Vec<V>,
    applied: &[V],
) -> AppliedObjects {
    let before = known.len();
    for value in applied {
        if !known.contains(value) {
            known.push(value.clone());
        }
    }
    AppliedObjects {
        noun,
        added: known.len() - before,
        unchanged: 0,
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
    pub disrupted: SortedSet<Text>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The owner's kind.
    pub kind: Text,
    /// The owner's name.
    pub name: Text,
}

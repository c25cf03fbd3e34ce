//! Volumes of pods and the cluster's objects behind them (spec: kubernetes.md 1.12).

use super::{LabelSelector, Labels, NodeSelector, Text};
use serde::{Deserialize, Serialize};
use units::Quantity;

/// Provisioner of classes whose volumes are made by hand.
const BY_HAND: &str = "kubernetes.io/no-provisioner";

/// A volume of a pod, of the kinds that bear on the pod's place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PodVolume {
    /// A claim of the pod's namespace.
    Claim(Text),
    /// A claim made for the pod.
    Ephemeral(EphemeralVolume),
    /// A GCE disk.
    GceDisk {
        /// Name of the disk.
        disk: Text,
        /// Marks a disk that is only read.
        read_only: bool,
    },
    /// An EBS volume, by its id.
    EbsVolume(Text),
    /// An iSCSI target.
    Iscsi {
        /// Qualified name of the target.
        name: Text,
        /// Marks a disk that is only read.
        read_only: bool,
    },
    /// A Ceph block image.
    Rbd {
        /// Addresses of the monitors.
        monitors: Vec<Text>,
        /// The pool.
        pool: Text,
        /// The image.
        image: Text,
        /// Marks a disk that is only read.
        read_only: bool,
    },
    /// A network volume whose data is kept ([`storage`](super::storage)), by its name.
    Kept(Text),
}

/// A volume with a claim of its own that comes and goes with its pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EphemeralVolume {
    /// Name of the volume.
    pub name: Text,
    /// Storage class of the claim; empty for the default one.
    pub class: Text,
    /// Bytes.
    pub request: Quantity,
    /// Marks the volume of a replica that a question adds to a stateful set: its claim is called as the set's are.
    #[serde(default)]
    pub is_of_set: bool,
}

impl EphemeralVolume {
    /// Name of a pod's claim: `POD-VOLUME`, or that of a stateful set's template.
    pub fn claim_of(&self, pod: &str) -> Text {
        let (first, last) = if self.is_of_set {
            (&*self.name, pod)
        } else {
            (pod, &*self.name)
        };
        format!("{first}-{last}").into()
    }
}

/// Mode in which a volume is mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VolumeMode {
    /// A file system.
    #[default]
    Filesystem,
    /// A raw block device.
    Block,
}

/// A volume that is attached to a node, whether a pod there uses it or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeAttachment {
    /// The storage driver.
    pub driver: Text,
    /// The node's name.
    pub node: Text,
    /// The name of the `PersistentVolume`.
    pub volume: Text,
}

/// A piece of storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistentVolume {
    /// The persistent volume's name.
    pub name: Text,
    /// The persistent volume's labels.
    pub labels: Labels,
    /// Bytes.
    pub capacity: Quantity,
    /// Access modes, such as `ReadWriteOnce`.
    pub access_modes: Vec<Text>,
    /// The persistent volume's storage class; empty is none.
    pub class: Text,
    /// Volume mode.
    pub mode: VolumeMode,
    /// The persistent volume's class of attributes; empty is none.
    pub attributes_class: Text,
    /// The claim it belongs to or is kept for.
    pub claim: Option<ClaimReference>,
    /// Whether the volume is free (phase `Available`).
    pub is_available: bool,
    /// Marks a volume that is being deleted.
    pub is_deleting: bool,
    /// The nodes that reach it; `None` is every node.
    pub node_affinity: Option<NodeSelector>,
    /// The driver that attaches it and the volume's handle there.
    pub csi: Option<(Text, Text)>,
}

/// A volume's pointer to a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimReference {
    /// The claim's namespace.
    pub namespace: Text,
    /// The claim's name.
    pub name: Text,
    /// The claim's identity; empty fits every claim of the name.
    pub uid: Text,
}

impl PersistentVolume {
    /// A volume that the provisioner of a class makes for a claim, reached by these nodes.
    pub fn made_for(
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
        node_affinity: Option<NodeSelector>,
    ) -> Self {
        let name: Text = match &*claim.uid {
            "" => format!("pvc-{}-{}", claim.namespace, claim.name).into(),
            uid => format!("pvc-{uid}").into(),
        };
        Self {
            capacity: claim.request,
            access_modes: claim.access_modes.clone(),
            class: claim.class.clone(),
            mode: claim.mode,
            attributes_class: claim.attributes_class.clone(),
            claim: Some(claim.reference()),
            node_affinity,
            csi: Some((class.provisioner.clone(), name.clone())),
            name,
            ..Self::default()
        }
    }

    /// Whether the volume is kept for a claim.
    pub fn is_kept_for(&self, claim: &PersistentVolumeClaim) -> bool {
        self.claim.as_ref().is_some_and(|own| {
            own.namespace == claim.namespace
                && own.name == claim.name
                && (own.uid.is_empty() || own.uid == claim.uid)
        })
    }

    /// Whether no other claim has the volume.
    pub fn is_free_for(&self, claim: &PersistentVolumeClaim) -> bool {
        self.claim.is_none() || self.is_kept_for(claim)
    }

    /// Whether the volume is large enough for a claim, of its kind, and not reserved for another claim,
    /// whatever its class and its access modes.
    pub fn suits(&self, claim: &PersistentVolumeClaim) -> bool {
        self.is_free_for(claim)
            && self.capacity >= claim.request
            && self.mode == claim.mode
            && self.attributes_class == claim.attributes_class
            && !self.is_deleting
    }

    /// Whether the volume can be used in each way that a claim wants.
    pub fn allows_modes_of(&self, claim: &PersistentVolumeClaim) -> bool {
        let mut modes = claim.access_modes.iter();
        modes.all(|mode| self.access_modes.contains(mode))
    }
}

impl PersistentVolumeClaim {
    /// The pointer of a volume to the claim.
    pub fn reference(&self) -> ClaimReference {
        ClaimReference {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
        }
    }
}

impl StorageClass {
    /// Whether volumes of the class are made by hand.
    pub fn is_by_hand(&self) -> bool {
        self.provisioner.is_empty() || *self.provisioner == *BY_HAND
    }
}

/// A wish for storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistentVolumeClaim {
    /// The persistent volume claim's namespace.
    pub namespace: Text,
    /// The persistent volume claim's name.
    pub name: Text,
    /// The persistent volume claim's identity.
    pub uid: Text,
    /// Bytes.
    pub request: Quantity,
    /// Requested access modes.
    pub access_modes: Vec<Text>,
    /// The storage class; empty is none.
    pub class: Text,
    /// Requested volume mode.
    pub mode: VolumeMode,
    /// The class of attributes; empty is none.
    pub attributes_class: Text,
    /// Selector of volumes by label; `None` matches any.
    pub selector: Option<LabelSelector>,
    /// The volume it is bound to; empty is none yet.
    pub volume: Text,
    /// Whether the binding to the volume is complete.
    pub is_bound: bool,
    /// The node that a volume is being made for.
    pub selected_node: Option<Text>,
    /// Marks a claim whose volume is gone (phase `Lost`).
    pub is_lost: bool,
    /// Marks a claim that is being deleted.
    pub is_deleting: bool,
}

/// Rule by which volumes of a class come to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageClass {
    /// The storage class's name.
    pub name: Text,
    /// Provisioner of volumes; empty or `kubernetes.io/no-provisioner` means none.
    pub provisioner: Text,
    /// Whether volumes are bound when a pod needs them (`WaitForFirstConsumer`).
    pub waits_for_consumer: bool,
    /// Whether claims that name no class are of this one.
    pub is_default: bool,
    /// Places in which volumes can be made: alternatives of conditions (label, values) that must
    /// all hold; none is everywhere.
    pub allowed_topologies: Vec<Vec<(Text, Vec<Text>)>>,
}

/// The storage drivers of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsiNode {
    /// The node's name.
    pub name: Text,
    /// Drivers with the most volumes each can attach there; `None` is no limit.
    pub drivers: Vec<(Text, Option<i64>)>,
}

/// A storage driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsiDriver {
    /// The csi driver's name.
    pub name: Text,
    /// `true` if the driver publishes the storage left by segment.
    pub publishes_capacity: bool,
}

/// Storage of a class that is left for some nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsiStorageCapacity {
    /// The storage class.
    pub class: Text,
    /// The nodes, by label; `None` is none.
    pub node_topology: Option<LabelSelector>,
    /// Bytes left.
    pub capacity: Option<Quantity>,
    /// The largest volume that can be made, in bytes.
    pub maximum_volume: Option<Quantity>,
}

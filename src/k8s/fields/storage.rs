//! Fields of storage objects and of groups of pods.

use super::cluster::PHASE;
use super::pods::{NODE_SELECTOR, RESOURCES, SELECTOR};
use super::{KEPT, List, SILENT, fields, left_out, part, whole};

/// Kinds of storage, and groups of pods.
pub(super) const KINDS: &[(&str, List)] = table! {
    PersistentVolume: VOLUME,
    PersistentVolumeClaim: CLAIM,
    StorageClass: CLASS,
    CSINode: CSI_NODE,
    CSIDriver: CSI_DRIVER,
    CSIStorageCapacity: CAPACITY,
    VolumeAttachment: ATTACHMENT,
    PodGroup: GROUP,
};

/// Effect of a disk inside a volume, which nodes count.
const LIMITS: &str = "volume limits of nodes ignore it";

const VOLUME: List = table! {
    spec: fields(table! {
        accessModes capacity storageClassName volumeAttributesClassName volumeMode: KEPT,
        claimRef: part(table! { name namespace uid: KEPT }),
        csi: part(table! { driver volumeHandle: KEPT }),
        nodeAffinity: whole(table! { required: fields(NODE_SELECTOR) }),
        awsElasticBlockStore azureDisk cinder gcePersistentDisk photonPersistentDisk
            portworxVolume scaleIO storageos vsphereVolume: left_out(LIMITS),
        azureFile cephfs fc flexVolume flocker glusterfs hostPath iscsi local mountOptions nfs
            persistentVolumeReclaimPolicy quobyte rbd: SILENT,
    }),
    status: part(PHASE),
};

const CLAIM: List = table! {
    spec: fields(table! {
        accessModes storageClassName volumeAttributesClassName volumeMode volumeName: KEPT,
        resources: part(RESOURCES),
        selector: whole(SELECTOR),
        dataSource dataSourceRef: SILENT,
    }),
    status: part(PHASE),
};

const CLASS: List = table! {
    allowedTopologies provisioner volumeBindingMode: KEPT,
    allowVolumeExpansion mountOptions parameters reclaimPolicy: SILENT,
};

const CSI_NODE: List = table! {
    spec: fields(table! {
        drivers: fields(table! {
            name: KEPT,
            allocatable: whole(table! { count: KEPT }),
            nodeID topologyKeys: SILENT,
        }),
    }),
};

const CSI_DRIVER: List = table! {
    spec: fields(table! {
        storageCapacity: KEPT,
        attachRequired fsGroupPolicy nodeAllocatableUpdatePeriodSeconds podInfoOnMount
            requiresRepublish seLinuxMount serviceAccountTokenInSecrets tokenRequests
            volumeLifecycleModes: SILENT,
    }),
};

const CAPACITY: List = table! {
    capacity maximumVolumeSize storageClassName: KEPT,
    nodeTopology: whole(SELECTOR),
};

const ATTACHMENT: List = table! {
    spec: fields(table! {
        attacher nodeName: KEPT,
        source: part(table! { persistentVolumeName: KEPT }),
    }),
    status: SILENT,
};

const COUNTED: &str = "a group is whole when `minMember` pods of it have a node, whatever they are";

const GROUP: List = table! {
    spec: fields(table! {
        minMember scheduleTimeoutSeconds: KEPT,
        minResources minTaskMember: left_out(COUNTED),
        priorityClassName: left_out("pods have the priority that they state"),
        queue: left_out("no queue holds the group back"),
    }),
    status: SILENT,
};

//! Fields of storage objects and of groups of pods.

use super::List;
use super::Use::{Fields, LeftOut, Read, Silent};
use super::pods::{NODE_SELECTOR, SELECTOR};

/// Kinds of storage, and groups of pods.
pub(super) const KINDS: &[(&str, List)] = &[
    ("PersistentVolume", VOLUME),
    ("PersistentVolumeClaim", CLAIM),
    ("StorageClass", CLASS),
    ("CSINode", CSI_NODE),
    ("CSIDriver", CSI_DRIVER),
    ("CSIStorageCapacity", CAPACITY),
    ("VolumeAttachment", ATTACHMENT),
    ("PodGroup", GROUP),
];

/// Effect of a disk inside a volume, which nodes count.
const LIMITS: &str = "volume limits of nodes ignore it";

const VOLUME: List = &[
    (
        "spec",
        Fields(&[
            ("accessModes", Read),
            ("awsElasticBlockStore", LeftOut(LIMITS)),
            ("azureDisk", LeftOut(LIMITS)),
            ("azureFile", Silent),
            ("capacity", Read),
            ("cephfs", Silent),
            ("cinder", LeftOut(LIMITS)),
            ("claimRef", Read),
            ("csi", Read),
            ("fc", Silent),
            ("flexVolume", Silent),
            ("flocker", Silent),
            ("gcePersistentDisk", LeftOut(LIMITS)),
            ("glusterfs", Silent),
            ("hostPath", Silent),
            ("iscsi", Silent),
            ("local", Silent),
            ("mountOptions", Silent),
            ("nfs", Silent),
            (
                "nodeAffinity",
                Fields(&[("required", Fields(NODE_SELECTOR))]),
            ),
            ("persistentVolumeReclaimPolicy", Silent),
            ("photonPersistentDisk", LeftOut(LIMITS)),
            ("portworxVolume", LeftOut(LIMITS)),
            ("quobyte", Silent),
            ("rbd", Silent),
            ("scaleIO", LeftOut(LIMITS)),
            ("storageClassName", Read),
            ("storageos", LeftOut(LIMITS)),
            ("volumeAttributesClassName", Read),
            ("volumeMode", Read),
            ("vsphereVolume", LeftOut(LIMITS)),
        ]),
    ),
    ("status", Read),
];

const CLAIM: List = &[
    (
        "spec",
        Fields(&[
            ("accessModes", Read),
            ("dataSource", Silent),
            ("dataSourceRef", Silent),
            ("resources", Read),
            ("selector", Fields(SELECTOR)),
            ("storageClassName", Read),
            ("volumeAttributesClassName", Read),
            ("volumeMode", Read),
            ("volumeName", Read),
        ]),
    ),
    ("status", Read),
];

const CLASS: List = &[
    ("allowVolumeExpansion", Silent),
    ("allowedTopologies", Read),
    ("mountOptions", Silent),
    ("parameters", Silent),
    ("provisioner", Read),
    ("reclaimPolicy", Silent),
    ("volumeBindingMode", Read),
];

const CSI_NODE: List = &[(
    "spec",
    Fields(&[(
        "drivers",
        Fields(&[
            ("allocatable", Fields(&[("count", Read)])),
            ("name", Read),
            ("nodeID", Silent),
            ("topologyKeys", Silent),
        ]),
    )]),
)];

const CSI_DRIVER: List = &[(
    "spec",
    Fields(&[
        ("attachRequired", Silent),
        ("fsGroupPolicy", Silent),
        ("nodeAllocatableUpdatePeriodSeconds", Silent),
        ("podInfoOnMount", Silent),
        ("requiresRepublish", Silent),
        ("seLinuxMount", Silent),
        ("serviceAccountTokenInSecrets", Silent),
        ("storageCapacity", Read),
        ("tokenRequests", Silent),
        ("volumeLifecycleModes", Silent),
    ]),
)];

const CAPACITY: List = &[
    ("capacity", Read),
    ("maximumVolumeSize", Read),
    ("nodeTopology", Fields(SELECTOR)),
    ("storageClassName", Read),
];

const ATTACHMENT: List = &[
    (
        "spec",
        Fields(&[("attacher", Read), ("nodeName", Read), ("source", Read)]),
    ),
    ("status", Silent),
];

const COUNTED: &str = "a group is whole when `minMember` pods of it have a node, whatever they are";

const GROUP: List = &[
    (
        "spec",
        Fields(&[
            ("minMember", Read),
            ("minResources", LeftOut(COUNTED)),
            ("minTaskMember", LeftOut(COUNTED)),
            (
                "priorityClassName",
                LeftOut("pods have the priority that they state"),
            ),
            ("queue", LeftOut("no queue holds the group back")),
            ("scheduleTimeoutSeconds", Read),
        ]),
    ),
    ("status", Silent),
];

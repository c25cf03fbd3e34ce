//! The fields that placements and controllers look at, by kind: what a snapshot keeps of a dump. It is what the
//! readers of this folder read; a test holds both to give the same objects.

mod devices;
mod jobs;
mod node_pools;
mod states;
mod volumes;

use devices::{DEVICE_CLAIM, POD_CLAIM};
use jobs::{CRON_JOB, JOB_SET, ROLES};
use node_pools::{NODE_CLAIM, NODE_POOL};
use states::{CONTAINER_STATUS, DATED_CONDITION, NODE_CONDITION};

use super::keep::Keep;
use super::keep::Keep::{All, Annotations, Each, Fields, Presence};

/// A list of fields.
type List = &'static [(&'static str, Keep)];

const OWNER: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("name", All),
    ("controller", All),
];

/// Metadata of an object, with further fields.
macro_rules! metadata {
    ($($further:expr),*) => {
        Fields(&[
            ("name", All),
            ("generateName", All),
            ("namespace", All),
            ("labels", All),
            ("annotations", Annotations),
            ("creationTimestamp", All),
            ("deletionTimestamp", All),
            ("deletionGracePeriodSeconds", All),
            ("ownerReferences", Each(OWNER)),
            $($further,)*
            ("uid", All),
        ])
    };
}

const METADATA: Keep = metadata!();

/// Metadata of pods, which jobs mark by a finalizer.
const POD_METADATA: Keep = metadata!(("finalizers", All));

const NAMES: List = &[("name", All)];

const RESOURCES: Keep = Fields(&[("requests", All), ("limits", All), ("claims", Each(NAMES))]);

const CONTAINER: List = &[
    ("name", All),
    ("image", All),
    ("resources", RESOURCES),
    (
        "ports",
        Each(&[
            ("containerPort", All),
            ("hostPort", All),
            ("hostIP", All),
            ("protocol", All),
        ]),
    ),
    ("restartPolicy", All),
    ("imagePullPolicy", All),
    ("startupProbe", PROBE),
    ("livenessProbe", PROBE),
    ("readinessProbe", PROBE),
    (
        "lifecycle",
        Fields(&[("preStop", Fields(&[("sleep", All)]))]),
    ),
];

/// Times of a probe; what it calls is nobody else's business.
const PROBE: Keep = Fields(&[
    ("initialDelaySeconds", All),
    ("periodSeconds", All),
    ("timeoutSeconds", All),
    ("successThreshold", All),
    ("failureThreshold", All),
]);

const POD_SPEC: Keep = Fields(&[
    ("nodeName", All),
    ("schedulerName", All),
    ("priority", All),
    ("priorityClassName", All),
    ("preemptionPolicy", All),
    ("activeDeadlineSeconds", All),
    ("restartPolicy", All),
    ("terminationGracePeriodSeconds", All),
    ("hostNetwork", All),
    ("containers", Each(CONTAINER)),
    ("initContainers", Each(CONTAINER)),
    ("overhead", All),
    ("resources", RESOURCES),
    ("nodeSelector", All),
    ("affinity", All),
    ("tolerations", All),
    ("topologySpreadConstraints", All),
    ("schedulingGates", Each(NAMES)),
    ("volumes", Each(volumes::VOLUME)),
    ("resourceClaims", Each(POD_CLAIM)),
    ("runtimeClassName", All),
    ("workloadRef", Presence),
    ("schedulingGroup", Presence),
]);

const POD: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", POD_METADATA),
    ("spec", POD_SPEC),
    (
        "status",
        Fields(&[
            ("phase", All),
            ("reason", All),
            ("nominatedNodeName", All),
            ("startTime", All),
            (super::pod_status::READY_SINCE, All),
            ("conditions", Each(DATED_CONDITION)),
            ("containerStatuses", Each(CONTAINER_STATUS)),
            ("initContainerStatuses", Each(CONTAINER_STATUS)),
        ]),
    ),
];

/// Fields of pod templates.
const TEMPLATE: Keep = Fields(&[("metadata", METADATA), ("spec", POD_SPEC)]);

const STRATEGY: Keep = Fields(&[("type", All), ("rollingUpdate", All)]);

const CLAIM_TEMPLATE: List = &[
    ("metadata", Fields(&[("name", All)])),
    (
        "spec",
        Fields(&[
            ("accessModes", All),
            ("storageClassName", All),
            ("resources", RESOURCES),
        ]),
    ),
];

/// Fields of sets of pods: deployments, replica sets, stateful sets and daemon sets.
const SET: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("replicas", All),
            ("selector", All),
            ("template", TEMPLATE),
            ("minReadySeconds", All),
            ("revisionHistoryLimit", All),
            ("progressDeadlineSeconds", All),
            ("paused", All),
            ("strategy", STRATEGY),
            ("updateStrategy", STRATEGY),
            ("podManagementPolicy", All),
            ("ordinals", All),
            ("volumeClaimTemplates", Each(CLAIM_TEMPLATE)),
        ]),
    ),
    (
        "status",
        Fields(&[
            ("currentRevision", All),
            ("updateRevision", All),
            ("replicas", All),
            ("updatedReplicas", All),
            ("readyReplicas", All),
            ("availableReplicas", All),
            ("unavailableReplicas", All),
            ("conditions", All),
        ]),
    ),
];

const JOB_SPEC: Keep = Fields(&[
    ("activeDeadlineSeconds", All),
    ("backoffLimit", All),
    ("backoffLimitPerIndex", All),
    ("completionMode", All),
    ("completions", All),
    ("managedBy", All),
    ("manualSelector", All),
    ("maxFailedIndexes", All),
    ("parallelism", All),
    ("podFailurePolicy", All),
    ("podReplacementPolicy", All),
    ("selector", All),
    ("successPolicy", All),
    ("suspend", All),
    ("template", TEMPLATE),
    ("ttlSecondsAfterFinished", All),
]);

const JOB: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("spec", JOB_SPEC),
    (
        "status",
        Fields(&[
            ("startTime", All),
            ("completionTime", All),
            ("active", All),
            ("ready", All),
            ("terminating", All),
            ("succeeded", All),
            ("failed", All),
            ("completedIndexes", All),
            ("failedIndexes", All),
            ("conditions", Each(DATED_CONDITION)),
        ]),
    ),
];

/// Objects of rules, whose spec is read as a whole.
const RULES: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("spec", All),
];

const NODE: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("spec", Fields(&[("taints", All), ("unschedulable", All)])),
    (
        "status",
        Fields(&[
            ("allocatable", All),
            ("capacity", All),
            ("images", Each(&[("names", All), ("sizeBytes", All)])),
            ("conditions", Each(NODE_CONDITION)),
            ("nodeInfo", Fields(&[("kubeletVersion", All)])),
        ]),
    ),
];

const PRIORITY_CLASS: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("value", All),
    ("globalDefault", All),
    ("preemptionPolicy", All),
];

/// Fields of disruption budgets: the pods they protect, and how many.
const BUDGET: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("selector", All),
            ("minAvailable", All),
            ("maxUnavailable", All),
            ("unhealthyPodEvictionPolicy", All),
        ]),
    ),
    (
        "status",
        Fields(&[
            ("disruptionsAllowed", All),
            ("currentHealthy", All),
            ("desiredHealthy", All),
            ("expectedPods", All),
            ("disruptedPods", All),
        ]),
    ),
];

const NAMESPACE: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("status", Fields(&[("phase", All)])),
];

const VOLUME_OBJECT: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("capacity", All),
            ("accessModes", All),
            ("storageClassName", All),
            ("volumeMode", All),
            ("volumeAttributesClassName", All),
            (
                "claimRef",
                Fields(&[("namespace", All), ("name", All), ("uid", All)]),
            ),
            ("nodeAffinity", All),
            ("csi", Fields(&[("driver", All), ("volumeHandle", All)])),
        ]),
    ),
    ("status", Fields(&[("phase", All)])),
];

const CLAIM: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("accessModes", All),
            ("resources", RESOURCES),
            ("storageClassName", All),
            ("volumeMode", All),
            ("volumeAttributesClassName", All),
            ("selector", All),
            ("volumeName", All),
        ]),
    ),
    ("status", Fields(&[("phase", All)])),
];

const STORAGE: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("provisioner", All),
    ("volumeBindingMode", All),
    ("allowedTopologies", All),
    ("storageClassName", All),
    ("capacity", All),
    ("maximumVolumeSize", All),
    ("nodeTopology", All),
    (
        "spec",
        Fields(&[
            ("storageCapacity", All),
            ("drivers", Each(&[("name", All), ("allocatable", All)])),
        ]),
    ),
];

const POD_GROUP: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[("minMember", All), ("scheduleTimeoutSeconds", All)]),
    ),
];

const ATTACHMENT: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("attacher", All),
            ("nodeName", All),
            ("source", Fields(&[("persistentVolumeName", All)])),
        ]),
    ),
];

/// Objects of quotas, whose spec is read as a whole; a class states its value beside it, and Kueue's
/// configuration its rules.
const QUOTAS: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("spec", All),
    ("value", All),
    ("fairSharing", All),
    ("waitForPodsReady", All),
];

const WORKLOAD: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("queueName", All),
            ("priority", All),
            ("active", All),
            ("maximumExecutionTimeSeconds", All),
            (
                "podSets",
                Each(&[
                    ("name", All),
                    ("count", All),
                    ("minCount", All),
                    ("template", TEMPLATE),
                    ("topologyRequest", All),
                ]),
            ),
        ]),
    ),
    (
        "status",
        Fields(&[
            ("admission", All),
            ("conditions", Each(DATED_CONDITION)),
            ("reclaimablePods", All),
        ]),
    ),
];

/// Kept part of an object; `None` if nothing of its kind is read.
pub(super) fn of_kind(kind: &str) -> Option<&'static Keep> {
    static KINDS: &[(&str, Keep)] = &[
        ("Pod", Fields(POD)),
        ("Node", Fields(NODE)),
        ("PriorityClass", Fields(PRIORITY_CLASS)),
        ("Namespace", Fields(NAMESPACE)),
        ("Service", Fields(RULES)),
        ("ReplicationController", Fields(SET)),
        ("ReplicaSet", Fields(SET)),
        ("StatefulSet", Fields(SET)),
        ("Deployment", Fields(SET)),
        ("DaemonSet", Fields(SET)),
        ("Job", Fields(JOB)),
        ("CronJob", Fields(CRON_JOB)),
        ("JobSet", Fields(JOB_SET)),
        ("LeaderWorkerSet", Fields(ROLES)),
        ("PyTorchJob", Fields(ROLES)),
        ("TFJob", Fields(ROLES)),
        ("XGBoostJob", Fields(ROLES)),
        ("PaddleJob", Fields(ROLES)),
        ("JAXJob", Fields(ROLES)),
        ("MPIJob", Fields(ROLES)),
        ("RayCluster", Fields(ROLES)),
        ("RayJob", Fields(ROLES)),
        ("HorizontalPodAutoscaler", Fields(RULES)),
        ("VerticalPodAutoscaler", Fields(RULES)),
        ("ResourceQuota", Fields(RULES)),
        ("LimitRange", Fields(RULES)),
        ("Ingress", Fields(RULES)),
        ("Route", Fields(RULES)),
        ("PodDisruptionBudget", Fields(BUDGET)),
        ("PersistentVolume", Fields(VOLUME_OBJECT)),
        ("PersistentVolumeClaim", Fields(CLAIM)),
        ("StorageClass", Fields(STORAGE)),
        ("CSINode", Fields(STORAGE)),
        ("CSIDriver", Fields(STORAGE)),
        ("CSIStorageCapacity", Fields(STORAGE)),
        ("VolumeAttachment", Fields(ATTACHMENT)),
        ("PodGroup", Fields(POD_GROUP)),
        ("NodePool", Fields(NODE_POOL)),
        ("NodeClaim", Fields(NODE_CLAIM)),
        ("ResourceFlavor", Fields(QUOTAS)),
        ("Topology", Fields(QUOTAS)),
        ("Cohort", Fields(QUOTAS)),
        ("ClusterQueue", Fields(QUOTAS)),
        ("LocalQueue", Fields(QUOTAS)),
        ("WorkloadPriorityClass", Fields(QUOTAS)),
        ("AdmissionCheck", Fields(QUOTAS)),
        ("Configuration", Fields(QUOTAS)),
        ("Workload", Fields(WORKLOAD)),
        ("ResourceSlice", Fields(RULES)),
        ("DeviceClass", Fields(RULES)),
        ("ResourceClaim", Fields(DEVICE_CLAIM)),
        ("ResourceClaimTemplate", Fields(RULES)),
    ];
    KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .map(|(_, keep)| keep)
}

//! Fields of workloads, of what scales and protects them, and of services.

use super::List;
use super::Use::{Fields, LeftOut, Read, Silent, Unless};
use super::cluster::{METADATA, ROUTE};
use super::pods::{SELECTOR, TEMPLATE};

/// Kinds of workloads.
pub(super) const KINDS: &[(&str, List)] = &[
    ("Deployment", DEPLOYMENT),
    ("ReplicaSet", REPLICA_SET),
    ("ReplicationController", CONTROLLER),
    ("StatefulSet", STATEFUL_SET),
    ("DaemonSet", DAEMON_SET),
    ("Job", JOB),
    ("CronJob", CRON_JOB),
    ("JobSet", JOB_SET),
    ("LeaderWorkerSet", LEADER_SET),
    ("PyTorchJob", TRAINING),
    ("TFJob", TRAINING),
    ("XGBoostJob", TRAINING),
    ("PaddleJob", TRAINING),
    ("JAXJob", TRAINING),
    ("MPIJob", TRAINING),
    ("RayCluster", RAY),
    ("RayJob", RAY_JOB),
    ("PodDisruptionBudget", BUDGET),
    ("Service", SERVICE),
    ("Ingress", INGRESS),
    ("Route", ROUTE),
    ("HorizontalPodAutoscaler", HORIZONTAL),
    ("VerticalPodAutoscaler", VERTICAL),
    ("VerticalPodAutoscalerCheckpoint", CHECKPOINT),
    ("ResourceQuota", QUOTA),
    ("LimitRange", LIMIT_RANGE),
];

/// An object with a `spec` of these fields.
macro_rules! object {
    ($spec:expr) => {
        &[("spec", Fields($spec)), ("status", Read)]
    };
}

const DEPLOYMENT: List = object!(&[
    ("minReadySeconds", Read),
    ("paused", Read),
    ("progressDeadlineSeconds", Read),
    ("replicas", Read),
    ("revisionHistoryLimit", Read),
    ("selector", Fields(SELECTOR)),
    (
        "strategy",
        Fields(&[
            (
                "rollingUpdate",
                Fields(&[("maxSurge", Read), ("maxUnavailable", Read)]),
            ),
            ("type", Read),
        ]),
    ),
    ("template", Fields(TEMPLATE)),
]);

const REPLICA_SET: List = object!(&[
    ("minReadySeconds", Read),
    ("replicas", Read),
    ("selector", Fields(SELECTOR)),
    ("template", Fields(TEMPLATE)),
]);

const CONTROLLER: List = object!(&[
    ("minReadySeconds", Read),
    ("replicas", Read),
    ("selector", Read),
    ("template", Fields(TEMPLATE)),
]);

const STATEFUL_SET: List = object!(&[
    ("minReadySeconds", Read),
    ("ordinals", Fields(&[("start", Read)])),
    // No claim is made from a template, so that none is left to be retained.
    ("persistentVolumeClaimRetentionPolicy", Silent),
    ("podManagementPolicy", Read),
    ("replicas", Read),
    ("revisionHistoryLimit", Read),
    ("selector", Fields(SELECTOR)),
    ("serviceName", Silent),
    ("template", Fields(TEMPLATE)),
    (
        "updateStrategy",
        Fields(&[
            (
                "rollingUpdate",
                Fields(&[("maxUnavailable", Read), ("partition", Read)]),
            ),
            ("type", Read),
        ]),
    ),
    ("volumeClaimTemplates", Read),
]);

const DAEMON_SET: List = object!(&[
    ("minReadySeconds", Read),
    ("revisionHistoryLimit", Read),
    ("selector", Fields(SELECTOR)),
    ("template", Fields(TEMPLATE)),
    (
        "updateStrategy",
        Fields(&[
            (
                "rollingUpdate",
                Fields(&[("maxSurge", Read), ("maxUnavailable", Read)]),
            ),
            ("type", Read),
        ]),
    ),
]);

const JOB_SPEC: List = &[
    ("activeDeadlineSeconds", Read),
    ("backoffLimit", Read),
    ("backoffLimitPerIndex", Read),
    ("completionMode", Read),
    ("completions", Read),
    ("managedBy", Read),
    ("manualSelector", Silent),
    ("maxFailedIndexes", Read),
    ("parallelism", Read),
    (
        "podFailurePolicy",
        Fields(&[(
            "rules",
            Fields(&[
                ("action", Read),
                (
                    "onExitCodes",
                    Fields(&[
                        ("containerName", Read),
                        ("operator", Read),
                        ("values", Read),
                    ]),
                ),
                (
                    "onPodConditions",
                    Fields(&[("status", Read), ("type", Read)]),
                ),
            ]),
        )]),
    ),
    ("podReplacementPolicy", Read),
    ("selector", Silent),
    (
        "successPolicy",
        Fields(&[(
            "rules",
            Fields(&[("succeededCount", Read), ("succeededIndexes", Read)]),
        )]),
    ),
    ("suspend", Read),
    ("template", Fields(TEMPLATE)),
    ("ttlSecondsAfterFinished", Read),
];

const JOB: List = object!(JOB_SPEC);

const SET_CONTROLLER: &str = "the jobs of the set start, end and fail each by itself";

const JOB_SET: List = object!(&[
    ("coordinator", Silent),
    ("failurePolicy", LeftOut(SET_CONTROLLER)),
    ("managedBy", Read),
    ("network", Silent),
    (
        "replicatedJobs",
        Fields(&[
            ("dependsOn", LeftOut(SET_CONTROLLER)),
            ("groupName", Silent),
            ("name", Read),
            ("replicas", Read),
            (
                "template",
                Fields(&[("metadata", Fields(METADATA)), ("spec", Fields(JOB_SPEC))]),
            ),
        ]),
    ),
    ("startupPolicy", LeftOut(SET_CONTROLLER)),
    ("successPolicy", LeftOut(SET_CONTROLLER)),
    ("suspend", Read),
    (
        "ttlSecondsAfterFinished",
        LeftOut("the jobs of the set stay after their end")
    ),
]);

const ROLE_CONTROLLER: &str =
    "pods of all roles start at once, and fail and end each by themselves";
const ROLE: List = &[
    ("replicas", Read),
    ("restartPolicy", Read),
    ("template", Fields(TEMPLATE)),
];
const ROLES: List = &[
    ("Chief", Fields(ROLE)),
    ("Evaluator", Fields(ROLE)),
    ("Launcher", Fields(ROLE)),
    ("Master", Fields(ROLE)),
    ("PS", Fields(ROLE)),
    ("Worker", Fields(ROLE)),
];

/// A training of Kubeflow, of any kind.
const TRAINING: List = object!(&[
    ("elasticPolicy", LeftOut("the number of workers stays")),
    ("enableDynamicWorker", Silent),
    ("jaxReplicaSpecs", Fields(ROLES)),
    (
        "launcherCreationPolicy",
        Unless("AtStartup", ROLE_CONTROLLER)
    ),
    ("mpiImplementation", Silent),
    ("mpiReplicaSpecs", Fields(ROLES)),
    ("nprocPerNode", Silent),
    ("paddleReplicaSpecs", Fields(ROLES)),
    ("pytorchReplicaSpecs", Fields(ROLES)),
    ("runLauncherAsWorker", Silent),
    (
        "runPolicy",
        Fields(&[
            ("activeDeadlineSeconds", Read),
            ("backoffLimit", Read),
            ("cleanPodPolicy", Silent),
            ("managedBy", LeftOut("it is managed here")),
            ("schedulingPolicy", LeftOut("pods are scheduled one by one")),
            ("suspend", Read),
            ("ttlSecondsAfterFinished", Read),
        ]),
    ),
    ("slotsPerWorker", Silent),
    ("sshAuthMountPath", Silent),
    ("successPolicy", LeftOut(ROLE_CONTROLLER)),
    ("tfReplicaSpecs", Fields(ROLES)),
    ("xgbReplicaSpecs", Fields(ROLES)),
]);

const RAY_CLUSTER: List = &[
    ("autoscalerOptions", Silent),
    (
        "enableInTreeAutoscaling",
        Unless("false", "the number of workers stays"),
    ),
    ("gcsFaultToleranceOptions", Silent),
    (
        "headGroupSpec",
        Fields(&[
            ("enableIngress", Silent),
            ("headService", Silent),
            ("rayStartParams", Silent),
            ("resources", Silent),
            ("serviceType", Silent),
            ("template", Fields(TEMPLATE)),
        ]),
    ),
    ("headServiceAnnotations", Silent),
    ("managedBy", Silent),
    ("rayVersion", Silent),
    ("suspend", Read),
    (
        "workerGroupSpecs",
        Fields(&[
            ("groupName", Read),
            ("idleTimeoutSeconds", Silent),
            ("maxReplicas", Silent),
            ("minReplicas", Silent),
            ("numOfHosts", Read),
            ("rayStartParams", Silent),
            ("replicas", Read),
            ("resources", Silent),
            ("scaleStrategy", Silent),
            ("suspend", LeftOut("the workers start with the others")),
            ("template", Fields(TEMPLATE)),
        ]),
    ),
];

const RAY: List = object!(RAY_CLUSTER);

const RAY_JOB: List = object!(&[
    (
        "activeDeadlineSeconds",
        LeftOut("the job ends with its pods alone")
    ),
    ("backoffLimit", LeftOut("the cluster is not made again")),
    (
        "clusterSelector",
        LeftOut("the job has a cluster of its own")
    ),
    ("entrypoint", Silent),
    ("entrypointNumCpus", Silent),
    ("entrypointNumGpus", Silent),
    ("entrypointResources", Silent),
    ("jobId", Silent),
    ("managedBy", Silent),
    ("metadata", Silent),
    ("rayClusterSpec", Fields(RAY_CLUSTER)),
    ("runtimeEnvYAML", Silent),
    (
        "shutdownAfterJobFinishes",
        Unless("true", "its pods end with their run time")
    ),
    ("submissionMode", Read),
    ("submitterConfig", Silent),
    ("submitterPodTemplate", Fields(TEMPLATE)),
    ("suspend", Read),
    ("ttlSecondsAfterFinished", Silent),
]);

const LEADER_SET: List = object!(&[
    (
        "leaderWorkerTemplate",
        Fields(&[
            ("leaderTemplate", Fields(TEMPLATE)),
            (
                "restartPolicy",
                LeftOut("a pod that fails is replaced alone")
            ),
            ("size", Read),
            ("subGroupPolicy", LeftOut("all pods of a group are alike")),
            (
                "volumeClaimTemplates",
                LeftOut("its pods have no volumes of their own")
            ),
            ("workerTemplate", Fields(TEMPLATE)),
        ]),
    ),
    ("networkConfig", Silent),
    ("replicas", Read),
    ("rolloutStrategy", LeftOut("nothing is rolled out")),
    (
        "startupPolicy",
        Unless("LeaderCreated", "leaders and workers start at once")
    ),
]);

const CRON_JOB: List = object!(&[
    ("concurrencyPolicy", Read),
    ("failedJobsHistoryLimit", Read),
    (
        "jobTemplate",
        Fields(&[("metadata", Fields(METADATA)), ("spec", Fields(JOB_SPEC))]),
    ),
    ("schedule", Read),
    ("startingDeadlineSeconds", Read),
    ("successfulJobsHistoryLimit", Read),
    ("suspend", Read),
    ("timeZone", Read),
]);

const BUDGET: List = object!(&[
    ("maxUnavailable", Read),
    ("minAvailable", Read),
    ("selector", Fields(SELECTOR)),
    ("unhealthyPodEvictionPolicy", Read),
]);

const ALL_ENDPOINTS: &str = "requests go to all endpoints alike, near or far";

const SERVICE: List = object!(&[
    ("allocateLoadBalancerNodePorts", Silent),
    ("clusterIP", Read),
    ("clusterIPs", Silent),
    ("externalIPs", Silent),
    ("externalName", Silent),
    ("externalTrafficPolicy", Read),
    ("healthCheckNodePort", Silent),
    (
        "internalTrafficPolicy",
        Unless(
            "Cluster",
            "requests from within reach every endpoint, whatever its node"
        ),
    ),
    ("ipFamilies", Silent),
    ("ipFamilyPolicy", Silent),
    ("loadBalancerClass", Silent),
    ("loadBalancerIP", Silent),
    (
        "loadBalancerSourceRanges",
        LeftOut("requests from everywhere are let in")
    ),
    ("ports", Silent),
    ("publishNotReadyAddresses", Read),
    ("selector", Read),
    ("sessionAffinity", Read),
    (
        "sessionAffinityConfig",
        Fields(&[("clientIP", Fields(&[("timeoutSeconds", Read)]))]),
    ),
    ("topologyKeys", LeftOut(ALL_ENDPOINTS)),
    ("trafficDistribution", LeftOut(ALL_ENDPOINTS)),
    ("type", Read),
]);

const INGRESS: List = object!(&[
    ("defaultBackend", Read),
    ("ingressClassName", Silent),
    ("rules", Read),
    ("tls", Silent),
]);

const HORIZONTAL: List = object!(&[
    ("behavior", Read),
    ("maxReplicas", Read),
    ("metrics", Read),
    ("minReplicas", Read),
    ("scaleTargetRef", Read),
    ("targetCPUUtilizationPercentage", Read),
]);

const VERTICAL: List = object!(&[
    (
        "recommenders",
        LeftOut("the default recommender is the one that recommends"),
    ),
    (
        "resourcePolicy",
        Fields(&[(
            "containerPolicies",
            Fields(&[
                ("containerName", Read),
                (
                    "controlledResources",
                    LeftOut("cpu and memory are controlled, both"),
                ),
                ("controlledValues", Read),
                ("maxAllowed", Read),
                ("minAllowed", Read),
                ("mode", Read),
                (
                    "oomBumpUpRatio",
                    LeftOut("memory grows after a kill by the default ratio"),
                ),
                (
                    "oomMinBumpUp",
                    LeftOut("memory grows after a kill by the default amount"),
                ),
            ]),
        )]),
    ),
    ("targetRef", Read),
    (
        "updatePolicy",
        Fields(&[
            (
                "evictAfterOOMSeconds",
                LeftOut("a pod that is killed within ten minutes of its start is updated at once"),
            ),
            (
                "evictionRequirements",
                LeftOut("pods are evicted without asking these conditions"),
            ),
            ("minReplicas", Read),
            ("updateMode", Read),
        ]),
    ),
]);

const CHECKPOINT: List = &[("spec", Read), ("status", Read)];

const QUOTA: List = object!(&[
    ("hard", Read),
    (
        "scopeSelector",
        Fields(&[(
            "matchExpressions",
            Fields(&[("operator", Read), ("scopeName", Read), ("values", Read)]),
        )]),
    ),
    ("scopes", Read),
]);

const LIMIT_RANGE: List = object!(&[(
    "limits",
    Fields(&[
        ("default", Read),
        ("defaultRequest", Read),
        ("max", Read),
        ("maxLimitRequestRatio", Read),
        ("min", Read),
        ("type", Read),
    ])
)]);

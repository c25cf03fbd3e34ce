//! Fields of workloads, of what scales and protects them, and of services.

use super::cluster::{METADATA, ROUTE};
use super::pods::{CONDITION, RESOURCES, SELECTOR, TEMPLATE};
use super::{KEPT, List, MISPLACED, READ, SILENT, fields, left_out, part, unless, whole};

/// Kinds of workloads.
pub(super) const KINDS: &[(&str, List)] = table! {
    Deployment: DEPLOYMENT,
    ReplicaSet: REPLICA_SET,
    ReplicationController: CONTROLLER,
    StatefulSet: STATEFUL_SET,
    DaemonSet: DAEMON_SET,
    Job: JOB,
    CronJob: CRON_JOB,
    JobSet: JOB_SET,
    LeaderWorkerSet: LEADER_SET,
    PyTorchJob TFJob XGBoostJob PaddleJob JAXJob MPIJob: TRAINING,
    RayCluster: RAY,
    RayJob: RAY_JOB,
    PodDisruptionBudget: BUDGET,
    Service: SERVICE,
    Ingress: INGRESS,
    Route: ROUTE,
    HorizontalPodAutoscaler: HORIZONTAL,
    VerticalPodAutoscaler: VERTICAL,
    VerticalPodAutoscalerCheckpoint: CHECKPOINT,
    ResourceQuota: QUOTA,
    LimitRange: LIMIT_RANGE,
};

const SET_STATUS: List = table! {
    availableReplicas conditions currentRevision readyReplicas replicas unavailableReplicas
        updateRevision updatedReplicas: KEPT,
};

pub(super) const CLAIM_TEMPLATE: List = table! {
    metadata: part(table! { name: KEPT }),
    spec: part(table! {
        accessModes storageClassName: KEPT,
        resources: part(RESOURCES),
    }),
};

const DEPLOYMENT: List = table! {
    spec: fields(table! {
        minReadySeconds paused progressDeadlineSeconds replicas revisionHistoryLimit: KEPT,
        selector: whole(SELECTOR),
        strategy: fields(table! {
            type: KEPT,
            rollingUpdate: whole(table! { maxSurge maxUnavailable: KEPT }),
        }),
        template: fields(TEMPLATE),
        ordinals podManagementPolicy updateStrategy volumeClaimTemplates: MISPLACED,
    }),
    status: part(SET_STATUS),
};

const REPLICA_SET: List = table! {
    spec: fields(table! {
        minReadySeconds replicas: KEPT,
        selector: whole(SELECTOR),
        template: fields(TEMPLATE),
        ordinals paused podManagementPolicy progressDeadlineSeconds revisionHistoryLimit strategy
            updateStrategy volumeClaimTemplates: MISPLACED,
    }),
    status: part(SET_STATUS),
};

const CONTROLLER: List = table! {
    spec: fields(table! {
        minReadySeconds replicas selector: KEPT,
        template: fields(TEMPLATE),
        ordinals paused podManagementPolicy progressDeadlineSeconds revisionHistoryLimit strategy
            updateStrategy volumeClaimTemplates: MISPLACED,
    }),
    status: part(SET_STATUS),
};

const STATEFUL_SET: List = table! {
    spec: fields(table! {
        minReadySeconds podManagementPolicy replicas revisionHistoryLimit: KEPT,
        ordinals: whole(table! { start: KEPT }),
        selector: whole(SELECTOR),
        template: fields(TEMPLATE),
        updateStrategy: fields(table! {
            type: KEPT,
            rollingUpdate: whole(table! { maxUnavailable partition: KEPT }),
        }),
        volumeClaimTemplates: part(CLAIM_TEMPLATE),
        paused progressDeadlineSeconds strategy: MISPLACED,
        persistentVolumeClaimRetentionPolicy: whole(table! { whenDeleted whenScaled: KEPT }),
        serviceName: SILENT,
    }),
    status: part(SET_STATUS),
};

const DAEMON_SET: List = table! {
    spec: fields(table! {
        minReadySeconds revisionHistoryLimit: KEPT,
        selector: whole(SELECTOR),
        template: fields(TEMPLATE),
        updateStrategy: fields(table! {
            type: KEPT,
            rollingUpdate: whole(table! { maxSurge maxUnavailable: KEPT }),
        }),
        ordinals paused podManagementPolicy progressDeadlineSeconds replicas strategy
            volumeClaimTemplates: MISPLACED,
    }),
    status: part(SET_STATUS),
};

const JOB_SPEC: List = table! {
    activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode completions
        managedBy manualSelector maxFailedIndexes parallelism podReplacementPolicy selector
        suspend ttlSecondsAfterFinished: KEPT,
    podFailurePolicy: whole(table! {
        rules: fields(table! {
            action: KEPT,
            onExitCodes: fields(table! { containerName operator values: KEPT }),
            onPodConditions: fields(table! { status type: KEPT }),
        }),
    }),
    successPolicy: whole(table! {
        rules: fields(table! { succeededCount succeededIndexes: KEPT }),
    }),
    template: fields(TEMPLATE),
};

const JOB_STATUS: List = table! {
    active completedIndexes completionTime failed failedIndexes ready startTime succeeded
        terminating: KEPT,
    conditions: part(CONDITION),
};

const JOB: List = table! {
    spec: fields(JOB_SPEC),
    status: part(JOB_STATUS),
};

const SET_CONTROLLER: &str = "the jobs of the set start, end and fail each by itself";

const JOB_SET: List = table! {
    status: READ,
    spec: fields(table! {
        suspend: KEPT,
        managedBy: READ,
        replicatedJobs: fields(table! {
            name replicas: KEPT,
            template: fields(table! {
                metadata: fields(METADATA),
                spec: fields(JOB_SPEC),
            }),
            dependsOn: left_out(SET_CONTROLLER),
            groupName: SILENT,
        }),
        failurePolicy startupPolicy successPolicy: left_out(SET_CONTROLLER),
        ttlSecondsAfterFinished: left_out("the jobs of the set stay after their end"),
        coordinator network: SILENT,
    }),
};

const ROLE_CONTROLLER: &str =
    "pods of all roles start at once, and fail and end each by themselves";
const ROLE: List = table! {
    replicas restartPolicy: KEPT,
    template: fields(TEMPLATE),
};

const ROLES: List = table! { Chief Evaluator Launcher Master PS Worker: fields(ROLE) };

const ROLE_STATUS: List = table! { conditions jobDeploymentStatus: KEPT };

/// A training of Kubeflow, of any kind.
const TRAINING: List = table! {
    spec: whole(table! {
        jaxReplicaSpecs mpiReplicaSpecs paddleReplicaSpecs pytorchReplicaSpecs tfReplicaSpecs
            xgbReplicaSpecs: fields(ROLES),
        runPolicy: fields(table! {
            activeDeadlineSeconds backoffLimit suspend ttlSecondsAfterFinished: KEPT,
            managedBy: left_out("it is managed here"),
            schedulingPolicy: left_out("pods are scheduled one by one"),
            cleanPodPolicy: SILENT,
        }),
        elasticPolicy: left_out("the number of workers stays"),
        launcherCreationPolicy: unless("AtStartup", ROLE_CONTROLLER),
        successPolicy: left_out(ROLE_CONTROLLER),
        enableDynamicWorker mpiImplementation nprocPerNode runLauncherAsWorker slotsPerWorker
            sshAuthMountPath: SILENT,
    }),
    status: part(ROLE_STATUS),
};

const RAY_CLUSTER: List = table! {
    suspend: KEPT,
    headGroupSpec: fields(table! {
        template: fields(TEMPLATE),
        enableIngress headService rayStartParams resources serviceType: SILENT,
    }),
    workerGroupSpecs: fields(table! {
        groupName maxReplicas minReplicas numOfHosts replicas suspend: KEPT,
        template: fields(TEMPLATE),
        idleTimeoutSeconds rayStartParams resources scaleStrategy: SILENT,
    }),
    enableInTreeAutoscaling: unless("false", "the number of workers stays"),
    autoscalerOptions: fields(table! {
        resources: KEPT,
        args command env envFrom idleTimeoutSeconds image imagePullPolicy securityContext
            upscalingMode version volumeMounts: SILENT,
    }),
    gcsFaultToleranceOptions headServiceAnnotations managedBy rayVersion: SILENT,
};

const RAY: List = table! {
    spec: whole(RAY_CLUSTER),
    status: part(ROLE_STATUS),
};

const RAY_JOB: List = table! {
    spec: whole(table! {
        submissionMode suspend: KEPT,
        rayClusterSpec: fields(RAY_CLUSTER),
        submitterPodTemplate: fields(TEMPLATE),
        activeDeadlineSeconds: left_out("the job ends with its pods alone"),
        backoffLimit: left_out("the cluster is not made again"),
        clusterSelector: left_out("the job has a cluster of its own"),
        shutdownAfterJobFinishes: unless("true", "its pods end with their run time"),
        entrypoint entrypointNumCpus entrypointNumGpus entrypointResources jobId managedBy
            metadata runtimeEnvYAML submitterConfig ttlSecondsAfterFinished: SILENT,
    }),
    status: part(ROLE_STATUS),
};

const LEADER_SET: List = table! {
    spec: whole(table! {
        replicas: KEPT,
        leaderWorkerTemplate: fields(table! {
            size: KEPT,
            leaderTemplate workerTemplate: fields(TEMPLATE),
            restartPolicy: left_out("a pod that fails is replaced alone"),
            subGroupPolicy: left_out("all pods of a group are alike"),
            volumeClaimTemplates: left_out("its pods have no volumes of their own"),
        }),
        rolloutStrategy: left_out("nothing is rolled out"),
        startupPolicy: unless("LeaderCreated", "leaders and workers start at once"),
        networkConfig: SILENT,
    }),
    status: part(ROLE_STATUS),
};

const CRON_JOB_STATUS: List = table! { active lastScheduleTime lastSuccessfulTime: KEPT };

const CRON_JOB: List = table! {
    spec: fields(table! {
        concurrencyPolicy failedJobsHistoryLimit schedule startingDeadlineSeconds
            successfulJobsHistoryLimit suspend timeZone: KEPT,
        jobTemplate: fields(table! {
            metadata: fields(METADATA),
            spec: fields(JOB_SPEC),
        }),
    }),
    status: part(CRON_JOB_STATUS),
};

const BUDGET_STATUS: List = table! {
    currentHealthy desiredHealthy disruptedPods disruptionsAllowed expectedPods: KEPT,
};

const BUDGET: List = table! {
    spec: fields(table! {
        maxUnavailable minAvailable unhealthyPodEvictionPolicy: KEPT,
        selector: whole(SELECTOR),
    }),
    status: part(BUDGET_STATUS),
};

const ALL_ENDPOINTS: &str = "requests go to all endpoints alike, near or far";

const SERVICE: List = table! {
    status: READ,
    spec: whole(table! {
        clusterIP externalTrafficPolicy publishNotReadyAddresses selector sessionAffinity type:
            KEPT,
        sessionAffinityConfig: fields(table! {
            clientIP: fields(table! { timeoutSeconds: KEPT }),
        }),
        internalTrafficPolicy:
            unless("Cluster", "requests from within reach every endpoint, whatever its node"),
        loadBalancerSourceRanges: left_out("requests from everywhere are let in"),
        topologyKeys trafficDistribution: left_out(ALL_ENDPOINTS),
        allocateLoadBalancerNodePorts clusterIPs externalIPs externalName healthCheckNodePort
            ipFamilies ipFamilyPolicy loadBalancerClass loadBalancerIP ports: SILENT,
    }),
};

const INGRESS: List = table! {
    status: READ,
    spec: whole(table! {
        defaultBackend rules: KEPT,
        ingressClassName tls: SILENT,
    }),
};

const HORIZONTAL: List = table! {
    status: READ,
    spec: whole(table! {
        behavior maxReplicas metrics minReplicas scaleTargetRef targetCPUUtilizationPercentage:
            KEPT,
    }),
};

const RECOMMENDATION: List = table! { containerName lowerBound target upperBound: KEPT };

const VERTICAL: List = table! {
    status: part(table! {
        recommendation: part(table! { containerRecommendations: part(RECOMMENDATION) }),
    }),
    spec: whole(table! {
        targetRef: KEPT,
        resourcePolicy: fields(table! {
            containerPolicies: fields(table! {
                containerName controlledResources controlledValues maxAllowed minAllowed mode: KEPT,
                oomBumpUpRatio: left_out("memory grows after a kill by the default ratio"),
                oomMinBumpUp: left_out("memory grows after a kill by the default amount"),
            }),
        }),
        updatePolicy: fields(table! {
            minReplicas updateMode: KEPT,
            evictAfterOOMSeconds:
                left_out("a pod that is killed within ten minutes of its start is updated at once"),
            evictionRequirements: left_out("pods are evicted without asking these conditions"),
        }),
        recommenders: left_out("the default recommender is the one that recommends"),
    }),
};

const HISTOGRAM: List = table! { bucketWeights referenceTimestamp totalWeight: KEPT };

const CHECKPOINT: List = table! {
    spec: KEPT,
    status: part(table! {
        firstSampleStart lastSampleStart totalSamplesCount version: KEPT,
        cpuHistogram memoryHistogram: part(HISTOGRAM),
    }),
};

const QUOTA: List = table! {
    status: READ,
    spec: whole(table! {
        hard scopes: KEPT,
        scopeSelector: fields(table! {
            matchExpressions: fields(table! { operator scopeName values: KEPT }),
        }),
    }),
};

const LIMIT_RANGE: List = table! {
    status: READ,
    spec: whole(table! {
        limits: fields(table! {
            default defaultRequest max maxLimitRequestRatio min type: KEPT,
        }),
    }),
};

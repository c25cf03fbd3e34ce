//! Fields of Kueue's objects.

use super::pods::{CONDITION, TEMPLATE};
use super::{KEPT, List, SILENT, fields, left_out, part, whole};

/// Kinds of Kueue.
pub(super) const KINDS: &[(&str, List)] = table! {
    ResourceFlavor: FLAVOR,
    Topology: TOPOLOGY,
    Cohort: COHORT,
    ClusterQueue: QUEUE,
    LocalQueue: LOCAL_QUEUE,
    WorkloadPriorityClass: PRIORITY,
    AdmissionCheck: CHECK,
    Workload: WORKLOAD,
    Configuration: CONFIGURATION,
};

const FLAVOR: List = table! {
    spec: whole(table! { nodeLabels nodeTaints tolerations topologyName: KEPT }),
};

const TOPOLOGY: List = table! {
    spec: whole(table! { levels: fields(table! { nodeLabel: KEPT }) }),
};

const QUOTA: List = table! { borrowingLimit lendingLimit name nominalQuota: KEPT };

const GROUPS: List = table! {
    coveredResources: KEPT,
    flavors: fields(table! {
        name: KEPT,
        resources: fields(QUOTA),
    }),
};

const WEIGHT: List = table! { weight: KEPT };

const COHORT: List = table! {
    spec: whole(table! {
        parentName: KEPT,
        resourceGroups: fields(GROUPS),
        fairSharing: fields(WEIGHT),
    }),
    status: SILENT,
};

/// Effect of what a check's controller would do.
const CONTROLLER: &str =
    "the controller of the check is not modelled: annotations state its answer";

const CHECK: List = table! {
    spec: whole(table! {
        parameters retryDelayMinutes: left_out(CONTROLLER),
        controllerName: SILENT,
    }),
    status: SILENT,
};

/// Effect of what local queues use.
const LOCAL_USE: &str =
    "workloads of a queue are tried without regard to what their local queues use";

const QUEUE: List = table! {
    spec: whole(table! {
        admissionChecks cohort cohortName namespaceSelector queueingStrategy stopPolicy: KEPT,
        resourceGroups: fields(GROUPS),
        flavorFungibility: fields(table! { preference whenCanBorrow whenCanPreempt: KEPT }),
        preemption: fields(table! {
            reclaimWithinCohort withinClusterQueue: KEPT,
            borrowWithinCohort: fields(table! { maxPriorityThreshold policy: KEPT }),
        }),
        admissionChecksStrategy: fields(table! {
            admissionChecks: fields(table! { name onFlavors: KEPT }),
        }),
        fairSharing: fields(WEIGHT),
        admissionScope: left_out(LOCAL_USE),
    }),
    status: SILENT,
};

const LOCAL_QUEUE: List = table! {
    spec: whole(table! {
        clusterQueue stopPolicy: KEPT,
        fairSharing: left_out(LOCAL_USE),
    }),
    status: SILENT,
};

const PRIORITY: List = table! {
    value: KEPT,
    description: SILENT,
};

const WORKLOAD: List = table! {
    spec: part(WORKLOAD_SPEC),
    status: part(WORKLOAD_STATUS),
};

const WORKLOAD_SPEC: List = table! {
    active maximumExecutionTimeSeconds priority queueName: KEPT,
    podSets: part(table! {
        count minCount name topologyRequest: KEPT,
        template: part(TEMPLATE),
    }),
};

const WORKLOAD_STATUS: List = table! {
    admission reclaimablePods: KEPT,
    conditions: part(CONDITION),
};

const CONFIGURATION: List = table! {
    fairSharing: whole(table! {
        preemptionStrategies: KEPT,
        enable: SILENT,
    }),
    waitForPodsReady: whole(table! {
        blockAdmission enable recoveryTimeout timeout: KEPT,
        requeuingStrategy: fields(table! {
            backoffBaseSeconds backoffLimitCount backoffMaxSeconds timestamp: KEPT,
        }),
    }),
    admissionFairSharing: left_out(LOCAL_USE),
    resources: left_out("resources count under the names that pods request them by"),
    manageJobsWithoutQueueName: left_out("jobs without a queue start at once"),
    integrations: left_out("queues hold back jobs alone"),
    multiKueue: left_out("every job runs in this cluster"),
    featureGates: left_out("gates are as in 0.19 by default"),
    clientConnection controller health internalCertManagement leaderElection metrics
        namespace webhook: SILENT,
};

//! Fields of Kueue's objects.

use super::List;
use super::Use::{Fields, LeftOut, Read, Silent};

/// Kinds of Kueue.
pub(super) const KINDS: &[(&str, List)] = &[
    ("ResourceFlavor", FLAVOR),
    ("Topology", TOPOLOGY),
    ("Cohort", COHORT),
    ("ClusterQueue", QUEUE),
    ("LocalQueue", LOCAL_QUEUE),
    ("WorkloadPriorityClass", PRIORITY),
    ("AdmissionCheck", CHECK),
    ("Workload", WORKLOAD),
    ("Configuration", CONFIGURATION),
];

const FLAVOR: List = &[(
    "spec",
    Fields(&[
        ("nodeLabels", Read),
        ("nodeTaints", Read),
        ("tolerations", Read),
        ("topologyName", Read),
    ]),
)];

const TOPOLOGY: List = &[(
    "spec",
    Fields(&[("levels", Fields(&[("nodeLabel", Read)]))]),
)];

const QUOTA: List = &[
    ("name", Read),
    ("nominalQuota", Read),
    ("borrowingLimit", Read),
    ("lendingLimit", Read),
];

const GROUPS: List = &[
    ("coveredResources", Read),
    (
        "flavors",
        Fields(&[("name", Read), ("resources", Fields(QUOTA))]),
    ),
];

const WEIGHT: List = &[("weight", Read)];

const COHORT: List = &[
    (
        "spec",
        Fields(&[
            ("parentName", Read),
            ("resourceGroups", Fields(GROUPS)),
            ("fairSharing", Fields(WEIGHT)),
        ]),
    ),
    ("status", Silent),
];

/// Effect of what a check's controller would do.
const CONTROLLER: &str =
    "the controller of the check is not modelled: annotations state its answer";

const CHECK: List = &[
    (
        "spec",
        Fields(&[
            ("controllerName", Silent),
            ("parameters", LeftOut(CONTROLLER)),
            ("retryDelayMinutes", LeftOut(CONTROLLER)),
        ]),
    ),
    ("status", Silent),
];

const QUEUE: List = &[
    (
        "spec",
        Fields(&[
            ("cohort", Read),
            ("cohortName", Read),
            ("queueingStrategy", Read),
            ("namespaceSelector", Read),
            ("resourceGroups", Fields(GROUPS)),
            (
                "flavorFungibility",
                Fields(&[
                    ("whenCanBorrow", Read),
                    ("whenCanPreempt", Read),
                    ("preference", Read),
                ]),
            ),
            (
                "preemption",
                Fields(&[
                    ("withinClusterQueue", Read),
                    ("reclaimWithinCohort", Read),
                    (
                        "borrowWithinCohort",
                        Fields(&[("policy", Read), ("maxPriorityThreshold", Read)]),
                    ),
                ]),
            ),
            ("admissionChecks", Read),
            (
                "admissionChecksStrategy",
                Fields(&[(
                    "admissionChecks",
                    Fields(&[("name", Read), ("onFlavors", Read)]),
                )]),
            ),
            ("stopPolicy", Read),
            ("fairSharing", Fields(WEIGHT)),
            (
                "admissionScope",
                LeftOut(
                    "workloads of a queue are tried without regard to what their local queues use",
                ),
            ),
        ]),
    ),
    ("status", Silent),
];

const LOCAL_QUEUE: List = &[
    (
        "spec",
        Fields(&[
            ("clusterQueue", Read),
            ("stopPolicy", Read),
            (
                "fairSharing",
                LeftOut(
                    "workloads of a queue are tried without regard to what their local queues use",
                ),
            ),
        ]),
    ),
    ("status", Silent),
];

const PRIORITY: List = &[("value", Read), ("description", Silent)];

const WORKLOAD: List = &[("spec", Read), ("status", Read)];

const CONFIGURATION: List = &[
    (
        "fairSharing",
        Fields(&[("enable", Silent), ("preemptionStrategies", Read)]),
    ),
    (
        "waitForPodsReady",
        Fields(&[
            ("enable", Read),
            ("timeout", Read),
            ("recoveryTimeout", Read),
            ("blockAdmission", Read),
            (
                "requeuingStrategy",
                Fields(&[
                    ("timestamp", Read),
                    ("backoffLimitCount", Read),
                    ("backoffBaseSeconds", Read),
                    ("backoffMaxSeconds", Read),
                ]),
            ),
        ]),
    ),
    (
        "admissionFairSharing",
        LeftOut("workloads of a queue are tried without regard to what their local queues use"),
    ),
    (
        "resources",
        LeftOut("resources count under the names that pods request them by"),
    ),
    ("namespace", Silent),
    ("health", Silent),
    ("metrics", Silent),
    ("webhook", Silent),
    ("leaderElection", Silent),
    ("controller", Silent),
    ("clientConnection", Silent),
    ("internalCertManagement", Silent),
    (
        "manageJobsWithoutQueueName",
        LeftOut("jobs without a queue start at once"),
    ),
    ("integrations", LeftOut("queues hold back jobs alone")),
    ("multiKueue", LeftOut("every job runs in this cluster")),
    ("featureGates", LeftOut("gates are as in 0.19 by default")),
];

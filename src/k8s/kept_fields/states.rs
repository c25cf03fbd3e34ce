//! Fields of the states that objects report, and of what stands beside pods.

use super::{List, METADATA};
use crate::keep::Keep;
use crate::keep::Keep::{All, Each, Fields};

pub(super) const NODE_CONDITION: List = &[
    ("type", All),
    ("status", All),
    ("reason", All),
    ("lastHeartbeatTime", All),
    ("lastTransitionTime", All),
];

/// A condition whose time counts.
pub(super) const DATED_CONDITION: List = &[
    ("type", All),
    ("status", All),
    ("reason", All),
    ("lastTransitionTime", All),
];

const CONTAINER_STATE: Keep = Fields(&[
    ("waiting", Fields(&[("reason", All)])),
    ("running", Fields(&[("startedAt", All)])),
    (
        "terminated",
        Fields(&[("exitCode", All), ("startedAt", All), ("finishedAt", All)]),
    ),
]);

pub(super) const CONTAINER_STATUS: List = &[
    ("name", All),
    ("allocatedResources", All),
    ("resources", Fields(&[("requests", All)])),
    ("ready", All),
    ("restartCount", All),
    ("state", CONTAINER_STATE),
    ("lastState", CONTAINER_STATE),
];

/// A vertical autoscaler with what it recommends.
pub(super) const VERTICAL: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("spec", All),
    (
        "status",
        Fields(&[(
            "recommendation",
            Fields(&[(
                "containerRecommendations",
                Each(&[
                    ("containerName", All),
                    ("target", All),
                    ("lowerBound", All),
                    ("upperBound", All),
                ]),
            )]),
        )]),
    ),
];

const HISTOGRAM: Keep = Fields(&[
    ("referenceTimestamp", All),
    ("bucketWeights", All),
    ("totalWeight", All),
]);

pub(super) const CHECKPOINT: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("spec", All),
    (
        "status",
        Fields(&[
            ("version", All),
            ("cpuHistogram", HISTOGRAM),
            ("memoryHistogram", HISTOGRAM),
            ("firstSampleStart", All),
            ("lastSampleStart", All),
            ("totalSamplesCount", All),
        ]),
    ),
];

/// What admission gives to pods of a class.
pub(super) const RUNTIME_CLASS: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("overhead", Fields(&[("podFixed", All)])),
    (
        "scheduling",
        Fields(&[("nodeSelector", All), ("tolerations", All)]),
    ),
];

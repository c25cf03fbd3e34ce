//! Fields of objects that make jobs, and of templates that stand for themselves.

use super::{JOB_SPEC, List, METADATA, TEMPLATE};
use crate::keep::Keep::{All, Each, Fields};

pub(super) const JOB_SET: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("suspend", All),
            (
                "replicatedJobs",
                Each(&[
                    ("name", All),
                    ("replicas", All),
                    (
                        "template",
                        Fields(&[("metadata", METADATA), ("spec", JOB_SPEC)]),
                    ),
                ]),
            ),
        ]),
    ),
];

/// Workloads with pods of several roles; fields of these are named by the user or by the kind.
pub(super) const ROLES: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("spec", All),
    (
        "status",
        Fields(&[("conditions", All), ("jobDeploymentStatus", All)]),
    ),
];

pub(super) const CRON_JOB: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("schedule", All),
            ("timeZone", All),
            ("concurrencyPolicy", All),
            ("startingDeadlineSeconds", All),
            ("successfulJobsHistoryLimit", All),
            ("failedJobsHistoryLimit", All),
            ("suspend", All),
            (
                "jobTemplate",
                Fields(&[("metadata", METADATA), ("spec", JOB_SPEC)]),
            ),
        ]),
    ),
    (
        "status",
        Fields(&[
            ("active", All),
            ("lastScheduleTime", All),
            ("lastSuccessfulTime", All),
        ]),
    ),
];

/// A template that a set had.
pub(super) const REVISION: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "data",
        Fields(&[("spec", Fields(&[("template", TEMPLATE)]))]),
    ),
    ("revision", All),
];

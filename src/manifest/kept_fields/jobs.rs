//! Fields of objects that make jobs.

use super::{JOB_SPEC, List, METADATA};
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
        Fields(&[("lastScheduleTime", All), ("lastSuccessfulTime", All)]),
    ),
];

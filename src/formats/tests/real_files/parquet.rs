//! The published files in Parquet: `OpenDC`'s workloads and failures.

use super::{Published, check_published, shared};
use crate::failure_log;
use crate::prelude::*;

const PUBLISHED_PARQUET: &[Published] = &[
    ("opendc/surf_week/tasks.parquet", "opendc", 6_295, &[]),
    (
        "opendc/bitbrains-small",
        "opendc",
        50,
        &[
            ("fragment of a task that is not there", 0),
            (
                "memory in KiB, as half of the tasks would have hundreds of GiB, or TiB",
                50,
            ),
        ],
    ),
    (
        "opendc/workflow_example",
        "opendc",
        4,
        &[(
            "waits for a task that is not in the trace; not waited for",
            0,
        )],
    ),
    ("opendc/single_task", "opendc", 1, &[]),
    ("opendc/small_gpu/tasks.parquet", "opendc", 25, &[]),
];

#[test]
fn published_parquet_files_have_their_rows() {
    check_published(PUBLISHED_PARQUET);
}

#[test]
fn published_failures_of_opendc_are_outages() {
    for (file, failures) in [
        ("two_failures", 2),
        ("Facebook_user_reported", 4_069),
        ("github-status_global-status_operator_reported", 230),
        ("runescape_online_game", 2_341),
    ] {
        let Some(path) = shared(&format!("traces/opendc/failures/{file}.parquet")) else {
            return;
        };
        let options = failure_log::LogOptions::default();
        let log = failure_log::read(&Input::path(path), &options, &["a"]).expect("a log");
        let dropped = log.ledger.count("failures that take no node or no time");
        assert_eq!(log.outages.len() as u64 + dropped, failures, "{file}");
        assert!(log.outages.is_sorted_by_key(|outage| outage.down), "{file}");
    }
}

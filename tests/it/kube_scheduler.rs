//! Decisions recorded from the Kubernetes scheduler (`tests/data/kube-scheduler`): every verdict,
//! score, message and preemption (spec: kubernetes.md part 1).

use std::path::{Path, PathBuf};

use verify::kube_scheduler::FAMILY;
use verify::{VerifyOptions, kube_releases};

fn vectors(names: &[&str]) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kube-scheduler");
    names.iter().map(|name| folder.join(name)).collect()
}

#[track_caller]
fn check(names: &[&str], expected: u64) {
    let files = vectors(names);
    assert!(files.iter().all(|file| (FAMILY.claims)(file)));
    let reports = FAMILY.judge.run(&files, &VerifyOptions::default());
    let reports = reports.expect("files that can be read");
    for report in &reports {
        let told = report.disagreements.join("\n");
        assert_eq!(
            report.failed + report.unsupported,
            0,
            "{}: {told}",
            report.family
        );
    }
    let passed: u64 = reports.iter().map(|report| report.passed).sum();
    assert_eq!(passed, expected);
}

#[test]
fn single_decisions_are_those_recorded() {
    check(&["cases.jsonl.gz"], 2_920);
}

#[test]
fn decisions_that_pin_down_single_rules_are_those_recorded() {
    check(&["cases-2.jsonl.gz"], 324);
}

#[test]
fn sequences_are_those_recorded() {
    check(&["sequences.jsonl.gz", "sequences-large.jsonl.gz"], 30);
}

#[test]
fn a_sequence_in_which_pods_and_nodes_leave_is_that_recorded() {
    check(&["sequences-churn.jsonl.gz"], 1);
}

#[test]
fn operations_on_the_queue_are_those_recorded() {
    check(&["queue.jsonl.gz"], 240);
}

#[test]
fn decisions_of_other_releases_are_those_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kube-releases");
    let releases = ["1.30", "1.31", "1.32", "1.33", "1.35", "1.36"];
    let files = releases.map(|release| folder.join(format!("cases-{release}.jsonl.gz")));
    assert!(
        files
            .iter()
            .all(|file| (kube_releases::FAMILY.claims)(file))
    );
    let reports = kube_releases::FAMILY
        .judge
        .run(&files, &VerifyOptions::default());
    for report in reports.expect("files that can be read") {
        let told = report.disagreements.join("\n");
        let (row, failed) = (&report.family, report.failed + report.unsupported);
        assert_eq!(failed, 0, "{row}: {told}");
        assert_eq!(report.passed, 3_244, "{row}");
    }
}

//! Decisions recorded from the controllers of Kubernetes (`tests/data/deployment`, `replicaset` and
//! `kube-controllers`): what each creates, deletes and reports (spec: kubernetes.md parts 2 and 4).

use std::path::Path;

use verify::kube_controllers::{DEPLOYMENT, FAMILY, REPLICA_SET};
use verify::{Family, VerifyOptions};

#[track_caller]
fn check(family: &Family, file: &str, expected: u64) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files = [data.join(file)];
    assert!((family.claims)(&files[0]), "{file}");
    let reports = family.judge.run(&files, &VerifyOptions::default());
    let reports = reports.expect("files that can be read");
    for report in &reports {
        let told = report.disagreements.join("\n");
        let missed = report.failed + report.unsupported;
        assert_eq!(missed, 0, "{}: {told}", report.family);
    }
    let passed: u64 = reports.iter().map(|report| report.passed).sum();
    assert_eq!(passed, expected, "{file}");
}

#[test]
fn deployments_decide_as_recorded() {
    check(&DEPLOYMENT, "deployment/cases.jsonl.gz", 120);
    check(&FAMILY, "kube-controllers/deployment-step.jsonl.gz", 400);
}

#[test]
fn replica_sets_decide_as_recorded() {
    check(&REPLICA_SET, "replicaset/scale-down.jsonl.gz", 300);
    check(&FAMILY, "kube-controllers/replicaset-victims.jsonl.gz", 160);
}

#[test]
fn stateful_and_daemon_sets_decide_as_recorded() {
    check(
        &FAMILY,
        "kube-controllers/statefulset-sequence.jsonl.gz",
        160,
    );
    check(&FAMILY, "kube-controllers/daemonset-node.jsonl.gz", 200);
    check(&FAMILY, "kube-controllers/daemonset-update.jsonl.gz", 200);
}

#[test]
fn jobs_and_cron_jobs_decide_as_recorded() {
    check(&FAMILY, "kube-controllers/job-sequence.jsonl.gz", 240);
    check(&FAMILY, "kube-controllers/cron-next.jsonl.gz", 400);
    check(&FAMILY, "kube-controllers/cronjob-sequence.jsonl.gz", 100);
}

#[test]
fn node_life_and_taint_eviction_go_as_recorded() {
    check(&FAMILY, "kube-controllers/node-lifecycle.jsonl.gz", 80);
    check(&FAMILY, "kube-controllers/taint-eviction.jsonl.gz", 200);
}

#[test]
fn collection_budgets_accounting_and_ranks_are_as_recorded() {
    check(&FAMILY, "kube-controllers/podgc.jsonl.gz", 120);
    check(&FAMILY, "kube-controllers/pdb.jsonl.gz", 320);
    check(&FAMILY, "kube-controllers/pod-accounting.jsonl.gz", 320);
    check(
        &FAMILY,
        "kube-controllers/kubelet-eviction-rank.jsonl.gz",
        200,
    );
}

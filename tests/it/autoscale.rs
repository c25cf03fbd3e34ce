//! Decisions recorded from the autoscalers of Kubernetes (`tests/data/hpa`,
//! `tests/data/cluster-autoscaler`, `tests/data/kube-controllers`; spec: kubernetes.md part 3).

use std::path::Path;

use verify::{Family, VerifyOptions, cluster_autoscaler, hpa, kube_controllers};

/// Every case of a file agrees, and there are as many as stated.
#[track_caller]
fn check(family: &Family, file: &str, expected: u64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let file = folder.join(file);
    assert!((family.claims)(&file));
    let reports = family.judge.run(&[file], &VerifyOptions::default());
    let reports = reports.expect("a file that can be read");
    for report in &reports {
        let told = report.disagreements.join("\n");
        let others = report.failed + report.unsupported;
        assert_eq!(others, 0, "{}: {told}", report.family);
    }
    let passed: u64 = reports.iter().map(|report| report.passed).sum();
    assert_eq!(passed, expected);
}

#[test]
fn passes_of_the_horizontal_autoscaler_are_those_recorded() {
    check(&hpa::FAMILY, "hpa/cases.jsonl.gz", 790);
}

#[test]
fn proposals_and_normalised_replicas_are_those_recorded() {
    let family = &kube_controllers::FAMILY;
    check(family, "kube-controllers/hpa-calc.jsonl.gz", 500);
    check(family, "kube-controllers/hpa-normalize.jsonl.gz", 120);
}

#[test]
fn recommendations_of_the_vertical_autoscaler_are_those_recorded() {
    let family = &kube_controllers::FAMILY;
    check(family, "kube-controllers/vpa-buckets.jsonl.gz", 1);
    check(family, "kube-controllers/vpa-recommender.jsonl.gz", 80);
}

#[test]
fn estimates_and_drains_of_the_cluster_autoscaler_are_those_recorded() {
    let file = "cluster-autoscaler/cases.jsonl.gz";
    check(&cluster_autoscaler::FAMILY, file, 300);
    let family = &kube_controllers::FAMILY;
    check(family, "kube-controllers/ca-scale-down-node.jsonl.gz", 320);
}

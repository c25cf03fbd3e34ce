//! Recorded decisions of Swarm, `SwarmKit`, Fleet, Mesos, Marathon, Chronos and DC/OS
//! (`tests/data/orchestrators`; spec: orchestrators-a.md section 14, orchestrators-b.md section
//! 12).

use std::path::{Path, PathBuf};

use crate::scratch::Scratch;
use verify::orchestrators::FAMILY;
use verify::{FamilyReport, VerifyOptions};

fn judge(names: &[&str], families: &[&str]) -> Vec<FamilyReport> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/orchestrators");
    let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    assert!(files.iter().all(|file| (FAMILY.claims)(file)));
    let options = VerifyOptions {
        families: families.iter().map(|&name| name.to_owned()).collect(),
        ..VerifyOptions::default()
    };
    FAMILY
        .judge
        .run(&files, &options)
        .expect("files that can be read")
}

/// Kinds with the number of their cases, in the order of the files.
const PASSED: &[(&str, u64)] = &[
    ("swarm-classic", 51),
    ("swarmkit", 29),
    ("compose", 6),
    ("docker-machine", 2),
    ("fleet", 13),
    ("nova", 16),
    ("ecs", 13),
    ("openshift", 13),
    ("feature-lb", 3),
    ("feature-scale", 2),
    ("feature-serverless", 3),
    ("feature-alert", 2),
    ("feature-storage", 2),
    ("feature-deploy", 2),
    ("feature-recovery", 3),
    ("feature-metrics", 2),
    ("mesos-sorter", 14),
    ("mesos-random-sorter", 10),
    ("mesos-allocator", 25),
    ("mesos-agent", 13),
    ("drf-tasks", 12),
    ("marathon-constraint", 38),
    ("marathon-group-by", 21),
    ("marathon-group-by-fill", 10),
    ("marathon-backoff", 11),
    ("marathon-upgrade", 16),
    ("marathon-upgrade-steps", 11),
    ("marathon-scale-down", 10),
    ("marathon-unreachable", 11),
    ("chronos-skip", 12),
    ("chronos-timeline", 11),
    ("chronos-dependency", 11),
    ("dcos-autoscale", 11),
    ("borg-score", 15),
    ("borg-preemption", 11),
    ("borg-reservation", 10),
    ("borg-compaction", 11),
    ("borg-p90", 3),
    ("borg-metrics", 11),
    ("omega-decision-time", 2),
    ("omega", 12),
    ("sparrow-zero-wait", 12),
    ("supermarket", 11),
    ("sparrow", 11),
    ("tetris", 12),
    ("tetris-fill", 10),
    ("quincy", 11),
    ("min-cost-flow", 11),
    ("octopus", 10),
    ("tarcil", 10),
    ("graphene-bound", 10),
    ("batch-fcfs", 14),
    ("batch-sjf", 14),
    ("batch-easy", 14),
    ("batch-conservative", 14),
    ("slurm-priority", 12),
    ("slurm-fs", 11),
    ("slurm-fairtree", 12),
    ("slurm-decay", 10),
    ("kueue", 12),
    ("kueue-preempt", 12),
    ("volcano-proportion", 11),
    ("volcano-binpack", 11),
    ("yunikorn-queue", 10),
    ("gang", 12),
    ("fgd-F", 13),
    ("fgd", 13),
    ("gpu-packing-score", 14),
    ("tiresias", 11),
    ("bin-packing", 14),
    ("vector-packing", 12),
    ("weibull", 11),
    ("lognormal", 11),
    ("availability", 11),
    ("checkpoint", 9),
    ("ettr", 11),
    ("spot", 10),
    ("late-speculation", 11),
    ("image-pull", 13),
    ("max-min", 13),
    ("max-min-finish", 12),
    ("cpu-share", 13),
    ("cpu-weight", 11),
    ("oom-adj", 11),
    ("power", 11),
    ("power-formula", 11),
    ("power-energy", 10),
];

/// Cases of options that recorded cases leave at their defaults.
const EDGE_CASES: u64 = 46;

#[test]
fn every_recorded_decision_of_a_judged_kind_is_the_one_made() {
    let recorded = ["orchestrators-a.jsonl.gz", "orchestrators-b.jsonl.gz"];
    let mut reports = judge(&recorded, FAMILY.kinds);
    // Replays of whole traces need these and are judged with `--traces`.
    reports.retain(|report| report.family != "fgd-replay");
    for report in &reports {
        let told = report.disagreements.join("\n");
        let family = &report.family;
        assert_eq!(
            (report.failed, report.unsupported),
            (0, 0),
            "{family}: {told}"
        );
    }
    let passed: Vec<(&str, u64)> = reports
        .iter()
        .map(|report| (report.family.as_str(), report.passed))
        .collect();
    assert_eq!(passed, PASSED);
}

#[test]
fn options_that_recorded_cases_leave_out_are_judged() {
    let reports = judge(&["edge-cases.jsonl"], FAMILY.kinds);
    for report in &reports {
        let told = report.disagreements.join("\n");
        let family = &report.family;
        assert_eq!(
            (report.failed, report.unsupported),
            (0, 0),
            "{family}: {told}"
        );
    }
    let passed: u64 = reports.iter().map(|report| report.passed).sum();
    assert_eq!(passed, EDGE_CASES);
}

#[test]
fn kinds_that_nothing_judges_are_counted_by_name() {
    let case =
        |kind: &str| format!("{{\"system\": \"{kind}\", \"case\": \"a\", \"expected\": {{}}}}\n");
    let text = [case("quill"), case("quill"), case("quire")].concat();
    let scratch = Scratch::new("unjudged", &[("cases.jsonl", &text)]);
    let reports = FAMILY
        .judge
        .run(&[scratch.path("cases.jsonl")], &VerifyOptions::default());
    let reports = reports.expect("a file that can be read");
    let left_out: Vec<(&str, u64)> = reports
        .iter()
        .map(|report| (report.family.as_str(), report.unsupported))
        .collect();
    assert_eq!(left_out, [("quill", 2), ("quire", 1)]);
    assert!(
        reports
            .iter()
            .all(|report| report.passed + report.failed == 0)
    );
}

//! Queues of Kueue whose quotas change, and that are deleted, while their jobs wait and run: what holds
//! quota keeps it, and what waits is admitted by the objects of its time.

use crate::scratch::Scratch;
use crate::trace_runs::{run, times};

const HEAD: &str = "apiVersion: kueue.x-k8s.io/v1beta1\nkind:";

/// A queue of the cluster in the cohort `all`, with a quota of cores.
fn queue(name: &str, quota: u32) -> String {
    format!(
        "{HEAD} ClusterQueue\nmetadata: {{name: {name}}}\nspec:\n  cohort: all\n  namespaceSelector: {{}}\n  \
         resourceGroups:\n  - coveredResources: [cpu]\n    flavors:\n    - {{name: default, resources: [{{name: \
         cpu, nominalQuota: {quota}}}]}}\n---\n"
    )
}

/// The files of an experiment: six jobs of one core for 300 s each, in a queue of two cores beside
/// another one.
fn files(name: &str, lent: u32, operations: &str) -> Scratch {
    let jobs = ["a", "b", "c", "d", "e", "f"].map(|name| format!("0,300,1,{name}\n"));
    let jobs = format!("submit,run_time,cpu,name\n{}", jobs.concat());
    let text = format!(
        "windtunnel: v1\nname: queues\ncluster: {{nodes: [{{count: 2, template: {{allocatable: {{cpu: 8, memory: \
         16Gi}}}}}}]}}\nworkload:\n- trace: {{format: csv, path: jobs.csv}}\n- manifests: q.yaml\nsystem: \
         {{controllers: {{jobs: {{queue: user}}}}}}\n{operations}stop: {{at: 1h}}\n"
    );
    let rest = format!(
        "{HEAD} ResourceFlavor\nmetadata: {{name: default}}\n---\n{HEAD} LocalQueue\nmetadata: {{name: user, \
         namespace: default}}\nspec: {{clusterQueue: own}}\n"
    );
    let start = [queue("own", 2), queue("lender", lent), rest].concat();
    let (more, less) = (queue("own", 3), queue("own", 1));
    let files = [
        ("a.yaml", &*text),
        ("jobs.csv", &*jobs),
        ("q.yaml", &*start),
        ("more.yaml", &*more),
        ("less.yaml", &*less),
    ];
    Scratch::new(name, &files)
}

/// Seconds at which pods came, in order, without the last digit: starts and retries take up to two each.
fn submitted(scratch: &Scratch) -> Vec<i64> {
    let times = times(scratch);
    let mut seconds: Vec<i64> = times.values().map(|own| own.0 / 10 * 10).collect();
    seconds.sort_unstable();
    seconds
}

/// Seconds at which pods came, and what the run told.
fn admissions(name: &str, lent: u32, operations: &str) -> (Vec<i64>, String) {
    let scratch = files(name, lent, operations);
    let told = run(&scratch, "a.yaml", &[]);
    (submitted(&scratch), told)
}

#[test]
fn a_quota_that_grows_admits_at_once_what_waits() {
    let (seconds, told) = admissions(
        "queue-more",
        0,
        "operations: [{at: 100s, apply: more.yaml}]\n",
    );
    assert_eq!(seconds, [0, 0, 100, 300, 300, 400], "{told}");
    assert!(!told.contains("reads such objects once"), "{told}");
}

#[test]
fn a_quota_that_shrinks_takes_nothing_back() {
    let (seconds, told) = admissions(
        "queue-less",
        0,
        "operations: [{at: 100s, apply: less.yaml}]\n",
    );
    assert_eq!(seconds, [0, 0, 300, 600, 900, 1200], "{told}");
}

#[test]
fn what_was_applied_before_can_be_applied_again() {
    let operations = "operations: [{at: 100s, apply: less.yaml}, {at: 350s, apply: more.yaml}, {at: 500s, apply: less.yaml}]\n";
    let (seconds, told) = admissions("queue-again", 0, operations);
    assert_eq!(seconds, [0, 0, 300, 350, 350, 650], "{told}");
}

#[test]
fn a_deleted_queue_lends_nothing() {
    let operations = "operations: [{at: 100s, delete: ClusterQueue/lender}]\n";
    let (seconds, told) = admissions("queue-lender", 1, operations);
    assert_eq!(seconds, [0, 0, 0, 300, 300, 600], "{told}");
    let (seconds, told) = admissions("queue-lent", 1, "");
    assert_eq!(seconds, [0, 0, 0, 300, 300, 300], "{told}");
}

#[test]
fn a_deleted_queue_admits_nothing_more_and_goes_with_its_last_workload() {
    let operations = "operations: [{at: 100s, delete: ClusterQueue/own}]\n";
    let scratch = files("queue-deleted", 0, operations);
    let told = run(&scratch, "a.yaml", &["--events"]);
    assert_eq!(submitted(&scratch), [0, 0], "{told}");
    let events = scratch.run(&["events", "ran", "--object", "ClusterQueue"], 0);
    let last = "5.02 min  deleted        ClusterQueue//own";
    assert!(events.contains(last), "{events}");
    let operations = "operations: [{at: 100s, delete: LocalQueue/default/user}]\n";
    let (seconds, told) = admissions("queue-local", 0, operations);
    assert_eq!(seconds, [0, 0], "{told}");
}

#[test]
fn a_queue_that_is_not_there_is_not_deleted() {
    let scratch = files(
        "queue-unknown",
        0,
        "operations: [{at: 1s, delete: ClusterQueue/won}]\n",
    );
    let refused = scratch.run(&["run", "a.yaml", "--out", "ran"], 2);
    let expected =
        "operations[0].delete: there is no ClusterQueue `won` at that time; did you mean `own`?";
    assert!(refused.contains(expected), "{refused}");
}

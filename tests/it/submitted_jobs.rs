//! Arrivals that are submitted as objects of the kind `Job`: each reaches its controller when it is
//! submitted, also where nothing else happens then, and those without pods at the end are told.

use crate::scratch::Scratch;
use crate::trace_runs::{run, times};

/// Jobs that come while others run, and one after a lull.
const JOBS: &str = "submit,run_time,cpu,name\n5,60,1,a\n6,60,1,b\n100,60,1,c\n";

/// Jobs of which the first and the last ask for more than the queue may hold.
const UNLIKE: &str = "submit,run_time,cpu,name\n0,60,3,z\n5,60,1,a\n100,60,3,c\n";

fn queues(quota: u32) -> String {
    let head = "apiVersion: kueue.x-k8s.io/v1beta1\nkind:";
    format!(
        "{head} ResourceFlavor\nmetadata: {{name: default}}\n---\n{head} ClusterQueue\nmetadata: {{name: all}}\n\
         spec:\n  namespaceSelector: {{}}\n  resourceGroups:\n  - coveredResources: [cpu]\n    flavors:\n    \
         - {{name: default, resources: [{{name: cpu, nominalQuota: {quota}}}]}}\n---\n{head} LocalQueue\n\
         metadata: {{name: user, namespace: default}}\nspec: {{clusterQueue: all}}\n"
    )
}

/// Submissions of a run's pods in seconds, in their order, and lines that it told.
fn submissions(name: &str, table: &str, rest: &str) -> (Vec<i64>, String) {
    let text = format!(
        "windtunnel: v1\nname: jobs\ncluster: {{nodes: [{{count: 2, template: {{allocatable: {{cpu: 4, memory: \
         16Gi}}}}}}]}}\nworkload:\n- trace: {{format: csv, path: jobs.csv}}\n{rest}"
    );
    let manifests = queues(2);
    let files = [
        ("a.yaml", &*text),
        ("jobs.csv", table),
        ("q.yaml", &manifests),
    ];
    let scratch = Scratch::new(name, &files);
    let told = run(&scratch, "a.yaml", &[]);
    let mut seconds: Vec<i64> = times(&scratch).values().map(|own| own.0).collect();
    seconds.sort_unstable();
    (seconds, told)
}

#[test]
fn a_job_after_a_lull_gets_its_pods_at_once() {
    let plain = "system: {controllers: {jobs: {}}}\n";
    let (seconds, told) = submissions("jobs-plain", JOBS, plain);
    assert_eq!(seconds, [5, 6, 100], "{told}");
    let queued = "- manifests: q.yaml\nsystem: {controllers: {jobs: {queue: user}}}\n";
    let (seconds, told) = submissions("jobs-queued", JOBS, queued);
    assert_eq!(seconds, [5, 6, 100], "{told}");
}

#[test]
fn a_queue_that_sees_late_writes_again_after_a_pause() {
    let queued = "- manifests: q.yaml\nsystem: {controllers: {jobs: {queue: user}}}\nmodels: {watchDelay: 2s}\n";
    let (seconds, told) = submissions("jobs-late", JOBS, queued);
    assert_eq!(seconds.len(), 3, "{told}");
    assert!(
        seconds
            .iter()
            .zip([7, 8, 102])
            .all(|(own, least)| *own >= least),
        "{seconds:?}"
    );
}

#[test]
fn jobs_without_pods_are_told() {
    let queued = "- manifests: q.yaml\nsystem: {controllers: {jobs: {queue: user}}}\n";
    let (seconds, told) = submissions("jobs-over-quota", UNLIKE, queued);
    assert_eq!(seconds, [5], "{told}");
    for line in [
        "note: 2 jobs without pods when the run ended: not admitted by the queue `user`, of which no job has \
         pods (first `default/z`)",
        "note: the workload `default/job-z` was the first to wait in the cluster queue `all` when the run ended: \
         couldn't assign flavors",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

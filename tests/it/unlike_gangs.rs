//! Gangs whose members differ in what they request: the tasks of a job of Alibaba's GPU trace of 2020, and rows of the
//! project's table with one `gang`. Systems that hold gangs start all members at once; the others say that they don't.

use std::fmt::Write as _;

use windtunnel::lab::summary::VariantSummary;
use windtunnel::units::SortedMap;

use crate::scratch::{Pods, Scratch, seconds};
use crate::trace_runs::{SYSTEMS, run, variants};

/// A job of a parameter server and two workers that has room at once, and one that has room with the end of the first
/// alone: its workers by themselves would have room before. A task of its own comes between.
const TASKS: &str = "\
j1,ps,1,Terminated,1000,1100,900,4,,
j1,worker,2,Terminated,1000,1100,100,4,100,T4
j3,tf,1,Terminated,1010,1020,100,1,,
j2,worker,2,Terminated,1005,1065,100,4,50,T4
j2,ps,1,Terminated,1007,1067,1100,4,,
";

/// Systems with members that start together, as their options make them.
const HOLDING: [(&str, &str); 9] = [
    ("kubernetes", "{config: profile.yaml}"),
    ("batch", "{backfill: none}"),
    ("batch", "{backfill: strict}"),
    ("batch", "{backfill: skip}"),
    ("batch", "{backfill: easy}"),
    ("batch", "{backfill: easy-hosts}"),
    ("batch", "{backfill: conservative}"),
    ("batch", "{backfill: conservative-hosts}"),
    ("batch", "{backfill: slurm}"),
];

fn experiment(workload: &str) -> String {
    format!(
        "windtunnel: v1\nname: gangs\ncluster:\n  nodes:\n    - {{name: gpu, count: 1, template: {{allocatable: \
         {{cpu: 8, memory: 64Gi}}, gpu: {{devices: 4, model: T4}}}}}}\n    - {{name: plain, count: 1, template: \
         {{allocatable: {{cpu: 12, memory: 64Gi}}}}}}\nworkload:\n  - trace: {workload}\n"
    )
}

/// The starts of a run's pods in seconds, by name; of one that never started -1.
fn starts(scratch: &Scratch) -> SortedMap<String, i64> {
    starts_of(scratch.pods("ran", ["started_ns"]))
}

fn starts_of(pods: Pods<1>) -> SortedMap<String, i64> {
    let start = |[cell]: [String; 1]| seconds(&cell).unwrap_or(-1);
    let pods = pods.into_iter();
    pods.map(|(pod, cells)| (pod, start(cells))).collect()
}

/// The configuration of a kube-scheduler that holds groups of pods.
const PROFILE: &str = "\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
  - schedulerName: default-scheduler
    plugins: {multiPoint: {enabled: [{name: Coscheduling}]}}
";

fn scratch(name: &str, variants: &str) -> Scratch {
    let text = experiment("{format: alibaba-gpu-2020-tasks, path: pai.csv}") + variants;
    let files = [
        ("a.yaml", &*text),
        ("pai.csv", TASKS),
        ("profile.yaml", PROFILE),
    ];
    Scratch::new(name, &files)
}

/// Whether a variant says that its system does not hold gangs of unlike pods.
fn is_without(own: &VariantSummary) -> bool {
    let mut lacks = own.unexpressed.iter();
    lacks.any(|lack| lack.capability == "gangs of unlike pods")
}

#[test]
fn tasks_of_a_job_start_together() {
    let mut variants = "variants:\n".to_owned();
    for (place, (system, scheduler)) in HOLDING.iter().enumerate() {
        let _ = writeln!(
            variants,
            "  {system}-{place}: {{system: {{name: {system}, scheduler: {scheduler}}}}}"
        );
    }
    let scratch = scratch("unlike-gangs", &variants);
    let told = run(&scratch, "a.yaml", &[]);
    let kind = "began after another task of its job; arrives with that";
    assert!(told.contains(kind), "{told}");
    let summary = scratch.summary("ran");
    assert_eq!(summary.variants.len(), HOLDING.len());
    let mut all = scratch.pods_of_variants("ran", ["started_ns"]);
    for own in &summary.variants {
        assert!(!is_without(own), "{}", own.name);
        let starts = starts_of(all.remove(&own.name).expect("pods"));
        let of = |name: &str| starts[name];
        let who = format!("{}: {starts:?}", own.name);
        let first = ["j1-ps", "j1-worker-0", "j1-worker-1"].map(of);
        assert!(first.iter().all(|&at| at == first[0] && at < 5), "{who}");
        let second = ["j2-ps", "j2-worker-0", "j2-worker-1"].map(of);
        assert_eq!(second, [100; 3], "{who}");
    }
}

#[test]
fn the_other_systems_say_that_they_do_not_hold_them() {
    let holds = |system: &&str| HOLDING.iter().any(|(name, _)| name == system);
    let others = SYSTEMS.into_iter().filter(|system| !holds(system));
    let scratch = scratch("unlike-gangs-apart", &variants(others));
    let told = run(&scratch, "a.yaml", &[]);
    assert!(told.contains("gangs of unlike pods"), "{told}");
    let summary = scratch.summary("ran");
    assert_eq!(summary.variants.len(), 13);
    for own in &summary.variants {
        assert!(is_without(own), "{}: {:?}", own.name, own.unexpressed);
    }
}

/// A table in which two rows of a gang stand apart, one of them later, and wait for what ends.
const TABLE: &str = "\
submit,name,run_time,cpu,members,tenant,after,gang
0,first,50,1,1,ann,,
3,ps,60,2,1,ann,first,train
4,other,10,1,1,bob,,
9,worker,30,4,2,bob,,train
";

#[test]
fn rows_of_a_gang_wait_and_start_as_one() {
    let text = experiment("{format: csv, path: jobs.csv}");
    let files = [("a.yaml", &*text), ("jobs.csv", TABLE)];
    let scratch = Scratch::new("unlike-gangs-table", &files);
    let system = ["--set", "system={name: batch, scheduler: {backfill: easy}}"];
    let told = run(&scratch, "a.yaml", &system);
    let kind = "submitted after another row of its gang; submitted with that";
    assert!(told.contains(kind), "{told}");
    let starts = starts(&scratch);
    let train = ["ps", "worker-0", "worker-1"].map(|name| starts[name]);
    assert_eq!(train, [50; 3], "{starts:?}");
}

/// The gangs of the rows of a table.
fn gangs(scratch: &Scratch, file: &str) -> Vec<String> {
    let text = String::from_utf8(scratch.bytes(file)).expect("a text");
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let header = rows.headers().expect("a header").clone();
    let place = header.iter().position(|own| own == "gang").expect("a gang");
    let rows = rows.records();
    rows.map(|row| row.expect("a row")[place].to_owned())
        .collect()
}

#[test]
fn edits_and_conversions_keep_gangs() {
    let files = [("jobs.csv", TABLE), ("pai_task_table.csv", TASKS)];
    let scratch = Scratch::new("unlike-gangs-edits", &files);
    let gangs = |file: &str| gangs(&scratch, file);
    scratch.run(&["trace", "convert", "jobs.csv", "--out", "again.csv"], 0);
    assert_eq!(gangs("again.csv"), ["", "train", "train", ""]);
    scratch.run(&["trace", "convert", "again.csv", "--out", "same.csv"], 0);
    assert_eq!(scratch.bytes("same.csv"), scratch.bytes("again.csv"));
    scratch.run(
        &["trace", "convert", "pai_task_table.csv", "--out", "pai.csv"],
        0,
    );
    assert_eq!(gangs("pai.csv"), ["j1", "j1", "j2", "j2", ""]);
    let edit = |more: &[&str]| -> String {
        let line = ["trace", "edit", "pai.csv", "--out", "edited.csv", "--force"];
        scratch.run(&[&line[..], more].concat(), 0)
    };
    edit(&["--anonymize"]);
    assert_eq!(
        gangs("edited.csv"),
        ["gang-1", "gang-1", "gang-2", "gang-2", ""]
    );
    edit(&["--merge", "jobs.csv"]);
    let merged = gangs("edited.csv");
    assert_eq!(
        merged.iter().filter(|own| *own == "j1").count(),
        2,
        "{merged:?}"
    );
    let told = edit(&["--where", "gpus == 0"]);
    assert!(
        told.contains("gang of which an edit left members out"),
        "{told}"
    );
    assert_eq!(gangs("edited.csv"), ["j1", "j2", ""]);
    let line = [
        "trace", "convert", "pai.csv", "--to", "swf", "--out", "log.swf",
    ];
    let told = scratch.run(&line, 0);
    assert!(told.contains("gang"), "{told}");
}

#[test]
fn samples_keep_gangs_whole() {
    let mut table = "submit,name,tenant,gang\n".to_owned();
    for row in 0..200 {
        let _ = writeln!(table, "{},pod-{row},t{},g{}", row / 7, row % 5, row % 50);
    }
    let scratch = Scratch::new("unlike-gangs-samples", &[("t.csv", &table)]);
    for by in ["job", "tenant"] {
        let line = [
            "trace", "edit", "t.csv", "--sample", "40", "--by", by, "--out", "s.csv",
        ];
        let told = scratch.run(&[&line[..], &["--force"]].concat(), 0);
        assert!(!told.contains("left members out"), "{told}");
        let kept = gangs(&scratch, "s.csv");
        let mut sizes: SortedMap<String, u32> = SortedMap::new();
        for gang in &kept {
            *sizes.entry(gang.clone()).or_default() += 1;
        }
        assert!(!kept.is_empty() && kept.len() < 200, "{by}");
        assert!(sizes.values().all(|&size| size == 4), "{by}: {sizes:?}");
    }
}

/// A queue that has room for the first job, and beside it for the workers of the second, not for its server.
const QUEUES: &str = "\
apiVersion: kueue.x-k8s.io/v1beta1
kind: ResourceFlavor
metadata: {name: default}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {name: all}
spec:
  namespaceSelector: {}
  resourceGroups:
    - coveredResources: [cpu, memory, nvidia.com/gpu]
      flavors:
        - name: default
          resources:
            - {name: cpu, nominalQuota: 14}
            - {name: memory, nominalQuota: 64Gi}
            - {name: nvidia.com/gpu, nominalQuota: 4}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: LocalQueue
metadata: {name: team, namespace: default}
spec: {clusterQueue: all}
";

#[test]
fn a_queue_admits_the_tasks_of_a_job_as_one_workload() {
    let text = experiment("{format: alibaba-gpu-2020-tasks, path: pai.csv}");
    let text = format!("{text}  - manifests: queues.yaml\n");
    let files = [
        ("a.yaml", &*text),
        ("pai.csv", TASKS),
        ("queues.yaml", QUEUES),
    ];
    let scratch = Scratch::new("unlike-gangs-queue", &files);
    let jobs = "system.controllers={jobs: {queue: team}}";
    let told = run(
        &scratch,
        "a.yaml",
        &["--set", jobs, "--set", "stop={at: 1h}"],
    );
    assert!(!told.contains("gangs of unlike pods"), "{told}");
    let starts = starts(&scratch);
    let of = |prefix: &str| {
        let own = starts.iter().filter(|(name, _)| name.starts_with(prefix));
        own.map(|(_, &at)| at).collect::<Vec<_>>()
    };
    assert_eq!(of("j1-"), [0; 3], "{starts:?}");
    let second = of("j2-");
    assert!(
        second.len() == 3 && second.iter().all(|&at| at >= 100),
        "{starts:?}"
    );
}

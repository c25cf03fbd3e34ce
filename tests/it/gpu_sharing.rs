//! Sharing of GPUs of unlike speed over time, and wrong throughputs, which are refused with their place.

use crate::scratch::Scratch;

/// A V100 and a K80, and a round of 100 s.
fn unlike(types: &str, sharing: &str) -> String {
    format!(
        "windtunnel: v1
name: gpu-sharing
cluster:
  nodes:
    - {{name: v100, count: 1, template: {{allocatable: {{cpu: 8, memory: 8Gi, pods: 9}}, gpu: {{devices: 1, model: V100}}}}}}
    - {{name: k80, count: 1, template: {{allocatable: {{cpu: 8, memory: 8Gi, pods: 9}}, gpu: {{devices: 1, model: K80}}}}}}
workload:
  - trace: {{format: csv, path: jobs.csv}}
system:
  name: gpu-sharing
  gpuSharing: {{round: 100s, {sharing}}}
models:
  throughputs:
    reference: V100
    types: {types}
stop: {{when: drained}}
"
    )
}

const TYPES: &str = "{image: {V100: 40, K80: 10}, speech: {V100: 12, K80: 10}}";

/// Two jobs, of which the first is as fast on both models, nearly.
const JOBS: &str = "\
submit,name,run_time,gpus,job_type,time_limit
0,a,400,1,speech,400
0,b,400,1,image,400
";

fn makespan(experiment: &str, jobs: &str) -> f64 {
    let files = [("a.yaml", experiment), ("jobs.csv", jobs)];
    let scratch = Scratch::new("gpu-sharing", &files);
    scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let summary = scratch.summary("out");
    let value = summary.variants[0].metrics.get("makespan.total");
    value.and_then(|own| own.value).expect("jobs that ended")
}

#[test]
fn jobs_on_unlike_gpus_take_turns_by_their_throughputs() {
    // The image stays where it began, four times as slow.
    let stays = makespan(&unlike(TYPES, "rule: tiresias"), JOBS);
    assert!((stays - 1_600.0).abs() < 1.0, "{stays}");
    // Half of the time each: 400 s of speech take 436 s, and the image has the V100 from then on.
    for rule in ["max-min", "finish-time"] {
        let moves = makespan(&unlike(TYPES, &format!("rule: {rule}")), JOBS);
        assert!(moves < 700.0, "{rule}: {moves}");
    }
}

#[test]
fn turns_may_be_many() {
    // Two jobs change places every ten seconds for a day and a half, long after the last arrival.
    let text = unlike(TYPES, "rule: time-slice").replace("round: 100s", "round: 10s");
    let jobs = "submit,name,run_time,gpus,job_type\n0,a,65000,2,image\n0,b,65000,2,image\n";
    let text = text.replace("devices: 1, model: V100", "devices: 2, model: V100");
    let span = makespan(&text, jobs);
    assert!((130_000.0..131_000.0).contains(&span), "{span}");
}

#[test]
fn wrong_throughputs_are_refused_with_their_place() {
    let hole = "{image: {V100: 40, K80: 10}, speech: {V100: 12}}";
    let zero = "{image: {V100: 40, K80: 0}}";
    let other = "{image: {V100: 40, T4: 20}}";
    let cases = [
        (hole, JOBS, "type `speech` has no throughput on `K80`"),
        (hole, JOBS, "a.yaml:15:"),
        (
            zero,
            JOBS,
            "type `image` on `K80`: expected steps per second from 0.001",
        ),
        (
            other,
            "submit,run_time,gpus,job_type\n0,400,1,image\n",
            "no type has a throughput on `K80`, the GPU model of node `k80`; known are `T4`, `V100`",
        ),
        (
            "{speech: {V100: 12, K80: 10}}",
            JOBS,
            "jobs.csv:3: column `job_type`: must be a type of `models.throughputs`, found `image`",
        ),
    ];
    for (types, jobs, expected) in cases {
        let experiment = unlike(types, "rule: max-min");
        let files = [("a.yaml", experiment.as_str()), ("jobs.csv", jobs)];
        let scratch = Scratch::new("gpu-sharing", &files);
        let said = scratch.run(&["run", "a.yaml", "--out", "out"], 2);
        assert!(said.contains(expected), "{types}: {said}");
    }
}

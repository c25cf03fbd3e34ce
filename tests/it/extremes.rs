//! Extreme but readable values, and views that lag: small experiments over every system end with a
//! result or an error, never with a panic or a livelock, and no scheduler over-commits a node because
//! it sees late.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod};
use windtunnel::rng::Stream;
use windtunnel::units::Instant;

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::measure;

/// The widest overcommitment that was seen.
#[derive(Default)]
struct Overcommitted(Option<String>);

impl Observer for Overcommitted {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        if let Event::PodBound { node, .. } = event
            && store.nodes().is_overcommitted(*node)
        {
            let name = store.nodes().name(*node);
            self.0
                .get_or_insert_with(|| format!("{name} at {}", at.as_secs_f64()));
        }
    }
}

fn one<'w, const N: usize>(stream: &mut Stream, words: [&'w str; N]) -> &'w str {
    words[stream.below(N as u64) as usize]
}

/// Systems that place a workload of single jobs, each with its settings.
const SYSTEMS: [&str; 27] = [
    "{name: kubernetes}",
    "{name: batch}",
    "{name: batch, scheduler: {queue: sjf, backfill: easy}}",
    "{name: pipeline, scheduler: {profile: first-fit}}",
    "{name: pipeline, scheduler: {profile: best-fit}}",
    "{name: pipeline, scheduler: {profile: worst-fit}}",
    "{name: pipeline, scheduler: {profile: round-robin}}",
    "{name: pipeline, scheduler: {profile: least-allocated}}",
    "{name: pipeline, scheduler: {profile: fgd}}",
    "{name: swarm}",
    "{name: swarmkit}",
    "{name: fleet}",
    "{name: mesos}",
    "{name: ecs}",
    "{name: openshift}",
    "{name: borg}",
    "{name: borg, borg: {candidates: 2}}",
    "{name: nova, nova: {ratios: {cpu: 1}, liveMigration: {bandwidth: 1Gi}}}",
    "{name: omega}",
    "{name: omega, omega: {architecture: two-level, transactions: all-or-nothing}}",
    "{name: flow}",
    "{name: graphene}",
    "{name: graphene, graphene: {order: tetris, fairness: 1, barrier: 0}}",
    "{name: flow, flow: {costModel: octopus}}",
    "{name: gpu-sharing}",
    "{name: kubernetes, schedulers: [{name: default-scheduler, watchDelay: 37s, decisionTime: 1s}, \
     {name: b}]}",
    "{name: batch, scheduler: {queue: slurm, backfill: strict, slurm: {partitions: [{name: p, \
     default: true, maxTime: 1h}, {name: q}]}}}",
];

/// Runs an experiment with a table of jobs; the outcome in words, and an overcommitted node.
fn run(name: &str, jobs: &str, text: &str) -> Result<Option<String>, String> {
    let scratch = Scratch::new(name, &[("jobs.csv", jobs), ("run.yaml", text)]);
    let load = AssertUnwindSafe(|| load_file(&scratch.path("run.yaml")));
    // The helper panics where an experiment is refused: that is an answer.
    let Ok(experiment) = catch_unwind(load) else {
        return Ok(None);
    };
    let mut eyes = Overcommitted::default();
    let scenario = &experiment.variants[0].scenario;
    let measured = catch_unwind(AssertUnwindSafe(|| {
        measure(scenario, &experiment.files, &mut eyes).map(drop)
    }));
    match measured {
        Err(_) => Err("a panic".to_owned()),
        Ok(Err(error)) if error.to_string().contains("livelock") => Err(error.to_string()),
        Ok(Err(error)) if error.to_string().contains("invariant") => Err(error.to_string()),
        Ok(_) => Ok(eyes.0),
    }
}

#[test]
fn a_scheduler_that_sees_late_does_not_overcommit() {
    for (index, system) in SYSTEMS.iter().enumerate() {
        for round in 0..4_u64 {
            let stream = &mut Stream::new(7, "late-view", index as u64 * 100 + round);
            let mut jobs = "submit,name,run_time,cpu,memory\n".to_owned();
            for job in 0..=stream.below(30) {
                let (submit, length) = (stream.below(40), 1 + stream.below(60));
                let (cpu, memory) = (1 + stream.below(4), 1 + stream.below(8));
                let _ = writeln!(jobs, "{submit},j{job},{length},{cpu},{memory}Gi");
            }
            let delay = one(stream, ["1ms", "1s", "5s", "37s"]);
            // Transactions as a whole are refused where all changes are seen late.
            let may_be_late = !system.contains("all-or-nothing");
            let (late, more) = if round % 2 == 0 && may_be_late {
                (format!("models: {{watchDelay: {delay}}}\n"), String::new())
            } else {
                let fault = "kind: watch-delay, component: scheduler";
                let fault = format!("failures: [{{{fault}, delay: {delay}, at: 0s, for: 1h}}]\n");
                (String::new(), fault)
            };
            let nodes = 1 + stream.below(3);
            let text = format!(
                "windtunnel: v1\nname: late\ncluster: {{nodes: [{{count: {nodes}, template: \
                 {{allocatable: {{cpu: 4, memory: 16Gi}}}}}}]}}\nworkload: [{{trace: {{format: csv, \
                 path: jobs.csv}}}}]\nsystem: {system}\n{late}{more}stop: {{at: 1h}}\n"
            );
            let found = run(&format!("late-{index}-{round}"), &jobs, &text);
            // Fleet looks at no resources at all.
            if system.contains("fleet") {
                assert!(found.is_ok(), "{found:?}\n{text}{jobs}");
            } else {
                assert_eq!(found, Ok(None), "{text}{jobs}");
            }
        }
    }
}

#[test]
fn extreme_values_end_in_words() {
    const AMOUNTS: [&str; 10] = [
        "0",
        "1m",
        "1",
        "32",
        "4",
        "1Gi",
        "1Pi",
        "8Pi",
        "9007199254740992",
        "9e18",
    ];
    const SECONDS: [&str; 6] = ["0", "1", "60", "1e9", "4611686018", "9223372035"];
    for round in 0..130_u64 {
        let stream = &mut Stream::new(7, "extremes", round);
        let system = SYSTEMS[(round % SYSTEMS.len() as u64) as usize];
        let mut jobs = "submit,run_time,cpu,memory,time_limit,priority\n".to_owned();
        for _ in 0..=stream.below(3) {
            let (submit, length) = (one(stream, SECONDS), one(stream, SECONDS));
            let (cpu, memory) = (one(stream, AMOUNTS), one(stream, AMOUNTS));
            let limit = one(stream, ["", "1", "9223372035"]);
            let priority = one(stream, ["0", "2147483647", "-2147483648"]);
            let _ = writeln!(jobs, "{submit},{length},{cpu},{memory},{limit},{priority}");
        }
        let (cpu, memory) = (one(stream, AMOUNTS), one(stream, AMOUNTS));
        let count = one(stream, ["1", "3", "600"]);
        let stop = one(stream, ["{at: 1h}", "{at: 106751d}", "{when: drained}"]);
        let warm_up = one(stream, ["0s", "1s", "106751d"]);
        let text = format!(
            "windtunnel: v1\nname: extremes\ncluster: {{nodes: [{{count: {count}, template: {{price: 1, \
             allocatable: {{cpu: {cpu}, memory: {memory}, nvidia.com/gpu: 8}}}}}}]}}\nworkload: [{{trace: \
             {{format: csv, path: jobs.csv}}}}]\nsystem: {system}\nmetrics: {{warmup: {warm_up}}}\n\
             stop: {stop}\n"
        );
        let found = run(&format!("extremes-{round}"), &jobs, &text);
        assert!(found.is_ok(), "{found:?}\n{text}{jobs}");
    }
}

#[test]
fn only_runs_that_never_end_are_stopped() {
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  replicas: \
                    1\n  selector: {matchLabels: {app: shop}}\n  template:\n    metadata:\n      \
                    labels: {app: shop}\n      annotations: {windtunnel.dev/run-time: 1s}\n    \
                    spec: {containers: [{name: shop, image: shop}]}\n";
    let outcome = |nodes: &str, workload: &str| {
        let text = format!(
            "windtunnel: v1\nname: endless\ncluster: {{nodes: [{nodes}]}}\nworkload: [{workload}]\n\
             system: {{name: kubernetes, controllers: {{}}}}\nstop: {{when: drained}}\n"
        );
        let files = [
            (
                "jobs.csv",
                "submit,name,run_time,cpu,memory\n0,job,10,1,0\n",
            ),
            ("shop.yaml", manifest),
            ("run.yaml", &*text),
        ];
        let scratch = Scratch::new("endless", &files);
        let experiment = load_file(&scratch.path("run.yaml"));
        let scenario = &experiment.variants[0].scenario;
        let eyes = &mut Overcommitted::default();
        measure(scenario, &experiment.files, eyes).map(drop)
    };
    // As many nodes as the scenario states are no sign of a run without an end.
    let large = "{count: 20000, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}";
    let small = "{count: 1, template: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}}";
    let jobs = "{trace: {format: csv, path: jobs.csv}}";
    outcome(large, jobs).expect("a run of one job ends");
    let error =
        outcome(small, "{manifests: shop.yaml}").expect_err("a container restarts for ever");
    let words = error.to_string();
    assert!(
        words.contains("ReplicaSet default/shop") && words.contains("restarts containers"),
        "{words}"
    );
}

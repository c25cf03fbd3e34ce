//! Elastic training by goodput, in whole runs: what changes with GPUs, batch size and progress of a job, no GPU is
//! given twice, a node has GPUs of one job on several nodes at most, and wrong inputs are refused with their place.

use proptest::prelude::*;
use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{DeviceSet, EndReason, Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, PodId, SortedMap};

use crate::kube_scenario::{Scratch, load_file};
use crate::scratch;
use crate::watch::watch;

/// Jobs that get on with one GPU of four as fast as it takes 0.1 s to 0.2 s a step.
fn experiment(nodes: u32, rule: &str, goodput: &str) -> String {
    format!(
        "windtunnel: v1
name: goodput
cluster:
  nodes:
    - {{name: 'n-{{}}', count: {nodes}, template: {{allocatable: {{cpu: 8, memory: 8Gi, pods: 99}}, gpu: {{devices: 4, model: V100}}}}}}
workload:
  - trace: {{format: csv, path: jobs.csv}}
system:
  name: gpu-sharing
  gpuSharing: {{round: 60s, {rule}}}
models:
  startup: {{containerStart: 10s}}
  throughputs:
    reference: V100
    types: {{image: {{V100: 1}}, other: {{V100: 1}}}}
    goodput:
      image:
        step: {{alphaC: 0, betaC: 0.001, alphaN: 0.02, betaN: 0.001, alphaR: 0, betaR: 0.001, gamma: 1}}
        batch: {{initial: 100, max: 1600, perGpu: [25, 200]}}
        work: 1000s
        {goodput}
stop: {{when: drained}}
"
    )
}

/// Noise that makes all samples worth nearly the same, from the half on.
const NOISE: &str = "noise: [[0, 100], [0.5, 1000000000]]";

#[derive(Default)]
struct Seen {
    checker: Checker,
    names: SortedMap<PodId, String>,
    completed: SortedMap<String, Instant>,
    bound: usize,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        match event {
            Event::PodCreated(created) => {
                self.names.insert(created.pod.id, created.name.to_string());
            }
            Event::PodBound { node, .. } => {
                self.bound += 1;
                let mut taken = DeviceSet::EMPTY;
                for slot in store.nodes().pods(*node) {
                    let record = store.pods().at(*slot).expect("a pod of the node");
                    let own = record.devices();
                    assert_eq!(own.0 & taken.0, 0, "a GPU in two pods");
                    taken = DeviceSet(own.0 | taken.0);
                    let asked = store.class(record.class).gpu.devices;
                    assert_eq!(own.len(), usize::from(asked));
                }
            }
            Event::PodEnded {
                pod,
                reason: EndReason::Completed,
            } => {
                let name = self.names[&pod.id].clone();
                assert_eq!(
                    self.completed.insert(name, at),
                    None,
                    "a pod that ended twice"
                );
            }
            _ => {}
        }
    }
}

fn run(jobs: &str, nodes: u32, rule: &str, goodput: &str) -> Seen {
    let table = format!("submit,name,run_time,gpus,members,job_type,batch_size\n{jobs}");
    let text = experiment(nodes, rule, goodput);
    let files = [("a.yaml", &*text), ("jobs.csv", &*table)];
    let scratch = Scratch::new("goodput", &files);
    let experiment = load_file(&scratch.path("a.yaml"));
    let mut seen = Seen::default();
    let end = watch(
        &experiment.variants[0].scenario,
        &experiment.files,
        &mut seen,
    );
    assert_eq!(seen.checker.failure(), None);
    end.unwrap_or_else(|error| panic!("{error}"));
    seen
}

fn end(seen: &Seen) -> f64 {
    let last = seen.completed.values().max().expect("jobs that ended");
    last.as_secs_f64()
}

#[test]
fn the_time_of_a_job_follows_from_its_gpus_its_batch_and_its_progress() {
    // Alone on one GPU: as stated. On four, 25 samples each take 25 ms and 2 ms of averaging.
    let one = end(&run("0,a,1000,1,1,image,100\n", 1, "rule: tiresias", NOISE));
    assert!((one - 1_010.0).abs() < 1e-3, "{one}");
    let four = end(&run("0,a,1000,1,4,image,100\n", 1, "rule: tiresias", NOISE));
    assert!((four - 10.0 - 1_000.0 * 0.027 / 0.1).abs() < 0.01, "{four}");
    let fifo = end(&run(
        "0,a,1000,1,4,image,100\n",
        1,
        "rule: tiresias-fifo",
        NOISE,
    ));
    assert!((fifo - four).abs() < 0.01, "{fifo}");
    // On six of two nodes 17 samples each take 17 ms, and averaging 24 ms.
    let apart = end(&run("0,a,1000,3,2,image,100\n", 2, "rule: tiresias", NOISE));
    assert!(
        (apart / (10.0 + 1_000.0 * 0.041 / 0.1) - 1.0).abs() < 0.02,
        "{apart}"
    );
    // Of 200 samples a half counts for two thirds in the first half: 0.2 s for 4/3 steps, then 2.
    let large = end(&run("0,a,1000,1,1,image,200\n", 1, "rule: tiresias", NOISE));
    assert!((large - 10.0 - 500.0 * (1.5 + 1.0)).abs() < 0.01, "{large}");
    // The best batch is at least as good as each.
    let best = end(&run("0,a,1000,1,4,image,\n", 1, "rule: tiresias", NOISE));
    assert!(best < four, "{best}");
}

#[test]
fn a_lonely_job_grows_and_a_second_one_takes_its_share() {
    let alone = run("0,a,1000,1,4,image,\n", 4, "rule: pollux", NOISE);
    let fixed = run("0,a,1000,1,1,image,100\n", 4, "rule: tiresias", NOISE);
    assert!(end(&alone) < 0.5 * end(&fixed), "{}", end(&alone));
    assert!(alone.bound > 4, "it never restarted");
    let two = run(
        "0,a,1000,1,4,image,\n0,b,1000,1,4,image,\n",
        1,
        "rule: pollux",
        NOISE,
    );
    assert!(end(&two) > end(&alone));
    // One that may not be moved keeps the GPU that it began with.
    let kept = format!("{NOISE}\n        preemptible: false");
    let kept = run("0,a,1000,1,4,image,\n", 4, "rule: pollux", &kept);
    assert_eq!(kept.bound, 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn elastic_jobs_share_no_gpu_and_end_once(
        jobs in proptest::collection::vec((0_u32..300, 1_u32..900, 1_u32..5, proptest::bool::ANY), 1..6),
        nodes in 1_u32..4,
        rule in prop_oneof![Just("pollux"), Just("optimus"), Just("tiresias-fifo")],
    ) {
        let row = |(number, &(submit, work, members, is_typed)): (usize, &(u32, u32, u32, bool))| {
            let kind = if is_typed { "image" } else { "other" };
            format!("{submit},j{number},{work},1,{members},{kind},\n")
        };
        let table: String = jobs.iter().enumerate().map(row).collect();
        let seen = run(&table, nodes, &format!("rule: {rule}"), NOISE);
        let members: u32 = jobs.iter().map(|own| own.2).sum();
        prop_assert_eq!(seen.completed.len(), members as usize);
        // The same again, to the nanosecond.
        let again = run(&table, nodes, &format!("rule: {rule}"), NOISE);
        prop_assert_eq!(&seen.completed, &again.completed);
    }
}

#[test]
fn wrong_goodputs_are_refused_with_their_place() {
    let jobs = "submit,name,run_time,gpus,members,job_type,batch_size\n0,a,9,1,1,image,100\n";
    let refuse = |experiment: &str, jobs: &str, expected: &[&str]| {
        let files = [("a.yaml", experiment), ("jobs.csv", jobs)];
        let scratch = scratch::Scratch::new("goodput-refused", &files);
        let output = scratch.run(&["run", "a.yaml", "--out", "out"], 2);
        for text in expected {
            assert!(output.contains(text), "{text}: {output}");
        }
    };
    let good = experiment(1, "rule: pollux", NOISE);
    let line = ["a.yaml:21:9", "expected pairs of a part of the work"];
    refuse(
        &experiment(1, "rule: pollux", "noise: [[0.1, 100]]"),
        jobs,
        &line,
    );
    refuse(
        &good.replace("gamma: 1}", "gamma: 11}"),
        jobs,
        &["goodput.image.step.gamma", "expected 1 (no overlap)"],
    );
    refuse(
        &good.replace("      image:\n", "      picture:\n"),
        jobs,
        &["picture", "has no throughputs"],
    );
    let without = good
        .split("    goodput:")
        .next()
        .expect("a start")
        .to_owned()
        + "stop: {when: drained}\n";
    refuse(
        &without,
        &jobs
            .replace(",batch_size", "")
            .replace("image,100", "image"),
        &["system.gpuSharing.rule", "models.throughputs.goodput"],
    );
    refuse(
        &good,
        &jobs.replace("image,100", "image,0"),
        &["jobs.csv:2", "batch_size"],
    );
    let grows = good.replace("rule: pollux", "rule: pollux, grow: true");
    refuse(&grows, jobs, &["a.yaml:10:", "grow"]);
}

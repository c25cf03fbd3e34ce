//! Jobs that take idle GPUs and give them back, in whole runs of random jobs: no GPU is given twice, and
//! a job does all of its work once, whatever it grew and shrank in between. Only starts take time.

use proptest::prelude::*;
use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{DeviceSet, EndReason, Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, NodeId, PodId, SortedMap};

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::watch;

/// GPUs of a node.
const GPUS: u32 = 4;

/// Steps per second of the type `image` by the number of its GPUs; those of `speech` are always 12.
const STEPS: [(u32, f64); 4] = [(1, 40.0), (2, 60.0), (4, 80.0), (8, 100.0)];

#[derive(Clone, Debug)]
struct Job {
    submit: u32,
    run_time: u32,
    members: u32,
    /// GPUs of each member.
    gpus: u32,
    grows: bool,
}

impl Job {
    /// Speed with this many GPUs for each member, over that with its own.
    fn speed(&self, gpus: u32) -> f64 {
        let steps = |gpus: u32| {
            let known = STEPS.iter().find(|(own, _)| *own == gpus * self.members);
            known.expect("a number of GPUs with a throughput").1
        };
        if self.grows {
            steps(gpus) / steps(self.gpus)
        } else {
            1.0
        }
    }
}

/// A pod that runs.
struct Running {
    since: Instant,
    gpus: u32,
}

/// Work of pods by their names.
struct Seen<'a> {
    jobs: &'a [Job],
    checker: Checker,
    names: SortedMap<PodId, String>,
    running: SortedMap<PodId, Running>,
    /// Seconds of work with the job's own GPUs.
    done: SortedMap<String, f64>,
    completed: SortedMap<String, usize>,
    /// Pods that ran on more GPUs than they ask for.
    grown: usize,
}

impl Seen<'_> {
    fn job(&self, name: &str) -> &Job {
        let number = name.trim_start_matches('j').split(['-', '.']).next();
        let number: usize = number.and_then(|own| own.parse().ok()).expect("a number");
        &self.jobs[number]
    }

    /// No GPU of a node is in two pods, and each pod has as many as it was declared with.
    fn check_node(store: &Store, node: NodeId) {
        let mut taken = DeviceSet::EMPTY;
        for slot in store.nodes().pods(node) {
            let record = store.pods().at(*slot).expect("a pod of the node");
            let own = record.devices();
            assert_eq!(own.0 & taken.0, 0, "a GPU in two pods");
            taken = DeviceSet(own.0 | taken.0);
            let asked = store.class(record.class).gpu.devices;
            assert_eq!(own.len(), usize::from(asked));
        }
        assert!(taken.iter().all(|device| device < GPUS as usize));
    }
}

impl Observer for Seen<'_> {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        match event {
            Event::PodCreated(created) => {
                self.names.insert(created.pod.id, created.name.to_string());
            }
            Event::PodBound { node, .. } => Self::check_node(store, *node),
            Event::PodRunning { pod } => {
                let record = store.pods().get(*pod).expect("a pod that runs");
                let gpus = u32::from(store.class(record.class).gpu.devices);
                self.grown += usize::from(gpus > self.job(&self.names[&pod.id]).gpus);
                self.running.insert(pod.id, Running { since: at, gpus });
            }
            Event::PodEnded { pod, reason } => {
                let name = self.names[&pod.id].clone();
                if let Some(own) = self.running.remove(&pod.id) {
                    let span = at.since(own.since).as_secs_f64();
                    let work = span * self.job(&name).speed(own.gpus);
                    *self.done.entry(name.clone()).or_default() += work;
                }
                if *reason == EndReason::Completed {
                    *self.completed.entry(name).or_default() += 1;
                }
            }
            _ => {}
        }
    }
}

fn experiment(nodes: u32, start: u32, sharing: &str) -> String {
    format!(
        "windtunnel: v1
name: gpu-growth
cluster:
  nodes:
    - {{name: 'v100-{{}}', count: {nodes}, template: {{allocatable: {{cpu: 8, memory: 8Gi, pods: 9}}, gpu: {{devices: {GPUS}, model: V100}}}}}}
workload:
  - trace: {{format: csv, path: jobs.csv}}
system:
  name: gpu-sharing
  gpuSharing: {{round: 100s, grow: true, {sharing}}}
models:
  startup: {{containerStart: {start}s}}
  throughputs:
    reference: V100
    types: {{image: {{V100: 40}}, speech: {{V100: 12}}}}
    scaled: {{image: {{2: {{V100: 60}}, 4: {{V100: 80}}, 8: {{V100: 100}}}}}}
stop: {{when: drained}}
"
    )
}

fn table(jobs: &[Job]) -> String {
    use std::fmt::Write as _;

    let mut text = "submit,name,run_time,gpus,members,job_type\n".to_owned();
    for (number, job) in jobs.iter().enumerate() {
        let Job {
            submit,
            run_time,
            members,
            gpus,
            grows,
        } = job;
        let kind = if *grows { "image" } else { "speech" };
        let _ = writeln!(
            text,
            "{submit},j{number},{run_time},{gpus},{members},{kind}"
        );
    }
    text
}

/// Runs jobs, and returns what they did.
fn run<'a>(jobs: &'a [Job], nodes: u32, start: u32, sharing: &str) -> Seen<'a> {
    let text = experiment(nodes, start, sharing);
    let files = [("a.yaml", &*text), ("jobs.csv", &table(jobs))];
    let scratch = Scratch::new("gpu-growth", &files);
    let experiment = load_file(&scratch.path("a.yaml"));
    let mut seen = Seen {
        jobs,
        checker: Checker::default(),
        names: SortedMap::new(),
        running: SortedMap::new(),
        done: SortedMap::new(),
        completed: SortedMap::new(),
        grown: 0,
    };
    let scenario = &experiment.variants[0].scenario;
    let end = watch(scenario, &experiment.files, &mut seen);
    assert_eq!(seen.checker.failure(), None);
    end.unwrap_or_else(|error| panic!("{error}"));
    seen
}

#[test]
fn an_idle_node_lets_its_only_job_grow() {
    let jobs = [Job {
        submit: 0,
        run_time: 1_000,
        members: 1,
        gpus: 1,
        grows: true,
    }];
    let seen = run(&jobs, 1, 30, "rule: max-min");
    assert_eq!(seen.grown, 1);
    let done: Vec<f64> = seen.done.values().copied().collect();
    assert!((done[0] - 1_000.0).abs() < 1e-3, "{done:?}");
}

fn job() -> impl Strategy<Value = Job> {
    let shape = prop_oneof![
        Just((1, 1)),
        Just((1, 2)),
        Just((1, 4)),
        Just((2, 1)),
        Just((2, 2))
    ];
    let times = (0_u32..1_500, 1_u32..1_500);
    (times, shape, proptest::bool::weighted(0.7)).prop_map(
        |((submit, run_time), (members, gpus), grows)| Job {
            submit,
            run_time,
            members,
            gpus,
            grows,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn jobs_that_grow_lose_no_work_and_share_no_gpu(
        jobs in proptest::collection::vec(job(), 1..9),
        nodes in 1_u32..4,
        start in 0_u32..40,
        rule in prop_oneof![Just("tiresias"), Just("time-slice"), Just("max-min"), Just("finish-time")],
        migrates in proptest::bool::ANY,
    ) {
        let seen = run(&jobs, nodes, start, &format!("rule: {rule}, migrate: {migrates}"));
        // Each member ends once, with all of its work done.
        let members: u32 = jobs.iter().map(|job| job.members).sum();
        prop_assert_eq!(seen.completed.values().sum::<usize>(), members as usize);
        prop_assert!(seen.running.is_empty());
        for (name, done) in &seen.done {
            let run_time = f64::from(seen.job(name).run_time) * seen.completed[name] as f64;
            prop_assert!((done - run_time).abs() < 1e-3, "{}: {} of {}", name, done, run_time);
        }
    }
}

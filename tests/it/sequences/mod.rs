//! Sequences of operations on a small cluster of each system, at random instants and mostly while another
//! is under way, and then an hour of quiet. Whatever was done and failed before, afterwards as many pods are
//! ready as are wanted, all of one version, none waits, periodic jobs run, and the run reaches its end.

mod mesos;

use std::fmt::Write as _;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod, RolloutStep};
use windtunnel::sim::EndCause;
use windtunnel::units::{Instant, SortedSet};

use crate::harness::dice::{self, Dice};
use crate::kube_scenario::Scratch;
use crate::watch::watch;

/// A system with what it is told and what it does of it.
struct System {
    name: &'static str,
    /// Further fields of `system`.
    more: &'static str,
    /// Operations that its users have beside `apply` and `scale`.
    steps: &'static [Step],
    /// It runs jobs by the clock.
    has_jobs: bool,
    /// It replaces what runs when the template changes.
    rolls_out: bool,
}

impl System {
    /// Whether a pod may ask for a node of its own. Not where new pods start before old ones go, which for
    /// ever have the nodes if they are broken.
    fn keeps_apart(&self) -> bool {
        self.name != "swarmkit" || !self.more.is_empty()
    }

    /// Whether its user alone makes anew what another user took away.
    fn is_by_hand(&self) -> bool {
        self.name == "compose"
    }
}

/// A step of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Apply,
    /// A version that is never ready, or ends again and again.
    ApplyBroken,
    Scale,
    RollBack,
    /// A pause, and an end of it.
    Pause,
    DeletePod,
    /// A drain, and an end of it.
    Drain,
    Outage,
    Partition,
    ControlOutage,
}

use Step::{
    Apply, ApplyBroken, ControlOutage, DeletePod, Drain, Outage, Partition, Pause, RollBack, Scale,
};

const ALL: &[Step] = &[
    ApplyBroken,
    RollBack,
    Pause,
    DeletePod,
    Drain,
    Outage,
    Partition,
    ControlOutage,
];

/// Containers and instances that are gone, or were made of a broken version, are nobody's to replace.
const UNMAINTAINED: &[Step] = &[RollBack, Pause, ControlOutage];

/// Nothing makes units again that their user destroyed.
const DESTROYED_FOR_GOOD: &[Step] = &[
    ApplyBroken,
    RollBack,
    Pause,
    Drain,
    Outage,
    Partition,
    ControlOutage,
];

const NODES: usize = 4;
/// Seconds of the last step, and of the end.
const QUIET: i64 = 3_000;
const END: i64 = 7_200;
/// Minutes from one run of the periodic job to the next.
const PERIOD_MIN: i64 = 5;

/// A sequence as files, and what is wanted at its end.
struct Sequence {
    files: Vec<(String, String)>,
    wanted: usize,
    /// Seconds of its steps, and until when each of them lasts by itself.
    steps: Vec<(i64, i64)>,
    /// The second from which nothing is out of order.
    settled: i64,
}

fn deployment(version: usize, replicas: usize, is_apart: bool, broken: Option<&str>) -> String {
    let apart = if is_apart {
        "\n      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
         [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}]}}"
    } else {
        ""
    };
    let life = broken.unwrap_or("windtunnel.dev/start-time: 20s");
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}, annotations: {{{life}}}}}
    spec:{apart}
      containers: [{{name: web, image: 'web:{version}', resources: {{requests: {{cpu: 500m, memory: \
         256Mi}}}}}}]
"
    )
}

const JOB: &str = "---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick}
spec:
  schedule: '*/5 * * * *'
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: tick}, annotations: {windtunnel.dev/run-time: 20s}}
        spec: {restartPolicy: OnFailure, containers: [{name: c, image: 'c:1', resources: {requests: {cpu: \
                   100m}}}]}
";

/// Ways in which a version is no good.
const BROKEN: &[&str] = &[
    "windtunnel.dev/start-time: 30h",
    "windtunnel.dev/exit-code: '1', windtunnel.dev/run-time: 20s",
    "windtunnel.dev/exit-code: '1', windtunnel.dev/run-time: 1s",
];

/// A sequence as far as it is drawn.
struct Course {
    dice: Dice,
    files: Vec<(String, String)>,
    operations: String,
    failures: String,
    is_apart: bool,
    /// Most pods that there is room for.
    most: usize,
    wanted: usize,
    /// Marks a course that ends with a version which gets ready.
    is_good: bool,
    /// Marks a course in which the next version brings back what users took away.
    is_by_hand: bool,
    settled: i64,
    /// Second until which the newest step lasts.
    lasts_until: i64,
}

impl Course {
    /// Operation that applies a new version.
    fn apply(&mut self, at: i64, broken: Option<&str>) {
        let (version, wanted) = (self.files.len() + 1, self.wanted);
        let word = if broken.is_some() { "-broken" } else { "" };
        let name = format!("v{version}-of-{wanted}{word}.yaml");
        let text = deployment(version, wanted, self.is_apart, broken);
        self.operate(at, &format!("apply: {name}"));
        self.files.push((name, text));
        self.is_good = broken.is_none();
    }

    fn operate(&mut self, at: i64, what: &str) {
        self.settled = self.settled.max(at);
        self.lasts_until = at;
        let _ = writeln!(self.operations, "  - {{at: {at}s, {what}}}");
    }

    fn fail(&mut self, at: i64, lasts: i64, what: &str) {
        self.settled = self.settled.max(at + lasts);
        self.lasts_until = at + lasts;
        let _ = writeln!(
            self.failures,
            "  - {{kind: {what}, at: {at}s, for: {lasts}s}}"
        );
    }

    fn step(&mut self, at: i64, step: Step) {
        let web = "Deployment/default/web";
        let node = self.dice.below(NODES);
        let lasts = self.dice.between(20, 700);
        match step {
            Apply | ApplyBroken => {
                self.wanted = 1 + self.dice.below(self.most);
                let broken = (step == ApplyBroken).then(|| self.dice.pick(BROKEN));
                self.apply(at, broken);
            }
            Scale => {
                self.wanted = self.dice.below(self.most + 1);
                let wanted = self.wanted;
                self.operate(at, &format!("scale: {web}, replicas: {wanted}"));
            }
            RollBack if self.files.len() > 1 => {
                self.is_good = false;
                self.operate(at, &format!("rollBack: {web}"));
            }
            RollBack => {}
            Pause => {
                self.operate(at, &format!("pause: {web}"));
                self.operate(at + lasts, &format!("resume: {web}"));
            }
            DeletePod => {
                self.is_good &= !self.is_by_hand;
                self.operate(at, "deletePods: {labels: {app: web}, count: 1}");
            }
            Drain => {
                self.is_good &= !self.is_by_hand;
                self.operate(at, &format!("drain: n{node}"));
                self.operate(at + lasts, &format!("uncordon: n{node}"));
            }
            Outage => self.fail(at, lasts, &format!("node-outage, node: n{node}")),
            Partition => self.fail(at, lasts, &format!("partition, node: n{node}")),
            ControlOutage => self.fail(at, lasts / 3 + 1, "control-plane-outage"),
        }
    }
}

impl Sequence {
    fn draw(system: &System, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let is_apart = dice.chance(30) && system.keeps_apart();
        let most = if is_apart { NODES - 1 } else { 5 };
        let wanted = 1 + dice.below(most);
        let mut first = deployment(1, wanted, is_apart, None);
        if system.has_jobs {
            first.push_str(JOB);
        }
        let mut course = Course {
            dice,
            files: vec![("web.yaml".to_owned(), first)],
            operations: String::new(),
            failures: String::new(),
            is_apart,
            most,
            wanted,
            is_good: true,
            is_by_hand: system.is_by_hand(),
            settled: 0,
            lasts_until: 0,
        };
        let kinds: Vec<Step> = { [Apply, Apply, Scale].iter().chain(system.steps) }
            .copied()
            .collect();
        let (mut at, mut steps) = (course.dice.between(20, 200), Vec::new());
        for _ in 0..course.dice.between(3, 10) {
            let step = course.dice.pick(&kinds);
            course.step(at, step);
            steps.push((at, course.lasts_until));
            at += if course.dice.chance(85) {
                course.dice.between(1, 20)
            } else {
                course.dice.between(25, 400)
            };
        }
        if !course.is_good {
            course.apply(QUIET, None);
        }
        let section = |name: &str, text: &str| match text {
            "" => String::new(),
            text => format!("{name}:\n{text}"),
        };
        let own = format!(
            "windtunnel: v1
name: sequence
seed: {}
cluster:
  nodes:
    - {{name: 'n{{}}', count: {NODES}, template: {{allocatable: {{cpu: 4, memory: 8Gi, pods: 50}}}}}}
workload: [{{manifests: web.yaml}}]
system: {{name: {}{}}}
{}{}stop: {{at: {END}s}}
",
            seed % 1_000,
            system.name,
            system.more,
            section("operations", &course.operations),
            section("failures", &course.failures),
        );
        let mut files = course.files;
        files.push(("own.yaml".to_owned(), own));
        Self {
            files,
            wanted: course.wanted,
            steps,
            settled: course.settled,
        }
    }

    /// Plays the sequence; what is wrong at its end, and how many of its steps met another.
    fn play(&self, system: &System) -> (Vec<String>, usize) {
        let files: Vec<(&str, &str)> = { self.files.iter() }
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let scratch = Scratch::new(&format!("sequence-{}", system.name), &files);
        let loaded = scratch.load("own.yaml");
        let mut eyes = Eyes {
            settled: self.settled,
            ..Eyes::default()
        };
        let end = watch(&loaded.0.variants[0].scenario, &loaded.0.files, &mut eyes);
        let mut wrong = Vec::new();
        match end {
            Err(error) => return (vec![error.to_string()], 0),
            Ok(end) if end.cause != EndCause::Reached && end.cause != EndCause::Idle => {
                wrong.push(format!("the run ended at {:?}: {:?}", end.at, end.cause));
            }
            Ok(_) => {}
        }
        let last = &eyes.last;
        // An update that paused waits for its user, who does nothing more here.
        if eyes.is_halted && self.settled < QUIET {
            return (wrong, self.overlaps(&eyes));
        }
        if last.ready != self.wanted || last.pods != self.wanted {
            let ReplicaCounts { pods, ready, .. } = last;
            wrong.push(format!(
                "{} wanted, {pods} there, {ready} ready",
                self.wanted
            ));
        }
        if system.rolls_out && last.versions.len() > 1 {
            wrong.push(format!("pods of {:?}", last.versions));
        }
        // What a controller starts when it is back may be late by a run or two.
        let due = (END - self.settled) / 60 / PERIOD_MIN - 2;
        if system.has_jobs && eyes.late_runs < due {
            wrong.push(format!(
                "{} of {due} runs of a periodic job",
                eyes.late_runs
            ));
        }
        (wrong, self.overlaps(&eyes))
    }

    /// Number of steps that begin while an earlier one lasts, or before the pods are at rest after it.
    fn overlaps(&self, eyes: &Eyes) -> usize {
        let steps = self.steps.iter().enumerate();
        let met = steps.filter(|(number, (at, _))| {
            let lasts = self.steps[..*number].iter().any(|(_, until)| until > at);
            lasts || eyes.is_under_way(*at)
        });
        met.count()
    }
}

/// The pods of the Deployment at an instant.
#[derive(Clone, Debug, Default)]
struct ReplicaCounts {
    pods: usize,
    ready: usize,
    versions: SortedSet<String>,
}

/// What is seen of a run.
#[derive(Default)]
struct Eyes {
    last: ReplicaCounts,
    /// Seconds at which the Deployment began or ceased to be at rest.
    turns: Vec<(i64, bool)>,
    settled: i64,
    /// Pods of the periodic job that were made once all was in order.
    late_runs: i64,
    /// The newest news of an update is that it halted.
    is_halted: bool,
}

impl Eyes {
    fn is_under_way(&self, at: i64) -> bool {
        let before = self.turns.iter().take_while(|(turn, _)| *turn < at);
        before.last().is_some_and(|(_, is_at_rest)| !is_at_rest)
    }
}

impl Observer for Eyes {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        let second = at.as_nanos() / 1_000_000_000;
        let app = |class| store.class(class).spec.labels.get("app").map(|own| &**own);
        if let Event::PodCreated(created) = event
            && app(created.class) == Some("tick")
        {
            self.late_runs += i64::from(second >= self.settled);
        }
        if let Event::Rollout { step, .. } = event {
            self.is_halted = *step == RolloutStep::Paused;
        }
        let mut seen = ReplicaCounts::default();
        for pod in store
            .pods()
            .iter()
            .filter(|pod| app(pod.class) == Some("web"))
        {
            if pod.phase.is_final() {
                continue;
            }
            let state = store.pod_states().get(pod.pod);
            seen.pods += 1;
            seen.ready += usize::from(
                state.is_some_and(|state| state.is_ready && state.terminating.is_none()),
            );
            let image = store.class(pod.class).spec.containers[0].image.to_string();
            seen.versions.insert(image);
        }
        let is_at_rest = seen.pods == seen.ready && seen.versions.len() <= 1;
        if self
            .turns
            .last()
            .is_none_or(|(_, last)| *last != is_at_rest)
        {
            self.turns.push((second, is_at_rest));
        }
        self.last = seen;
    }
}

/// Number of sequences of a system.
const SEQUENCES: u64 = 200;

/// Plays sequences of a system; every one of them comes to rest. Other ones are drawn as of property tests:
/// by their seed.
fn hold(system: &System) {
    let first = dice::seed().unwrap_or(1).wrapping_mul(SEQUENCES);
    let (mut steps, mut met) = (0, 0);
    let mut broken = Vec::new();
    for number in 0..SEQUENCES {
        let sequence = Sequence::draw(system, first.wrapping_add(number));
        let (wrong, while_under_way) = sequence.play(system);
        steps += sequence.steps.len();
        met += while_under_way;
        if !wrong.is_empty() {
            let (_, own) = sequence.files.last().expect("an experiment");
            broken.push(format!("{}\n{own}", wrong.join("; ")));
        }
    }
    let name = system.name;
    println!("{name}: {met} of {steps} steps while another was under way");
    let shown = broken.iter().take(3).cloned().collect::<String>();
    assert!(
        broken.is_empty(),
        "{} of {SEQUENCES} sequences of `{name}` come to no rest:\n{shown}",
        broken.len()
    );
}

/// A test for each system.
macro_rules! systems {
    ($($test:ident: $name:literal, $more:literal, $steps:ident, $has_jobs:literal, $rolls_out:literal;)*) => {
        $(
            #[test]
            fn $test() {
                hold(&System {
                    name: $name,
                    more: $more,
                    steps: $steps,
                    has_jobs: $has_jobs,
                    rolls_out: $rolls_out,
                });
            }
        )*
    };
}

systems! {
    kubernetes_comes_to_rest: "kubernetes", ", controllers: {}", ALL, true, true;
    openshift_comes_to_rest: "openshift", ", controllers: {}", ALL, true, true;
    swarm_comes_to_rest: "swarm", "", UNMAINTAINED, false, false;
    marathon_and_chronos_come_to_rest: "mesos", "", ALL, true, true;
    dcos_comes_to_rest: "dcos", "", ALL, true, true;
    borg_comes_to_rest: "borg", "", ALL, false, true;
    swarmkit_comes_to_rest: "swarmkit", "", ALL, false, true;
    swarmkit_comes_to_rest_where_old_tasks_stop_first: "swarmkit", ", swarmkit: {update: {order: stop-first}}", ALL, false, true;
    ecs_comes_to_rest: "ecs", "", ALL, false, true;
    nova_comes_to_rest: "nova", "", UNMAINTAINED, false, false;
    fleet_comes_to_rest: "fleet", "", DESTROYED_FOR_GOOD, false, true;
    compose_comes_to_rest: "compose", ", compose: {services: {web: {restart: always}}}", ALL, false, true;
}

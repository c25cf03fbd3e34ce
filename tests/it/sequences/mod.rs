//! Sequences of operations on a small cluster of each system, at random instants and mostly while another
//! is under way, and then an hour of quiet. Whatever was done and failed before, afterwards as many pods are
//! ready as are wanted, all of one version, none waits, periodic jobs run, and the run reaches its end.

mod frameworks;
mod one_service;

use std::fmt::Write as _;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod, PodSpec, RolloutStep};
use windtunnel::sim::EndCause;
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, PodId, SortedMap, SortedSet};

use crate::harness::dice::{self, Dice};
use crate::kube_scenario::Scratch;
use crate::watch::watch;
use one_service::{ALL, DESTROYED_FOR_GOOD, Step, UNMAINTAINED};

/// A system with what it is told and what it does of it.
struct System {
    name: &'static str,
    /// Further fields of `system`.
    more: &'static str,
    users: Users,
    /// It runs jobs by the clock.
    has_jobs: bool,
    /// It replaces what runs when the template changes.
    rolls_out: bool,
}

/// Who draws the sequences of a system.
#[derive(Clone, Copy)]
enum Users {
    /// Users of one Deployment, with their operations beside `apply` and `scale`.
    OneService(&'static [Step]),
    /// Users of the frameworks of Mesos, with the failures that they alone know.
    Frameworks(&'static [&'static str]),
}

impl Users {
    /// Number of sequences, and the seed of the first of them.
    const fn sequences(self) -> (u64, u64) {
        match self {
            Self::OneService(_) => (200, 200),
            Self::Frameworks(_) => (70, 1),
        }
    }
}

impl System {
    /// Whether a pod may ask for a node of its own. Not where new pods start before old ones go, which for
    /// ever have the nodes if they are broken.
    fn keeps_apart(&self) -> bool {
        self.name != "swarmkit" || !self.more.is_empty()
    }

    /// A sequence for it.
    fn draw(&self, seed: u64) -> Sequence {
        match self.users {
            Users::OneService(steps) => one_service::draw(self, steps, seed),
            Users::Frameworks(failures) => frameworks::draw(self, failures, seed),
        }
    }

    /// Whether its user alone makes anew what another user took away.
    fn is_by_hand(&self) -> bool {
        self.name == "compose"
    }
}

/// A sequence as far as it is drawn.
struct Course {
    dice: Dice,
    files: Vec<(String, String)>,
    operations: Vec<(i64, String)>,
    failures: String,
    /// Seconds of its steps, and until when each of them lasts by itself.
    steps: Vec<(i64, i64)>,
    /// Whether what is done is a step, and not the last word after all of them.
    is_step: bool,
    settled: i64,
}

impl Course {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            files: Vec::new(),
            operations: Vec::new(),
            failures: String::new(),
            steps: Vec::new(),
            is_step: false,
            settled: 0,
        }
    }

    /// Begins a step.
    fn begin(&mut self, at: i64) {
        self.is_step = true;
        self.steps.push((at, at));
    }

    fn end_steps(&mut self) {
        self.is_step = false;
    }

    fn lasts(&mut self, until: i64) {
        self.settled = self.settled.max(until);
        if let Some((_, last)) = self.steps.last_mut().filter(|_| self.is_step) {
            *last = until;
        }
    }

    fn operate(&mut self, at: i64, what: &str) {
        self.lasts(at);
        self.operations.push((at, what.to_owned()));
    }

    fn fail(&mut self, at: i64, lasts: i64, what: &str) {
        self.lasts(at + lasts);
        let _ = writeln!(
            self.failures,
            "  - {{kind: {what}, at: {at}s, for: {lasts}s}}"
        );
    }

    fn fail_for_good(&mut self, at: i64, what: &str) {
        self.lasts(at);
        let _ = writeln!(self.failures, "  - {{kind: {what}, at: {at}s}}");
    }

    /// The sequence as files, with the fields of its experiment before the workload.
    fn finish(mut self, system: &System, head: &str, end: i64) -> Sequence {
        self.operations.sort_by_key(|(at, _)| *at);
        let mut operations = String::new();
        for (at, what) in &self.operations {
            let _ = writeln!(operations, "  - {{at: {at}s, {what}}}");
        }
        let section = |name: &str, text: &str| match text {
            "" => String::new(),
            text => format!("{name}:\n{text}"),
        };
        let own = format!(
            "windtunnel: v1
name: sequence
{head}workload: [{{manifests: work.yaml}}]
system: {{name: {}{}}}
{}{}stop: {{at: {end}s}}
",
            system.name,
            system.more,
            section("operations", &operations),
            section("failures", &self.failures),
        );
        self.files.push(("own.yaml".to_owned(), own));
        Sequence {
            files: self.files,
            services: Vec::new(),
            jobs: Vec::new(),
            steps: self.steps,
            settled: self.settled,
            quiet: end,
            end,
        }
    }
}

/// What is wanted of a service at the end.
struct Service {
    name: &'static str,
    replicas: usize,
    /// The image; `None` asks for one alone, whichever it is.
    version: Option<String>,
    /// Images that are no good.
    broken: SortedSet<String>,
}

/// Runs of a job by the clock that are due.
struct Due {
    name: &'static str,
    /// The second from which they count.
    from: i64,
    least: i64,
}

/// A sequence as files, and what is wanted at its end.
struct Sequence {
    files: Vec<(String, String)>,
    services: Vec<Service>,
    jobs: Vec<Due>,
    /// Seconds of its steps, and until when each of them lasts by itself.
    steps: Vec<(i64, i64)>,
    /// The second from which nothing is out of order.
    settled: i64,
    /// The second of the last word, where one is due, and that of the end.
    quiet: i64,
    end: i64,
}

impl Sequence {
    /// Plays the sequence; what is wrong at its end, and how many of its steps met another.
    fn play(&self, system: &System) -> (Vec<String>, usize) {
        let files: Vec<(&str, &str)> = { self.files.iter() }
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let scratch = Scratch::new(&format!("sequence-{}", system.name), &files);
        let loaded = scratch.load("own.yaml");
        let mut eyes = Eyes {
            services: self.services.iter().map(|own| own.name).collect(),
            ..Eyes::default()
        };
        let end = watch(&loaded.0.variants[0].scenario, &loaded.0.files, &mut eyes);
        let mut wrong: Vec<String> = { eyes.checker.failure() }
            .map(ToString::to_string)
            .into_iter()
            .collect();
        match end {
            Err(error) => return (vec![error.to_string()], 0),
            Ok(end) => {
                let is_due = end.at == Instant::from_secs(self.end);
                let is_right = match end.cause {
                    EndCause::Reached => true,
                    // Jobs by the clock never cease.
                    EndCause::Idle => is_due || self.jobs.is_empty(),
                    _ => false,
                };
                if !is_right {
                    wrong.push(format!("the run ended at {:?}: {:?}", end.at, end.cause));
                }
            }
        }
        // An update that paused waits for its user, who does nothing more here.
        if !eyes.is_halted || self.settled >= self.quiet {
            wrong.extend(self.wrong_services(system, &eyes));
            wrong.extend(self.wrong_jobs(&eyes));
        }
        (wrong, self.overlaps(&eyes))
    }

    /// Services that are not as they are wanted.
    fn wrong_services(&self, system: &System, eyes: &Eyes) -> Vec<String> {
        let mut wrong = Vec::new();
        for own in &self.services {
            let last = eyes.last.get(own.name).cloned().unwrap_or_default();
            let ReplicaCounts { pods, ready, .. } = last;
            let (name, wanted) = (own.name, own.replicas);
            // An update that failed was taken back to a version that is no better: its user comes again.
            if eyes.is_taken_back && last.versions.is_subset(&own.broken) {
                continue;
            }
            if ready != wanted || pods != wanted {
                wrong.push(format!(
                    "{name}: {wanted} wanted, {pods} there, {ready} ready"
                ));
            }
            let others = match &own.version {
                Some(version) => last.versions.iter().filter(|own| *own != version).count(),
                None if system.rolls_out => last.versions.len().saturating_sub(1),
                None => 0,
            };
            if others > 0 {
                wrong.push(format!("{name}: pods of {:?}", last.versions));
            }
        }
        wrong
    }

    /// Jobs by the clock that do not run as they are due.
    fn wrong_jobs(&self, eyes: &Eyes) -> Vec<String> {
        let mut wrong = Vec::new();
        for own in &self.jobs {
            let runs = eyes.runs.iter();
            let runs = runs.filter(|(at, name)| *name == own.name && *at >= own.from);
            let (name, runs) = (own.name, runs.count());
            if (runs as i64) < own.least {
                wrong.push(format!("{name}: {runs} runs in place of {}", own.least));
            }
            let left = eyes.last.get(name).map_or(0, |last| last.pods);
            if left > 1 {
                wrong.push(format!("{name}: {left} runs at once"));
            }
        }
        wrong
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

/// The pods of a service at an instant.
#[derive(Clone, Debug, Default)]
struct ReplicaCounts {
    pods: usize,
    ready: usize,
    versions: SortedSet<String>,
}

/// What is seen of a run.
#[derive(Default)]
struct Eyes {
    checker: Checker,
    /// Names of the services.
    services: SortedSet<&'static str>,
    /// Pods by their service or job.
    last: SortedMap<String, ReplicaCounts>,
    /// Seconds at which the services began or ceased to be at rest.
    turns: Vec<(i64, bool)>,
    /// Pods that have not begun to run, with the second in which they were made.
    made: SortedMap<PodId, (i64, String)>,
    /// Those that have.
    runs: Vec<(i64, String)>,
    /// The newest news of an update is that it halted.
    is_halted: bool,
    /// The newest news of an update is that it is taken back, or was.
    is_taken_back: bool,
}

impl Eyes {
    fn is_under_way(&self, at: i64) -> bool {
        let before = self.turns.iter().take_while(|(turn, _)| *turn < at);
        before.last().is_some_and(|(_, is_at_rest)| !is_at_rest)
    }

    /// Counts the pods that are there.
    fn count(&mut self, store: &Store) {
        self.last.clear();
        for pod in store.pods().iter().filter(|pod| !pod.phase.is_final()) {
            let spec = &store.class(pod.class).spec;
            let seen = self.last.entry(name_of(spec)).or_default();
            let state = store.pod_states().get(pod.pod);
            seen.pods += 1;
            seen.ready += usize::from(
                state.is_some_and(|state| state.is_ready && state.terminating.is_none()),
            );
            let image = spec.containers[0].image.to_string();
            seen.versions.insert(image);
        }
    }
}

/// The service or job of a pod.
fn name_of(spec: &PodSpec) -> String {
    let app = spec.labels.get("app").map(ToString::to_string);
    let owner = spec.owner.as_ref().map(|owner| owner.name.to_string());
    app.or(owner).unwrap_or_default()
}

impl Observer for Eyes {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let second = at.as_nanos() / 1_000_000_000;
        match event {
            Event::PodCreated(created) => {
                let name = name_of(&store.class(created.class).spec);
                self.made.insert(created.pod.id, (second, name));
            }
            Event::PodRunning { pod } => self.runs.extend(self.made.remove(&pod.id)),
            Event::Rollout { step, .. } => {
                self.is_halted = *step == RolloutStep::Paused;
                self.is_taken_back =
                    matches!(step, RolloutStep::RollingBack | RolloutStep::RolledBack);
            }
            _ => {}
        }
        self.count(store);
        let is_still = |own: &ReplicaCounts| own.pods == own.ready && own.versions.len() <= 1;
        let mut services = self.services.iter();
        let is_at_rest = services.all(|name| self.last.get(*name).is_none_or(is_still));
        let last = self.turns.last();
        if last.is_none_or(|(_, last)| *last != is_at_rest) {
            self.turns.push((second, is_at_rest));
        }
    }
}

/// Plays sequences of a system; every one of them comes to rest. Other ones are drawn as of property tests:
/// by their seed.
fn hold(system: &System) {
    let (count, first) = system.users.sequences();
    let first = first.wrapping_add((dice::seed().unwrap_or(1).wrapping_sub(1)).wrapping_mul(count));
    let (mut steps, mut met) = (0, 0);
    let mut broken = Vec::new();
    for number in 0..count {
        let sequence = system.draw(first.wrapping_add(number));
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
        "{} of {count} sequences of `{name}` come to no rest:\n{shown}",
        broken.len()
    );
}

/// A test for each system.
macro_rules! systems {
    ($($test:ident: $name:literal, $more:literal, $users:expr, $has_jobs:literal, $rolls_out:literal;)*) => {
        $(
            #[test]
            fn $test() {
                hold(&System {
                    name: $name,
                    more: $more,
                    users: $users,
                    has_jobs: $has_jobs,
                    rolls_out: $rolls_out,
                });
            }
        )*
    };
}

use Users::{Frameworks, OneService};

systems! {
    kubernetes_comes_to_rest: "kubernetes", ", controllers: {}", OneService(ALL), true, true;
    openshift_comes_to_rest: "openshift", ", controllers: {}", OneService(ALL), true, true;
    swarm_comes_to_rest: "swarm", "", OneService(UNMAINTAINED), false, false;
    marathon_and_chronos_come_to_rest: "mesos", "", OneService(ALL), true, true;
    dcos_comes_to_rest: "dcos", "", OneService(ALL), true, true;
    borg_comes_to_rest: "borg", "", OneService(ALL), false, true;
    swarmkit_comes_to_rest: "swarmkit", "", OneService(ALL), false, true;
    swarmkit_comes_to_rest_where_old_tasks_stop_first: "swarmkit", ", swarmkit: {update: {order: stop-first}}", OneService(ALL), false, true;
    ecs_comes_to_rest: "ecs", "", OneService(ALL), false, true;
    nova_comes_to_rest: "nova", "", OneService(UNMAINTAINED), false, false;
    fleet_comes_to_rest: "fleet", "", OneService(DESTROYED_FOR_GOOD), false, true;
    compose_comes_to_rest: "compose", ", compose: {services: {web: {restart: always}}}", OneService(ALL), false, true;
    two_frameworks_come_to_rest: "mesos", ", mesos: {frameworks: [{name: marathon, marathon: {}}, {name: chronos, chronos: {jobs: {report: {epsilon: 60s}}}}]}", Frameworks(&["framework-outage, framework: marathon", "framework-outage, framework: chronos", "manager-loss, managers: 1"]), true, true;
    services_apart_on_racks_come_to_rest: "mesos", ", mesos: {agentOrder: in-order, frameworks: [{name: marathon, marathon: {constraints: {apart: [[rack, UNIQUE]]}, expungeAfter: 1m}}]}", Frameworks(&["framework-outage, framework: marathon"]), false, true;
    full_dcos_comes_to_rest: "dcos", "", Frameworks(&["framework-outage, framework: marathon", "framework-outage, framework: chronos", "manager-loss, managers: 2"]), true, true;
}

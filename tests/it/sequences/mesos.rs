//! Random sequences of operations and failures on a small cluster, and an hour of quiet after them: what is
//! wanted runs, of one version, every update has ended, jobs run by the clock again, and nothing waits.

use std::fmt::Write as _;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, PodId, SortedMap};

use crate::harness::dice::Dice;
use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

/// A system whose users draw sequences.
struct System {
    name: &'static str,
    options: &'static str,
    /// Failures that it alone knows.
    failures: &'static [&'static str],
    /// Whether jobs run by the clock. Without them nothing happens by itself in the hour of quiet, in which
    /// a node of the first rack stays lost.
    has_jobs: bool,
}

const SYSTEMS: [System; 3] = [
    System {
        name: "mesos",
        options: "{name: mesos, mesos: {frameworks: [{name: marathon, marathon: {}}, {name: chronos, chronos: \
                  {jobs: {report: {epsilon: 60s}}}}]}}",
        failures: &[
            "kind: framework-outage, framework: marathon",
            "kind: framework-outage, framework: chronos",
            "kind: manager-loss, managers: 1",
        ],
        has_jobs: true,
    },
    System {
        name: "mesos-racks",
        options: "{name: mesos, mesos: {agentOrder: in-order, frameworks: [{name: marathon, marathon: \
                  {constraints: {apart: [[rack, UNIQUE]]}, expungeAfter: 1m}}]}}",
        failures: &["kind: framework-outage, framework: marathon"],
        has_jobs: false,
    },
    System {
        name: "dcos",
        options: "{name: dcos}",
        failures: &[
            "kind: framework-outage, framework: marathon",
            "kind: framework-outage, framework: chronos",
            "kind: manager-loss, managers: 2",
        ],
        has_jobs: true,
    },
];
/// Sequences of each system.
const SEQUENCES: u64 = 70;

/// Racks of the agents, each of eight cores.
const RACKS: [&str; 4] = ["a", "a", "b", "c"];
const NODES: usize = RACKS.len();
/// Services, with the most instances that there is room for: those of the second keep apart, one on a
/// rack.
const SERVICES: [(&str, usize); 2] = [("web", 7), ("apart", 3)];
/// Minute of the last operation.
const QUIET: usize = 40;
/// Minutes of the run.
const STOP: usize = QUIET + 60;
/// Minutes between two runs of the job.
const PERIOD: usize = 6;

/// A sequence: files of an experiment, and what is to be there at its end.
struct Sequence {
    has_jobs: bool,
    files: Vec<(String, String)>,
    /// By service: its instances and their version.
    wanted: SortedMap<String, (usize, String)>,
}

/// Manifest of a service.
fn service(name: &str, replicas: usize, version: usize, is_ready: bool) -> String {
    let answers = if is_ready { "10s" } else { "10h" };
    let apart = if name == "apart" {
        "\n      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: \
         kubernetes.io/hostname, labelSelector: {matchLabels: {app: apart}}}]}}"
    } else {
        ""
    };
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: \
         {{app: {name}, version: v{version}}}, annotations: {{windtunnel.dev/answers-after: {answers}}}}}\n    \
         spec:{apart}\n      containers: [{{name: c, image: 'c:{version}', readinessProbe: {{httpGet: \
         {{path: /, port: 80}}, periodSeconds: 5}}, resources: {{requests: {{cpu: '1', memory: \
         64Mi}}}}}}]\n---\n"
    )
}

/// A job by the clock, each run of which ends with this code.
fn job(name: &str, code: usize) -> String {
    format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {name}}}\nspec:\n  schedule: '*/{PERIOD} * * \
         * *'\n  jobTemplate:\n    spec:\n      template:\n        metadata: {{annotations: \
         {{windtunnel.dev/run-time: 40s, windtunnel.dev/exit-code: '{code}'}}}}\n        spec: \
         {{restartPolicy: Never, containers: [{{name: c, image: 'j:1', resources: {{requests: {{cpu: '1', \
         memory: 64Mi}}}}}}]}}\n---\n"
    )
}

/// The state that operations have brought a sequence to.
struct Course {
    replicas: [usize; 2],
    versions: [usize; 2],
    newest: usize,
    operations: Vec<(usize, String)>,
    failures: String,
    files: Vec<(String, String)>,
}

impl Course {
    /// A new version of a service from a second on, which gets ready or does not.
    fn apply(&mut self, at: usize, place: usize, version: usize, is_ready: bool) {
        self.versions[place] = version;
        let text = service(SERVICES[place].0, self.replicas[place], version, is_ready);
        let name = format!("next-{}.yaml", self.files.len());
        self.operations.push((at, format!("apply: {name}")));
        self.files.push((name, text));
    }

    fn scale(&mut self, at: usize, place: usize, replicas: usize) {
        self.replicas[place] = replicas;
        let (name, _) = SERVICES[place];
        let scale = format!("scale: Deployment/default/{name}, replicas: {replicas}");
        self.operations.push((at, scale));
    }
}

impl Course {
    /// A step at a second, and what takes it back.
    fn step(&mut self, at: usize, system: &System, dice: &mut Dice) {
        let (place, node) = (dice.below(2), dice.below(NODES));
        let lasts = 30 + dice.below(500);
        let until = (at + lasts).min(QUIET * 60);
        match dice.below(9) {
            0 | 1 => {
                self.newest += 1;
                self.apply(at, place, self.newest, dice.chance(70));
            }
            2 => {
                let (_, most) = SERVICES[place];
                self.scale(at, place, dice.below(most + 1));
            }
            // Back to a version before.
            3 => self.apply(at, place, 1 + dice.below(self.newest), true),
            4 => {
                let verb = dice.pick(&["cordon", "drain"]);
                self.operations.push((at, format!("{verb}: n{node}")));
                self.operations.push((until, format!("uncordon: n{node}")));
            }
            5 | 6 => {
                let kind = dice.pick(&["node-outage", "partition"]);
                let lasts = until - at;
                let _ = writeln!(
                    self.failures,
                    "  - {{kind: {kind}, node: n{node}, at: {at}s, for: {lasts}s}}"
                );
            }
            7 if !system.failures.is_empty() => {
                let (kind, lasts) = (dice.pick(system.failures), until - at);
                let _ = writeln!(self.failures, "  - {{{kind}, at: {at}s, for: {lasts}s}}");
            }
            // The cluster is full for a while, and jobs are late.
            _ => {
                for (at, replicas) in [(at, 8 * NODES), (until, 0)] {
                    let scale = format!("scale: Deployment/default/filler, replicas: {replicas}");
                    self.operations.push((at, scale));
                }
            }
        }
    }

    /// The last word on each service, a version that gets ready, at times only in the middle of another;
    /// nodes take pods again.
    fn end(&mut self, system: &System, dice: &mut Dice) {
        for place in 0..2 {
            self.newest += 1;
            let is_new = dice.chance(70);
            let last = if is_new { self.newest } else { 1 };
            self.apply(QUIET * 60 - dice.below(200), place, last, true);
        }
        let mut last = vec!["scale: Deployment/default/filler, replicas: 0".to_owned()];
        last.extend((0..NODES).map(|node| format!("uncordon: n{node}")));
        let last = last.into_iter().map(|what| (QUIET * 60, what));
        self.operations.extend(last);
        if !system.has_jobs {
            let (node, at) = (dice.below(2), QUIET * 60 + dice.below(60));
            let _ = writeln!(
                self.failures,
                "  - {{kind: node-outage, node: n{node}, at: {at}s}}"
            );
        }
        self.operations.sort_by_key(|(at, _)| *at);
    }

    /// The experiment file.
    fn experiment(&self, system: &System) -> String {
        let mut operations = String::new();
        for (at, what) in &self.operations {
            let _ = writeln!(operations, "  - {{at: {at}s, {what}}}");
        }
        let failures = match self.failures.as_str() {
            "" => String::new(),
            lines => format!("failures:\n{lines}"),
        };
        let mut nodes = String::new();
        for (node, rack) in RACKS.iter().enumerate() {
            let _ = writeln!(
                nodes,
                "  - {{name: n{node}, count: 1, template: {{labels: {{rack: {rack}}}, allocatable: {{cpu: \
                 8, memory: 32Gi, pods: 110}}}}}}"
            );
        }
        format!(
            "windtunnel: v1\nname: drawn\ncluster:\n  nodes:\n{nodes}workload: [{{manifests: \
             work.yaml}}]\nsystem: {}\nmodels: {{startup: {{containerStart: 3s}}, nodeLife: \
             observed}}\noperations:\n{operations}{failures}stop: {{at: {STOP}m}}\n",
            system.options
        )
    }
}

/// Draws a sequence for a system.
fn draw(system: &System, dice: &mut Dice) -> Sequence {
    let mut course = Course {
        replicas: SERVICES.map(|(_, most)| dice.below(most + 1)),
        versions: [1, 1],
        newest: 1,
        operations: Vec::new(),
        failures: String::new(),
        files: Vec::new(),
    };
    let mut work: String = (0..2)
        .map(|place| service(SERVICES[place].0, course.replicas[place], 1, true))
        .collect();
    work += &service("filler", 0, 1, true);
    if system.has_jobs {
        work += &(job("report", 0) + &job("broken", 1));
    }
    // Steps come close together, so that they meet what others have begun.
    let mut at = 60 + dice.below(600);
    while at < QUIET * 60 - 300 {
        course.step(at, system, dice);
        at += dice.pick(&[1, 5, 12, 40, 120, 400]);
    }
    course.end(system, dice);
    let wanted = (0..2).map(|place| {
        let (name, version) = (SERVICES[place].0, course.versions[place]);
        let wanted = (course.replicas[place], format!("v{version}"));
        (name.to_owned(), wanted)
    });
    let filler = ("filler".to_owned(), (0, String::new()));
    let wanted = wanted.chain([filler]).collect();
    let own = course.experiment(system);
    let mut files = course.files;
    files.extend([("work.yaml".to_owned(), work), ("own.yaml".to_owned(), own)]);
    Sequence {
        has_jobs: system.has_jobs,
        files,
        wanted,
    }
}

/// What is looked at.
#[derive(Default)]
struct Eyes {
    checker: Checker,
    /// Living pods by name, with their service, version and whether they are ready.
    alive: SortedMap<PodId, (String, String, bool)>,
    /// Instants at which runs of jobs began.
    runs: Vec<(Instant, String)>,
}

impl Observer for Eyes {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        match event {
            Event::PodCreated(created) => {
                let spec = &store.class(created.class).spec;
                let label = |key: &str| spec.labels.get(key).map(ToString::to_string);
                let owner = spec.owner.as_ref().map(|owner| owner.name.to_string());
                let app = label("app").or(owner).unwrap_or_default();
                let version = label("version").unwrap_or_default();
                self.alive.insert(created.pod.id, (app, version, false));
            }
            Event::PodRunning { pod } => {
                if let Some((app, version, _)) = self.alive.get(&pod.id)
                    && version.is_empty()
                {
                    self.runs.push((at, app.clone()));
                }
            }
            Event::PodChanged { pod, .. } => {
                let state = store.pod_states().get(*pod);
                if let (Some(alive), Some(state)) = (self.alive.get_mut(&pod.id), state) {
                    alive.2 = state.is_ready && state.terminating.is_none();
                }
            }
            Event::PodEnded { pod, .. } => {
                self.alive.remove(&pod.id);
            }
            _ => {}
        }
    }
}

/// What is wrong at the end of a sequence, in words.
fn wrongs(sequence: &Sequence) -> Vec<String> {
    let files: Vec<(&str, &str)> = sequence.files.iter().map(|(a, b)| (&**a, &**b)).collect();
    let scratch = Scratch::new("sequence", &files);
    let experiment = load_file(&scratch.path("own.yaml"));
    let mut eyes = Eyes::default();
    let scenario = &experiment.variants[0].scenario;
    let end = watch(scenario, &experiment.files, &mut eyes);
    let end = end.unwrap_or_else(|error| panic!("{error}"));
    let mut wrong: Vec<String> = eyes
        .checker
        .failure()
        .map(ToString::to_string)
        .into_iter()
        .collect();
    let stop = Instant::from_secs(STOP as i64 * 60);
    if sequence.has_jobs && end.at != stop {
        wrong.push(format!("it ended at {} s", end.at.as_secs_f64()));
    }
    for (app, (replicas, version)) in &sequence.wanted {
        let own = eyes.alive.values().filter(|(own, ..)| own == app);
        let own: Vec<(&str, bool)> = own.map(|(_, own, is_ready)| (&**own, *is_ready)).collect();
        if own != vec![(&**version, true); *replicas] {
            wrong.push(format!(
                "{app}: {own:?} in place of {replicas} of {version}"
            ));
        }
    }
    for app in ["report", "broken"]
        .into_iter()
        .filter(|_| sequence.has_jobs)
    {
        let quiet = Instant::from_secs((QUIET + PERIOD) as i64 * 60);
        let runs = eyes
            .runs
            .iter()
            .filter(|(at, own)| own == app && *at >= quiet);
        let (runs, least) = (runs.count(), (STOP - QUIET - PERIOD) / PERIOD);
        if runs < least {
            wrong.push(format!("{app}: {runs} runs in place of {least}"));
        }
        let left = eyes.alive.values().filter(|(own, ..)| own == app).count();
        if left > 1 {
            wrong.push(format!("{app}: {left} runs at once"));
        }
    }
    wrong
}

#[test]
fn after_an_hour_of_quiet_what_is_wanted_runs() {
    let mut failed = Vec::new();
    for system in &SYSTEMS {
        for seed in 0..SEQUENCES {
            let sequence = draw(system, &mut Dice::new(seed + 1));
            let wrong = wrongs(&sequence);
            if !wrong.is_empty() {
                let own = sequence.files.last().map(|(_, text)| text.as_str());
                failed.push(format!(
                    "{} {seed}: {}\n{}",
                    system.name,
                    wrong.join("; "),
                    own.unwrap_or_default()
                ));
            }
        }
    }
    let shown = failed.iter().take(3).cloned().collect::<Vec<_>>();
    assert!(
        failed.is_empty(),
        "{} sequences: {}",
        failed.len(),
        shown.join("\n")
    );
}

//! Schedulers that race over shared state lose no claim, commit none twice and give no room away
//! twice, whatever their times and rules (spec: orchestrators-b.md section 6.1).

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Pod};
use windtunnel::rng::Stream;
use windtunnel::units::{GangId, Instant, PodId, SortedMap, SortedSet};

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::watch;

/// Everything that a run decided.
#[derive(Default)]
struct Record {
    created: u64,
    /// Bindings by pod.
    bindings: SortedMap<PodId, u64>,
    completed: u64,
    placed: u64,
    conflicts: u64,
    wrong: Vec<String>,
    gangs: SortedMap<PodId, GangId>,
    /// Instants at which members of a gang got their nodes.
    starts: SortedMap<GangId, SortedSet<Instant>>,
    /// Decisions as text: scheduler, copy and commit in seconds, claims, conflicts, placed.
    decisions: Vec<String>,
    /// Bindings as text: instant in seconds, pod, node.
    course: Vec<String>,
}

impl Observer for Record {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        match event {
            Event::PodCreated(created) => {
                self.created += 1;
                self.gangs
                    .extend(created.gang.map(|gang| (created.pod.id, gang)));
            }
            Event::PodBound { pod, node, .. } => {
                *self.bindings.entry(pod.id).or_default() += 1;
                if let Some(gang) = self.gangs.get(&pod.id) {
                    self.starts.entry(*gang).or_default().insert(at);
                }
                let name = store.nodes().name(*node);
                self.course
                    .push(format!("{} {} {name}", at.as_secs_f64(), pod.id.0));
                if store.nodes().is_overcommitted(*node) {
                    let name = store.nodes().name(*node);
                    self.wrong
                        .push(format!("{name} is over-committed at {}", at.as_secs_f64()));
                }
            }
            Event::PodEnded { reason, .. } => {
                self.completed += u64::from(*reason == EndReason::Completed);
            }
            Event::Decided(own) => {
                self.placed += u64::from(own.placed);
                self.conflicts += u64::from(own.conflicts);
                self.decisions.push(format!(
                    "{} {} {} {} {} {}",
                    own.scheduler,
                    own.began.as_secs_f64(),
                    at.as_secs_f64(),
                    own.claims,
                    own.conflicts,
                    own.placed
                ));
                if own.began > at || own.placed + own.conflicts != own.claims {
                    self.wrong.push(format!("{own:?} at {}", at.as_secs_f64()));
                }
            }
            _ => {}
        }
    }
}

fn one<'w, const N: usize>(stream: &mut Stream, words: [&'w str; N]) -> &'w str {
    words[stream.below(N as u64) as usize]
}

/// Jobs of a random race, in the form of SWF.
fn jobs_of(stream: &mut Stream, nodes: u64) -> String {
    let mut jobs = String::new();
    for job in 1..=5 + stream.below(40) {
        let (submit, run) = (stream.below(60), 1 + stream.below(90));
        let tasks = 1 + stream.below(nodes * 4);
        jobs.push_str(&job_line(job, submit, run, tasks));
    }
    jobs
}

/// A job of SWF that requests the run time that it takes.
pub(crate) fn job_line(job: u64, submit: u64, run: u64, tasks: u64) -> String {
    format!("{job} {submit} -1 {run} {tasks} -1 -1 {tasks} {run} -1 1 1 1 1 1 1 -1 -1\n")
}

/// Runs jobs under a scenario that reads them from `jobs.swf`.
fn race(name: &str, text: &str, jobs: &str) -> Record {
    let files = [("jobs.swf", jobs), ("run.yaml", text)];
    let scratch = Scratch::new(name, &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut record = Record::default();
    watch(
        &experiment.variants[0].scenario,
        &experiment.files,
        &mut record,
    )
    .unwrap_or_else(|error| panic!("{error}\n{text}{jobs}"));
    assert_eq!(record.wrong, [""; 0], "{text}{jobs}");
    assert!(
        record.bindings.values().all(|&times| times == 1),
        "{text}{jobs}"
    );
    let bound = record.bindings.len() as u64;
    assert_eq!(
        (bound, record.placed, record.completed),
        (record.created, record.created, record.created),
        "{text}{jobs}"
    );
    record
}

#[test]
fn racing_schedulers_lose_no_claim_and_commit_none_twice() {
    let mut conflicts = 0;
    for round in 0..60_u64 {
        let stream = &mut Stream::new(24, "omega", round);
        let nodes = 1 + stream.below(6);
        let jobs = jobs_of(stream, nodes);
        let architecture = one(
            stream,
            [
                "shared-state",
                "shared-state",
                "two-level",
                "monolithic-multi-path",
            ],
        );
        let (mut rule, fate) = (
            one(stream, ["fine", "coarse"]),
            one(stream, ["incremental", "all-or-nothing"]),
        );
        let search = one(stream, ["random", "first"]);
        let (slow, fast) = (
            one(stream, ["0s", "2s", "30s"]),
            one(stream, ["0s", "100ms", "5s"]),
        );
        let per_task = one(stream, ["0s", "5ms"]);
        let mut schedulers = 1 + stream.below(3);
        // Refused where they have no effect.
        if architecture != "shared-state" {
            rule = "fine";
        }
        if architecture == "monolithic-multi-path" {
            schedulers = 1;
        }
        let text = format!(
            "windtunnel: v1\nname: race\ncluster: {{nodes: [{{count: {nodes}, template: {{allocatable: \
             {{cpu: 4, memory: 4Gi, pods: 4}}}}}}]}}\nworkload: [{{trace: {{format: swf, path: \
             jobs.swf}}}}]\nsystem:\n  name: omega\n  omega:\n    architecture: {architecture}\n    \
             conflicts: {rule}\n    transactions: {fate}\n    search: {search}\n    attempts: \
             1000000\n    kinds:\n    - {{name: long, requested: 40s, perJob: {slow}, perTask: \
             {per_task}}}\n    - {{name: short, perJob: {fast}, perTask: {per_task}, schedulers: \
             {schedulers}}}\nstop: {{when: drained}}\n"
        );
        let record = race(&format!("omega-{round}"), &text, &jobs);
        if architecture != "shared-state" {
            assert_eq!(record.conflicts, 0, "{text}{jobs}");
        }
        conflicts += record.conflicts;
    }
    // The races are real.
    assert!(conflicts > 0);
}

#[test]
fn schedulers_that_see_late_start_gangs_whole_and_lose_no_claim() {
    let (mut conflicts, mut late) = (0, 0);
    for round in 0..40_u64 {
        let stream = &mut Stream::new(25, "omega", round);
        let nodes = 1 + stream.below(5);
        let jobs = jobs_of(stream, nodes);
        let architecture = one(stream, ["shared-state", "shared-state", "two-level"]);
        let (mut rule, fate) = (
            one(stream, ["fine", "coarse"]),
            one(stream, ["incremental", "all-or-nothing", "all-or-nothing"]),
        );
        let search = one(stream, ["random", "first"]);
        let (slow, fast) = (
            one(stream, ["0s", "2s", "30s"]),
            one(stream, ["0s", "100ms", "5s"]),
        );
        let sight = one(
            stream,
            [
                "models: {watchDelay: 100ms}",
                "models: {watchDelay: 7s}",
                "failures: [{kind: watch-delay, at: 10s, delay: 20s, for: 60s}]",
                "failures: [{kind: stale-cache, at: 5s, for: 40s}]",
            ],
        );
        // Refused where it has no effect.
        if architecture != "shared-state" {
            rule = "fine";
        }
        let text = format!(
            "windtunnel: v1\nname: late\ncluster: {{nodes: [{{count: {nodes}, template: {{allocatable: \
             {{cpu: 4, memory: 4Gi, pods: 4}}}}}}]}}\nworkload: [{{trace: {{format: swf, path: \
             jobs.swf}}}}]\nsystem:\n  name: omega\n  omega:\n    architecture: {architecture}\n    \
             conflicts: {rule}\n    transactions: {fate}\n    search: {search}\n    attempts: \
             1000000\n    kinds:\n    - {{name: long, requested: 40s, perJob: {slow}}}\n    - {{name: \
             short, perJob: {fast}, perTask: 5ms, schedulers: 2}}\n{sight}\nstop: {{when: drained}}\n"
        );
        let record = race(&format!("omega-late-{round}"), &text, &jobs);
        if fate == "all-or-nothing" {
            let parts = record.starts.values().filter(|at| at.len() > 1);
            assert_eq!(parts.count(), 0, "{text}{jobs}");
            late += record.conflicts;
        }
        conflicts += record.conflicts;
    }
    // Stores refuse claims, and parts of gangs with them.
    assert!(conflicts > late && late > 0);
}

/// Two nodes of one processor. The view of both schedulers is 5 s late.
///
/// - 0: a job that ends before the others come (submitted 0, seen 5, decided 6, ended 7).
/// - `wide` decides for 10 s on the job of two tasks (submitted 10, seen 15): both nodes.
/// - `narrow` decides for 1 s on the job of one task (submitted 18, seen 23), and gets the first node
///   from 24 to 44; the other scheduler sees the one at 29, the other at 49.
/// - At 25 the store refuses the first of the claims of `wide`. What is left is decided on again once
///   there is room to be seen, from 49 to 59.
#[test]
fn the_store_judges_transactions_that_are_based_on_a_late_view() {
    let jobs = [
        job_line(1, 0, 1, 1),
        job_line(2, 10, 100, 2),
        job_line(3, 18, 20, 1),
    ]
    .concat();
    let course = |fate: &str| {
        let text = format!(
            "windtunnel: v1\nname: late\ncluster: {{nodes: [{{count: 2, template: {{allocatable: {{cpu: \
             1, memory: 4Gi, pods: 4}}}}}}]}}\nworkload: [{{trace: {{format: swf, path: \
             jobs.swf}}}}]\nmodels: {{watchDelay: 5s}}\nsystem:\n  name: omega\n  omega:\n    \
             transactions: {fate}\n    search: first\n    kinds:\n    - {{name: wide, tasks: 2, perJob: \
             10s, perTask: 0s}}\n    - {{name: narrow, perJob: 1s, perTask: 0s}}\nstop: {{when: drained}}\n"
        );
        let record = race(&format!("omega-late-{fate}"), &text, &jobs);
        (record.decisions, record.course)
    };
    let (decisions, bindings) = course("all-or-nothing");
    assert_eq!(
        decisions,
        [
            "narrow 5 6 1 0 1",
            "narrow 23 24 1 0 1",
            "wide 15 25 2 2 0",
            "wide 49 59 2 0 2"
        ]
    );
    let (first, second) = ("node-0", "node-1");
    assert_eq!(
        bindings,
        [
            format!("6 0 {first}"),
            format!("24 3 {first}"),
            format!("59 1 {first}"),
            format!("59 2 {second}")
        ]
    );
    let (decisions, bindings) = course("incremental");
    assert_eq!(
        decisions,
        [
            "narrow 5 6 1 0 1",
            "narrow 23 24 1 0 1",
            "wide 15 25 2 1 1",
            "wide 49 59 1 0 1"
        ]
    );
    assert_eq!(
        bindings,
        [
            format!("6 0 {first}"),
            format!("24 3 {first}"),
            format!("25 2 {second}"),
            format!("59 1 {first}")
        ]
    );
}

/// A node with three processors, a view that is late by 5 s, and decisions of 10 s (`wide`) and 1 s (`narrow`).
/// - `wide` sees its job at 5 and decides until 15; `narrow` sees its own at 13, and has a claim accepted at
///   14 that `wide` sees at 19.
/// - There is room for both, so `fine` keeps the claim of `wide` at 15. `coarse` refuses it, as the node has
///   changed since the copy, which shows at 19: the job is decided on again until 29.
#[test]
fn the_store_refuses_coarse_claims_on_nodes_that_changed_unseen() {
    let jobs = [job_line(1, 0, 100, 2), job_line(2, 8, 100, 1)].concat();
    let course = |conflicts: &str| {
        let text = format!(
            "windtunnel: v1\nname: late\ncluster: {{nodes: [{{count: 1, template: {{allocatable: {{cpu: \
             3, memory: 4Gi, pods: 4}}}}}}]}}\nworkload: [{{trace: {{format: swf, path: \
             jobs.swf}}}}]\nmodels: {{watchDelay: 5s}}\nsystem:\n  name: omega\n  omega:\n    \
             conflicts: {conflicts}\n    kinds:\n    - {{name: wide, tasks: 2, perJob: \
             10s, perTask: 0s}}\n    - {{name: narrow, perJob: 1s, perTask: 0s}}\nstop: {{when: drained}}\n"
        );
        race(&format!("omega-unseen-{conflicts}"), &text, &jobs).decisions
    };
    let narrow = "narrow 13 14 1 0 1";
    assert_eq!(course("fine"), [narrow, "wide 5 15 2 0 2"]);
    assert_eq!(
        course("coarse"),
        [narrow, "wide 5 15 2 2 0", "wide 19 29 2 0 2"]
    );
}

/// Refused bindings are decided on again as what is left of their job, by its own kind.
#[test]
fn refused_members_go_back_to_their_own_job() {
    let jobs = [job_line(1, 0, 10, 4), job_line(2, 1, 5_000, 4)].concat();
    let text = "windtunnel: v1\nname: back\ncluster: {nodes: [{count: 4, template: {allocatable: {cpu: 4, \
                memory: 4Gi, pods: 4}}}]}\nworkload: [{trace: {format: swf, path: jobs.swf}}]\nsystem:\n  \
                name: omega\n  omega:\n    architecture: monolithic-multi-path\n    kinds:\n    - {name: \
                long, requested: 1h, perJob: 100s, perTask: 0s}\n    - {name: short, perJob: 1s, perTask: \
                0s}\nfailures: [{kind: refused-binds, probability: 0.6, at: 0s, for: 10m}]\nstop: {when: \
                drained}\n";
    let files = [("jobs.swf", jobs.as_str()), ("run.yaml", text)];
    let scratch = Scratch::new("omega-back", &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut record = Record::default();
    watch(
        &experiment.variants[0].scenario,
        &experiment.files,
        &mut record,
    )
    .expect("the run");
    assert_eq!(record.completed, 8);
    let took = |decision: &String| {
        let words: Vec<f64> = { decision.split(' ').skip(1) }
            .map(|word| word.parse().expect("a number"))
            .collect();
        (words[1] - words[0]).round()
    };
    let times: Vec<f64> = record.decisions.iter().map(took).collect();
    let of = |seconds: f64| {
        times
            .iter()
            .filter(|time| (**time - seconds).abs() < 0.5)
            .count()
    };
    // Members that were refused are decided on by the kind of their job, more than once.
    assert!(of(1.0) > 1 && of(100.0) > 1, "{times:?}");
    assert_eq!(of(1.0) + of(100.0), times.len());
}

//! Schedulers that race over shared state lose no claim, commit none twice and give no room away
//! twice, whatever their times and rules (spec: orchestrators-b.md section 6.1).

use std::fmt::Write as _;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Pod};
use windtunnel::rng::Stream;
use windtunnel::units::{Instant, PodId, SortedMap};

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
}

impl Observer for Record {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        match event {
            Event::PodCreated(_) => self.created += 1,
            Event::PodBound { pod, node, .. } => {
                *self.bindings.entry(pod.id).or_default() += 1;
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

#[test]
fn racing_schedulers_lose_no_claim_and_commit_none_twice() {
    let mut conflicts = 0;
    for round in 0..60_u64 {
        let stream = &mut Stream::new(24, "omega", round);
        let nodes = 1 + stream.below(6);
        let mut jobs = String::new();
        for job in 1..=5 + stream.below(40) {
            let (submit, run) = (stream.below(60), 1 + stream.below(90));
            let tasks = 1 + stream.below(nodes * 4);
            let _ = writeln!(
                jobs,
                "{job} {submit} -1 {run} {tasks} -1 -1 {tasks} {run} -1 1 1 1 1 1 1 -1 -1"
            );
        }
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
        let files = [("jobs.swf", jobs.as_str()), ("run.yaml", &text)];
        let scratch = Scratch::new(&format!("omega-{round}"), &files);
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
        if architecture != "shared-state" {
            assert_eq!(record.conflicts, 0, "{text}{jobs}");
        }
        conflicts += record.conflicts;
    }
    // The races are real.
    assert!(conflicts > 0);
}

//! Runs of the flow scheduler (spec: orchestrators-b.md section 6.4): the plain form solves every round
//! from nothing, and finds no cheaper flow.

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, EvictionCause, Pod, PodChange, PodRef};
use windtunnel::rng::Stream;
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::units::{Instant, NodeId, SortedMap};

use crate::kube_scenario::{Scratch, load_file};
use crate::omega::job_line;
use crate::watch::watch_in;

/// What becomes of tasks that lose their nodes.
#[derive(Default)]
struct Losses {
    /// Destinations of tasks that move, by name, until they have their new nodes.
    moving: SortedMap<String, NodeId>,
    moved: usize,
    /// Number of tasks that got other nodes than those that they moved to.
    elsewhere: usize,
    preempted: usize,
    completed: usize,
}

impl Observer for Losses {
    fn observe(&mut self, _: Instant, event: &Event, pod: Option<&Pod>, store: &Store) {
        let name = |pod: PodRef| store.pods().get(pod).map(|own| own.name.to_string());
        match event {
            Event::PodChanged {
                pod,
                change: PodChange::Moving { to },
            } => {
                self.moving.extend(name(*pod).map(|name| (name, *to)));
                self.moved += 1;
            }
            Event::PodBound { pod, node, .. } => {
                let to = name(*pod).and_then(|name| self.moving.remove(&name));
                self.elsewhere += usize::from(to.is_some_and(|to| to != *node));
            }
            Event::PodEnded { reason, .. } => match reason {
                EndReason::Evicted(EvictionCause::Preemption) => {
                    let name = pod.map(|own| own.name.to_string()).unwrap_or_default();
                    self.preempted += usize::from(!self.moving.contains_key(&name));
                }
                EndReason::Completed => self.completed += 1,
                _ => {}
            },
            _ => {}
        }
    }
}

/// Runs jobs of one task each in both forms, which must come to the same digest.
fn run_both(name: &str, flow: &str, more: &str, jobs: &str) -> Losses {
    let text = format!(
        "windtunnel: v1\nname: flow\ncluster: {{nodes: [{{count: 6, name: \"n-{{}}\", zone: \"z-{{index % 2}}\", \
         template: {{allocatable: {{cpu: 4, memory: 4Gi, pods: 3}}}}}}]}}\nworkload: [{{trace: {{format: swf, \
         path: jobs.swf}}}}]\nsystem: {{name: flow, flow: {{{flow}}}}}\n{more}stop: {{when: drained}}\n"
    );
    let files = [("jobs.swf", jobs), ("run.yaml", &text)];
    let scratch = Scratch::new(&format!("flow-{name}"), &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let scenario = &experiment.variants[0].scenario;
    let runs = [Form::Incremental, Form::Plain].map(|form| {
        let mut losses = Losses::default();
        let digest = watch_in(form, scenario, &experiment.files, &mut losses)
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
            .digest;
        (digest, losses)
    });
    let [(incremental, losses), (plain, _)] = runs;
    assert_eq!(incremental, plain, "{text}{jobs}");
    losses
}

fn jobs(count: u64, span: u64) -> String {
    let stream = &mut Stream::new(26, "flow", 0);
    (1..=count)
        .map(|job| job_line(job, stream.below(span), 1 + stream.below(60), 1))
        .collect()
}

#[test]
fn both_forms_place_tasks_alike_and_at_equal_cost() {
    let models = [
        "quincy",
        "octopus",
        "shortest-job-first",
        "trivial",
        "random",
    ];
    for model in models {
        let failures = "failures: [{kind: node-crash, mtbf: 100s, repair: 20s}]\n";
        let losses = run_both(
            model,
            &format!("costModel: {model}"),
            failures,
            &jobs(60, 100),
        );
        assert_eq!((losses.moved, losses.preempted), (0, 0));
    }
}

#[test]
fn tasks_lose_their_nodes_in_both_forms_alike_and_all_complete() {
    let input = "input: {mean: 20G, block: 5G}, preemption: true, waitFactor";
    // Time that a task has run is worth more than the time that others wait, and less.
    let losses = run_both("patient", &format!("{input}: 0.5"), "", &jobs(100, 200));
    assert!(losses.moved > 0);
    assert_eq!((losses.completed, losses.elsewhere), (100, 0));
    let flow = format!("{input}: 3, slots: 2");
    let losses = run_both("hasty", &flow, "", &jobs(100, 200));
    assert!(losses.moved > 0 && losses.preempted > 0);
    assert_eq!((losses.completed, losses.elsewhere), (100, 0));
    // Under Octopus waiting is equally dear to all tasks, so none waits for another.
    let flow = "costModel: octopus, preemption: true";
    let crashes =
        "failures: [{kind: node-crash, mtbf: 100s, repair: 5s}]\nmodels: {nodeLoss: resubmit}\n";
    let losses = run_both("crashes", flow, crashes, &jobs(100, 200));
    assert_eq!((losses.completed, losses.preempted), (100, 0));
    // Five nodes have three tasks each when the sixth one is back; of four tasks on two nodes no further
    // one is worth its move.
    let outage = "failures: [{kind: node-outage, node: n-0, at: 0s, for: 30s}]\n";
    let all: String = (1..=15).map(|job| job_line(job, 1, 100, 1)).collect();
    let losses = run_both("leveled", flow, outage, &all);
    assert_eq!(
        (losses.moved, losses.preempted, losses.completed),
        (1, 0, 15)
    );
    // Decisions on late views end, too: a place may be taken by the time that a task is back.
    let flow = format!("{input}: 3");
    let losses = run_both("late", &flow, "models: {watchDelay: 3s}\n", &jobs(100, 200));
    assert_eq!(losses.completed, 100);
}

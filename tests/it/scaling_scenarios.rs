//! What the scenarios about scaling say at their heads.

use std::collections::BTreeMap;
use std::path::Path;

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::model::{EndReason, Event, EvictionCause, Pod};
use windtunnel::units::Instant;

use crate::kube_scenario::load_file;
use crate::watch::measure;

/// What is looked at beside the metrics.
#[derive(Default)]
struct Seen {
    /// How long pods of the workload `web` waited for a node, in all.
    waited: f64,
    /// How many pods were taken with spot capacity, by time.
    taken: BTreeMap<Instant, usize>,
    /// How many pods were being resized at a time, at most.
    resized: usize,
    resizing: usize,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        match event {
            Event::PodBound { pod, .. } => {
                let record = store.pods().get(*pod).expect("it was bound just now");
                let labels = &store.class(record.spec).object.labels;
                if labels.get("app").is_some_and(|app| &**app == "web") {
                    self.waited += at.since(record.created).as_secs_f64();
                }
            }
            Event::PodEnded {
                reason: EndReason::Evicted(EvictionCause::Spot),
                ..
            } => {
                *self.taken.entry(at).or_default() += 1;
            }
            Event::PodEnded {
                reason: EndReason::Evicted(EvictionCause::Resizing),
                ..
            } => {
                assert!(ended.is_some());
                self.resizing += 1;
                self.resized = self.resized.max(self.resizing);
            }
            Event::PodRunning { .. } => self.resizing = self.resizing.saturating_sub(1),
            _ => {}
        }
    }
}

/// The variants of a scenario of the project, each with what it came to.
fn variants(name: &str) -> BTreeMap<String, (Seen, Outcome)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let experiment = load_file(&folder.join(name));
    let variants = experiment.variants.iter().map(|plan| {
        let mut seen = Seen::default();
        let outcome = measure(&plan.scenario, &experiment.files, &mut seen);
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        (plan.name.clone(), (seen, outcome))
    });
    variants.collect()
}

fn metric(outcome: &Outcome, id: &str) -> f64 {
    let found = outcome.metrics.get(id).unwrap_or_else(|| panic!("{id}"));
    found
        .value
        .unwrap_or_else(|| panic!("{id}: {:?}", found.reason))
}

#[test]
fn headroom_halves_what_a_crowd_takes_of_the_budget_and_doubles_the_bill() {
    let all = variants("flash-crowd.yaml");
    let ((plain, default), (roomy, headroom)) = (&all["default"], &all["headroom"]);
    assert!(
        roomy.waited < plain.waited,
        "{} {}",
        roomy.waited,
        plain.waited
    );
    // The objective of the day is kept; of its budget for errors the crowd takes more than half.
    let burn = |outcome| metric(outcome, "latency_objective.burn");
    let (plain, roomy) = (burn(default), burn(headroom));
    assert!(
        (0.5..1.0).contains(&plain) && roomy < 0.6 * plain,
        "{plain} {roomy}"
    );
    let cost = |outcome| metric(outcome, "cost.total");
    let ratio = cost(headroom) / cost(default);
    assert!((1.9..2.6).contains(&ratio), "{ratio}");
}

#[test]
fn resizing_gives_back_half_of_the_slack_one_pod_at_a_time() {
    let all = variants("leak.yaml");
    let (_, off) = &all["off"];
    let (seen, recreate) = &all["recreate"];
    assert!(metric(off, "usage.cpu.slack") > 0.84 && metric(off, "usage.memory.slack") > 0.6);
    assert!(metric(recreate, "usage.cpu.slack") < 0.45);
    assert!(metric(recreate, "usage.memory.slack") < 0.45);
    assert_eq!(seen.resized, 1);
}

#[test]
fn consolidation_that_does_not_wait_buys_what_it_gave_back() {
    let all = variants("consolidation-loop.yaml");
    let ((_, eager), (_, patient)) = (&all["eager"], &all["patient"]);
    // Two machines, four times an hour, for eleven hours.
    assert!((metric(eager, "fights.node_flapping") - 88.0).abs() < 1e-9);
    assert!(metric(patient, "fights.node_flapping").abs() < 1e-9);
    assert!(metric(eager, "pending_time.p99") > 60.0);
    assert!(metric(patient, "pending_time.p99").abs() < 1e-9);
    assert!(metric(eager, "cost.total") < metric(patient, "cost.total"));
    let told = "nodes went and came back: a node of c5.4xlarge 44 times from 1h1m21s";
    assert!(
        eager.remarks.iter().any(|line| line.starts_with(told)),
        "{:?}",
        eager.remarks
    );
}

#[test]
fn spot_capacity_costs_less_than_half_and_large_machines_take_many_pods_along() {
    let all = variants("spot-fleet.yaml");
    let cost = |name: &str| metric(&all[name].1, "cost.total");
    assert!(cost("spot") < 0.5 * cost("on-demand"));
    assert!(cost("small-spot") < 0.5 * cost("on-demand"));
    let most = |name: &str| all[name].0.taken.values().max().copied().unwrap_or(0);
    assert!(most("spot") > 10, "{}", most("spot"));
    assert!(
        (1..=2).contains(&most("small-spot")),
        "{}",
        most("small-spot")
    );
    assert_eq!(most("on-demand"), 0);
}

//! What the scenario about descheduling says at its head.

use std::path::Path;

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::model::{EndReason, Event, EvictionCause, Pod, PodChange};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::load_file;
use crate::watch::measure;

/// What was seen of a run.
#[derive(Default)]
struct Seen {
    checker: Checker,
    /// How many pods each node had when the run ended.
    pods: Vec<usize>,
    /// When no node had more than two pods for the first time after the zone was back, in seconds.
    spread: Option<f64>,
    /// The fewest ready pods after that.
    least: Option<usize>,
    /// Evictions by the descheduler, by time.
    evicted: SortedMap<Instant, usize>,
}

/// When the zone is back, in seconds.
const BACK: f64 = 2_280.0;

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        if let Event::PodChanged {
            change:
                PodChange::Terminating {
                    reason: EndReason::Evicted(EvictionCause::Descheduling),
                    ..
                },
            ..
        } = event
        {
            *self.evicted.entry(at).or_default() += 1;
        }
    }

    fn settled(&mut self, at: Instant, store: &Store) {
        let nodes = store.nodes();
        self.pods = nodes.present().map(|node| nodes.pods(node).len()).collect();
        let ready = store.pods().iter().filter(|pod| {
            let state = store.pod_states().get(pod.pod);
            state.is_some_and(|state| state.is_ready && state.terminating.is_none())
        });
        let ready = ready.count();
        if at.as_secs_f64() < BACK + 60.0 {
            return;
        }
        self.least = Some(self.least.map_or(ready, |least| least.min(ready)));
        if self.pods.iter().all(|&pods| pods == 2) {
            self.spread.get_or_insert(at.as_secs_f64());
        }
    }
}

fn metric(outcome: &Outcome, id: &str) -> f64 {
    let found = outcome.metrics.get(id).unwrap_or_else(|| panic!("{id}"));
    found
        .value
        .unwrap_or_else(|| panic!("{id}: {:?}", found.reason))
}

fn variants(path: &Path) -> SortedMap<String, (Seen, Outcome)> {
    let experiment = load_file(path);
    let variants = experiment.variants.iter().map(|plan| {
        let mut seen = Seen::default();
        let outcome = measure(&plan.scenario, &experiment.files, &mut seen);
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(seen.checker.failure(), None, "{}", plan.name);
        (plan.name.clone(), (seen, outcome))
    });
    variants.collect()
}

#[test]
fn nobody_but_a_descheduler_fills_a_zone_that_is_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let all = variants(&folder.join("descheduling.yaml"));
    let (seen, outcome) = &all["default"];
    assert_eq!(seen.pods, [3, 3, 3, 0, 0, 0, 3, 3, 3]);
    assert!(metric(outcome, "disruptions.evicted.descheduling").abs() < 1e-9);
    let (seen, outcome) = &all["descheduler"];
    // Six pods, two at a time, every five minutes.
    assert_eq!(seen.pods, [2; 9]);
    assert_eq!(
        seen.evicted.values().copied().collect::<Vec<_>>(),
        [2, 2, 2]
    );
    let spread = seen.spread.expect("it is spread again");
    assert!((BACK..BACK + 960.0).contains(&spread), "{spread}");
    assert!(seen.least >= Some(16), "{:?}", seen.least);
    assert!(metric(outcome, "fights.descheduling").abs() < 1e-9);
    let (seen, outcome) = &all["against-the-scheduler"];
    assert!(seen.spread.is_none(), "{:?}", seen.spread);
    assert!(metric(outcome, "fights.descheduling") > 20.0);
    assert!(seen.least >= Some(16), "{:?}", seen.least);
    let told = "the scheduler put back what was descheduled: default/shop to ";
    assert!(
        outcome.remarks.iter().any(|line| line.starts_with(told)),
        "{:?}",
        outcome.remarks
    );
}

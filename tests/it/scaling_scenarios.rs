//! What the scenarios about scaling say at their heads.

use std::path::Path;

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::metrics::CostTable;
use windtunnel::metrics::autoscalers::AutoscalerRow;
use windtunnel::model::traffic::{TrafficNames, TrafficStretch};
use windtunnel::model::{EndReason, Event, EvictionCause, Pod};
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::load_file;
use crate::watch::measure;

/// What is looked at beside the metrics.
#[derive(Default)]
struct Seen {
    /// How long pods of the workload `web` waited for a node, in all.
    waited: f64,
    /// How many pods were taken with spot capacity, by time.
    taken: SortedMap<Instant, usize>,
    /// How many pods were being resized at a time, at most.
    resized: usize,
    resizing: usize,
    /// Requests and those that failed, by minute.
    minutes: SortedMap<u64, (u64, u64)>,
    /// Stretches of traffic that were told.
    stretches: u64,
}

impl Observer for Seen {
    fn traffic(&mut self, stretch: &TrafficStretch, _names: &TrafficNames) {
        self.stretches += 1;
        let minute = stretch.from.as_nanos() as u64 / 60_000_000_000;
        let sum = self.minutes.entry(minute).or_default();
        for flow in &stretch.flows {
            sum.0 += flow.succeeded + flow.failures();
            sum.1 += flow.failures();
        }
    }

    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        match event {
            Event::PodBound { pod, .. } => {
                let record = store.pods().get(*pod).expect("it was bound just now");
                let labels = &store.class(record.class).spec.labels;
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
fn variants(name: &str) -> SortedMap<String, (Seen, Outcome)> {
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
    let told = default.metrics.tables.rows::<AutoscalerRow>().first();
    let told = told.and_then(|own| own.replicas).expect("an autoscaler");
    assert!(
        told.most >= 30 && told.fewest <= 6 && told.most <= told.bounds.1,
        "{told:?}"
    );
    assert!(told.ups > 5 && told.downs > 5, "{told:?}");
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
    // What it recommended last is told, where it acts and where it is off.
    let told = recreate.metrics.tables.rows::<AutoscalerRow>();
    assert_eq!((told.len(), told[0].kind), (1, "VerticalPodAutoscaler"));
    let asked = told[0].recommended.iter().map(|own| own.1);
    assert!(
        asked.clone().count() == 1
            && asked
                .clone()
                .all(|own| own.cpu_milli > 0 && own.memory_bytes > 0),
        "{told:?}"
    );
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
    let told = "nodes went and came back: a node of c5.4xlarge 44 times from 1h1m1s";
    assert!(
        eager.remarks.iter().any(|line| line.starts_with(told)),
        "{:?}",
        eager.remarks
    );
}

#[test]
fn consolidation_and_descheduling_undo_each_others_work_and_are_named() {
    let all = variants("consolidation-against-descheduling.yaml");
    let ((_, alone), (_, both)) = (&all["default"], &all["descheduler"]);
    assert!(metric(alone, "fights.evictions").abs() < 1e-9);
    // More than twice an hour, for five hours.
    let evictions = metric(both, "fights.evictions");
    assert!(evictions > 5.0 * 2.0, "{evictions}");
    assert!(metric(alone, "cost.total") < metric(both, "cost.total"));
    let told = "pods were moved for one cause and then for another: shop/web: consolidation after \
                descheduling";
    let line = both.remarks.iter().find(|line| line.starts_with(told));
    let line = line.unwrap_or_else(|| panic!("{:?}", both.remarks));
    assert!(
        line.contains(" times from 1h") && line.contains(" to 5h"),
        "{line}"
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
    // The budget allows four.
    let missing = |name: &str| metric(&all[name].1, "missing_replicas.max");
    assert!(missing("spot") > 10.0, "{}", missing("spot"));
    assert!(missing("small-spot") <= 4.0, "{}", missing("small-spot"));
    // At a steady share of the price one family is always the cheaper one; where shares change each is
    // for a part of the day.
    let spot_hours = |name: &str, family: &str| {
        let costs = all[name]
            .1
            .metrics
            .tables
            .get::<CostTable>()
            .expect("machines have prices");
        let own = costs.nodes.iter().filter(|own| own.is_spot);
        let own = own.filter(|own| own.instance_type.starts_with(family));
        own.map(|own| own.hours).sum::<f64>()
    };
    assert!(spot_hours("spot", "m5") < 1e-9);
    for family in ["c5", "m5"] {
        let hours = spot_hours("spot-by-price", family);
        assert!(hours > 24.0, "{family} {hours}");
    }
}

#[test]
fn a_canary_takes_a_quarter_of_what_errors_are_allowed_a_rollout_five_times_all() {
    let all = variants("canary.yaml");
    let of = |name: &str, id: &str| metric(&all[name].1, id);
    // One request in a hundred, one in five, for ten of 39 minutes.
    let errors = |name: &str| of(name, "requests.error_rate") * 39.0 / 10.0;
    assert!(
        (errors("canary") - 0.01).abs() < 0.001,
        "{}",
        errors("canary")
    );
    let rollout = errors("all-at-once");
    assert!((rollout - 0.2).abs() < 0.004, "{rollout}");
    let burn = |name: &str| of(name, "latency_objective.burn");
    assert!((0.2..0.3).contains(&burn("canary")), "{}", burn("canary"));
    let rollout = burn("all-at-once");
    assert!((4.5..5.5).contains(&rollout), "{rollout}");
    assert!(
        (0.9..1.1).contains(&burn("blue-green")),
        "{}",
        burn("blue-green")
    );
}

#[test]
fn a_storm_outlives_its_crowd_unless_tries_have_a_budget_or_queues_are_short() {
    let all = variants("retry-storm.yaml");
    let failing = |name: &str, from: f64, to: f64| {
        let (sent, failed) = all[name]
            .0
            .minutes
            .range(from as u64..to as u64)
            .fold((0, 0), |sum, (_, own)| (sum.0 + own.0, sum.1 + own.1));
        failed as f64 / (sent as f64).max(1.0)
    };
    // The crowd is there from the tenth minute to the twelfth; half an hour later it still storms.
    assert!(failing("storm", 0.0, 10.0) < 0.01);
    assert!(
        failing("storm", 35.0, 40.0) > 0.95,
        "{}",
        failing("storm", 35.0, 40.0)
    );
    assert!(
        failing("budget", 10.0, 12.0) > 0.2,
        "{}",
        failing("budget", 10.0, 12.0)
    );
    assert!(
        failing("budget", 16.0, 40.0) < 0.001,
        "{}",
        failing("budget", 16.0, 40.0)
    );
    assert!(
        failing("short-queue", 14.0, 40.0) < 0.001,
        "{}",
        failing("short-queue", 14.0, 40.0)
    );
}

/// A week of a tenth of the requests takes as many steps.
#[test]
fn following_many_services_costs_by_change_not_by_request() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let run = |mean: f64| {
        let mut experiment = load_file(&folder.join("many-services.yaml"));
        let plan = &mut experiment.variants[0];
        for group in &mut plan.scenario.traffic {
            if let Some(diurnal) = &mut group.diurnal {
                diurnal.mean = mean;
            }
        }
        let mut seen = Seen::default();
        let outcome = measure(&plan.scenario, &experiment.files, &mut seen);
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        (seen.stretches, metric(&outcome, "requests.offered"))
    };
    let ((many, all), (few, tenth)) = (run(200.0), run(20.0));
    assert!((all / tenth - 10.0).abs() < 0.01, "{all} {tenth}");
    assert!(all > 4e8, "{all}");
    assert!(many < few + few / 10, "{many} {few}");
}

//! What the scenarios about Swarm and SwarmKit say at their heads.

use std::fs;
use std::path::Path;

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::model::{Event, Pod, PodPhase};
use windtunnel::scenario::Experiment;
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::measure;

/// What is looked at beside the metrics.
#[derive(Default)]
struct Seen {
    /// Containers by node, at the end and when half of them were placed.
    on_nodes: SortedMap<u32, u32>,
    at_half: usize,
    bound: Vec<f64>,
    lost: Vec<f64>,
    running: Vec<f64>,
    /// Running tasks of the service by image, by second.
    images: SortedMap<i64, SortedMap<String, usize>>,
    half: usize,
}

impl Seen {
    /// How many run of each image at a second.
    fn images_at(&self, second: i64) -> SortedMap<&str, usize> {
        let (_, images) = self.images.range(..=second).next_back().expect("some run");
        images
            .iter()
            .map(|(image, count)| (image.as_str(), *count))
            .collect()
    }

    fn between(times: &[f64], from: f64, until: f64) -> Vec<f64> {
        let inside = times.iter().copied();
        inside.filter(|at| (from..until).contains(at)).collect()
    }
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, _: &Store) {
        let secs = at.as_secs_f64();
        match event {
            Event::PodBound { node, .. } => {
                *self.on_nodes.entry(node.0).or_default() += 1;
                self.bound.push(secs);
                if self.bound.len() == self.half {
                    self.at_half = self.on_nodes.len();
                }
            }
            Event::PodRunning { .. } => self.running.push(secs),
            Event::NodeReadiness { ready: false, .. } => self.lost.push(secs),
            _ => {}
        }
    }

    fn settled(&mut self, at: Instant, store: &Store) {
        if self.half > 0 {
            return;
        }
        let mut images = SortedMap::new();
        for pod in store
            .pods()
            .iter()
            .filter(|pod| pod.phase == PodPhase::Running)
        {
            let spec = &store.class(pod.class).spec;
            if spec.labels.get("app").is_some_and(|app| &**app == "web") {
                *images
                    .entry(spec.containers[0].image.to_string())
                    .or_default() += 1;
            }
        }
        let second = at.as_secs_f64() as i64;
        self.images.insert(second, images);
    }
}

fn variants(experiment: &Experiment, half: usize) -> SortedMap<String, (Seen, Outcome)> {
    let variants = experiment.variants.iter().map(|plan| {
        let mut seen = Seen {
            half,
            ..Seen::default()
        };
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

/// A tenth of the engines and of the containers: what a decision costs and how fast requests come is
/// the same.
#[test]
fn swarm_does_not_slow_down_as_it_fills_up() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut text = fs::read_to_string(folder.join("swarm.yaml")).expect("the scenario");
    for (from, to) in [
        ("count: 1000", "count: 100"),
        ("jobs: 50000", "jobs: 5000"),
        ("span: 500s", "span: 50s"),
        ("span: 417s", "span: 41.7s"),
        ("[0, 5000]", "[0, 2500]"),
        ("[45000, 50000]", "[2500, 5000]"),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let scratch = Scratch::new("swarm-scenario", &[("swarm.yaml", &*text)]);
    let experiment = load_file(&scratch.path("swarm.yaml"));
    let all = variants(&experiment, 2_500);
    let wait = |name: &str| metric(&all[name].1, "scheduling_latency.mean");
    for (name, (seen, outcome)) in &all {
        assert_eq!(seen.bound.len(), 5_000, "{name}");
        let failed = metric(outcome, "scheduling_latency.failed_share");
        assert_eq!(failed.to_bits(), 0.0_f64.to_bits(), "{name}");
    }
    // A queue with one server, 80 % busy: 8 ms, and 16 ms of waiting.
    for name in ["spread", "first-tenth", "last-tenth", "binpack", "random"] {
        assert!(
            (0.016..0.036).contains(&wait(name)),
            "{name}: {}",
            wait(name)
        );
    }
    assert!(
        wait("hurried") > 2.0 * wait("spread"),
        "{}",
        wait("hurried")
    );
    let counts = |name: &str| all[name].0.on_nodes.values().copied();
    assert!(counts("spread").all(|count| count == 50));
    assert!(counts("binpack").all(|count| count == 50));
    assert_eq!(
        (all["spread"].0.at_half, all["binpack"].0.at_half),
        (100, 50)
    );
    let (most, least) = (counts("random").max(), counts("random").min());
    assert!(most > Some(60) && least < Some(40), "{most:?} {least:?}");
}

#[test]
fn swarmkit_goes_back_from_a_bad_version_and_replaces_only_with_a_majority() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let experiment = load_file(&folder.join("swarmkit.yaml"));
    let all = variants(&experiment, 0);
    let (rollback, pause, goes_on) = (&all["rollback"].0, &all["pause"].0, &all["continue"].0);
    // Two slots at a time, each 3 s to replace and 10 s of rest.
    assert_eq!(rollback.images_at(299), SortedMap::from([("web:1", 10)]));
    assert_eq!(
        rollback.images_at(305),
        SortedMap::from([("web:1", 8), ("web:2", 2)])
    );
    assert_eq!(rollback.images_at(357), SortedMap::from([("web:2", 10)]));
    // The bad version is there for 3 s, and gone 20 s later.
    assert_eq!(rollback.images_at(604).get("web:3"), Some(&2));
    assert_eq!(rollback.images_at(630), SortedMap::from([("web:2", 10)]));
    assert_eq!(pause.images_at(630).get("web:2"), Some(&8));
    assert_eq!(goes_on.images_at(720).get("web:2"), None);
    // A node is missed and its tasks run again.
    let lost = Seen::between(&rollback.lost, 900.0, 1_200.0);
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!((908.0..=916.6).contains(&lost[0]), "{lost:?}");
    let running = Seen::between(&rollback.running, 900.0, 1_200.0);
    let after = |at: &f64| (5.9..6.2).contains(&(at - lost[0]));
    assert!(
        !running.is_empty() && running.iter().all(after),
        "{running:?} {lost:?}"
    );
    // Without a majority nothing is placed; then one is elected, and knows of the node after longer.
    assert_eq!(
        Seen::between(&rollback.bound, 1_200.0, 1_510.0),
        Vec::<f64>::new()
    );
    let late = Seen::between(&rollback.lost, 1_200.0, 1_800.0);
    assert!(
        late.len() == 1 && (1_537.0..=1_553.0).contains(&late[0]),
        "{late:?}"
    );
    let five = Seen::between(&all["five-managers"].0.lost, 1_200.0, 1_800.0);
    assert!(
        five.len() == 1 && (1_268.0..=1_277.0).contains(&five[0]),
        "{five:?}"
    );
    // Two tasks of ten get requests for 285 s longer, from inside and, at four nodes of six, outside.
    let failed = |name: &str| metric(&all[name].1, "requests.failed");
    let more = failed("rollback") - failed("five-managers");
    let expected = 40.0 * 0.2 * (1.0 + 4.0 / 6.0) * 275.0;
    assert!(
        (more - expected).abs() < 0.2 * expected,
        "{more} {expected}"
    );
}

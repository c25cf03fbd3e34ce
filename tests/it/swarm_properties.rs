//! What holds in every run of Swarm and SwarmKit, on drawn clusters, services and failures: no strategy
//! gives away more than its rule, every filter is respected, a minority of managers places nothing.

use std::fmt::Write as _;

use proptest::prelude::*;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod, PodRef};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

/// Nodes by cores, each in the zone of its number modulo 2.
const MEMORY_GIB: i64 = 16;

/// What is looked at.
struct Eyes {
    checker: Checker,
    /// By node: tasks that hold something, with cores, GiB and whether they are the only one of their
    /// kind there.
    held: SortedMap<String, SortedMap<u32, (i64, i64, String)>>,
    cores: Vec<i64>,
    /// How much more than it has, in per cent; `None` for a strategy that does not look.
    beyond: Option<i64>,
    /// When nothing may be placed.
    headless: Option<(f64, f64)>,
    broken: Vec<String>,
}

impl Eyes {
    fn bound(&mut self, at: Instant, pod: PodRef, store: &Store) {
        let record = store.pods().get(pod).expect("it was bound just now");
        let node = record.node().expect("bound");
        let name = store.nodes().name(node).to_string();
        let number = node.index();
        let spec = &store.class(record.class).spec;
        let secs = at.as_secs_f64();
        let mut wrong = |what: &str| {
            let pod = record.name.text();
            self.broken.push(format!("{secs} {pod} on {name}: {what}"));
        };
        if let Some((from, until)) = self.headless
            && secs > from
            && secs < until
        {
            wrong("nobody may place anything");
        }
        if !store.nodes().is_ready(node) {
            wrong("the node is known to be lost");
        }
        if let Some(zone) = spec.node_selector.get("zone")
            && **zone != *format!("z{}", number % 2)
        {
            wrong("another zone was asked for");
        }
        let requests = spec.requests().expect("small sums");
        let cores = requests.get("cpu").units_ceil().expect("few");
        let memory = requests.get("memory").units_ceil().expect("little") >> 30;
        let app = spec.labels.get("app").map(ToString::to_string);
        let app = app.unwrap_or_default();
        let held = self.held.entry(name.clone()).or_default();
        let is_alone = !spec.affinity.required_pod_anti_affinity.is_empty();
        if is_alone && held.values().any(|(.., other)| *other == app) {
            wrong("another one of its kind is there");
        }
        let held = self.held.entry(name.clone()).or_default();
        held.insert(pod.id.0, (cores, memory, app));
        let sum = |amount: fn(&(i64, i64, String)) -> i64| held.values().map(amount).sum::<i64>();
        let (cores, memory) = (sum(|own| own.0), sum(|own| own.1));
        if let Some(beyond) = self.beyond {
            for (used, has) in [(cores, self.cores[number]), (memory, MEMORY_GIB)] {
                // Cut to whole per cent of whole cores or bytes.
                let most = if has == MEMORY_GIB {
                    has * (100 + beyond + 1) / 100
                } else {
                    has + has * beyond / 100
                };
                if used > most {
                    self.broken
                        .push(format!("{secs} {name} has {has} and gives away {used}"));
                }
            }
        }
    }
}

impl Observer for Eyes {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        match event {
            Event::PodBound { pod, .. } => self.bound(at, *pod, store),
            Event::PodEnded { pod, .. } => {
                for held in self.held.values_mut() {
                    held.remove(&pod.id.0);
                }
            }
            _ => {}
        }
    }
}

/// A service: replicas, cores, GiB, whether its zone is given, whether its tasks keep apart.
type Drawn = (u32, i64, i64, bool, bool);

fn manifest(name: &str, (replicas, cores, memory, is_zoned, is_apart): Drawn) -> String {
    let zone = if is_zoned {
        "\n      nodeSelector: {zone: z1}"
    } else {
        ""
    };
    let apart = if is_apart {
        format!(
            "\n      affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: \
             [{{topologyKey: kubernetes.io/hostname, labelSelector: {{matchLabels: {{app: {name}}}}}}}]}}}}"
        )
    } else {
        String::new()
    };
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: \
         {{app: {name}}}}}\n    spec:{zone}{apart}\n      containers: [{{name: c, image: 'c:1', \
         resources: {{requests: {{cpu: {cores}, memory: {memory}Gi}}}}}}]\n---\n"
    )
}

/// A failure: what, which node, when, for how long.
type Fails = (u8, usize, u32, u32);

fn failure((what, node, at, lasts): Fails, nodes: usize) -> String {
    let node = node % nodes;
    let kind = ["node-outage", "partition"][usize::from(what % 2)];
    format!("  - {{kind: {kind}, node: n{node}, at: {at}s, for: {lasts}s}}\n")
}

fn run(
    system: &str,
    cores: &[i64],
    services: &[Drawn],
    failures: &str,
    scaled: u32,
    mut eyes: Eyes,
) -> Vec<String> {
    let mut nodes = String::new();
    for (number, cores) in cores.iter().enumerate() {
        let _ = writeln!(
            nodes,
            "    - {{name: n{number}, count: 1, template: {{labels: {{zone: z{}}}, allocatable: \
             {{cpu: {cores}, memory: {MEMORY_GIB}Gi, pods: 110}}}}}}",
            number % 2
        );
    }
    let work: String = services
        .iter()
        .enumerate()
        .map(|(number, &service)| manifest(&format!("s{number}"), service))
        .collect();
    let text = format!(
        "windtunnel: v1\nname: drawn\ncluster:\n  nodes:\n{nodes}workload: [{{manifests: \
         work.yaml}}]\nsystem: {system}\nmodels: {{startup: {{containerStart: \
         1s}}}}\noperations:\n  - {{at: 200s, scale: Deployment/default/s0, replicas: \
         {scaled}}}\nfailures:\n{failures}stop: {{at: 15m}}\n"
    );
    // Tests run side by side, each in a folder of its own.
    let name = format!(
        "drawn-{}",
        system
            .split_whitespace()
            .nth(1)
            .unwrap_or("x")
            .trim_matches([',', '}'])
    );
    let files = [("work.yaml", &*work), ("own.yaml", &*text)];
    let scratch = Scratch::new(&name, &files);
    let experiment = load_file(&scratch.path("own.yaml"));
    let ended = watch(
        &experiment.variants[0].scenario,
        &experiment.files,
        &mut eyes,
    );
    ended.unwrap_or_else(|error| panic!("{error}: {text}"));
    eyes.broken
        .extend(eyes.checker.failure().map(ToString::to_string));
    eyes.broken
}

fn eyes(cores: &[i64], beyond: Option<i64>, headless: Option<(f64, f64)>) -> Eyes {
    Eyes {
        checker: Checker::default(),
        held: SortedMap::new(),
        cores: cores.to_vec(),
        beyond,
        headless,
        broken: Vec::new(),
    }
}

fn service() -> impl Strategy<Value = Drawn> {
    (0_u32..12, 0_i64..4, 1_i64..5, any::<bool>(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn swarm_gives_away_no_more_than_its_rule_and_respects_its_filters(
        cores in prop::collection::vec(1_i64..45, 1..5),
        services in prop::collection::vec(service(), 1..4),
        fails in prop::collection::vec((any::<u8>(), any::<usize>(), 10_u32..600, 1_u32..300), 0..4),
        scaled in 0_u32..20,
        (strategy, is_moved) in (0_usize..3, any::<bool>()),
    ) {
        let strategy = ["spread", "binpack", "random"][strategy];
        let policy = if is_moved { "on-node-failure" } else { "off" };
        let system = format!("{{name: swarm, swarm: {{strategy: {strategy}, reschedule: {policy}, managers: 1}}}}");
        let mut failures: String = fails.into_iter().map(|own| failure(own, cores.len())).collect();
        failures += "  - {kind: manager-loss, managers: 1, at: 190s, for: 100s}\n";
        let beyond = (strategy != "random").then_some(5);
        let eyes = eyes(&cores, beyond, Some((190.0, 290.0)));
        let broken = run(&system, &cores, &services, &failures, scaled, eyes);
        prop_assert!(broken.is_empty(), "{broken:?}");
    }

    #[test]
    fn swarmkit_never_overcommits_respects_its_filters_and_a_minority_places_nothing(
        cores in prop::collection::vec(1_i64..20, 1..5),
        services in prop::collection::vec(service(), 1..4),
        fails in prop::collection::vec((any::<u8>(), any::<usize>(), 10_u32..600, 1_u32..300), 0..4),
        scaled in 0_u32..20,
        (managers, away) in prop_oneof![Just((1, 1)), Just((3, 2)), Just((5, 3)), Just((5, 2))],
    ) {
        let system = format!("{{name: swarmkit, swarmkit: {{managers: {managers}}}}}");
        let mut failures: String = fails.into_iter().map(|own| failure(own, cores.len())).collect();
        let _ = writeln!(failures, "  - {{kind: manager-loss, managers: {away}, at: 190s, for: 100s}}");
        // The leader is among them: an election takes 10 s at least.
        let until = if 2 * (managers - away) > managers { 200.0 } else { 300.0 };
        let eyes = eyes(&cores, Some(0), Some((190.0, until)));
        let broken = run(&system, &cores, &services, &failures, scaled, eyes);
        prop_assert!(broken.is_empty(), "{broken:?}");
    }
}

//! Systems whose managers are all away: whatever users ask for and whatever fails before and meanwhile,
//! nothing is placed, moved or stopped by anybody but the nodes themselves, work in hand included.

use std::fmt::Write as _;

use proptest::prelude::*;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod, PodChange};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, NodeId, SortedMap};

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

/// When the managers are away, in seconds; they have nothing to do at the ends themselves.
const AWAY: (f64, f64) = (190.0, 290.0);

struct Eyes {
    checker: Checker,
    /// Whether agents stop what was withdrawn by themselves, and registrations expire, as with Fleet.
    stops_alone: bool,
    /// Where each pod ran last, by its name: with Fleet, what is replaced keeps its machine in the registry, whose
    /// agent loads it again.
    places: SortedMap<String, NodeId>,
    broken: Vec<String>,
}

impl Observer for Eyes {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let secs = at.as_secs_f64();
        let mut is_again = false;
        if let Event::PodBound { pod, node, .. } = event
            && let Some(pod) = store.pods().get(*pod)
        {
            let before = self.places.insert(pod.name.to_string(), *node);
            is_again = self.stops_alone && before == Some(*node);
        }
        if secs <= AWAY.0 || secs >= AWAY.1 {
            return;
        }
        let is_managed = match event {
            // Nodes that are back say so themselves.
            Event::NodeReadiness { ready: false, .. } => !self.stops_alone,
            Event::PodBound { .. } => !is_again,
            Event::PodChanged { change, .. } => {
                matches!(change, PodChange::Terminating { .. }) && !self.stops_alone
            }
            _ => false,
        };
        if is_managed {
            self.broken.push(format!("{secs} {event:?}"));
        }
    }
}

fn work(replicas: &[u32]) -> String {
    let mut text = String::new();
    for (number, replicas) in replicas.iter().enumerate() {
        let _ = write!(
            text,
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: s{number}}}\nspec:\n  replicas: \
             {replicas}\n  selector: {{matchLabels: {{app: s{number}}}}}\n  template:\n    metadata: {{labels: \
             {{app: s{number}}}}}\n    spec: {{containers: [{{name: c, image: 'c:1', resources: {{requests: {{cpu: \
             1, memory: 1Gi}}}}}}]}}\n---\n"
        );
    }
    text
}

/// What a user does: the kind, the second, and a number.
type Deed = (u8, u32, u32);

fn operation((kind, at, number): Deed) -> String {
    match kind % 4 {
        0 => format!("{{at: {at}s, scale: Deployment/default/s0, replicas: 0}}"),
        1 => format!("{{at: {at}s, scale: Deployment/default/s0, replicas: {number}}}"),
        2 => format!("{{at: {at}s, apply: newer.yaml}}"),
        _ => format!("{{at: {at}s, scale: Deployment/default/s1, replicas: {number}}}"),
    }
}

fn play(system: &str, managers: u32, deeds: &[Deed], fails: &[(u32, u32, u32)]) -> Vec<String> {
    let mut operations: Vec<Deed> = deeds.to_vec();
    operations.sort_by_key(|deed| deed.1);
    let operations: Vec<String> = operations.into_iter().map(operation).collect();
    let mut failures = format!(
        "{{kind: manager-loss, managers: {managers}, at: {}s, for: {}s}}",
        AWAY.0,
        AWAY.1 - AWAY.0
    );
    for (node, at, lasts) in fails {
        let _ = write!(
            failures,
            ", {{kind: node-outage, node: n{node}, at: {at}s, for: {lasts}s}}"
        );
    }
    let text = format!(
        "windtunnel: v1\nname: headless\ncluster: {{nodes: [{{name: 'n{{}}', count: 4, template: {{allocatable: \
         {{cpu: 8, memory: 16Gi, pods: 110}}}}}}]}}\nworkload: [{{manifests: work.yaml}}]\nsystem: \
         {system}\nmodels: {{startup: {{containerStart: 1s}}}}\noperations: [{}]\nfailures: [{failures}]\nstop: {{at: \
         12m}}\n",
        operations.join(", ")
    );
    let (work, newer) = (work(&[4, 3]), work(&[5, 2]).replace("c:1", "c:2"));
    let files = [
        ("own.yaml", &*text),
        ("work.yaml", &*work),
        ("newer.yaml", &*newer),
    ];
    let scratch = Scratch::new("headless", &files);
    let experiment = load_file(&scratch.path("own.yaml"));
    let mut eyes = Eyes {
        checker: Checker::default(),
        stops_alone: system.contains("fleet"),
        places: SortedMap::new(),
        broken: Vec::new(),
    };
    let scenario = &experiment.variants[0].scenario;
    let ended = watch(scenario, &experiment.files, &mut eyes);
    ended.unwrap_or_else(|error| panic!("{error}: {text}"));
    let failure = eyes.checker.failure().map(ToString::to_string);
    eyes.broken.extend(failure);
    eyes.broken
}

/// Systems, with all the managers that each has.
const SYSTEMS: [(&str, u32); 5] = [
    (
        "{name: swarm, swarm: {managers: 1, reschedule: on-node-failure}}",
        1,
    ),
    (
        "{name: swarm, swarm: {managers: 3, reschedule: on-node-failure, createTime: 4s}}",
        3,
    ),
    ("{name: swarmkit, swarmkit: {managers: 3}}", 3),
    ("{name: fleet}", 4),
    ("{name: mesos}", 3),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn nobody_acts_for_managers_that_are_away(
        deeds in prop::collection::vec((any::<u8>(), 100_u32..330, 0_u32..9), 1..8),
        fails in prop::collection::vec((0_u32..4, 10_u32..280, 1_u32..200), 0..5),
    ) {
        for (system, managers) in SYSTEMS {
            let broken = play(system, managers, &deeds, &fails);
            prop_assert!(broken.is_empty(), "{system}: {broken:?}");
        }
    }
}

/// The manager goes while one container after another is created anew, and a user wants none any more.
#[test]
fn a_round_of_moves_stops_with_its_manager() {
    for (system, managers) in SYSTEMS {
        for at in 183..190 {
            let broken = play(system, managers, &[(0, 200, 0)], &[(0, at - 110, 110)]);
            assert!(broken.is_empty(), "{system}, n0 lost at {at}: {broken:?}");
        }
    }
}

/// Agents of Fleet load what is replaced on the machines that the registry names.
#[test]
fn what_is_replaced_without_an_engine_stays_where_it_is() {
    let broken = play("{name: fleet}", 4, &[(2, 191, 0)], &[]);
    assert!(broken.is_empty(), "{broken:?}");
}

//! Edge cases that every system of the first page of orchestrators has to cover, by simulation: requests
//! that fit nowhere, nodes without capacity, requirements that become false, sizes that change while a
//! rollout runs (spec: orchestrators-a.md section 11).

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::measure;

/// Systems of the page, each with its settings.
const SYSTEMS: [&str; 8] = [
    "{name: swarm}",
    "{name: swarm, swarm: {strategy: binpack}}",
    "{name: swarmkit}",
    "{name: compose}",
    "{name: fleet}",
    "{name: nova}",
    "{name: ecs}",
    "{name: openshift, controllers: {}}",
];

/// Where pods are, by name, and how many of them ran and ended.
#[derive(Default)]
struct Seen {
    checker: Checker,
    /// Names and images of pods, and their nodes.
    running: SortedMap<String, (String, String)>,
    ended: usize,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        match event {
            Event::PodRunning { pod } => {
                let record = store.pods().get(*pod).expect("a pod that runs");
                let spec = &store.class(record.class).spec;
                let node = record.node().map(|node| store.nodes().name(node));
                let image = spec.containers[0].image.to_string();
                let place = (image, node.unwrap_or_default().to_owned());
                self.running.insert(record.name.to_string(), place);
            }
            Event::PodEnded { .. } => {
                let name = ended.expect("the pod that ended").name.to_string();
                self.ended += usize::from(self.running.remove(&name).is_some());
            }
            _ => {}
        }
    }
}

impl Seen {
    /// Pods of the workload that run in the end, each with its image and node.
    fn web(&self) -> Vec<(&str, &str)> {
        let own = self.running.values();
        own.filter(|(image, _)| image.starts_with("web"))
            .map(|(image, node)| (&**image, &**node))
            .collect()
    }
}

fn node(name: &str, disk: &str, cpu: u32) -> String {
    format!(
        "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{disk: {disk}}}}}\nstatus: \
         {{allocatable: {{cpu: {cpu}, memory: {}Gi, pods: 20}}}}\n---\n",
        2 * cpu
    )
}

fn web(version: u32, replicas: u32, more: &str, requests: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: \
         {{app: web}}}}\n    spec: {{{more}containers: [{{name: web, image: \"web:{version}\", \
         resources: {{requests: {{{requests}}}}}}}]}}\n"
    )
}

/// Runs a workload on nodes for five minutes; what was seen, and the notes.
fn play(name: &str, system: &str, nodes: &str, files: [&str; 2], more: &str) -> (Seen, String) {
    let text = format!(
        "windtunnel: v1\nname: {name}\ncluster: {{nodes: [{{manifests: nodes.yaml}}]}}\nworkload: \
         [{{manifests: web.yaml}}]\nsystem: {system}\nmodels: {{startup: {{containerStart: \
         1s}}}}\nstop: {{at: 5m}}\n{more}"
    );
    let files = [
        ("nodes.yaml", nodes),
        ("web.yaml", files[0]),
        ("next.yaml", files[1]),
        ("run.yaml", &*text),
    ];
    let scratch = Scratch::new(&format!("edge-{name}"), &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut seen = Seen::default();
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut seen);
    let outcome = outcome.unwrap_or_else(|error| panic!("{system}: {error}"));
    assert_eq!(seen.checker.failure(), None, "{system}");
    (seen, outcome.remarks.join("\n"))
}

#[test]
fn what_fits_nowhere_waits_and_is_told_and_nodes_without_capacity_divide_by_nothing() {
    let nodes = format!("{}{}", node("z0", "none", 0), node("z1", "hdd", 2));
    for (number, system) in SYSTEMS.iter().enumerate() {
        let count = |what: &str, web: &str, takes: usize| {
            let (seen, told) = play(&format!("{what}-{number}"), system, &nodes, [web, web], "");
            let found = seen.web().len();
            assert_eq!(found, takes, "{system}, {what}: {told}");
            let is_told = told.contains("wait at the end") || told.contains("waits at the end");
            assert_eq!(is_told, takes < 3, "{system}, {what}: {told}");
        };
        // Neither Fleet nor Compose looks at resources, and there is one host for Compose.
        let (is_fleet, is_compose) = (system.contains("fleet"), system.contains("compose"));
        let is_blind = is_fleet || is_compose;
        let large = web(1, 3, "", "cpu: 100, memory: 1Ti");
        count("large", &large, if is_blind { 3 } else { 0 });
        let asks = web(1, 3, "", "cpu: 1, memory: 1Gi");
        // Nova counts a processor several times, and three gibibytes of four are free.
        let has_room = is_blind || system.contains("nova");
        count("asks", &asks, if has_room { 3 } else { 2 });
        count("asks-nothing", &web(1, 3, "", ""), 3);
        let selects = web(1, 3, "nodeSelector: {disk: ssd}, ", "cpu: 1, memory: 1Gi");
        count("selects", &selects, if is_compose { 3 } else { 0 });
    }
}

#[test]
fn requirements_that_become_false_move_tasks_under_swarmkit_and_fleet_alone() {
    let nodes = format!("{}{}", node("n0", "ssd", 8), node("n1", "hdd", 8));
    let swapped = format!("{}{}", node("n0", "hdd", 8), node("n1", "ssd", 8));
    let selects = web(1, 3, "nodeSelector: {disk: ssd}, ", "cpu: 1, memory: 1Gi");
    let more = "operations: [{at: 2m, apply: next.yaml}]\n";
    for (number, system) in SYSTEMS.iter().enumerate() {
        let name = format!("false-{number}");
        let (seen, told) = play(&name, system, &nodes, [&selects, &swapped], more);
        let moves = system.contains("swarmkit") || system.contains("fleet");
        let expected = if moves {
            ("web:1", "n1")
        } else {
            ("web:1", "n0")
        };
        assert_eq!(seen.web(), [expected; 3], "{system}: {told}");
    }
}

#[test]
fn sizes_that_change_while_a_rollout_runs_hold_in_the_end() {
    let nodes: String = (0..3)
        .map(|own| node(&format!("n{own}"), "ssd", 8))
        .collect();
    let first = web(1, 3, "", "cpu: 1, memory: 1Gi");
    let next = web(2, 4, "", "cpu: 1, memory: 1Gi");
    let up = "{at: 60s, apply: next.yaml}, {at: 61s, scale: Deployment/default/web, replicas: 6}";
    let gone = "{at: 60s, apply: next.yaml}, {at: 61s, scale: Deployment/default/web, replicas: 0}, \
                {at: 90s, scale: Deployment/default/web, replicas: 2}";
    let lost = "failures: [{kind: manager-loss, managers: 1, at: 62s, for: 20s}]\n";
    for (number, system) in SYSTEMS.iter().enumerate() {
        // Swarm and Nova replace nothing that runs.
        if system.contains("swarm,") || system.contains("{name: swarm}") || system.contains("nova")
        {
            continue;
        }
        for (turn, (operations, size)) in [(up, 6), (gone, 2)].into_iter().enumerate() {
            for (place, failures) in ["", lost].into_iter().enumerate() {
                let name = format!("scale-{number}-{turn}-{place}");
                let more = format!("operations: [{operations}]\n{failures}");
                let (seen, told) = play(&name, system, &nodes, [&first, &next], &more);
                let found: Vec<&str> = seen.web().iter().map(|own| own.0).collect();
                assert_eq!(found, vec!["web:2"; size], "{system}, {more}: {told}");
            }
        }
    }
}

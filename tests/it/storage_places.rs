//! Volumes bind pods to places under every system that runs workloads (spec: orchestrators-a.md 9.6): no pod
//! runs on a node that its volume forbids, whatever happens to pods, nodes, zones and disks.

use proptest::prelude::*;

use windtunnel::cluster::{Observer, Store};
use windtunnel::control::volumes::workload_of_pod;
use windtunnel::model::node::ZONE_LABEL;
use windtunnel::model::{Event, Pod, PodRef, VolumeStep};
use windtunnel::units::{Instant, NodeId, SortedMap, SortedSet};

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::measure;

/// Systems with their options.
const SYSTEMS: [(&str, &str); 11] = [
    ("kubernetes", "{name: kubernetes, controllers: {}}"),
    ("openshift", "{name: openshift, controllers: {}}"),
    (
        "pipeline",
        "{name: pipeline, controllers: {}, scheduler: {profile: least-allocated}}",
    ),
    ("omega", "{name: omega, controllers: {}}"),
    ("swarm", "{name: swarm}"),
    ("swarmkit", "{name: swarmkit}"),
    ("fleet", "{name: fleet}"),
    ("mesos", "{name: mesos}"),
    ("nova", "{name: nova}"),
    ("ecs", "{name: ecs}"),
    ("borg", "{name: borg}"),
];

/// Systems that make no pod again that a user deletes.
const ONCE: [&str; 3] = ["swarm", "nova", "fleet"];

/// Follows where pods run, and finds those that are where their volumes are not.
#[derive(Default)]
struct Places {
    /// Node of the data of local volumes, by workload.
    homes: SortedMap<String, NodeId>,
    /// Workloads whose zonal volume was lost with its zone.
    moved: Vec<String>,
    on: SortedMap<PodRef, (String, NodeId)>,
    /// Seconds and nodes at which pods began to run, by workload.
    runs: SortedMap<String, Vec<(i64, String)>>,
    /// Pods that run.
    running: SortedSet<PodRef>,
    wrong: Vec<String>,
    /// Network volumes that a node can attach.
    limit: usize,
    /// Whether several nodes may have a network volume.
    is_for_many: bool,
}

impl Observer for Places {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        match event {
            Event::PodBound { pod, node, .. } => {
                if let Some(workload) = workload_of_pod(store, *pod) {
                    let name = workload.rsplit('/').next().unwrap_or_default().to_owned();
                    self.homes.entry(name.clone()).or_insert(*node);
                    self.on.insert(*pod, (name, *node));
                }
            }
            Event::PodRunning { pod } => self.runs(at, *pod, store),
            Event::PodEnded { pod, .. } => {
                self.on.remove(pod);
                self.running.remove(pod);
            }
            Event::Volume(news) => {
                if let VolumeStep::Lost { .. } = news.step {
                    self.homes.remove(&*news.name);
                    self.moved.push(news.name.to_string());
                }
            }
            _ => {}
        }
    }
}

impl Places {
    fn runs(&mut self, at: Instant, pod: PodRef, store: &Store) {
        let Some((name, node)) = self.on.get(&pod).cloned() else {
            return;
        };
        let seconds = at.since(Instant::ZERO).as_nanos() / 1_000_000_000;
        let shown = store.nodes().name(node).to_owned();
        let mut wrong = |why: &str| {
            self.wrong
                .push(format!("{name} on {shown} at {seconds}: {why}"));
        };
        let zone = store
            .nodes()
            .object(node)
            .and_then(|own| own.labels.get(ZONE_LABEL));
        if name.starts_with("local") && self.homes.get(&name).is_some_and(|home| *home != node) {
            wrong("elsewhere");
        }
        let is_zonal = name.starts_with("zonal") && !self.moved.contains(&name);
        if is_zonal && zone.map(|zone| &**zone) != Some("b") {
            wrong("in another zone");
        }
        let mut others = self.running.iter().filter_map(|other| self.on.get(other));
        let is_shared = others.any(|(other, place)| *other == name && *place != node);
        if is_shared && !name.starts_with("local") && !self.is_for_many {
            wrong("while another node has it");
        }
        self.running.insert(pod);
        let here = self.on.values().filter(|(_, own)| *own == node);
        let mut attached: Vec<&String> = here.map(|(name, _)| name).collect();
        attached.retain(|name| !name.starts_with("local"));
        attached.sort();
        attached.dedup();
        if attached.len() > self.limit {
            wrong("more volumes than the node attaches");
        }
        self.runs.entry(name).or_default().push((seconds, shown));
    }

    /// Nodes on which pods of a workload ran, in order of time.
    fn nodes(&self, workload: &str) -> Vec<&str> {
        let runs = self.runs.get(workload).into_iter().flatten();
        runs.map(|(_, node)| node.as_str()).collect()
    }
}

fn deployment(name: &str, replicas: u32) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: one, image: one, resources: {{requests: {{cpu: \"1\", memory: 1Gi}}}}}}]
"
    )
}

/// Volumes by name: a local one, one of a zone, and one of the zone of its first pod.
const VOLUMES: [(&str, &str); 3] = [
    ("local", "class: local"),
    ("zonal", "class: network, zone: b"),
    ("net", "class: network"),
];

/// Runs workloads with volumes of their names in two zones of two nodes each.
fn run(name: &str, system: &str, limit: usize, replicas: u32, more: &str) -> Places {
    let seen = Places {
        limit,
        ..Places::default()
    };
    run_with(name, system, VOLUMES, replicas, more, seen)
}

fn run_with(
    name: &str,
    system: &str,
    volumes: [(&str, &str); 3],
    replicas: u32,
    more: &str,
    mut seen: Places,
) -> Places {
    let limit = seen.limit;
    let storage = volumes.map(|(volume, class)| {
        format!("{{volume: {volume}, workload: Deployment/default/{volume}, size: 1Gi, {class}}}")
    });
    let nodes = ["a", "b"].map(|zone| {
        format!(
            "{{name: '{zone}-{{}}', count: 2, zone: {zone}, template: {{allocatable: {{cpu: 8, memory: 32Gi, \
             attachable-volumes-network: {limit}}}}}}}"
        )
    });
    let text = format!(
        "windtunnel: v1
name: {name}
cluster: {{nodes: [{}]}}
workload: [{{manifests: apps.yaml}}]
models: {{nodeLife: observed, startup: {{containerStart: 2s}}}}
storage: [{}]
system: {system}
stop: {{at: 8h}}
{more}",
        nodes.join(", "),
        storage.join(", ")
    );
    let apps = volumes.map(|(name, _)| deployment(name, replicas)).concat();
    let scratch = Scratch::new(name, &[("apps.yaml", &apps), ("run.yaml", &text)]);
    let experiment = load_file(&scratch.path("run.yaml"));
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut seen);
    outcome.unwrap_or_else(|error| panic!("{error}"));
    seen
}

fn delete(app: &str, at: &str) -> String {
    format!("{{at: {at}, deletePods: {{labels: {{app: {app}}}}}}}")
}

#[test]
fn pods_come_back_to_where_their_volumes_are() {
    let deletions = ["local", "zonal", "net"].map(|app| delete(app, "1h"));
    let more = format!("operations: [{}]", deletions.join(", "));
    for (name, options) in SYSTEMS {
        let seen = run(&format!("places-{name}"), options, 8, 1, &more);
        assert_eq!(seen.wrong, [""; 0], "{name}");
        let local = seen.nodes("local");
        let runs = if ONCE.contains(&name) { 1 } else { 2 };
        assert_eq!(local.len(), runs, "{name}: {local:?}");
        assert!(local.iter().all(|node| *node == local[0]), "{name}");
        assert_eq!(seen.nodes("net").len(), runs, "{name}");
    }
}

#[test]
fn a_local_volume_holds_its_pod_until_the_node_is_given_up() {
    for (name, options) in SYSTEMS {
        let first = run(&format!("home-{name}"), options, 8, 1, "");
        let home = first.nodes("local")[0].to_owned();
        let outage = |time: &str| {
            let more =
                format!("failures: [{{kind: node-outage, node: {home}, at: 1h, for: {time}}}]");
            run(&format!("lost-{name}"), options, 8, 1, &more)
        };
        // Back before its volume is given up: the pod runs there again, or still.
        let short = outage("5m");
        assert_eq!(short.wrong, [""; 0], "{name}");
        let nodes = short.nodes("local");
        assert!(nodes.iter().all(|node| *node == home), "{name}: {nodes:?}");
        // Not back: the data is restored elsewhere, and the pod follows.
        let long = outage("6h");
        assert_eq!(long.wrong, [""; 0], "{name}");
        let runs = &long.runs["local"];
        assert_eq!(
            runs.len() > 1,
            !["swarm", "nova"].contains(&name),
            "{name}: {runs:?}"
        );
        // It is waited for for six minutes from the last sign of its node.
        let later = runs.iter().skip(1);
        let earliest = 3_600 + 300;
        assert!(
            later
                .clone()
                .all(|(at, node)| *at >= earliest && *node != home),
            "{name}: {runs:?}"
        );
    }
}

#[test]
fn nodes_attach_no_more_volumes_than_they_can() {
    let more = format!(
        "operations: [{}, {}]",
        delete("net", "1h"),
        delete("zonal", "2h")
    );
    for (name, options) in SYSTEMS {
        let seen = run(&format!("limit-{name}"), options, 1, 1, &more);
        assert_eq!(seen.wrong, [""; 0], "{name}");
        let (net, zonal) = (seen.nodes("net"), seen.nodes("zonal"));
        assert!(
            !net.is_empty() && !zonal.is_empty(),
            "{name}: {net:?} {zonal:?}"
        );
    }
}

#[test]
fn a_network_volume_is_attached_before_its_pod_starts_and_leaves_a_lost_node_by_force() {
    for (name, options) in SYSTEMS {
        let first = run(&format!("attach-{name}"), options, 8, 1, "");
        let (at, home) = first.runs["net"][0].clone();
        // 10 s to attach it, and 2 s to start.
        assert!(at >= 12, "{name}: {at}");
        let local = first.runs["local"][0].0;
        assert!(local <= at - 10, "{name}: {local} {at}");
        let more = format!("failures: [{{kind: node-outage, node: {home}, at: 1h, for: 6h}}]");
        let lost = run(&format!("force-{name}"), options, 8, 1, &more);
        assert_eq!(lost.wrong, [""; 0], "{name}");
        // No sooner than 360 s, 5 s and 10 s after the loss.
        let mut later = lost.runs["net"].iter().skip(1);
        assert!(
            later.all(|(at, _)| *at >= 3_975),
            "{name}: {:?}",
            lost.runs["net"]
        );
    }
}

#[test]
fn many_nodes_have_a_volume_that_is_meant_for_many() {
    let mut volumes = VOLUMES;
    volumes[2].1 = "class: network, mode: many";
    for (name, options) in SYSTEMS {
        let seen = Places {
            limit: 8,
            is_for_many: true,
            ..Places::default()
        };
        let many = run_with(&format!("many-{name}"), options, volumes, 2, "", seen);
        assert_eq!(many.wrong, [""; 0], "{name}");
        let mut runs = many.runs["net"].iter();
        // Nova doesn't make the pod again that came to another zone in the same instant.
        let all = if name == "nova" { 1 } else { 2 };
        assert!(
            runs.len() == all && runs.all(|(at, _)| *at >= 12),
            "{name}: {:?}",
            many.runs["net"]
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn no_pod_runs_where_its_volume_is_not(
        replicas in 1..4_u32,
        limit in 1..3_usize,
        deletions in prop::collection::vec((0..3_usize, 1..400_u32), 0..4),
        outages in prop::collection::vec((0..4_usize, 1..400_u32, 1..40_u32), 0..4),
        disks in prop::collection::vec((0..3_usize, 1..400_u32), 0..3),
    ) {
        let apps = ["local", "zonal", "net"];
        let deletions = deletions.iter().map(|(app, at)| delete(apps[*app], &format!("{at}m")));
        let deletions: Vec<String> = deletions.collect();
        let nodes = ["a-0", "a-1", "b-0", "b-1"];
        let outages = outages.iter().map(|(node, at, time)| {
            format!("{{kind: node-outage, node: {}, at: {at}m, for: {time}m}}", nodes[*node])
        });
        let disks = disks.iter().map(|(volume, at)| {
            format!("{{kind: disk-loss, volume: {}, at: {at}m}}", apps[*volume])
        });
        let failures: Vec<String> = outages.chain(disks).collect();
        let more = format!(
            "operations: [{}]\nfailures: [{}]", deletions.join(", "), failures.join(", ")
        );
        for (name, options) in SYSTEMS {
            let seen = run(&format!("any-{name}"), options, limit, replicas, &more);
            prop_assert_eq!(&seen.wrong, &Vec::<String>::new(), "{}: {}", name, more);
        }
    }
}

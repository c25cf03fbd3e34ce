//! Random nodes, pod specs and objects around them, all features mixed. Names and values come from
//! small sets, so that they meet.

use windtunnel::model::node::{HOSTNAME_LABEL, REGION_LABEL, ZONE_LABEL};
use windtunnel::model::objects::{DisruptionBudget, Service, Workload};
use windtunnel::model::volume::{CsiNode, PersistentVolume, PersistentVolumeClaim, StorageClass};
use windtunnel::model::{
    Affinity, ClusterObjects, Container, HostPort, LabelSelector, Labels, Node, NodeSelector,
    NodeSelectorTerm, Operator, Owner, PodAffinityTerm, PodSpec, PodVolume, Requirement,
    ResourceList, Taint, TaintEffect, Text, Toleration, TopologySpread,
};
use windtunnel::units::{Quantity, SortedSet};

use super::dice::Dice;

const ZONES: [&str; 3] = ["a", "b", "c"];
const APPS: [&str; 4] = ["web", "db", "cache", "job"];
const NAMESPACES: [&str; 2] = ["shop", "data"];
const KEYS: [&str; 3] = [ZONE_LABEL, HOSTNAME_LABEL, "rack"];
const IMAGES: [&str; 3] = ["web:1", "db:2", "big:3"];
const EXTENDED: &str = "example.com/gpu";
const MEBIBYTE: i64 = 1 << 20;
const EFFECTS: [TaintEffect; 3] = [
    TaintEffect::NoSchedule,
    TaintEffect::PreferNoSchedule,
    TaintEffect::NoExecute,
];

pub(crate) fn requirement(key: &str, operator: Operator, values: &[&str]) -> Requirement {
    Requirement {
        key: key.into(),
        operator,
        values: values.iter().map(|&value| value.into()).collect(),
    }
}

fn selector(dice: &mut Dice) -> LabelSelector {
    let app = dice.pick(&APPS);
    let other = dice.pick(&APPS);
    let requirements = match dice.below(6) {
        0 => Vec::new(),
        1 => vec![requirement("app", Operator::In, &[app, other])],
        2 => vec![requirement("app", Operator::NotIn, &[app])],
        3 => vec![requirement("tier", Operator::Exists, &[])],
        _ => vec![requirement("app", Operator::In, &[app])],
    };
    LabelSelector { requirements }
}

fn taint(dice: &mut Dice) -> Taint {
    Taint {
        key: dice.text(&["dedicated", "spot"]),
        value: dice.text(&["", "x", "y"]),
        effect: dice.pick(&EFFECTS),
    }
}

/// Labels of a node: a zone (or none), its own name (mostly), a rack.
pub(crate) fn node_labels(dice: &mut Dice, name: &str) -> Labels {
    let mut labels = Labels::new();
    if !dice.chance(10) {
        labels.insert(ZONE_LABEL.into(), dice.text(&ZONES));
    }
    if dice.chance(20) {
        labels.insert(REGION_LABEL.into(), "r".into());
    }
    if !dice.chance(8) {
        labels.insert(HOSTNAME_LABEL.into(), name.into());
    }
    if dice.chance(60) {
        labels.insert("rack".into(), dice.text(&["1", "2"]));
    }
    if dice.chance(50) {
        labels.insert("disk".into(), dice.text(&["ssd", "hdd"]));
    }
    labels
}

pub(crate) fn taints(dice: &mut Dice) -> Vec<Taint> {
    let count = [0, 0, 0, 1, 1, 2][dice.below(6)];
    (0..count).map(|_| taint(dice)).collect()
}

pub(crate) fn node(dice: &mut Dice, name: &str) -> Node {
    let milli = |own: i64| Quantity::from_milli(own);
    let mut allocatable = ResourceList::from_pairs([
        ("cpu", milli(dice.between(2, 8) * 500)),
        (
            "memory",
            Quantity::from_units(dice.between(2, 16) * 256 * MEBIBYTE),
        ),
        ("pods", Quantity::from_units(dice.pick(&[3, 6, 110]))),
    ]);
    if dice.chance(30) {
        allocatable.set(EXTENDED, Quantity::from_units(dice.between(1, 3)));
    }
    if dice.chance(30) {
        allocatable.set("ephemeral-storage", Quantity::from_units(1 << 30));
    }
    let images = IMAGES.iter().filter(|_| dice.chance(40));
    Node {
        name: name.into(),
        images: images
            .map(|&image| (image.into(), 400 * MEBIBYTE))
            .collect(),
        labels: node_labels(dice, name),
        taints: taints(dice),
        unschedulable: dice.chance(7),
        allocatable,
        ..Node::default()
    }
}

fn container(dice: &mut Dice, name: &str) -> Container {
    let mut requests = ResourceList::default();
    if dice.chance(85) {
        requests.set("cpu", Quantity::from_milli(dice.between(0, 8) * 100));
    }
    if dice.chance(85) {
        let bytes = dice.between(0, 8) * 64 * MEBIBYTE;
        requests.set("memory", Quantity::from_units(bytes));
    }
    if dice.chance(10) {
        requests.set(EXTENDED, Quantity::from_units(1));
    }
    if dice.chance(5) {
        requests.set("ephemeral-storage", Quantity::from_units(1 << 28));
    }
    let mut host_ports = Vec::new();
    if dice.chance(8) {
        host_ports.push(HostPort {
            host_ip: dice.text(&["", "10.0.0.1"]),
            protocol: dice.text(&["TCP", "UDP"]),
            port: dice.pick(&[80, 443]),
        });
    }
    Container {
        name: name.into(),
        image: dice.text(&IMAGES),
        requests,
        host_ports,
        ..Container::default()
    }
}

fn term(dice: &mut Dice) -> PodAffinityTerm {
    let namespaces = if dice.chance(25) {
        vec![dice.text(&NAMESPACES)]
    } else {
        Vec::new()
    };
    let namespace_selector = dice.chance(15).then(|| LabelSelector {
        requirements: match dice.below(3) {
            0 => Vec::new(),
            1 => vec![requirement("team", Operator::In, &["blue"])],
            _ => vec![requirement("team", Operator::NotIn, &["blue"])],
        },
    });
    PodAffinityTerm {
        selector: (!dice.chance(5)).then(|| selector(dice)),
        topology_key: dice.text(&KEYS),
        namespaces,
        namespace_selector,
        match_label_keys: Vec::new(),
        mismatch_label_keys: Vec::new(),
    }
}

fn node_term(dice: &mut Dice) -> NodeSelectorTerm {
    let zone = dice.pick(&ZONES);
    let expression = match dice.below(4) {
        0 => requirement(ZONE_LABEL, Operator::In, &[zone, "c"]),
        1 => requirement("disk", Operator::NotIn, &["hdd"]),
        2 => requirement("rack", Operator::Gt, &["1"]),
        _ => requirement("disk", Operator::Exists, &[]),
    };
    let mut term = NodeSelectorTerm {
        match_expressions: vec![expression],
        match_fields: Vec::new(),
    };
    if dice.chance(8) {
        let name = format!("node-{}", dice.below(8));
        term = NodeSelectorTerm {
            match_expressions: Vec::new(),
            match_fields: vec![requirement("metadata.name", Operator::In, &[&name])],
        };
    }
    term
}

fn affinity(dice: &mut Dice) -> Affinity {
    let mut affinity = Affinity::default();
    if dice.chance(15) {
        let terms = (0..=dice.below(2)).map(|_| node_term(dice)).collect();
        affinity.node.required = Some(NodeSelector { terms });
    }
    if dice.chance(20) {
        let weight = dice.between(1, 100) as i32;
        affinity.node.preferred.push((weight, node_term(dice)));
    }
    if dice.chance(8) {
        affinity.required_pod_affinity.push(term(dice));
    }
    if dice.chance(12) {
        affinity.required_pod_anti_affinity.push(term(dice));
    }
    if dice.chance(15) {
        let weight = dice.between(1, 100) as i32;
        affinity.preferred_pod_affinity.push((weight, term(dice)));
    }
    if dice.chance(10) {
        let weight = dice.between(1, 100) as i32;
        affinity
            .preferred_pod_anti_affinity
            .push((weight, term(dice)));
    }
    affinity
}

fn spread(dice: &mut Dice) -> TopologySpread {
    TopologySpread {
        max_skew: dice.between(1, 3) as i32,
        topology_key: dice.text(&KEYS),
        hard: dice.chance(50),
        selector: (!dice.chance(5)).then(|| selector(dice)),
        min_domains: dice.chance(15).then(|| dice.between(1, 4) as i32),
        honor_node_affinity: dice.chance(70),
        honor_node_taints: dice.chance(40),
        match_label_keys: if dice.chance(15) {
            vec!["tier".into()]
        } else {
            Vec::new()
        },
    }
}

fn volumes(dice: &mut Dice) -> Vec<PodVolume> {
    let volume = match dice.below(20) {
        0 => PodVolume::Claim(dice.text(&["bound-a", "late", "one-pod", "missing"])),
        1 => PodVolume::EbsVolume(dice.text(&["v1", "v2"])),
        2 => PodVolume::GceDisk {
            disk: dice.text(&["d1", "d2"]),
            read_only: dice.chance(50),
        },
        _ => return Vec::new(),
    };
    vec![volume]
}

/// A random pod spec.
pub(crate) fn pod_spec(dice: &mut Dice) -> PodSpec {
    let app = dice.pick(&APPS);
    let mut labels = Labels::from([("app".into(), app.into())]);
    if dice.chance(40) {
        labels.insert("tier".into(), dice.text(&["front", "back"]));
    }
    let tolerations = (0..dice.below(3)).map(|_| Toleration {
        key: (!dice.chance(15)).then(|| dice.text(&["dedicated", "spot"])),
        value: dice.chance(50).then(|| dice.text(&["", "x", "y"])),
        effect: dice.chance(40).then(|| dice.pick(&EFFECTS)),
        tolerates_for: None,
    });
    let tolerations: Vec<Toleration> = tolerations.collect();
    let mut init_containers = Vec::new();
    if dice.chance(10) {
        let mut own = container(dice, "init");
        own.restartable = dice.chance(50);
        init_containers.push(own);
    }
    let count = 1 + usize::from(dice.chance(20));
    let spreads = if dice.chance(25) {
        1 + dice.below(2)
    } else {
        0
    };
    let owner = dice.chance(40).then(|| Owner {
        kind: "ReplicaSet".into(),
        name: format!("{app}-set").into(),
    });
    PodSpec {
        namespace: dice.text(&NAMESPACES),
        labels,
        priority: dice.pick(&[0, 0, 0, 10, 100]),
        preempts: !dice.chance(10),
        containers: (0..count)
            .map(|index| container(dice, &format!("c{index}")))
            .collect(),
        init_containers,
        overhead: if dice.chance(5) {
            ResourceList::from_pairs([("cpu", Quantity::from_milli(50))])
        } else {
            ResourceList::default()
        },
        node_selector: if dice.chance(8) {
            Labels::from([("disk".into(), dice.text(&["ssd", "hdd"]))])
        } else {
            Labels::new()
        },
        affinity: affinity(dice),
        tolerations,
        topology_spread: (0..spreads).map(|_| spread(dice)).collect(),
        scheduling_gates: if dice.chance(2) {
            vec!["wait".into()]
        } else {
            Vec::new()
        },
        volumes: volumes(dice),
        owner,
        ..PodSpec::default()
    }
}

fn claims(objects: &mut ClusterObjects) {
    for namespace in NAMESPACES {
        for (name, volume, mode) in [
            ("bound-a", "volume-a", "ReadWriteOnce"),
            ("late", "", "ReadWriteOnce"),
            ("one-pod", "volume-a", "ReadWriteOncePod"),
        ] {
            let claim = PersistentVolumeClaim {
                namespace: namespace.into(),
                name: name.into(),
                request: Quantity::from_units(1 << 30),
                access_modes: vec![mode.into()],
                class: "late".into(),
                volume: volume.into(),
                is_bound: !volume.is_empty(),
                ..PersistentVolumeClaim::default()
            };
            objects
                .claims
                .insert((namespace.into(), name.into()), claim);
        }
    }
    let volume = |name: &str, zone: &str| PersistentVolume {
        name: name.into(),
        labels: Labels::from([(ZONE_LABEL.into(), zone.into())]),
        capacity: Quantity::from_units(2 << 30),
        access_modes: vec!["ReadWriteOnce".into()],
        class: "late".into(),
        is_available: name == "volume-b",
        csi: Some(("disk.csi".into(), name.into())),
        ..PersistentVolume::default()
    };
    for (name, zone) in [("volume-a", "a"), ("volume-b", "b")] {
        objects.volumes.insert(name.into(), volume(name, zone));
    }
    let class = StorageClass {
        name: "late".into(),
        provisioner: "kubernetes.io/no-provisioner".into(),
        waits_for_consumer: true,
        is_default: false,
        allowed_topologies: Vec::new(),
    };
    objects.storage_classes.insert("late".into(), class);
    let limited = CsiNode {
        name: "node-1".into(),
        drivers: vec![("disk.csi".into(), Some(1))],
    };
    objects.csi_nodes.insert("node-1".into(), limited);
}

/// Namespaces, budgets, services, owners and storage.
pub(crate) fn objects(dice: &mut Dice) -> ClusterObjects {
    let mut objects = ClusterObjects::default();
    for (namespace, team) in NAMESPACES.iter().zip(["blue", "green"]) {
        let labels = [("team".into(), team.into())];
        objects
            .namespaces
            .insert((*namespace).into(), labels.into());
        let app: Text = dice.text(&APPS);
        objects.services.push(Service {
            namespace: (*namespace).into(),
            selector: Labels::from([("app".into(), app)]),
        });
        for app in APPS {
            objects.workloads.push(Workload {
                kind: "ReplicaSet".into(),
                namespace: (*namespace).into(),
                name: format!("{app}-set").into(),
                selector: Some(LabelSelector {
                    requirements: vec![requirement("app", Operator::In, &[app])],
                }),
            });
        }
        objects.budgets.push(DisruptionBudget {
            namespace: (*namespace).into(),
            name: "budget".into(),
            selector: Some(selector(dice)),
            allowed: dice.between(0, 2),
            disrupted: SortedSet::new(),
        });
    }
    claims(&mut objects);
    objects
}

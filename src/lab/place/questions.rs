//! Tests of questions to a snapshot: losses, mixes, selections.

use super::lost::Ground;
use super::mix::Shape;
use super::selection::{Selector, select};
use super::unready::leave_unready;
use super::{MOST, Preemption, place};
use crate::snapshot::profile::read_profiles;
use crate::snapshot::{Gathered, NamespaceBounds, Snapshot};
use intake::Input;
use k8s::ManifestReader;
use model::Changes;
use scheduler::kube::{KubeProfile, PodInfo};
use serde_json::{Value, json};
use std::sync::Arc;

fn node(name: &str, zone: &str, cpu: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone, "disk": "ssd"}},
        "status": {"allocatable": {"cpu": cpu, "memory": "16Gi", "pods": 110}}})
}

fn pod(name: &str, on: &str, cpu: u32, priority: i32) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "own", "uid": "u",
             "controller": true}]},
        "spec": {"nodeName": on, "priority": priority,
            "containers": [{"name": "app", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"phase": "Running"}})
}

fn snapshot(items: &[Value]) -> Snapshot {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let mut reader = ManifestReader::new();
    let input = Input::bytes("dump.json", list.to_string().into_bytes());
    reader.read(&input).expect("a good dump");
    let read = reader.finish();
    let gathered = Gathered {
        nodes: read.nodes.into_iter().map(Arc::new).collect(),
        pods: read.pods,
        objects: read.objects,
        ..Gathered::default()
    };
    Snapshot::new(gathered).expect("a good cluster")
}

/// Three nodes in two zones; a pod of high priority on the first, others of low priority.
fn cluster() -> Snapshot {
    snapshot(&[
        node("n1", "a", 4),
        node("n2", "a", 4),
        node("n3", "b", 4),
        pod("urgent", "n1", 3, 100),
        pod("plain-1", "n1", 1, 0),
        pod("plain-2", "n2", 3, 0),
        pod("plain-3", "n3", 2, 0),
    ])
}

fn profiles() -> Vec<KubeProfile> {
    let (profiles, _) = read_profiles(None, Changes::default()).expect("profiles");
    profiles
}

fn selectors(texts: &[&str]) -> Vec<Selector> {
    let selectors = texts.iter().map(|text| text.parse().expect("a selector"));
    selectors.collect()
}

#[test]
fn each_loss_is_that_of_its_node_alone_and_leaves_no_trace() {
    for preemption in [Preemption::Off, Preemption::On] {
        let mut own = cluster();
        let turns = select(&own, &selectors(&["each"])).expect("nodes").turns;
        let turns = turns.expect("turns");
        let mut ground = Ground::new(&mut own, &profiles(), preemption).expect("a ground");
        let losses = ground.lose_each(&[], &turns);
        assert_eq!(losses.len(), 3);
        for known in &losses {
            let again = ground.lose(&known.domain.nodes);
            assert_eq!(again, known.loss, "{}", known.domain.name);
            let mut fresh = cluster();
            let alone = Ground::new(&mut fresh, &profiles(), preemption).expect("a ground");
            assert_eq!({ alone }.lose(&known.domain.nodes), known.loss);
        }
    }
}

#[test]
fn with_preemption_the_important_pod_stays_and_others_wait() {
    let lose = |preemption| {
        let mut own = cluster();
        let mut ground = Ground::new(&mut own, &profiles(), preemption).expect("a ground");
        ground.lose(&["n1".into()])
    };
    let off = lose(Preemption::Off);
    let waiting = |own: &super::lost::Loss| -> Vec<String> {
        own.waiting.iter().map(|(pod, _)| pod.clone()).collect()
    };
    assert_eq!(waiting(&off), ["shop/urgent"]);
    assert!(off.evicted.is_empty());
    let on = lose(Preemption::On);
    let urgent = on.placed.iter().find(|(pod, _)| pod == "shop/urgent");
    assert!(urgent.is_some(), "{on:?}");
    assert_eq!(on.evicted.len(), 1, "{on:?}");
    assert_eq!(on.evicted[0].by, "shop/urgent");
    assert!(!waiting(&on).contains(&"shop/urgent".to_owned()));
}

/// Several losses tell no more than the first pods that wait why, and those alike.
#[test]
fn pods_beyond_the_first_wait_without_words_after_losses_in_turn() {
    let names = (0..70).map(|number| format!("many-{number:02}"));
    let pods = names.map(|name| pod(&name, "n1", 1, 0));
    let items: Vec<Value> = [node("n1", "a", 100), node("n2", "a", 2)].into();
    let items: Vec<Value> = items.into_iter().chain(pods).collect();
    let mut own = snapshot(&items);
    let mut ground = Ground::new(&mut own, &profiles(), Preemption::Off).expect("a ground");
    let all = ground.lose(&["n1".into()]);
    let turns = select(&own, &selectors(&["each"])).expect("nodes").turns;
    let losses = ground.lose_each(&[], &turns.expect("turns"));
    let loss = &losses[0].loss;
    assert_eq!((loss.waiting.len(), loss.range), (68, all.range));
    assert_eq!(loss.waiting[..64], all.waiting[..64]);
    assert!(
        all.waiting
            .iter()
            .all(|own| own.1.contains("Insufficient cpu"))
    );
    assert!(loss.waiting[64..].iter().all(|own| own.1.is_empty()));
}

#[test]
fn a_mix_of_one_pod_is_the_pod_alone() {
    let mut own = cluster();
    let asked = pod("more", "", 1, 0);
    let other = snapshot(&[node("n1", "a", 4), asked]);
    let info: PodInfo = own.pod_info(&other.pods[0]).expect("a pod");
    let profiles = profiles();
    let alone = place(&own.cache, &profiles[0], &info, MOST).expect("a placement");
    let mut ground = Ground::new(&mut own, &profiles, Preemption::Off).expect("a ground");
    let shape = |each| Shape {
        pod: info.clone(),
        each,
    };
    let mixed = ground.fill(&[shape(1)], MOST, NamespaceBounds::default());
    assert_eq!(mixed.rounds, alone.fits);
    let by_node: Vec<_> = { mixed.shapes[0].by_node.iter() }
        .map(|(node, count)| (node.clone(), *count))
        .collect();
    let mut expected = alone.by_node;
    expected.sort();
    assert_eq!(by_node, expected);
    // Three free cores are one round of two, and the second is taken back.
    let pairs = ground.fill(&[shape(2)], MOST, NamespaceBounds::default());
    assert_eq!((pairs.rounds, pairs.shapes[0].placed()), (1, 2));
    assert_eq!(
        ground
            .fill(&[shape(1)], 2, NamespaceBounds::default())
            .unfit,
        None
    );
}

/// Pods leave nodes that are not ready before anything is asked, unless that node is asked about.
#[test]
fn nodes_that_are_not_ready_are_left_first() {
    let unready = || {
        let mut items = [node("n1", "a", 4), node("n2", "a", 4), node("n3", "b", 4)];
        items[1]["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
        let pods = [
            pod("a", "n1", 1, 0),
            pod("b", "n2", 3, 0),
            pod("c", "n2", 2, 0),
        ];
        snapshot(&[&items[..], &pods[..]].concat())
    };
    let mut own = unready();
    let note = leave_unready(&mut own, &profiles(), &[]).expect("a cluster");
    let note = note.expect("a node that is not ready");
    assert!(
        note.starts_with("1 node is not ready (n2): of 2 pods"),
        "{note}"
    );
    let mut ground = Ground::new(&mut own, &profiles(), Preemption::Off).expect("a ground");
    assert_eq!(ground.lose(&["n2".into()]).requeued(), 0);
    let loss = ground.lose(&["n3".into()]);
    assert!(loss.requeued() > 0 && !loss.waiting.is_empty());
    let mut asked = unready();
    let note = leave_unready(&mut asked, &profiles(), &["n2".into()]).expect("a cluster");
    assert_eq!(note, None);
}

#[test]
fn nodes_are_selected_by_name_pattern_and_label() {
    let own = cluster();
    let select = |texts: &[&str]| select(&own, &selectors(texts));
    let always = |texts: &[&str]| select(texts).expect("nodes").always.join(" ");
    assert_eq!(always(&["n3"]), "n3");
    assert_eq!(always(&["n[12]", "n1"]), "n1 n2");
    assert_eq!(always(&["zone=b", "n1"]), "n3 n1");
    assert_eq!(always(&["disk=s*"]), "n1 n2 n3");
    let turns = |texts: &[&str]| -> Vec<String> {
        let turns = select(texts).expect("nodes").turns.expect("turns");
        turns.into_iter().map(|own| own.name).collect()
    };
    assert_eq!(turns(&["each"]), ["n1", "n2", "n3"]);
    assert_eq!(turns(&["n2", "each"]), ["n1", "n3"]);
    assert_eq!(turns(&["each=zone"]), ["zone=a", "zone=b"]);
    assert_eq!(turns(&["disk=each"]), ["disk=ssd"]);
    for (text, expected) in [
        ("n4", "no node `n4`"),
        ("m*", "no node has a name like `m*`; there is `n1`"),
        ("zone=c", "with a value like `c`; there is `a`, `b`"),
        ("each=rack", "the label `rack`; none has it at all"),
    ] {
        let error = select(&[text]).expect_err("no nodes").to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    for text in ["", "=a", "zone="] {
        assert!(text.parse::<Selector>().is_err(), "{text}");
    }
}

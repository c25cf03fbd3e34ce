//! Answers that were worked out by hand or by trying everything: for each the number that is enough,
//! and what one less leaves waiting.

use serde_json::{Value, json};

use super::*;
use crate::snapshot::profile::read_profiles;
use crate::snapshot::{Declared, Gathered};
use k8s::ManifestReader;
use model::{Changes, Node};

use intake::Input;

mod bound_zones;
mod checks;
mod company;
mod drawn;
mod dumps;
mod exchanges;
mod growth_goals;
mod mixes;
mod pools;
mod today_pods;

const ZONE: &str = "topology.kubernetes.io/zone";
const TYPE: &str = "node.kubernetes.io/instance-type";

/// A node; empty texts leave its zone and its type out.
fn node(name: &str, room: [&str; 3], zone: &str, kind: &str) -> Value {
    let mut labels = json!({"kubernetes.io/hostname": name});
    for (key, value) in [(ZONE, zone), (TYPE, kind)] {
        if !value.is_empty() {
            labels[key] = value.into();
        }
    }
    let [cpu, memory, pods] = room;
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}}})
}

/// A pod of a replica set named after the letters of its name; `more` is added to its spec.
fn pod(name: &str, size: [&str; 2], on: Option<&str>, more: &Value) -> Value {
    let [cpu, memory] = size;
    let owner = name.split('-').next().unwrap_or_default();
    let mut spec = json!({"containers": [{"name": "c", "resources":
        {"requests": {"cpu": cpu, "memory": memory}}}]});
    if let Some(fields) = more.as_object() {
        for (key, value) in fields {
            spec[key] = value.clone();
        }
    }
    if let Some(on) = on {
        spec["nodeName"] = on.into();
    }
    json!({"apiVersion": "v1", "kind": "Pod", "spec": spec,
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": owner},
            "ownerReferences": [{"kind": "ReplicaSet", "name": owner, "controller": true}]},
        "status": {"phase": if on.is_some() { "Running" } else { "Pending" }}})
}

fn pods(count: usize, stem: &str, size: [&str; 2], more: &Value) -> Vec<Value> {
    (0..count)
        .map(|number| pod(&format!("{stem}-{number}"), size, None, more))
        .collect()
}

fn spread(more: &Value) -> Value {
    let mut rule = json!({"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}}});
    if let Some(fields) = more.as_object() {
        for (key, value) in fields {
            rule[key] = value.clone();
        }
    }
    json!({"topologySpreadConstraints": [rule]})
}

fn snapshot(items: &[Value]) -> Snapshot {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    snapshot_of(list.to_string().into_bytes())
}

/// The cluster of a dump.
fn snapshot_of(bytes: Vec<u8>) -> Snapshot {
    Snapshot::new(gathered(bytes)).expect("a good cluster")
}

/// The objects of a dump.
fn gathered(bytes: Vec<u8>) -> Gathered {
    let mut reader = ManifestReader::new().with_everything();
    let input = Input::bytes("dump.json", bytes);
    reader.read(&input).expect("a good dump");
    let read = reader.finish();
    let mut declared = Declared::default();
    for own in &read.workloads {
        declared.add(&own.object);
    }
    Gathered {
        declared,
        nodes: read.nodes.into_iter().map(std::sync::Arc::new).collect(),
        pods: read.pods,
        objects: read.objects,
        admission: read.admission,
        ..Gathered::default()
    }
}

/// Offers of nodes like those of the dump, by type and price.
fn offers(list: &[(&str, i64)]) -> Vec<Offer> {
    let offers = list.iter().map(|&(name, price)| Offer {
        states_pods: true,
        name: name.to_owned(),
        node: Node::default(),
        price,
        spot: None,
        prices: Vec::new(),
    });
    offers.collect()
}

fn questions() -> Questions {
    Questions {
        minimize: None,
        offers: Vec::new(),
        keeps: false,
        is_strict: true,
        survive: Vec::new(),
        free_ppm: 0,
        prices: units::SortedMap::new(),
        committed: Vec::new(),
        team_label: None,
        room: Vec::new(),
        preempts: false,
        grow: Vec::new(),
        horizon: 12,
        order: Order::Dump,
        search: Search {
            steps: 200_000,
            orders: 0,
        },
        work: std::sync::Arc::default(),
    }
}

/// Questions of a purchase from a list of types and prices.
fn buying(minimize: Minimize, list: &[(&str, i64)]) -> Questions {
    Questions {
        minimize: Some(minimize),
        offers: offers(list),
        ..questions()
    }
}

fn assert_says(message: &str, part: &str) {
    assert!(message.contains(part), "{message}");
}

fn ask(items: &[Value], questions: &Questions) -> Plan {
    let (profiles, _) = read_profiles(None, Changes::default()).expect("the default profile");
    let profiles = without_preemption(&profiles);
    plan(&mut snapshot(items), &profiles, questions).expect("a plan")
}

/// Checks a purchase of one type `t`: the number of nodes that are enough, and the number of pods that
/// wait with one less.
fn check_bought(room: [&str; 3], zones: &[&str], items: Vec<Value>, expected: (u64, u64)) {
    let nodes = zones
        .iter()
        .map(|zone| node(&format!("n{zone}"), room, zone, "t"));
    let items: Vec<Value> = nodes.chain(items).collect();
    let questions = buying(Minimize::Nodes, &[("t", 100_000)]);
    let answer = ask(&items, &questions).buy.expect("an answer");
    let purchase = &answer.purchase;
    let (enough, waiting) = expected;
    let reached = purchase.reached.as_ref().expect("enough nodes");
    assert_eq!(reached.counts, [enough], "enough");
    assert_eq!(purchase.bound, enough as i64, "proved");
    let less = purchase
        .refuted
        .iter()
        .find(|own| own.choice.counts == [enough - 1]);
    assert_eq!(less.map(|own| own.waiting), Some(waiting), "with one less");
}

#[test]
fn nodes_of_one_type_are_counted_and_proved() {
    let plain = json!({});
    let daemon = json!({"apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": {
            "metadata": {"labels": {"app": "agent"}},
            "spec": {"priority": 2_000_000_000, "containers": [
                {"name": "c", "resources": {"requests": {"cpu": "300m"}}}]}}}});
    let apart = json!({"affinity": {"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": {"app": "web"}}}]}}});
    let web = |count, cpu, memory, more| pods(count, "web", [cpu, memory], more);
    check_bought(
        ["3920m", "14Gi", "110"],
        &[""],
        web(100, "1500m", "2Gi", &plain),
        (50, 2),
    );
    check_bought(
        ["1930m", "7Gi", "29"],
        &[""],
        web(300, "10m", "10Mi", &plain),
        (11, 10),
    );
    let mut items = web(100, "500m", "100Mi", &plain);
    check_bought(["4", "14Gi", "110"], &[""], items.clone(), (13, 4));
    items.push(daemon);
    check_bought(["4", "14Gi", "110"], &[""], items, (15, 2));
    check_bought(
        ["4", "14Gi", "110"],
        &[""],
        web(7, "100m", "10Mi", &apart),
        (7, 1),
    );
    let spread = spread(&plain);
    check_bought(
        ["4", "16Gi", "110"],
        &["a", "b", "c"],
        web(30, "1", "1Gi", &spread),
        (9, 4),
    );
}

#[test]
fn what_is_possible_and_what_an_order_reaches_are_two_numbers() {
    let plain = json!({});
    let small = pods(6, "s", ["3", "3Gi"], &plain);
    let large = pods(3, "l", ["7", "7Gi"], &plain);
    for (first, second, reached) in [(&small, &large, 5), (&large, &small, 4)] {
        let mut items = vec![node("n", ["10", "10Gi", "110"], "", "t")];
        items.extend(first.iter().chain(second).cloned());
        let questions = buying(Minimize::Nodes, &[("t", 1)]);
        let answer = ask(&items, &questions).buy.expect("an answer");
        let counts =
            |choice: &Option<choice::Choice>| choice.as_ref().map(|own| own.counts.clone());
        assert_eq!(counts(&answer.purchase.reached), Some(vec![reached]));
        let possible = answer.purchase.possible.map(|own| own.choice);
        assert_eq!(counts(&possible), Some(vec![4]));
        assert_eq!(answer.purchase.bound, 4);
    }
}

#[test]
fn a_mix_of_types_is_cheaper_than_each_of_them() {
    let plain = json!({});
    let mut items = vec![
        node("c", ["8", "16Gi", "110"], "", "c"),
        node("m", ["8", "32Gi", "110"], "", "m"),
        node("r", ["8", "64Gi", "110"], "", "r"),
    ];
    items.extend(pods(20, "a", ["1", "6Gi"], &plain));
    items.extend(pods(10, "b", ["3", "2Gi"], &plain));
    let questions = buying(
        Minimize::Cost,
        &[("c", 340_000), ("m", 384_000), ("r", 504_000)],
    );
    let answer = ask(&items, &questions).buy.expect("an answer");
    let reached = answer.purchase.reached.expect("enough nodes");
    assert_eq!(
        (reached.price, &*reached.counts),
        (2_468_000, &[5, 2, 0][..])
    );
    assert_eq!(answer.purchase.bound, 2_468_000);
}

#[test]
fn the_size_of_nodes_decides_what_a_loss_costs() {
    let mut items = vec![
        node("x", ["3920m", "14Gi", "110"], "", "m5.xlarge"),
        node("y", ["7910m", "29Gi", "110"], "", "m5.2xlarge"),
        node("z", ["15890m", "60Gi", "110"], "", "m5.4xlarge"),
    ];
    items.extend(pods(100, "web", ["1500m", "2Gi"], &json!({})));
    let types = [
        ("m5.xlarge", 192_000),
        ("m5.2xlarge", 384_000),
        ("m5.4xlarge", 768_000),
    ];
    for (survive, price, counts) in [
        (Vec::new(), 7_680_000, [0, 20, 0]),
        (vec![Survive::Node(1)], 8_064_000, [0, 21, 0]),
    ] {
        let questions = Questions {
            survive,
            ..buying(Minimize::Cost, &types)
        };
        let answer = ask(&items, &questions).buy.expect("an answer");
        let reached = answer.purchase.reached.expect("enough nodes");
        assert_eq!((reached.price, &*reached.counts), (price, &counts[..]));
        assert_eq!(answer.purchase.bound, price);
    }
}

/// Three zones of nodes of 4 cores, `nodes` in each, with 30 pods spread over them.
fn zones(nodes: usize) -> Vec<Value> {
    let name = |zone: &str, number: usize| format!("{zone}{number}");
    let mut items = Vec::new();
    for zone in ["a", "b", "c"] {
        let of_zone =
            (0..nodes).map(|number| node(&name(zone, number), ["4", "16Gi", "110"], zone, "t"));
        items.extend(of_zone);
    }
    let spread = spread(&json!({}));
    items.extend((0..30).map(|number| {
        let zone = ["a", "b", "c"][number % 3];
        let on = name(zone, number / 3 % nodes);
        pod(&format!("web-{number}"), ["1", "1Gi"], Some(&on), &spread)
    }));
    items
}

#[test]
fn losses_of_nodes_and_zones_are_told_and_survived() {
    let today = ask(&zones(3), &questions()).today;
    let waiting = |losses: &[loss::Loss]| losses.iter().map(|own| own.waiting).max();
    assert_eq!(waiting(&today.node_losses), Some(2));
    assert_eq!(waiting(&today.zone_losses), Some(6));
    let today = ask(&zones(4), &questions()).today;
    assert_eq!(waiting(&today.node_losses), Some(0));
    assert_eq!(waiting(&today.zone_losses), Some(0));
    for (survive, enough) in [
        (Vec::new(), 9),
        (vec![Survive::Node(1), Survive::zone()], 12),
    ] {
        let questions = Questions {
            minimize: Some(Minimize::Nodes),
            survive,
            ..questions()
        };
        let drain = ask(&zones(5), &questions).drain.expect("an answer");
        assert_eq!((drain.reached, drain.bound), (enough, enough));
        assert_eq!(drain.drained.gone.len() as u64, 15 - enough);
        let questions = Questions {
            offers: offers(&[("t", 1)]),
            ..questions
        };
        let answer = ask(&zones(5), &questions).buy.expect("an answer");
        let reached = answer.purchase.reached.expect("enough nodes");
        assert_eq!(
            (&*reached.counts, answer.purchase.bound),
            (&[enough][..], enough as i64)
        );
    }
}

#[test]
fn a_rule_that_no_node_meets_is_told() {
    let mut items = vec![
        node("a", ["4", "16Gi", "110"], "a", "t"),
        node("b", ["4", "16Gi", "110"], "b", "t"),
    ];
    items.extend(pods(
        30,
        "web",
        ["1", "1Gi"],
        &spread(&json!({"minDomains": 3})),
    ));
    let questions = buying(Minimize::Nodes, &[("t", 1)]);
    let purchase = ask(&items, &questions).buy.expect("an answer").purchase;
    assert_eq!(purchase.reached, None);
    assert_eq!(purchase.hopeless_pods, 28);
    let rule = purchase.hopeless_rule.as_deref();
    assert_eq!(rule, Some("minDomains 3, zones 2"));
    let first = purchase.hopeless.expect("a pod");
    assert_says(&first.message, "topology spread");
}

#[test]
fn more_nodes_may_take_fewer_pods() {
    let (profiles, _) = read_profiles(None, Changes::default()).expect("the default profile");
    let profiles = without_preemption(&profiles);
    let mut items = vec![
        node("a", ["4", "16Gi", "110"], "a", ""),
        node("b", ["4", "16Gi", "110"], "b", ""),
    ];
    items.extend(pods(8, "web", ["1", "1Gi"], &spread(&json!({}))));
    for (more, waiting) in [(false, 0), (true, 3)] {
        let mut items = items.clone();
        if more {
            items.push(node("c", ["1", "16Gi", "110"], "c", ""));
        }
        let mut snapshot = snapshot(&items);
        let demand = Demand::of(&mut snapshot, true).expect("pods");
        let mut bench = Bench::new(demand.cluster(&snapshot).expect("a cluster"), &profiles);
        let outcomes = demand.pods.iter().map(|pod| bench.place(&pod.info));
        assert_eq!(outcomes.filter(Result::is_err).count(), waiting);
    }
}

#[test]
fn growth_fills_a_cluster_in_a_month() {
    let mut items: Vec<Value> = (0..60)
        .map(|number| node(&format!("n{number:02}"), ["3920m", "14Gi", "110"], "", ""))
        .collect();
    items.extend((0..100).map(|number| {
        let on = format!("n{:02}", number % 60);
        pod(
            &format!("web-{number}"),
            ["1500m", "2Gi"],
            Some(&on),
            &json!({}),
        )
    }));
    for (rate, month, pods, waiting) in [
        (growth::Rate::Share(50_000), 4, 122, 2),
        (growth::Rate::Share(100_000), 2, 121, 1),
        (growth::Rate::Pods(5), 5, 125, 5),
    ] {
        let grow = Grow {
            pattern: String::new(),
            rate: rate.clone(),
        };
        let questions = Questions {
            grow: vec![grow],
            ..questions()
        };
        let months = ask(&items, &questions).months;
        if rate == growth::Rate::Share(50_000) {
            assert_eq!((months[2].pods, months[2].waiting), (116, 0));
        }
        let last = months.last().expect("a month");
        assert_eq!(
            (last.month, last.pods, last.waiting),
            (month, pods, waiting)
        );
    }
    let questions = Questions {
        minimize: Some(Minimize::Nodes),
        ..questions()
    };
    let drain = ask(&items, &questions).drain.expect("an answer");
    assert_eq!(
        (drain.reached, drain.bound, drain.drained.is_local),
        (50, 50, true)
    );
}

#[test]
fn bought_nodes_carry_what_nodes_of_the_dump_carry() {
    let mut items = vec![node("big", ["7910m", "29Gi", "58"], "", "m5.2xlarge")];
    for number in 0..5 {
        let mut daemon = pod(
            &format!("d{number}-x"),
            ["57m", "100Mi"],
            Some("big"),
            &json!({}),
        );
        daemon["metadata"]["ownerReferences"][0]["kind"] = "DaemonSet".into();
        items.push(daemon);
    }
    let mut snapshot = snapshot(&items);
    let market = Market::new(&mut snapshot, &offers(&[("m5.2xlarge", 1)]), &[]).expect("a market");
    let free = &market.kinds()[0].free;
    assert_eq!((free.cpu_milli / 700, free.pods), (10, 53));
}

/// A trial leaves nothing behind: the same loss has the same outcome, whatever was tried before.
#[test]
fn trials_are_taken_back() {
    let (profiles, _) = read_profiles(None, Changes::default()).expect("the default profile");
    let profiles = without_preemption(&profiles);
    let mut snapshot = snapshot(&zones(4));
    let demand = Demand::of(&mut snapshot, true).expect("pods");
    let bench = Bench::new(demand.cluster(&snapshot).expect("a cluster"), &profiles);
    let domains = Survive::Node(2).domains(&bench);
    let all = loss::lose_each(&bench, &demand, &domains);
    for (domain, known) in domains.iter().zip(&all) {
        let alone = loss::lose_each(&bench, &demand, std::slice::from_ref(domain));
        assert_eq!(alone, std::slice::from_ref(known));
    }
}

//! Pods that a zone alone takes, labels above and across zones, nodes that are not ready, and the names of what
//! is bought.

use super::*;

const ROOM: [&str; 3] = ["4", "16Gi", "58"];
const REGION: &str = "topology.kubernetes.io/region";

/// Nodes in zones, one each.
fn in_zones(zones: &[&str]) -> Vec<Value> {
    let nodes = zones.iter().enumerate();
    nodes
        .map(|(number, zone)| node(&format!("n{number}"), ROOM, zone, "m"))
        .collect()
}

fn price(items: &[Value], asked: &Questions) -> Option<i64> {
    let buy = ask(items, asked).buy.expect("an answer");
    buy.purchase.reached.map(|own| own.price)
}

/// Nodes go where pods are bound to, those that make up for a lost one, too.
#[test]
fn zones_get_the_nodes_that_their_pods_need() {
    let in_b = json!({"nodeSelector": {ZONE: "b"}});
    let mut items = in_zones(&["a", "b", "a", "b"]);
    items.extend(pods(6, "p", ["1", "1Gi"], &in_b));
    let mut asked = buying(Minimize::Nodes, &[("m", 192)]);
    assert_eq!(price(&items, &asked), Some(2));
    asked.survive = vec![Survive::Node(1)];
    assert_eq!(price(&items, &asked), Some(3));
    // Others fit beside them.
    items.extend(pods(2, "o", ["1", "1Gi"], &json!({})));
    asked.survive.clear();
    assert_eq!(price(&items, &asked), Some(2));
    // What a node can't hold whole counts: four pods of three cores need a node each.
    let mut items = in_zones(&["a", "b"]);
    items.extend(pods(4, "p", ["3", "1Gi"], &in_b));
    assert_eq!(price(&items, &asked), Some(4));
    // Pods that spread get nodes in each zone, however many others are bound to one.
    let mut items = in_zones(&["a", "b"]);
    items.extend(pods(12, "p", ["1", "1Gi"], &in_b));
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "s"}}}]});
    items.extend(pods(8, "s", ["1", "1Gi"], &spread));
    assert_eq!(price(&items, &asked), Some(5));
}

/// A node moves to another zone where fewer pods wait then, so that no nodes are added for a poor deal.
#[test]
fn nodes_are_shifted_to_the_zones_that_lack_them() {
    let drawn = [
        ("a", 2),
        ("", 2),
        ("a", 2),
        ("", 3),
        ("a", 1),
        ("a", 3),
        ("b", 2),
        ("a", 3),
        ("b", 3),
    ];
    let mut items = in_zones(&["a", "b", "c", "a", "b", "c"]);
    for (number, (zone, cpu)) in drawn.into_iter().enumerate() {
        let selector = json!({"nodeSelector": {ZONE: zone}});
        let bound = if zone.is_empty() { json!({}) } else { selector };
        let name = format!("p{number}-0");
        items.push(pod(&name, [&cpu.to_string(), "1Gi"], None, &bound));
    }
    let found = price(&items, &buying(Minimize::Nodes, &[("m", 192)]));
    assert!(found.is_some_and(|own| own <= 8), "{found:?}");
}

/// Pods whose selectors name what is lost can't outlive it.
#[test]
fn pods_of_a_zone_stay_out_of_its_loss() {
    let mut items = in_zones(&["a", "b"]);
    items.extend(pods(
        2,
        "p",
        ["1", "1Gi"],
        &json!({"nodeSelector": {ZONE: "b"}}),
    ));
    let asked = Questions {
        survive: vec![Survive::zone()],
        is_strict: false,
        ..buying(Minimize::Nodes, &[("m", 192)])
    };
    for pod in &mut items[2..] {
        pod["spec"]["nodeName"] = "n1".into();
        pod["status"]["phase"] = "Running".into();
    }
    let plan = ask(&items, &asked);
    assert_eq!((plan.missed, plan.aside.len()), (None, 2));
}

/// Regions and racks get alike, whatever zones they have.
#[test]
fn labels_above_and_across_zones_get_alike() {
    let mut items = in_zones(&["a1", "a2", "a3", "b1"]);
    for (place, own) in items.iter_mut().enumerate() {
        own["metadata"]["labels"][REGION] = if place < 3 { "a" } else { "b" }.into();
    }
    items.extend(pods(8, "p", ["1", "1Gi"], &json!({})));
    let mut asked = buying(Minimize::Nodes, &[("m", 192)]);
    asked.survive = vec![Survive::Label(REGION.into())];
    assert_eq!(price(&items, &asked), Some(4));
    // A rack that some nodes have can be lost; what has none stays.
    let mut items = in_zones(&["a", "b", "a", "b"]);
    for own in &mut items[..2] {
        own["metadata"]["labels"]["rack"] = "r0".into();
    }
    items.extend(pods(8, "p", ["1", "1Gi"], &json!({})));
    asked.survive = vec![Survive::Label("rack".into())];
    assert_eq!(price(&items, &asked), Some(4));
}

/// Pods of nodes that are not ready have to run elsewhere.
#[test]
fn pods_of_nodes_that_are_not_ready_move() {
    let mut items = in_zones(&["a", "b", "a"]);
    items[2]["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    for number in 0..4 {
        let on = if number % 2 == 0 { "n0" } else { "n1" };
        items.push(pod(
            &format!("web-{number}"),
            ["1", "1Gi"],
            Some(on),
            &json!({}),
        ));
    }
    for number in 0..2 {
        items.push(pod(
            &format!("b-{number}"),
            ["2", "1Gi"],
            Some("n2"),
            &json!({}),
        ));
    }
    let mut asked = questions();
    asked.is_strict = false;
    let plan = ask(&items, &asked);
    assert_eq!(
        (plan.unready[0].pods.len(), plan.off_overfull.len()),
        (2, 2)
    );
    assert_eq!((plan.missed, plan.has_goals), (None, true));
    // A third one finds no node, and none is full of what is not there.
    items.push(pod("b-2", ["2", "1Gi"], Some("n2"), &json!({})));
    let plan = ask(&items, &asked);
    assert_eq!(plan.off_overfull.len(), 2);
    assert_eq!(plan.missed.expect("a pod without a node").pod, "shop/b-2");
    asked.grow = vec![crate::plan::growth::Grow {
        pattern: String::new(),
        rate: crate::plan::growth::Rate::Pods(1),
    }];
    assert!(ask(&items, &asked).missed.is_some());
}

/// Pools of one name are called after what tells them apart.
#[test]
fn pools_of_one_name_are_told_apart() {
    let mut items = in_zones(&["a", "b", "a", "b"]);
    for own in &mut items {
        own["metadata"]["labels"]["karpenter.sh/nodepool"] = "default".into();
    }
    items[0]["metadata"]["labels"]["karpenter.sh/capacity-type"] = "spot".into();
    items[1]["metadata"]["labels"]["example.org/disk"] = "ssd".into();
    items[2]["spec"]["taints"] =
        json!([{"key": "example.org/gpu", "value": "true", "effect": "NoSchedule"}]);
    items.extend(pods(
        1,
        "p",
        ["1", "1Gi"],
        &json!({"nodeSelector": {"example.org/disk": "ssd"}}),
    ));
    let plan = ask(&items, &buying(Minimize::Nodes, &[("m", 192)]));
    let buy = plan.buy.expect("an answer");
    let names: Vec<&str> = buy.types.iter().map(|own| &*own.0).collect();
    assert_eq!(
        names,
        [
            "default-spot/m",
            "default-on-demand-ssd/m",
            "default-on-demand-gpu/m",
            "default-on-demand/m"
        ]
    );
}

/// Commitments count in each bill, used or not.
#[test]
fn commitments_are_in_every_bill() {
    let mut items = in_zones(&["a", "b", "a", "b"]);
    items.extend(pods(4, "p", ["1", "1Gi"], &json!({})));
    let mut asked = buying(Minimize::Cost, &[("m", 200)]);
    asked.committed = vec![world::Committed {
        kind: "m".to_owned(),
        zone: None,
        option: "reserved",
        price: 120,
        nodes: 3,
    }];
    let plan = ask(&items, &asked);
    assert_eq!((plan.today.price, plan.today.bill.used), (3 * 120 + 200, 3));
    let picture = plan.buy.expect("an answer").picture.expect("a picture");
    assert_eq!((picture.nodes, picture.price), (1, 3 * 120));
    assert_eq!(picture.bill.unused[0].nodes, 2);
    assert_eq!(picture.bill.namespaces["shop"], 120);
}

/// Nodes that are paid for in any case are weighed at nothing.
#[test]
fn purchases_use_what_is_paid_for() {
    let mut items = in_zones(&["a", "b", "a", "b"]);
    items.push(node("x", ROOM, "a", "c"));
    items.extend(pods(4, "p", ["1", "1Gi"], &json!({})));
    let mut asked = buying(Minimize::Cost, &[("m", 200), ("c", 100)]);
    assert_eq!(price(&items, &asked), Some(100));
    asked.committed = vec![world::Committed {
        kind: "m".to_owned(),
        zone: None,
        option: "reserved",
        price: 120,
        nodes: 1,
    }];
    let picture = ask(&items, &asked).buy.expect("an answer").picture;
    let picture = picture.expect("a picture");
    assert_eq!((picture.price, picture.bill.used), (120, 1));
}

/// A label of pods, or of their namespaces, splits the bill.
#[test]
fn bills_are_split_by_team() {
    let mut items = in_zones(&["a"]);
    items.push(json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"team": "retail"}}}));
    items.push(pod("web-0", ["1", "1Gi"], Some("n0"), &json!({})));
    let mut other = pod("ad-0", ["2", "1Gi"], Some("n0"), &json!({}));
    other["metadata"]["labels"]["team"] = "ads".into();
    items.push(other);
    let mut asked = questions();
    asked.prices.insert("n0".into(), 400);
    asked.team_label = Some("team".into());
    let bill = ask(&items, &asked).today.bill;
    assert_eq!((bill.teams["retail"], bill.teams["ads"]), (100, 200));
    assert_eq!(bill.idle, 100);
}

/// Losses are answered alike here and by `place`, node by node, with the range that orders and ties leave.
#[test]
fn losses_are_those_of_place() {
    let mut state = 7_u64;
    let mut draw = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let mut ranges = 0;
    for _ in 0..12 {
        let mut items = in_zones(&["c", "b", "a", "c", "a", "b"]);
        let mut used = [0; 6];
        for number in 0..18 {
            let (on, cpu) = (draw(6) as usize, 1 + draw(2));
            if used[on] + cpu <= 4 {
                used[on] += cpu;
                let size = [&*cpu.to_string(), "1Gi"];
                let name = format!("p{number}-0");
                items.push(pod(&name, size, Some(&format!("n{on}")), &json!({})));
            }
        }
        let today = ask(&items, &questions()).today;
        let (profiles, _) =
            crate::snapshot::profile::read_profiles(None, Changes::default()).expect("profiles");
        let off = crate::place::Preemption::Off;
        let mut own = snapshot(&items);
        let mut ground =
            crate::place::lost::Ground::new(&mut own, &profiles, off).expect("a ground");
        let of_zone = |zone: &str| ["c", "b", "a", "c", "a", "b"].map(|own| own == zone);
        for loss in today.node_losses.iter().chain(&today.zone_losses) {
            let (what, name) = loss.domain.split_once(' ').expect("a domain");
            let nodes: Vec<model::Text> = if what == "node" {
                vec![name.into()]
            } else {
                let lost = of_zone(name).into_iter().enumerate().filter(|own| own.1);
                lost.map(|own| format!("n{}", own.0).into()).collect()
            };
            let known = ground.lose(&nodes);
            assert_eq!(loss.waiting, known.waiting.len() as u64, "{}", loss.domain);
            assert_eq!(loss.range, known.range, "{}", loss.domain);
            ranges += u64::from(loss.range.0 < loss.range.1);
        }
    }
    assert!(ranges > 0);
}

/// Pods that wait are told what would be enough.
#[test]
fn waiting_pods_are_told_the_smallest_change() {
    let mut items = in_zones(&["a"]);
    items.push(pod("web-0", ["3", "1Gi"], Some("n0"), &json!({})));
    items.push(pod("new-0", ["2", "1Gi"], None, &json!({})));
    let mut asked = questions();
    asked.is_strict = false;
    let plan = ask(&items, &asked);
    let lacks = vec![("cpu".into(), 1_000)];
    let node = "n0".into();
    assert_eq!(
        plan.pending[0].remedies,
        [crate::explain::Remedy::Room { node, lacks }]
    );
}

/// Requests by usage keep to the limit ranges of their namespace.
#[test]
fn limit_ranges_bound_what_usage_asks_for() {
    let mut items = in_zones(&["a"]);
    items.push(pod("web-0", ["1", "1Gi"], Some("n0"), &json!({})));
    items.push(json!({"apiVersion": "v1", "kind": "LimitRange",
        "metadata": {"name": "l", "namespace": "shop"},
        "spec": {"limits": [{"type": "Container", "min": {"cpu": "100m"}, "max": {"cpu": "2"}}]}}));
    let requested = |used: &str| {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let mut gathered = gathered(serde_json::to_vec(&list).expect("JSON"));
        let mut usage = crate::plan::usage::Usage::default();
        let table = format!("namespace,pod,cpu\nshop,web-0,{used}\n");
        let input = Input::bytes("usage.csv", table.into_bytes());
        usage.read(&input, None).expect("usage");
        let resized = crate::plan::adjust::resize(&mut gathered, &usage);
        let cpu = gathered.pods[0].spec.containers[0].requests.get("cpu");
        (cpu.milli_ceil().expect("an amount"), resized.bounded.len())
    };
    assert_eq!(requested("50m"), (100, 1));
    assert_eq!(requested("500m"), (500, 0));
    assert_eq!(requested("3"), (2_000, 1));
}

/// A container that no row of the usage names keeps its request, and so does the pod as a whole.
#[test]
fn usage_of_a_container_changes_its_request_alone() {
    let mut own = pod("web-0", ["900m", "1Gi"], Some("n0"), &json!({}));
    let beside = json!({"name": "proxy", "resources": {"requests": {"cpu": "100m"}}});
    own["spec"]["containers"]
        .as_array_mut()
        .expect("containers")
        .push(beside);
    own["spec"]["resources"] = json!({"requests": {"cpu": "2"}});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [own]});
    let mut gathered = gathered(serde_json::to_vec(&list).expect("JSON"));
    let mut usage = crate::plan::usage::Usage::default();
    let table = "namespace,workload,container,cpu\nshop,web,c,300m\nshop,web,gone,1\n";
    let input = Input::bytes("usage.csv", table.as_bytes());
    usage.read(&input, None).expect("usage");
    let resized = crate::plan::adjust::resize(&mut gathered, &usage);
    let spec = &gathered.pods[0].spec;
    let requests = spec.containers.iter().map(|own| &own.requests);
    let requests = requests.chain([&spec.pod_requests]);
    let cpu: Vec<i64> = requests
        .map(|own| own.get("cpu").milli_ceil().expect("an amount"))
        .collect();
    assert_eq!((cpu, resized.unknown), (vec![300, 100, 2_000], 0));
}

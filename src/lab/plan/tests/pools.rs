//! Nodes bought for pools: at the pool's price, with its daemons, apart from those of other clusters.

use super::*;

const ROOM: [&str; 3] = ["4", "16Gi", "110"];

/// A node of a pool of EKS.
fn of_pool(name: &str, pool: &str) -> Value {
    let mut own = node(name, ROOM, "", "m");
    own["metadata"]["labels"]["eks.amazonaws.com/nodegroup"] = pool.into();
    own
}

#[test]
fn nodes_of_a_spot_pool_have_the_spot_price() {
    let mut items = vec![of_pool("s1", "general"), of_pool("s2", "general")];
    items[0]["metadata"]["labels"]["eks.amazonaws.com/capacityType"] = "SPOT".into();
    let selector = json!({"nodeSelector": {"eks.amazonaws.com/capacityType": "SPOT"}});
    items.push(pod("a-0", ["3", "1Gi"], Some("s1"), &selector));
    items.push(pod("b-0", ["3", "1Gi"], None, &selector));
    let mut asked = buying(Minimize::Cost, &[("m", 192)]);
    asked.offers[0].spot = Some(60);
    let price = |asked: &Questions| {
        let buy = ask(&items, asked).buy.expect("an answer");
        let reached = buy.purchase.reached.expect("enough nodes");
        (reached.price, buy.picture.expect("a picture").price)
    };
    assert_eq!(price(&asked), (120, 120));
    asked.keeps = true;
    // The other node is on demand.
    assert_eq!(price(&asked), (60, 312));
    // Without a price of spot capacity the one on demand counts.
    asked.offers[0].spot = None;
    assert_eq!(price(&asked), (192, 576));
}

/// The loss of a node in any of many pools takes a further node there: all of them are added at once, however few steps
/// there are.
#[test]
fn many_pools_get_a_spare_node_in_few_trials() {
    let mut items = Vec::new();
    for number in 0..42 {
        let pool = format!("p{number}");
        let selector = json!({"nodeSelector": {"eks.amazonaws.com/nodegroup": pool}});
        // The small pods are a node's worth together; the large one stands beside neither.
        for (place, cpu) in ["2200m", "1900m", "1900m"].into_iter().enumerate() {
            let name = format!("n{number}-{place}");
            items.push(of_pool(&name, &pool));
            let own = format!("w{number}-{place}");
            items.push(pod(&own, [cpu, "1Gi"], Some(&name), &selector));
        }
    }
    let mut asked = buying(Minimize::Cost, &[("m", 100), ("l", 300)]);
    asked.survive = vec![Survive::Node(1)];
    asked.search.steps = 3_000;
    let buy = ask(&items, &asked).buy.expect("an answer");
    let reached = buy.purchase.reached.expect("enough nodes");
    assert_eq!(reached.price, 42 * 4 * 100);
}

/// Clusters that stand side by side by their names.
fn two_clusters() -> Vec<Value> {
    let mut items = Vec::new();
    for (cluster, nodes) in [("east", 3), ("west", 2)] {
        for number in 0..nodes {
            let name = format!("{cluster}-n{number}");
            let mut own = of_pool(&name, "general");
            own["metadata"]["labels"]["windtunnel.dev/cluster"] = cluster.into();
            items.push(own);
            for (stem, cpu, kind) in [("agent", "1", "DaemonSet"), ("web", "1500m", "ReplicaSet")] {
                let mut own = pod(
                    &format!("{stem}-{number}"),
                    [cpu, "1Gi"],
                    Some(&name),
                    &json!({}),
                );
                own["metadata"]["namespace"] = format!("{cluster}-system").into();
                own["metadata"]["ownerReferences"][0]["kind"] = kind.into();
                items.push(own);
            }
        }
    }
    items
}

#[test]
fn bought_nodes_carry_the_daemons_of_one_cluster() {
    let plan = ask(&two_clusters(), &buying(Minimize::Nodes, &[("m", 192)]));
    let buy = plan.buy.expect("an answer");
    assert_eq!(buy.purchase.reached.expect("enough nodes").price, 3);
    let pools: Vec<(&str, u64)> = { plan.today.pools.iter() }
        .map(|own| (&*own.name, own.nodes))
        .collect();
    assert_eq!(pools, [("east/general", 3), ("west/general", 2)]);
    for node in &buy.nodes {
        let cluster = &node.node.labels["windtunnel.dev/cluster"];
        assert!(
            node.node
                .name
                .starts_with(&format!("plan-{cluster}-general-m-"))
        );
    }
}

#[test]
fn nodes_without_a_group_are_pools_by_the_pods_that_they_admit() {
    let mut items: Vec<Value> = ["n1", "n2", "n3", "n4"]
        .map(|own| node(own, ROOM, "", "m"))
        .into();
    for (place, disk) in [(0, "ssd"), (1, "hdd"), (2, "hdd"), (3, "hdd")] {
        items[place]["metadata"]["labels"]["disk"] = disk.into();
        items[place]["metadata"]["labels"]["os"] = "linux".into();
    }
    items[2]["spec"]["taints"] = json!([{"key": "a.io/batch", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]);
    let selector = json!({"nodeSelector": {"disk": "ssd", "os": "linux"}});
    items.push(pod("a-0", ["3", "1Gi"], Some("n1"), &selector));
    let pools = ask(&items, &questions()).today.pools;
    let pools: Vec<(&str, u64)> = { pools.iter() }
        .map(|own| (&*own.name, own.nodes))
        .collect();
    assert_eq!(
        pools,
        [
            ("m disk=hdd", 2),
            ("m disk=hdd batch", 1),
            ("m disk=ssd", 1)
        ]
    );
}

/// Numbers of bought nodes by type, of a purchase that reached its goal.
fn bought(items: &[Value], asked: &Questions) -> Vec<(String, u64)> {
    let buy = ask(items, asked).buy.expect("an answer");
    let reached = buy.purchase.reached.expect("enough nodes");
    let types = buy.types.iter().map(|(name, _)| name.to_string());
    let all = types.zip(reached.counts);
    all.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn each_type_may_join_each_pool() {
    let mut items = vec![of_pool("a1", "general"), of_pool("d1", "db")];
    items[1]["metadata"]["labels"]["node.kubernetes.io/instance-type"] = "r".into();
    items[1]["spec"]["taints"] = json!([{"key": "db", "value": "1", "effect": "NoSchedule"}]);
    items.extend(pods(4, "web", ["3", "1Gi"], &json!({})));
    let tolerates = json!({"tolerations": [{"key": "db", "operator": "Exists"}],
        "nodeSelector": {"eks.amazonaws.com/nodegroup": "db"}});
    items.extend(pods(1, "db", ["3", "1Gi"], &tolerates));
    // The type of the one pool is the cheaper one for both.
    let asked = buying(Minimize::Cost, &[("m", 192), ("r", 150)]);
    let expected = [("general/r".to_owned(), 4), ("db/r".to_owned(), 1)];
    let mut found = bought(&items, &asked);
    found.sort_by_key(|own| std::cmp::Reverse(own.1));
    assert_eq!(found, expected);
}

#[test]
fn pods_that_select_a_zone_are_bought_for() {
    let zones = ["a", "b", "c"];
    let mut items: Vec<Value> = { zones.iter() }
        .map(|zone| node(&format!("n{zone}"), ROOM, zone, "m"))
        .collect();
    for zone in ["b", "c"] {
        let selector = json!({"nodeSelector": {"topology.kubernetes.io/zone": zone}});
        items.extend(pods(2, &format!("in-{zone}"), ["2", "1Gi"], &selector));
    }
    let asked = buying(Minimize::Nodes, &[("m", 192)]);
    // None goes to `a`, which no pod needs.
    assert_eq!(bought(&items, &asked), [("m".to_owned(), 2)]);
}

#[test]
fn the_control_plane_and_services_stay_with_their_pods() {
    let mut items = vec![node("w1", ROOM, "", "m"), node("cp", ROOM, "", "m")];
    items[1]["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = "".into();
    let mut fargate = node("f1", ["2", "4Gi", "1"], "", "");
    fargate["metadata"]["labels"] = json!({"eks.amazonaws.com/compute-type": "fargate"});
    items.push(fargate);
    items.push(pod("web-0", ["3", "1Gi"], Some("w1"), &json!({})));
    let selector = json!({"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}});
    items.push(pod("dns-0", ["3", "1Gi"], Some("cp"), &selector));
    let foreign = json!({"schedulerName": "fargate-scheduler"});
    items.push(pod("job-0", ["2", "1Gi"], Some("f1"), &foreign));
    let asked = buying(Minimize::Nodes, &[("m", 192)]);
    assert_eq!(bought(&items, &asked), [("m".to_owned(), 1)]);
}

#[test]
fn bought_nodes_are_dealt_to_racks_that_may_be_lost() {
    let rack = "topology.kubernetes.io/rack";
    let mut items: Vec<Value> = Vec::new();
    for number in 0..2 {
        let mut own = node(&format!("n{number}"), ROOM, "a", "m");
        own["metadata"]["labels"][rack] = format!("r{number}").into();
        items.push(own);
    }
    items.extend(pods(2, "web", ["3", "1Gi"], &json!({})));
    let mut asked = buying(Minimize::Nodes, &[("m", 192)]);
    asked.survive = vec![Survive::Label(rack.into())];
    let buy = ask(&items, &asked).buy.expect("an answer");
    let racks = buy.nodes.iter().map(|own| &*own.node.labels[rack]);
    assert_eq!(racks.collect::<Vec<&str>>(), ["r0", "r1", "r0", "r1"]);
}

/// A node of a pool of EKS in a zone.
fn in_zone(name: &str, pool: &str, zone: &str) -> Value {
    let mut own = of_pool(name, pool);
    own["metadata"]["labels"]["topology.kubernetes.io/zone"] = zone.into();
    own
}

#[test]
fn pools_of_a_zone_each_are_bought_in_their_zone_with_their_labels() {
    let mut items = vec![in_zone("a1", "za", "a"), in_zone("b1", "zb", "b")];
    items[1]["metadata"]["labels"]["eks.amazonaws.com/capacityType"] = "SPOT".into();
    for pool in ["za", "zb"] {
        let selector = json!({"nodeSelector": {"eks.amazonaws.com/nodegroup": pool}});
        items.extend(pods(1, &format!("in-{pool}"), ["3", "1Gi"], &selector));
    }
    let mut asked = buying(Minimize::Cost, &[("m", 200)]);
    asked.offers[0].spot = Some(70);
    let buy = ask(&items, &asked).buy.expect("an answer");
    let zones = { buy.nodes.iter() }.map(|own| {
        let pool = &own.node.labels["eks.amazonaws.com/nodegroup"];
        (pool.to_string(), own.zone.to_string())
    });
    let expected =
        [("za", "a"), ("zb", "b")].map(|(pool, zone)| (pool.to_owned(), zone.to_owned()));
    assert_eq!(zones.collect::<Vec<(String, String)>>(), expected);
    let price = buy.purchase.reached.expect("enough nodes").price;
    assert_eq!((price, buy.picture.expect("a picture").price), (270, 270));
}

#[test]
fn a_type_with_other_prices_by_zone_is_bought_where_it_is_cheap() {
    let mut items = vec![in_zone("a1", "p", "a"), in_zone("b1", "p", "b")];
    items.extend(pods(2, "web", ["3", "1Gi"], &json!({})));
    let mut asked = buying(Minimize::Cost, &[("m", 400)]);
    for (zone, price) in [("a", 400), ("b", 200)] {
        asked.offers[0].prices.push(world::offers::Price {
            zone: Some(zone.to_owned()),
            on_demand: Some(price),
            spot: None,
            line: 2,
        });
    }
    assert_eq!(bought(&items, &asked), [("m/b".to_owned(), 2)]);
    // Each zone is needed, and has its price.
    asked.survive = vec![Survive::zone()];
    let found = bought(&items, &asked);
    assert_eq!(found, [("m/a".to_owned(), 2), ("m/b".to_owned(), 2)]);
}

#[test]
fn states_that_pass_are_no_properties_of_a_pool() {
    let mut items = vec![of_pool("a1", "general"), of_pool("x1", "x")];
    items[1]["spec"]["taints"] =
        json!([{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]);
    items[1]["spec"]["unschedulable"] = true.into();
    let selector = json!({"nodeSelector": {"eks.amazonaws.com/nodegroup": "x"}});
    items.extend(pods(2, "in-x", ["3", "1Gi"], &selector));
    let asked = buying(Minimize::Nodes, &[("m", 192)]);
    assert_eq!(bought(&items, &asked), [("x/m".to_owned(), 2)]);
}

#[test]
fn another_architecture_joins_no_pool() {
    let arch = "kubernetes.io/arch";
    let mut items = vec![of_pool("a1", "amd"), of_pool("g1", "arm")];
    for (place, name) in ["amd64", "arm64"].into_iter().enumerate() {
        items[place]["metadata"]["labels"][arch] = name.into();
    }
    items[1]["metadata"]["labels"]["node.kubernetes.io/instance-type"] = "g".into();
    let selector = json!({"nodeSelector": {arch: "amd64"}});
    items.extend(pods(1, "web", ["3", "1Gi"], &selector));
    let asked = buying(Minimize::Cost, &[("g", 150), ("m", 200)]);
    assert_eq!(bought(&items, &asked), [("amd/m".to_owned(), 1)]);
}

#[test]
fn pods_that_wait_and_have_to_run_are_lost_with_the_others() {
    let mut items = vec![of_pool("a1", "p"), of_pool("a2", "p")];
    items.push(pod("a-0", ["2", "1Gi"], Some("a1"), &json!({})));
    items.push(pod("b-0", ["2", "1Gi"], Some("a2"), &json!({})));
    items.push(pod("c-0", ["2", "1Gi"], None, &json!({})));
    let mut asked = questions();
    asked.survive = vec![Survive::Node(1)];
    assert!(ask(&items, &asked).missed.is_some());
    items.pop();
    assert!(ask(&items, &asked).missed.is_none());
}

#[test]
fn a_node_whose_deletion_was_asked_for_takes_no_pods() {
    let mut items = vec![of_pool("n0", "p"), of_pool("n1", "p"), of_pool("gone", "p")];
    items[2]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    items.push(pod("a-0", ["1", "1Gi"], Some("n0"), &json!({})));
    items.push(pod("b-0", ["1", "1Gi"], Some("n1"), &json!({})));
    let mut asked = questions();
    asked.minimize = Some(Minimize::Nodes);
    let drain = ask(&items, &asked).drain.expect("an answer");
    let places = drain.drained.moves.iter().map(|own| &*own.to);
    assert!(places.clone().all(|node| node != "gone"));
    assert_eq!(places.count(), 1);
}

//! Clusters as companies have them: taints, services that stand as nodes, other schedulers, annotations.

use super::*;

const ROOM: [&str; 3] = ["4", "16Gi", "110"];

/// Nodes that lie apart in the order may be lost together: `b` fits on the second or the third alone.
#[test]
fn any_two_nodes_are_lost_whichever_they_are() {
    let mut items: Vec<Value> = (1..=4)
        .map(|own| {
            node(
                &format!("n{own}"),
                ROOM,
                "",
                if own % 2 == 1 { "big" } else { "small" },
            )
        })
        .collect();
    let big = json!({"nodeSelector": {TYPE: "big"}});
    items.push(pod("a-0", ["3", "1Gi"], Some("n1"), &big));
    let asked = |count| Questions {
        survive: vec![Survive::Node(count)],
        ..questions()
    };
    assert_eq!(ask(&items, &asked(1)).missed, None);
    let missed = ask(&items, &asked(2)).missed.expect("a missed goal");
    assert_says(&missed.message, "after the loss of nodes n1, n3");
    assert!(
        Survive::Node(1_000)
            .domains(&Bench::new(scheduler::kube::Cache::default(), &[]))
            .is_empty()
    );
}

#[test]
fn a_share_is_free_on_the_nodes_that_pods_can_use() {
    let mut items = vec![node("web", ROOM, "a", ""), node("gpu", ROOM, "a", "")];
    items[1]["spec"]["taints"] = json!([{"key": "gpu", "value": "", "effect": "NoSchedule"}]);
    items.push(pod("web-0", ["4", "1Gi"], Some("web"), &json!({})));
    let asked = Questions {
        free_ppm: 500_000,
        ..questions()
    };
    let missed = ask(&items, &asked).missed.expect("a missed goal");
    assert_eq!(missed.pod, "zone a");
    assert_says(&missed.message, "less cpu would be free");
    assert_says(&missed.message, "shop/web-0 can use");
    // Pods that may go to either node have half of both.
    let tolerant = json!({"tolerations": [{"operator": "Exists"}]});
    items[2] = pod("web-0", ["4", "1Gi"], Some("web"), &tolerant);
    assert_eq!(ask(&items, &asked).missed, None);
}

#[test]
fn services_and_pods_of_other_schedulers_stay_as_they_are() {
    let mut items = vec![
        node("n1", ROOM, "", ""),
        node("n2", ROOM, "", ""),
        node("f", ROOM, "", ""),
        node("aci", ["10000", "40Ti", "5000"], "", ""),
    ];
    // By its taint alone, as nodes are in dumps whose labels were cut.
    items[2]["spec"]["taints"] = json!([{"key": "eks.amazonaws.com/compute-type", "value": "fargate", "effect": "NoSchedule"}]);
    items[3]["metadata"]["labels"]["type"] = "virtual-kubelet".into();
    items[3]["spec"]["taints"] =
        json!([{"key": "virtual-kubelet.io/provider", "value": "azure", "effect": "NoSchedule"}]);
    items.push(pod("web-0", ["2", "1Gi"], Some("n1"), &json!({})));
    let foreign = json!({"schedulerName": "fargate-scheduler"});
    items.push(pod("fg-0", ["1", "1Gi"], Some("f"), &foreign));
    items.push(pod(
        "batch-0",
        ["1", "1Gi"],
        Some("n2"),
        &json!({"schedulerName": "volcano"}),
    ));
    let asked = Questions {
        minimize: Some(Minimize::Nodes),
        is_strict: false,
        ..questions()
    };
    let plan = ask(&items, &asked);
    assert_eq!(
        (plan.today.virtual_nodes, plan.today.node_losses.len()),
        (2, 2)
    );
    assert_eq!(plan.today.taken.of("cpu").offered, 8_000);
    let drain = plan.drain.expect("a drain");
    assert_eq!(drain.drained.gone, ["n1".into()] as [Text; 1]);
    assert_eq!(drain.drained.moves.len(), 1);
}

/// A wave leaves replicas of a workload where they are, and moves of pods that autoscalers leave alone are
/// named.
#[test]
fn waves_leave_replicas_and_name_shunned_pods() {
    let mut items = vec![
        node("n1", ROOM, "", ""),
        node("n2", ROOM, "", ""),
        node("n3", ROOM, "", ""),
    ];
    items.push(pod("db-0", ["3", "1Gi"], Some("n3"), &json!({})));
    for number in 0..4 {
        items.push(pod(
            &format!("web-{number}"),
            ["100m", "1Mi"],
            Some("n1"),
            &json!({}),
        ));
        let last = items.len() - 1;
        items[last]["metadata"]["annotations"] =
            json!({"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"});
    }
    items.push(pod("app-0", ["3", "1Gi"], Some("n2"), &json!({})));
    let asked = Questions {
        minimize: Some(Minimize::Nodes),
        is_strict: false,
        ..questions()
    };
    let drain = ask(&items, &asked).drain.expect("a drain");
    let waves: Vec<u64> = drain
        .drained
        .moves
        .iter()
        .map(|own| own.turn.wave)
        .collect();
    assert_eq!(waves, [1, 1, 2, 2]);
    assert_eq!(drain.shunned.len(), 4);
    assert_says(&drain.shunned[0], "safe-to-evict");
}

#[test]
fn the_cheapest_drain_costs_no_more_than_the_smallest() {
    // The dear node is full, and its pods fit nowhere; the cheap ones are empty.
    let mut items: Vec<Value> = (0..4)
        .map(|own| node(&format!("n{own}"), ROOM, "", "t"))
        .collect();
    items.push(pod("web-0", ["3", "1Gi"], Some("n0"), &json!({})));
    items.push(pod("web-1", ["1", "1Gi"], Some("n1"), &json!({})));
    let prices = [("n0", 9), ("n1", 1), ("n2", 2), ("n3", 1)];
    let prices: units::SortedMap<Text, i64> = prices
        .into_iter()
        .map(|(name, own)| (name.into(), own))
        .collect();
    let price = |minimize| {
        let asked = Questions {
            minimize: Some(minimize),
            prices: prices.clone(),
            is_strict: false,
            ..questions()
        };
        ask(&items, &asked).drain.expect("a drain").picture.price
    };
    assert!(price(Minimize::Cost) <= price(Minimize::Nodes));
}

/// What binds is told of every resource and pool, and headroom says what is lacking.
#[test]
fn devices_and_volumes_bind_as_cpu_does() {
    let mut items = vec![
        node("n1", ROOM, "", "m"),
        node("g1", ROOM, "", "g"),
        pod("web-0", ["1", "1Gi"], Some("n1"), &json!({})),
    ];
    items[1]["status"]["allocatable"]["nvidia.com/gpu"] = "4".into();
    items.push(pod("infer-0", ["1", "1Gi"], Some("g1"), &json!({})));
    for list in ["requests", "limits"] {
        items[3]["spec"]["containers"][0]["resources"][list]["nvidia.com/gpu"] = "3".into();
    }
    items.push(
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "n1"},
        "spec": {"drivers": [{"name": "ebs", "nodeID": "n1", "allocatable": {"count": 25}}]}}),
    );
    let today = ask(&items, &questions()).today;
    let of = |pool: &str| {
        let pool = today.pools.iter().find(|own| *own.name == *pool);
        pool.map(|own| own.taken.binding().0.to_owned())
    };
    assert_eq!(of("m").as_deref(), Some("cpu"));
    assert_eq!(of("g").as_deref(), Some("nvidia.com/gpu"));
    let largest = today.headroom.first().expect("a size");
    assert_eq!(largest.pod, "shop/infer-0");
    assert_eq!(
        largest.reason.as_deref(),
        Some("nvidia.com/gpu: best node has 1 of 3")
    );
}

/// Nodes that stay are counted by what keeps them, with the smallest change that frees one.
#[test]
fn blockers_are_counted_with_the_change_that_frees() {
    let mut items = vec![
        node("n1", ROOM, "", ""),
        node("n2", ROOM, "", ""),
        node("n3", ROOM, "", ""),
    ];
    for (name, on, cpu) in [
        ("web-0", "n1", "1"),
        ("web-1", "n2", "1"),
        ("big-0", "n3", "3500m"),
    ] {
        items.push(pod(name, [cpu, "1Gi"], Some(on), &json!({})));
    }
    items.push(
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "web"}}}}),
    );
    let asked = Questions {
        minimize: Some(Minimize::Nodes),
        ..questions()
    };
    let drain = ask(&items, &asked).drain.expect("a drain");
    let [budgets, room] = &drain.blockers[..] else {
        panic!("{:?}", drain.blockers);
    };
    assert_eq!((budgets.sort, &*budgets.reason), ("budgets", "`shop/web`"));
    assert_eq!((budgets.nodes.len(), budgets.frees), (2, Some(2)));
    assert_eq!(room.nodes, ["n3".into()] as [Text; 1]);
    assert_says(
        room.change.as_deref().unwrap_or_default(),
        "500m cpu more on n1",
    );
}

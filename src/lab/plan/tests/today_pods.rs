//! Pods of today that a plan may not take for granted.

use super::*;

/// Pods that hold more than their node offers move, or the plan says that they can't.
#[test]
fn pods_over_the_amounts_of_their_node_are_not_held() {
    let room = ["4", "16Gi", "110"];
    let mut items = vec![node("a", room, "", ""), node("b", room, "", "")];
    for (name, on) in [("web-0", "a"), ("web-1", "a"), ("web-2", "b")] {
        items.push(pod(name, ["3", "1Gi"], Some(on), &json!({})));
    }
    let questions = Questions {
        minimize: Some(Minimize::Nodes),
        is_strict: false,
        ..questions()
    };
    let plan = ask(&items, &questions);
    let over = &plan.overfull[0];
    assert_eq!(
        (&*over.node, &*over.resource, over.requested, over.offered),
        ("a", "cpu", 6_000, 4_000)
    );
    assert!(plan.missed.is_some() && plan.drain.is_none());
    // With a third node the pod moves there, and no node can go.
    items.push(node("c", room, "", ""));
    let plan = ask(&items, &questions);
    assert_eq!(plan.missed, None);
    let drain = plan.drain.expect("a drain");
    assert_eq!(
        (drain.reached, drain.bound, drain.drained.moves.len()),
        (3, 3, 1)
    );
    assert_eq!(&*drain.drained.moves[0].to, "c");
    // Pods of daemon sets stay where they are.
    let mut agent = pod("agent-x", ["5", "1Gi"], Some("a"), &json!({}));
    agent["metadata"]["ownerReferences"][0]["kind"] = "DaemonSet".into();
    let plan = ask(&[node("a", room, "", ""), agent], &questions);
    assert_says(
        &plan.missed.expect("a missed goal").message,
        "pods of the node itself",
    );
}

/// No eviction of a pod is granted whose budget allows none: it stays on its node, however full that is.
#[test]
fn a_budget_holds_a_pod_on_an_overfull_node() {
    let room = ["4", "16Gi", "110"];
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "web"}}}});
    let mut items = vec![node("a", room, "", ""), node("b", room, "", ""), budget];
    for name in ["web-0", "web-1"] {
        items.push(pod(name, ["3", "1Gi"], Some("a"), &json!({})));
    }
    let asked = Questions {
        is_strict: false,
        ..questions()
    };
    let plan = ask(&items, &asked);
    assert_eq!(
        (plan.off_overfull.len(), plan.overfull[0].pods.len()),
        (0, 0)
    );
    let stays = plan.overfull[0].stays.as_ref().expect("a pod that stays");
    assert_eq!(stays.pod, "shop/web-1");
    assert_says(&stays.message, "`shop/web` allows no disruption");
    assert_eq!(plan.missed.as_ref(), Some(stays));
    items.push(pod("api-0", ["2", "1Gi"], Some("a"), &json!({})));
    let plan = ask(&items, &asked);
    assert_eq!(plan.overfull[0].pods, ["shop/api-0"]);
    assert!(plan.overfull[0].stays.is_some());
}

/// A pod that holds less than it asks for since counts what it holds where it is, and what it asks for
/// elsewhere.
#[test]
fn a_resize_under_way_counts_what_is_held() {
    let mut grown = pod("db-0", ["8", "1Gi"], Some("a"), &json!({}));
    grown["status"]["containerStatuses"] = json!([{"name": "c", "ready": true,
        "allocatedResources": {"cpu": "1", "memory": "1Gi"},
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]);
    grown["status"]["conditions"] =
        json!([{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]);
    let items = [node("a", ["4", "16Gi", "110"], "", ""), grown];
    let plan = ask(&items, &questions());
    assert_eq!(
        (plan.overfull.len(), plan.today.taken.of("cpu").requested),
        (0, 1_000)
    );
}

/// A volume of a node.
fn local(name: &str, on: &str) -> [Value; 3] {
    let claim = format!("data-{name}");
    let more = json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": claim}}]});
    [
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"},
                "claimRef": {"namespace": "shop", "name": claim},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "kubernetes.io/hostname", "operator": "In", "values": [on]}]}]}}}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": claim, "namespace": "shop",
                "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "volumeName": name,
                "resources": {"requests": {"storage": "1Gi"}}}}),
        pod(name, ["1", "1Gi"], Some(on), &more),
    ]
}

#[test]
fn a_pod_tied_to_its_node_does_not_veto_the_answer() {
    let mut items: Vec<Value> = (0..4)
        .map(|own| node(&format!("n{own}"), ["4", "16Gi", "110"], "", "t"))
        .collect();
    items.extend(local("db-0", "n0"));
    items.push(pod("web-0", ["1", "1Gi"], Some("n1"), &json!({})));
    let asked = Questions {
        minimize: Some(Minimize::Nodes),
        survive: vec![Survive::Node(1)],
        is_strict: false,
        ..questions()
    };
    let plan = ask(&items, &asked);
    assert_eq!((plan.missed.as_ref(), plan.aside.len()), (None, 1));
    let drain = plan.drain.expect("a drain");
    assert_eq!((drain.reached, drain.excused.len()), (2, 0));
    assert!(!drain.drained.gone.iter().any(|own| &**own == "n0"));
    let strict = ask(
        &items,
        &Questions {
            is_strict: true,
            ..asked.clone()
        },
    );
    assert!(strict.missed.is_some() && strict.drain.is_some_and(|own| own.drained.gone.is_empty()));
    // Bought from nothing, the node of the volume is gone.
    let bought = Questions {
        is_strict: false,
        ..buying(Minimize::Nodes, &[("t", 1)])
    };
    let bought = ask(&items, &bought).buy.expect("a purchase");
    assert_eq!(
        (
            bought.purchase.reached.expect("enough").counts,
            bought.aside.len()
        ),
        (vec![1], 1)
    );
}

#[test]
fn a_pod_that_nothing_but_a_node_out_of_order_can_hold_waits() {
    let room = ["4", "16Gi", "110"];
    let mut items = ["n0", "n1", "n2"]
        .map(|name| node(name, room, "", ""))
        .to_vec();
    items[0]["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    items.extend(local("db-0", "n0"));
    items.push(pod("web-0", ["1", "1Gi"], Some("n1"), &json!({})));
    let asked = Questions {
        minimize: Some(Minimize::Nodes),
        is_strict: false,
        ..questions()
    };
    let plan = ask(&items, &asked);
    assert_eq!((plan.missed, plan.unready.len()), (None, 0));
    assert_eq!((plan.pods, plan.waiting), (1, vec!["shop/db-0".to_owned()]));
    assert_eq!(plan.drain.expect("a drain").reached, 2);
    let strict = Questions {
        is_strict: true,
        ..asked
    };
    assert!(ask(&items, &strict).missed.is_some());
}

#[test]
fn pods_that_keep_apart_veto_a_check_and_not_a_drain() {
    let apart = json!({"affinity": {"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": {"app": "web"}}}]}}, "nodeSelector": {TYPE: "t"}});
    let mut items = vec![];
    for number in 0..5 {
        let kind = if number < 2 { "t" } else { "u" };
        items.push(node(&format!("n{number}"), ["4", "16Gi", "110"], "", kind));
    }
    for number in 0..2 {
        let on = format!("n{number}");
        items.push(pod(
            &format!("web-{number}"),
            ["1", "1Gi"],
            Some(&on),
            &apart,
        ));
    }
    let plan = ask(
        &items,
        &Questions {
            minimize: Some(Minimize::Nodes),
            survive: vec![Survive::Node(1)],
            is_strict: false,
            ..questions()
        },
    );
    assert!(plan.missed.is_some() && plan.aside.is_empty());
    let drain = plan.drain.expect("a drain");
    assert_eq!((drain.reached, drain.excused.len()), (2, 2));
}

#[test]
fn the_node_that_a_waiting_pod_would_get_stays() {
    let room = ["4", "16Gi", "110"];
    let mut items = vec![node("a", room, "", ""), node("b", room, "", "")];
    items.push(pod("web-0", ["3", "1Gi"], Some("a"), &json!({})));
    items.push(pod("late-0", ["3", "1Gi"], None, &json!({})));
    let asked = Questions {
        minimize: Some(Minimize::Nodes),
        is_strict: false,
        ..questions()
    };
    let plan = ask(&items, &asked);
    assert_eq!(plan.expected, ["shop/late-0"]);
    let drain = plan.drain.expect("a drain");
    assert_eq!(
        (drain.reached, drain.bound, drain.drained.moves.len()),
        (2, 2, 0)
    );
    assert_eq!(plan.planned.nodes_of_pods.len(), 2);
}

#[test]
fn a_waiting_pod_that_a_loss_would_leave_waiting_vetoes_no_drain() {
    let room = ["4", "16Gi", "110"];
    let mut items = vec![node("e", ["2", "16Gi", "110"], "", "")];
    items.extend(["a", "b", "c"].map(|name| node(name, room, "", "")));
    items.push(pod("web-0", ["2", "1Gi"], Some("a"), &json!({})));
    items.push(pod("web-1", ["2", "1Gi"], Some("b"), &json!({})));
    items.push(pod("late-0", ["4", "1Gi"], None, &json!({})));
    let asked = Questions {
        minimize: Some(Minimize::Nodes),
        survive: vec![Survive::Node(1)],
        is_strict: false,
        ..questions()
    };
    let plan = ask(&items, &asked);
    assert_eq!((plan.missed, plan.expected.len()), (None, 1));
    let drain = plan.drain.expect("a drain");
    assert_eq!(
        (drain.reached, drain.excused),
        (3, vec!["shop/late-0".to_owned()])
    );
}

/// `getExpectedPodCount`: a budget counts the pods that a replica set wants, not those that are there.
#[test]
fn replicas_that_are_missing_count_against_a_budget() {
    let room = ["4", "16Gi", "110"];
    let mut items: Vec<Value> = (0..3)
        .map(|own| node(&format!("n{own}"), room, "", ""))
        .collect();
    for own in 0..3 {
        let on = format!("n{own}");
        items.push(pod(
            &format!("web-{own}"),
            ["1", "1Gi"],
            Some(&on),
            &json!({}),
        ));
    }
    items.push(
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}}),
    );
    let asked = Questions {
        minimize: Some(Minimize::Nodes),
        is_strict: false,
        ..questions()
    };
    for (replicas, reached) in [(3, 1), (4, 3), (5, 3)] {
        let mut items = items.clone();
        items.push(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c"}]}}}}));
        let drain = ask(&items, &asked).drain.expect("a drain");
        assert_eq!(drain.reached, reached, "{replicas}");
    }
}

#[test]
fn names_of_usage_that_no_pod_has_are_told() {
    let table = "namespace,workload,cpu\nshop,web,1\n,aip,2\nshop,db-1,1\n";
    let mut usage = super::super::usage::Usage::default();
    let input = Input::bytes("usage.csv", table.as_bytes());
    usage.read(&input, None).expect("a table");
    let items = [
        node("a", ["4", "16Gi", "110"], "", ""),
        pod("web-0", ["1", "1Gi"], Some("a"), &json!({})),
    ];
    assert_eq!(
        usage.without_pods(&snapshot(&items).pods),
        ["aip", "shop/db-1"]
    );
}

#[test]
fn a_local_volume_keeps_its_node_and_the_only_zone_is_lost_with_all() {
    let room = ["4", "16Gi", "110"];
    let mut items = vec![node("a", room, "x", ""), node("b", room, "y", "")];
    let claim = json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}]});
    items.push(pod("db-0", ["1", "1Gi"], Some("a"), &claim));
    items.push(pod("web-0", ["3500m", "1Gi"], Some("b"), &json!({})));
    items.push(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "d", "namespace": "shop"}, "spec": {"volumeName": "v",
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Bound"}}));
    items.push(
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "local": {"path": "/d"}, "claimRef": {"namespace": "shop", "name": "d"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": ["a"]}]}]}}}}),
    );
    let asked = Questions {
        minimize: Some(Minimize::Nodes),
        is_strict: false,
        ..questions()
    };
    let drain = ask(&items, &asked).drain.expect("a drain");
    let sorts = drain.blockers.iter().map(|own| (own.sort, &*own.reason));
    let tied = ("a volume that no other node reaches", "`shop/d`");
    assert!(sorts.into_iter().any(|own| own == tied));
    items[3] = pod("web-0", ["1", "1Gi"], Some("b"), &json!({}));
    let drain = ask(&items, &asked).drain.expect("a drain");
    assert_eq!((drain.reached, drain.picture.zone_losses.len()), (1, 1));
}

//! Growth joined with claims, goals, drains and purchases.

use super::*;

/// Nodes of four cores, and pods of three, two or one core, one on each of the first.
fn full(nodes: usize, pods: usize, cpu: &str) -> Vec<Value> {
    let names = (0..nodes).map(|own| format!("n{own:02}"));
    let mut items: Vec<Value> = names
        .map(|name| node(&name, ["4", "16Gi", "110"], "", "t"))
        .collect();
    items.extend((0..pods).map(|own| {
        let on = format!("n{:02}", own % nodes);
        pod(&format!("web-{own}"), [cpu, "1Gi"], Some(&on), &json!({}))
    }));
    items
}

fn growing(rate: growth::Rate, horizon: u32) -> Questions {
    Questions {
        grow: vec![Grow {
            pattern: String::new(),
            rate,
        }],
        horizon,
        ..questions()
    }
}

#[test]
fn many_small_workloads_grow_by_the_rate() {
    let mut items = vec![node("n", ["400", "1600Gi", "1000"], "", "t")];
    for workload in 0..100 {
        for number in 0..2 {
            let name = format!("w{workload}-{number}");
            items.push(pod(&name, ["100m", "1Mi"], Some("n"), &json!({})));
        }
    }
    let months = ask(&items, &growing(growth::Rate::Share(10_000), 12)).months;
    let pods: Vec<u64> = months.iter().map(|own| own.pods).collect();
    assert_eq!(
        pods,
        [202, 204, 206, 208, 210, 212, 214, 217, 219, 221, 223, 225]
    );
    let shrinking = ask(&full(2, 4, "1"), &growing(growth::Rate::Share(-500_000), 2)).months;
    let pods: Vec<u64> = shrinking.iter().map(|own| own.pods).collect();
    assert_eq!(pods, [2, 1]);
    let taken = |month: &Month| month.zones[0].taken.of("cpu").requested;
    assert_eq!(
        shrinking.iter().map(taken).collect::<Vec<_>>(),
        [2_000, 1_000]
    );
}

/// The template of a stateful set gives a new replica a claim of its own: the volume of the first,
/// which lies in a zone that is full, and that one pod alone may use, does not bind it.
#[test]
fn replicas_of_a_stateful_set_have_claims_of_their_own() {
    let mut items = vec![
        node("a1", ["4", "16Gi", "110"], "a", ""),
        node("b1", ["4", "16Gi", "110"], "b", ""),
    ];
    items.push(
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
        "spec": {"accessModes": ["ReadWriteOncePod"], "capacity": {"storage": "1Gi"},
            "claimRef": {"namespace": "shop", "name": "data-db-0"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": ZONE, "operator": "In", "values": ["a"]}]}]}}}}),
    );
    items.push(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-db-0", "namespace": "shop",
            "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"accessModes": ["ReadWriteOncePod"], "volumeName": "pv",
            "resources": {"requests": {"storage": "1Gi"}}}}));
    let more =
        json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data-db-0"}}]});
    let mut own = pod("db-0", ["3", "1Gi"], Some("a1"), &more);
    own["metadata"]["ownerReferences"][0]["kind"] = "StatefulSet".into();
    items.push(own);
    let plan = ask(&items, &growing(growth::Rate::Pods(1), 1));
    assert_eq!(plan.months[0].first, None);
    assert_eq!(plan.today.headroom[0].fits, 1);
}

/// Volumes made for one pod alone count on the node that a further one finds, and go with a pod that moves.
#[test]
fn volumes_of_further_pods_count_on_their_nodes() {
    let driver = json!([{"name": "ebs.csi.aws.com", "nodeID": "i", "allocatable": {"count": 3}}]);
    let around = |name: &str, zone: &str| {
        [
            node(name, ["4", "16Gi", "110"], zone, "t"),
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": name},
                "spec": {"drivers": driver}}),
        ]
    };
    let fits = |kind: &str, claim: &str, volume: Value| {
        let mut items: Vec<Value> = [around("a1", "a"), around("b1", "b")].concat();
        items.extend([
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "gp3"},
                "provisioner": "ebs.csi.aws.com", "volumeBindingMode": "WaitForFirstConsumer"}),
            json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
                "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "storageClassName": "gp3",
                    "claimRef": {"namespace": "shop", "name": claim},
                    "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "pv"},
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                        {"key": ZONE, "operator": "In", "values": ["a"]}]}]}}}}),
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": claim, "namespace": "shop",
                    "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
                "spec": {"accessModes": ["ReadWriteOnce"], "volumeName": "pv", "storageClassName": "gp3",
                    "resources": {"requests": {"storage": "1Gi"}}}}),
        ]);
        let more = json!({"volumes": [volume]});
        let mut own = pod("db-0", ["100m", "1Gi"], Some("a1"), &more);
        own["metadata"]["ownerReferences"][0]["kind"] = kind.into();
        items.push(own);
        let pinned = json!({"nodeSelector": {"kubernetes.io/hostname": "b1"}});
        items.push(pod("pin-0", ["50m", "1Gi"], Some("b1"), &pinned));
        let drained = Questions {
            minimize: Some(Minimize::Nodes),
            ..questions()
        };
        let plan = ask(&items, &drained);
        (
            plan.today.headroom[0].fits,
            plan.drain.map(|own| own.reached),
        )
    };
    let own = json!({"name": "d", "ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "gp3",
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}});
    assert_eq!(fits("ReplicaSet", "db-0-d", own), (5, Some(1)));
    let stays = json!({"name": "d", "persistentVolumeClaim": {"claimName": "d-db-0"}});
    assert_eq!(fits("StatefulSet", "d-db-0", stays), (5, Some(2)));
}

#[test]
fn each_month_has_to_meet_the_goals() {
    // Room for 12 pods on 6 nodes, and for 10 on any five of them.
    let items = full(6, 6, "2");
    let mut asked = growing(growth::Rate::Pods(1), 12);
    let month = |plan: &Plan| plan.months.last().map(|own| (own.month, own.pods));
    assert_eq!(month(&ask(&items, &asked)), Some((7, 13)));
    asked.survive = vec![Survive::Node(1)];
    let plan = ask(&items, &asked);
    assert_eq!(month(&plan), Some((5, 11)));
    let missed = plan.months[4].missed.as_ref().expect("a missed goal");
    assert_says(&missed.message, "after the loss of node");
}

#[test]
fn nodes_that_stay_and_come_hold_the_pods_of_the_last_month() {
    let items = full(6, 6, "2");
    let drained = Questions {
        minimize: Some(Minimize::Nodes),
        ..growing(growth::Rate::Pods(1), 4)
    };
    let plan = ask(&items, &drained);
    assert_eq!(plan.ahead, Some(Ahead { month: 4, pods: 10 }));
    let drain = plan.drain.expect("a drain");
    assert_eq!((drain.reached, drain.bound), (5, 5));
    // Moves are of pods that are there, and so is the cluster of the plan.
    let is_there = |name: &String| {
        items
            .iter()
            .any(|own| name.ends_with(own["metadata"]["name"].as_str().unwrap_or("-")))
    };
    assert!(drain.drained.moves.iter().all(|own| is_there(&own.pod)));
    assert_eq!(plan.planned.nodes_of_pods.len(), 6);
    let later = ask(
        &items,
        &Questions {
            horizon: 8,
            ..drained
        },
    );
    assert!(later.drain.is_none() && later.months.last().is_some_and(Month::is_full));
    let bought = Questions {
        keeps: true,
        ..buying(Minimize::Nodes, &[("t", 1)])
    };
    let bought = Questions {
        grow: vec![Grow {
            pattern: String::new(),
            rate: growth::Rate::Pods(1),
        }],
        horizon: 8,
        ..bought
    };
    let bought = ask(&items, &bought).buy.expect("a purchase");
    assert_eq!(bought.purchase.reached.expect("enough").counts, [1]);
}

/// Fargate gives each further pod a node of its own: the machines have room for the others.
#[test]
fn replicas_of_virtual_nodes_bring_their_own() {
    let mut items = full(2, 2, "2");
    items.push(node("f", ["1", "2Gi", "1"], "", ""));
    items[4]["spec"]["taints"] = json!([{"key": "eks.amazonaws.com/compute-type", "value": "fargate", "effect": "NoSchedule"}]);
    let foreign = json!({"schedulerName": "fargate-scheduler"});
    items.push(pod("fg-0", ["1", "1Gi"], Some("f"), &foreign));
    let asked = growing(growth::Rate::Share(1_000_000), 2);
    let months = ask(&items, &asked).months;
    let outcomes: Vec<(u64, u64)> = months.iter().map(|own| (own.pods, own.waiting)).collect();
    assert_eq!(outcomes, [(6, 0), (12, 4)]);
}

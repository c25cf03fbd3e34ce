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

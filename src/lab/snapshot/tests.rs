use super::*;
use crate::trace::manifest::read_manifests;

const NODES: &str = "\
{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}}
---
{apiVersion: v1, kind: Node, metadata: {name: n2}, status: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}}
";

fn pod(name: &str, node: &str, phase: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop}}, spec: \
         {{nodeName: '{node}', containers: [{{name: a, resources: {{requests: {{cpu: 1}}}}}}]}}, \
         status: {{phase: {phase}}}}}\n"
    )
}

fn snapshot(pods: &[(&str, &str, &str)]) -> Snapshot {
    let mut text = NODES.to_owned();
    for (name, node, phase) in pods {
        text.push_str(&pod(name, node, phase));
    }
    let read = read_manifests("dump.yaml", &text).expect("manifests");
    let gathered = Gathered {
        nodes: read.nodes.into_iter().map(Arc::new).collect(),
        pods: read.pods,
        objects: read.objects,
        ..Gathered::default()
    };
    Snapshot::new(gathered).expect("a snapshot")
}

#[test]
fn pods_hold_their_node_unless_they_have_ended() {
    let snapshot = snapshot(&[
        ("runs", "n1", "Running"),
        ("pulls", "n1", "Pending"),
        ("lost-sight", "n1", "Unknown"),
        ("done", "n1", "Succeeded"),
        ("broke", "n1", "Failed"),
        ("waits", "", "Pending"),
        ("astray", "n9", "Running"),
    ]);
    let node = snapshot.cache.node("n1").expect("a node");
    assert_eq!(node.requested.cpu_milli, 3_000);
    let counts = PodCounts {
        bound: 3,
        pending: 1,
        finished: 2,
        lost: 1,
    };
    assert_eq!(snapshot.counts, counts);
    assert_eq!(
        snapshot.warnings,
        ["1 pods are on nodes that are not there and are left out: `shop/astray` on `n9`"]
    );
    let namespaces = &snapshot.cache.objects.namespaces;
    assert!(namespaces.contains_key("shop") && namespaces.contains_key("default"));
}

#[test]
fn pods_are_found_by_name_and_near_names_are_told() {
    let snapshot = snapshot(&[("cart-0", "n1", "Running"), ("waits", "", "Pending")]);
    assert_eq!(&*snapshot.pod("shop/waits").expect("a pod").name, "waits");
    assert_eq!(&*snapshot.pod("cart-0").expect("a pod").name, "cart-0");
    for (wanted, told) in [
        ("shop/cart-1", "did you mean `shop/cart-0`?"),
        ("data/waits", "did you mean `shop/waits`?"),
        ("cart", "did you mean `shop/cart-0`?"),
        ("nothing", "it has 2 pods, 1 of them without a node"),
    ] {
        let error = snapshot.pod(wanted).expect_err("no pod").to_string();
        assert!(error.contains(told), "{error}");
    }
    let error = snapshot.node_name("n3").expect_err("no node").to_string();
    assert!(error.contains("there is `n1`, `n2`"), "{error}");
}

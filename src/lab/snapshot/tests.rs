use super::*;
use crate::fixture::Scratch;
use k8s::read_manifests;

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
        [
            "1 pod names 1 node that no file has (first: `shop/astray` on `n9`): they are left out and hold no room \
          (a real cluster deletes pods of a node that is gone after 40 s); if the files are a part of a cluster, \
          dump all of its nodes"
        ]
    );
    let namespaces = &snapshot.cache.objects.namespaces;
    assert!(namespaces.contains_key("shop") && namespaces.contains_key("default"));
}

/// A pod that is looked at has the priority that the snapshot's classes give it, wherever these
/// stand.
#[test]
fn a_pod_takes_its_priority_from_the_classes_of_the_snapshot() {
    let folder = Scratch::new();
    let write = |name: &str, text: &str| folder.file(name, text);
    let class = |name: &str, value: i32, rest: &str| {
        format!(
            "{{kind: PriorityClass, apiVersion: scheduling.k8s.io/v1, metadata: {{name: {name}}}, value: {value}{rest}}}\n---\n"
        )
    };
    let classes = class("high", 900, ", preemptionPolicy: Never")
        + &class("usual", 7, ", globalDefault: true");
    let files = [
        write("pods.yaml", &pod("runs", "n1", "Running")),
        write("nodes.yaml", NODES),
        write("classes.yaml", &classes),
    ];
    let snapshot = Snapshot::read(&files, &SnapshotOptions::default()).expect("a snapshot");
    assert_eq!(snapshot.pod("runs").expect("a pod").spec.priority, 7);
    for (stated, priority, preempts, findings) in [
        ("priorityClassName: high, ", 900, false, 0),
        ("priorityClassName: high, priority: 5, ", 5, true, 0),
        (
            "priorityClassName: system-node-critical, ",
            2_000_001_000,
            true,
            0,
        ),
        ("priorityClassName: hihg, ", 0, true, 1),
        ("", 7, true, 0),
    ] {
        let text = pod("new", "", "Pending").replace("spec: {", &format!("spec: {{{stated}"));
        let path = write("new.yaml", &text);
        let (pod, told) = read_pod(&path, &snapshot.admission).expect("a pod");
        let found = (pod.spec.priority, pod.spec.preempts, told.len());
        assert_eq!(found, (priority, preempts, findings), "{stated}: {told:?}");
    }
}

#[test]
fn dumps_that_overlap_are_one_where_they_agree() {
    let folder = Scratch::new();
    let write =
        |name: &str, pods: &[String]| folder.file(name, &(NODES.to_owned() + &pods.concat()));
    let (runs, waits) = (pod("runs", "n1", "Running"), pod("waits", "", "Pending"));
    let one = write("one.yaml", std::slice::from_ref(&runs));
    let read = |other: PathBuf| Snapshot::read(&[one.clone(), other], &SnapshotOptions::default());
    let both = read(write("two.yaml", &[runs.clone(), waits])).expect("a snapshot");
    assert_eq!(both.cache.node_count(), 2);
    assert_eq!((both.counts.bound, both.counts.pending), (1, 1));
    for (other, expected) in [
        (
            pod("runs", "n2", "Running"),
            "Pod `shop/runs`: metadata.name",
        ),
        (
            NODES.replacen('4', "5", 1).replacen("n2", "n3", 1),
            "Node `n1`: metadata.name: expected a unique name (also used in document 1, of another",
        ),
    ] {
        let other = folder.file("other.yaml", &other);
        let message = read(other).expect_err("two states").to_string();
        let message = message.replace(&format!("{}, ", one.display()), "");
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("read dumps of one time"), "{message}");
    }
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

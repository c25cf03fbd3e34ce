//! Runtime classes of dumps, and pods that name them.

use serde_json::{Value, json};

use super::cluster::{Course, Pod, nodes, object, template};

fn class() -> Value {
    json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "kata", "uid": "kata"},
        "handler": "kata", "overhead": {"podFixed": {"cpu": "3"}},
        "scheduling": {"nodeSelector": {"kubernetes.io/hostname": "n-1"}}})
}

/// New pods take what their class takes beside their containers and go where it sends them: those that are
/// asked about, those of templates, and those that are applied later.
#[test]
fn new_pods_get_what_their_class_has() {
    let mut web = template("web");
    web["spec"]["runtimeClassName"] = "kata".into();
    let spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": web});
    let deployment = object("apps/v1", "Deployment", "web", &spec);
    let rest = "operations: [{at: 1m, apply: pod.json}]\nstop: {at: 10m}";
    let begun = Course::new(&[nodes(), vec![class(), deployment]], Vec::new(), rest);
    let mut pod = Pod::new("later", &web, "").0;
    pod["status"] = json!({});
    pod["metadata"] = json!({"name": "later", "namespace": "d"});
    std::fs::write(begun.0.path("pod.json"), pod.to_string()).expect("a file of the test");
    let told = begun.told(&["bound", "unschedulable"]);
    let bound: Vec<&String> = told
        .iter()
        .filter(|line| line.contains(" bound "))
        .collect();
    // Two of 3.5 cores fit on a node of 8.
    assert_eq!(bound.len(), 2, "{told:?}");
    assert!(
        bound.iter().all(|line| line.ends_with(" to n-1")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with("60.0 s unschedulable later")),
        "{told:?}"
    );
    let answer = begun.0.run(&["place", "dump.json", "pod.json"], 0);
    assert!(answer.contains("2 more of d/later fit"), "{answer}");
}

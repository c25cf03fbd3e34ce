//! Waiting pods and what wakes them, from files to bindings: each case of `tests/data/hints` is an experiment
//! in which a pod waits for one plugin, something happens at 20 s, and the pod is bound then or not at all
//! before the queue's own flush at 5 min (kubernetes.md 1.2).

use serde_json::{Map, Value, json};

use windtunnel::k8s::read_values;

use crate::kube_scenario::Scratch;

const CASES: &str = include_str!("../data/hints/cases.yaml");

/// When what may help happens, in seconds.
const EVENT: f64 = 20.0;

fn text<'v>(value: &'v Value, field: &str, default: &'v str) -> &'v str {
    value[field].as_str().unwrap_or(default)
}

/// A value with another in the place of its fields.
fn merged(base: &Value, other: &Value) -> Value {
    let (Value::Object(base), Value::Object(other)) = (base, other) else {
        return other.clone();
    };
    let mut merged = base.clone();
    for (key, value) in other {
        let known = merged
            .get(key)
            .filter(|_| value.as_object().is_some_and(|own| !own.is_empty()));
        let value = known.map_or(value.clone(), |known| merged_or(known, value));
        merged.insert(key.clone(), value);
    }
    Value::Object(merged)
}

fn merged_or(known: &Value, value: &Value) -> Value {
    if known.is_object() {
        merged(known, value)
    } else {
        value.clone()
    }
}

fn node(own: &Value) -> Value {
    let name = text(own, "name", "n0");
    let offered =
        json!({"cpu": own.get("cpu").unwrap_or(&json!(4)), "memory": "16Gi", "pods": 110});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": merged(&json!({"kubernetes.io/hostname": name}), &object(&own["labels"]))},
        "spec": {"taints": own["taints"], "unschedulable": own["unschedulable"]},
        "status": {
            "allocatable": merged(&offered, &object(&own["extended"])),
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    })
}

fn object(value: &Value) -> Value {
    Value::Object(value.as_object().cloned().unwrap_or_default())
}

fn pod(own: &Value) -> Value {
    let asked = json!({"cpu": own.get("cpu").unwrap_or(&json!("10m")), "memory": "64Mi"});
    let mut container = json!({
        "name": "c", "image": "i",
        "resources": {"requests": merged(&asked, &object(&own["extended"])), "limits": own["extended"]},
    });
    if let Some(port) = own.get("port") {
        container["ports"] = json!([{"containerPort": port, "hostPort": port}]);
    }
    let mut spec = json!({});
    if let Some(claim) = own.get("claim") {
        spec["volumes"] = json!([{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]);
    }
    if let Some(template) = own.get("device") {
        spec["resourceClaims"] = json!([{"name": "d", "resourceClaimTemplateName": template}]);
        container["resources"]["claims"] = json!([{"name": "d"}]);
    }
    if own["priority"] == true {
        spec["priorityClassName"] = "high".into();
    }
    let mut annotations = Map::new();
    if let Some(runs) = own.get("runs") {
        spec["restartPolicy"] = "Never".into();
        annotations.insert("windtunnel.dev/run-time".to_owned(), runs.clone());
    }
    if let Some(stops) = own.get("stops") {
        annotations.insert("windtunnel.dev/stop-time".to_owned(), stops.clone());
    }
    spec["containers"] = json!([container]);
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": text(own, "name", "w"), "namespace": text(own, "namespace", "default"),
            "labels": object(&own["labels"]), "annotations": annotations,
        },
        "spec": merged(&spec, &object(&own["spec"])),
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn file(objects: impl IntoIterator<Item = Value>) -> String {
    let objects: Vec<Value> = objects.into_iter().collect();
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

/// The experiment of a case.
fn scratch(case: &Value) -> Scratch {
    let nodes = match list(&case["nodes"]).map(node).collect::<Vec<Value>>() {
        none if none.is_empty() => vec![node(&json!({}))],
        nodes => nodes,
    };
    let class = json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000,
    });
    let first = list(&case["first"]).map(pod);
    let first = first.chain(list(&case["objects"]).cloned()).chain([class]);
    let waits = case.get("waits").cloned().unwrap_or(json!({}));
    let mut operations = vec![json!({"at": "10s", "apply": "waits.yaml"})];
    let mut happens = Vec::new();
    let event = case["event"].as_object().into_iter().flatten();
    for (kind, value) in event {
        let name = value.as_str().unwrap_or_default();
        operations.push(match kind.as_str() {
            "delete" => json!({"at": "20s", "delete": format!("Pod/default/{name}")}),
            "deleteNode" => json!({"at": "20s", "delete": format!("Node/{name}")}),
            "drain" | "uncordon" | "untaint" => json!({"at": "20s", kind: value}),
            _ => json!({"at": "20s", "apply": "event.yaml"}),
        });
        happens.extend(match kind.as_str() {
            "node" => vec![node(value)],
            "pod" => vec![pod(value)],
            "waits" => vec![pod(&merged(&waits, value))],
            "objects" => list(value).cloned().collect(),
            _ => Vec::new(),
        });
    }
    let experiment = json!({
        "windtunnel": "v1", "name": case["name"], "seed": 1,
        "cluster": {"nodes": [{"manifests": "nodes.yaml"}]},
        "workload": [{"manifests": "first.yaml"}],
        "system": {"name": "kubernetes", "controllers": {}},
        "operations": operations, "stop": {"at": "2m"},
    });
    let files = [
        ("nodes.yaml", file(nodes)),
        ("first.yaml", file(first)),
        ("waits.yaml", file([pod(&waits)])),
        ("event.yaml", file(happens)),
        ("s.yaml", experiment.to_string()),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    Scratch::new("hints", &files)
}

/// When the pod that waits is bound, in seconds.
fn bound(told: &[String]) -> Option<f64> {
    let mut lines = told.iter().filter(|line| line.contains(" w on "));
    let at = lines.next()?.split(' ').next()?;
    at.parse().ok()
}

#[test]
fn a_waiting_pod_is_bound_when_something_helps() {
    let cases = read_values(CASES).expect("a list of cases");
    let mut wrong = Vec::new();
    for case in cases.iter().flat_map(list) {
        let scratch = scratch(case);
        let loaded = scratch.load("s.yaml");
        let name = text(case, "name", "");
        if case["early"] == true {
            let remarks = loaded
                .prepared()
                .expect("a world")
                .remarks
                .lines()
                .join("\n");
            assert!(
                remarks.contains("there from the start of the run"),
                "{name}"
            );
            continue;
        }
        if case["refused"] == true {
            continue;
        }
        let at = bound(&loaded.run());
        let helps = case.get("helps").is_none_or(|helps| helps == true);
        let wanted = helps.then(|| case["at"].as_f64().unwrap_or(EVENT));
        let is_right = match (at, wanted) {
            (Some(at), Some(wanted)) => (wanted..wanted + 1.1).contains(&at),
            (at, wanted) => at == wanted,
        };
        if !is_right {
            wrong.push(format!("{name}: bound {at:?}, right is {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

//! `SwarmKit`: the nodes of the tasks of a new service.

use serde_json::{Map, Value, json};

use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::folder::Folder;
use crate::door::watch::Step;

/// Why other cases can't be said.
const INNER: &str = "a state that a swarm reaches by a history of its own (tasks of the same service, \
    failures, managers), or a rule of its agents; runs in `tests/it` have such histories";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let machines = list(case, "nodes");
    let expected = &case["expected"];
    let has_history = |own: &&Value| own.get("svc").is_some() || own.get("fails").is_some();
    if !expected["assigned"].is_object()
        || !list(case, "existing").is_empty()
        || machines.iter().any(has_history)
    {
        return Ok(Said::Unsaid(INNER.to_owned()));
    }
    let request = &case["request"];
    let service = request["service"].as_str().unwrap_or_default();
    let nodes: Vec<Value> = machines.iter().map(|own| machine(own)).collect();
    let nodes: Vec<&Value> = nodes.iter().collect();
    let workload = deployment(service, request);
    let mut folder = Folder::kubernetes(&nodes, &[&workload], 60);
    let mut placement = json!({});
    let preferences = list(request, "prefs").into_iter().filter_map(Value::as_str);
    let preferences: Vec<String> = preferences
        .map(|own| format!("node.labels.{own}"))
        .collect();
    if !preferences.is_empty() {
        placement["spread"] = json!(preferences);
    }
    if let Some(most) = request.get("maxrep") {
        placement["maxReplicasPerNode"] = most.clone();
    }
    folder.set(
        "system",
        json!({"name": "swarmkit", "swarmkit": {"placement": {service: placement}}}),
    );
    let watch = folder.watch()?;
    let mut assigned: Map<String, Value> = Map::new();
    let mut left = request["tasks"].as_u64().unwrap_or_default();
    for own in &watch.pods {
        if let Step::Bound(node) = &own.step {
            let count = assigned
                .get(node)
                .and_then(Value::as_u64)
                .unwrap_or_default();
            assigned.insert(node.clone(), (count + 1).into());
            left = left.saturating_sub(1);
        }
    }
    let mut differences = Differences::default();
    differences.field(
        "assigned",
        expected.get("assigned"),
        &Value::Object(assigned),
    );
    differences.field("pending", expected.get("pending"), &left.into());
    Ok(if differences.is_empty() {
        Said::Agrees
    } else {
        Said::Differs(differences.told())
    })
}

fn machine(own: &Value) -> Value {
    let amount = |field: &str, default: u64| {
        let stated = own.get(field).and_then(Value::as_u64);
        stated.unwrap_or(default).to_string()
    };
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": own["id"], "labels": own.get("labels").cloned().unwrap_or(json!({}))},
        "spec": {"unschedulable": own["ready"] == false},
        "status": {"allocatable": {
            "cpu": amount("cpu", 64), "memory": amount("mem", 1 << 36), "pods": "110",
        }},
    })
}

fn deployment(service: &str, request: &Value) -> Value {
    let mut requests = json!({});
    if let Some(cpu) = request["cpu"].as_u64() {
        requests["cpu"] = cpu.to_string().into();
    }
    if let Some(memory) = request["mem"].as_u64() {
        requests["memory"] = memory.to_string().into();
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": service, "namespace": "default"},
        "spec": {
            "replicas": request["tasks"],
            "selector": {"matchLabels": {"app": service}},
            "template": {
                "metadata": {"labels": {"app": service}},
                "spec": {"containers": [{
                    "name": "c", "image": "app:1", "resources": {"requests": requests},
                }]},
            },
        },
    })
}

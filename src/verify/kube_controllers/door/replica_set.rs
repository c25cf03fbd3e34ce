//! Replica sets of a dump that a user scales down.

use serde_json::{Value, json};

use super::{date, folder, node, number, owner, pod, readiness, said, stuck, tell_to_end, uid};
use crate::cases::{Differences, list};
use crate::door::Said;
use model::workload::observed::deletion_cost;
use units::Instant;

pub(super) fn decide_victims(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let mut pods: Vec<(&str, &Value)> = Vec::new();
    pods.extend(list(input, "pods").into_iter().map(|pod| ("a", pod)));
    let others = list(input, "otherRelatedPods").into_iter();
    pods.extend(others.map(|pod| ("b", pod)));
    scale_down(
        number(&input["now"]),
        &pods,
        &list(&case["expect"], "order"),
    )
}

pub(super) fn decide_scale_down(case: &Value) -> Result<Said, String> {
    let pods = list(case, "pods").into_iter();
    let pods: Vec<(&str, &Value)> = pods
        .map(|pod| match pod["replicaSet"].as_str() {
            Some("a") => ("a", pod),
            _ => ("b", pod),
        })
        .collect();
    scale_down(number(&case["now"]), &pods, &list(case, "expect"))
}

/// Why some costs can't be said.
const REFUSED: &str = "an API server refuses a pod whose deletion cost is no whole number of 32 bits \
    (validation.go, ValidatePodSpecificAnnotations)";

/// Why some states can't be kept.
const UNREADY: &str = "a kubelet reports a pod as not ready whose containers don't run, so that one that is \
    pending and ready does not last";

/// Halves the set `a` and holds those that go against the first ones recorded.
fn scale_down(now: f64, pods: &[(&str, &Value)], order: &[&Value]) -> Result<Said, String> {
    let is_refused = |cost: &str| deletion_cost(cost).is_none();
    if pods
        .iter()
        .any(|(_, pod)| pod["deletionCost"].as_str().is_some_and(is_refused))
    {
        return Ok(Said::Unsaid(REFUSED.to_owned()));
    }
    let is_ready = |pod: &Value| pod["readySince"].is_number() || pod["ready"] == true;
    let is_bound = |pod: &Value| pod["node"].as_str().is_some_and(|name| !name.is_empty());
    if pods
        .iter()
        .any(|(_, pod)| pod["phase"] == "Pending" && is_bound(pod) && is_ready(pod))
    {
        return Ok(Said::Unsaid(UNREADY.to_owned()));
    }
    let mut objects = Vec::new();
    let mut nodes: Vec<Value> = Vec::new();
    for set in ["a", "b"] {
        // The controllers' common owner is of a kind that acts on neither.
        objects.push(json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": set, "namespace": "default", "uid": uid("ReplicaSet", set),
                "ownerReferences": owner("Rollout", "r"),
            },
            "spec": {
                "replicas": pods.iter().filter(|(own, pod)| *own == set && is_active(pod)).count(),
                "selector": {"matchLabels": {"app": "web", "set": set}},
                "template": {
                    "metadata": {"labels": {"app": "web", "set": set}},
                    "spec": {
                        "schedulerName": "none",
                        "containers": [{"name": "c", "image": "app:1"}],
                    },
                },
            },
        }));
    }
    for (set, seen) in pods {
        let name = seen["node"].as_str().filter(|name| !name.is_empty());
        if let Some(name) = name
            && nodes.iter().all(|own| own["metadata"]["name"] != name)
        {
            nodes.push(node(name));
        }
        objects.push(member(now, set, seen));
    }
    if nodes.is_empty() {
        nodes.push(node("n"));
    }
    let mut folder = folder(&nodes, &objects, 1);
    let kept = order.len() / 2;
    folder.operate(
        0,
        json!({"scale": "ReplicaSet/default/a", "replicas": kept}),
    );
    let watch = folder.watch()?;
    let recorded = order.iter().take(order.len() - kept);
    let mut recorded: Vec<&str> = recorded.filter_map(|name| name.as_str()).collect();
    let mut decided = watch.deleted_until(Instant::ZERO);
    recorded.sort_unstable();
    decided.sort_unstable();
    let mut differences = Differences::default();
    differences.field("deleted", Some(&json!(recorded)), &json!(decided));
    Ok(said(&differences))
}

fn is_active(pod: &Value) -> bool {
    let phase = pod["phase"].as_str().unwrap_or_default();
    !matches!(phase, "Succeeded" | "Failed") && pod["deleting"] != true
}

/// A pod of a set.
fn member(now: f64, set: &str, seen: &Value) -> Value {
    let mut own = pod(seen["name"].as_str().unwrap_or_default());
    let meta = &mut own["metadata"];
    meta["labels"]["set"] = set.into();
    meta["uid"] = seen["uid"].clone();
    meta["ownerReferences"] = owner("ReplicaSet", set);
    if let Some(created) = seen["created"].as_f64() {
        meta["creationTimestamp"] = date(created, now);
    }
    if let Some(cost) = seen.get("deletionCost").filter(|cost| !cost.is_null()) {
        let cost = cost
            .as_str()
            .map_or_else(|| cost.to_string(), str::to_owned);
        meta["annotations"] = json!({"controller.kubernetes.io/pod-deletion-cost": cost});
    }
    if seen["deleting"] == true {
        tell_to_end(&mut own, now);
    }
    let spec = &mut own["spec"];
    spec["schedulerName"] = "none".into();
    if let Some(node) = seen["node"].as_str().filter(|node| !node.is_empty()) {
        spec["nodeName"] = node.into();
    }
    let mut status = conditions(now, seen);
    let counts: Vec<Value> = match &seen["restarts"] {
        Value::Array(all) => all.clone(),
        Value::Null => vec![0.into()],
        one => vec![one.clone()],
    };
    let containers =
        (0..counts.len()).map(|place| json!({"name": format!("c{place}"), "image": "app:1"}));
    spec["containers"] = containers.collect();
    let state = match seen["phase"].as_str() {
        Some("Pending") => stuck(),
        _ => json!({}),
    };
    let reported = |kind: char, counts: &[Value]| -> Value {
        let statuses = counts.iter().enumerate().map(|(place, count)| {
            json!({
                "name": format!("{kind}{place}"), "image": "app:1",
                "restartCount": count, "ready": false, "state": state,
            })
        });
        statuses.collect()
    };
    status["containerStatuses"] = reported('c', &counts);
    let sidecars = list(seen, "sidecarRestarts");
    if !sidecars.is_empty() {
        let containers = (0..sidecars.len()).map(
            |place| json!({"name": format!("s{place}"), "image": "app:1", "restartPolicy": "Always"}),
        );
        spec["initContainers"] = containers.collect();
        let sidecars: Vec<Value> = sidecars.into_iter().cloned().collect();
        status["initContainerStatuses"] = reported('s', &sidecars);
    }
    own["status"] = status;
    own
}

/// The phase of a pod, and since when it is ready.
fn conditions(now: f64, seen: &Value) -> Value {
    let mut status = json!({"phase": seen["phase"]});
    if let Some(created) = seen["created"].as_f64() {
        status["startTime"] = date(created, now);
    }
    let ready = match (seen["readySince"].as_f64(), seen["ready"].as_bool()) {
        (Some(since), _) => Some((true, Some(since))),
        (None, Some(ready)) => Some((ready, seen["readyChanged"].as_f64())),
        (None, None) => None,
    };
    if let Some((is_ready, since)) = ready {
        let changed = since.map_or(Value::Null, |since| date(since, now));
        status["conditions"] = json!([readiness(is_ready, &changed)]);
    }
    status
}

//! A node of a group of the cluster autoscaler, with the pods of a case, beside one that has room for all of
//! them: whether it goes, and which of its pods are told to end for that. How much of it is used shows by
//! two thresholds, one just above the recorded part and one below.

use serde_json::{Value, json};

use super::{date, folder, node, number, pod, readiness, said};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::watch::{NodeChange, Step, Watch};
use units::{Instant, SortedMap};

/// The node of a case.
const NODE: &str = "n";

/// Name of the controllers of pods, and key of the label by which they select them.
const ABOVE: &str = "above";

/// Kinds of controllers that the autoscaler looks for.
const KINDS: [&str; 4] = ["ReplicaSet", "ReplicationController", "StatefulSet", "Job"];

/// The taint of a node that is to go.
const TAINT: &str = "ToBeDeletedByClusterAutoscaler";

/// The end of a run, in seconds: after the evictions, and before a node that stays is looked at again.
const END: i64 = 12;

/// Why pods that ended can't be said.
const ENDED: &str = "the cluster autoscaler lists no pods that ended (`NewAllPodLister`), so that no node has \
    one to look at";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let pods = list(input, "pods");
    if pods.iter().any(|pod| pod["phase"] != "Running") {
        return Ok(Said::Unsaid(ENDED.to_owned()));
    }
    let expect = &case["expect"];
    let used = &expect["utilization"];
    let part = number(&used["max"]);
    // The lowest threshold in millionths that the part is not above.
    let mut above = (part * 1e6).floor();
    while above / 1e6 < part {
        above += 1.0;
    }
    let run = |threshold: f64| run(input, &used["of"], threshold);
    let watch = run(above)?;
    let goes = expect["blocked"].is_null() && expect["pdbAllows"] == true;
    let mut differences = Differences::default();
    differences.field("goes", Some(&json!(goes)), &json!(is_going(&watch)));
    if goes {
        let evicted = evicted(&watch);
        let moved: Vec<&str> = told_to_end(expect, &pods);
        if expect["pdbInParallel"] == true && !moved.iter().any(|name| is_refused(input, name)) {
            differences.field("move", Some(&json!(moved)), &json!(evicted));
        } else {
            // The API takes some of the evictions later, or never.
            let further = evicted
                .iter()
                .filter(|name| !moved.contains(&name.as_str()));
            let further: Vec<&String> = further.collect();
            differences.field("further", Some(&json!([])), &json!(further));
        }
        if part > 0.0 {
            let below = run(above - 1.0)?;
            let stays = !is_going(&below);
            differences.field("stays", Some(&json!(true)), &json!(stays));
        }
    }
    Ok(said(&differences))
}

/// Pods that are told to end for a node that goes; those that were told before are not told again.
fn told_to_end<'a>(expect: &'a Value, pods: &[&Value]) -> Vec<&'a str> {
    let moved = list(expect, "move").into_iter().filter_map(Value::as_str);
    let mut moved: Vec<&str> = moved
        .filter(|name| {
            let own = pods.iter().find(|pod| pod["name"] == *name);
            own.is_some_and(|pod| pod["deletionTimestampAge"].is_null())
        })
        .collect();
    moved.sort_unstable();
    moved
}

/// Whether the API refuses to evict a pod: more than one budget counts it.
fn is_refused(input: &Value, name: &str) -> bool {
    let pods = list(input, "pods");
    let own = pods.iter().find(|pod| pod["name"] == name);
    let counts = |budget: &&Value| {
        own.is_some_and(|pod| {
            pod["namespace"] == budget["namespace"] && pod["app"] == budget["app"]
        })
    };
    list(input, "pdbs").into_iter().filter(counts).count() > 1
}

fn is_going(watch: &Watch) -> bool {
    watch.nodes.iter().any(|own| match &own.change {
        NodeChange::Taints(taints) => {
            own.node == NODE && taints.iter().any(|taint| *taint.key == *TAINT)
        }
        NodeChange::Ready(_) => false,
    })
}

/// Names of the pods that were told to end since the beginning, in order.
fn evicted(watch: &Watch) -> Vec<String> {
    let told = watch.pods.iter().filter(|own| own.at > Instant::ZERO);
    let told = told.filter(|own| own.step == Step::Terminating);
    let mut names: Vec<String> = told.map(|own| own.short_name().to_owned()).collect();
    names.sort_unstable();
    names
}

/// A run of a case with a threshold, in millionths.
fn run(input: &Value, of: &Value, threshold: f64) -> Result<Watch, String> {
    let pods = list(input, "pods");
    let budgets = list(input, "pdbs");
    let mut own = node(NODE);
    let seen = &input["node"];
    let mut room = json!({
        "cpu": format!("{}m", seen["cpuMilli"]), "memory": seen["memory"].to_string(), "pods": "110",
    });
    if number(&seen["gpus"]) > 0.0 {
        room["nvidia.com/gpu"] = seen["gpus"].to_string().into();
    }
    own["status"]["allocatable"] = room.clone();
    own["metadata"]["labels"]["windtunnel.dev/node-group"] = "g".into();
    let mut roomy = node("roomy");
    roomy["status"]["allocatable"] =
        json!({"cpu": "1000", "memory": "4Ti", "pods": "1000", "nvidia.com/gpu": "16"});
    let mut objects: Vec<Value> = pods.iter().map(|seen| member(seen)).collect();
    objects.extend(above(&pods));
    for (number, budget) in budgets.iter().enumerate() {
        objects.extend(limit(number, budget, &pods, &budgets));
    }
    let mut folder = folder(&[own, roomy], &objects, END);
    let group = json!({"name": "g", "min": 0, "max": 2, "template": {"allocatable": room}});
    folder.set_in("cluster", "provider", json!({"groups": [group]}));
    let field = match of.as_str() {
        Some("nvidia.com/gpu") => "gpuUtilizationThreshold",
        _ => "utilizationThreshold",
    };
    folder.set_in(
        "system",
        "autoscaling",
        json!({"cluster": {
            field: format!("{:.6}", threshold / 1e6),
            "scanInterval": "1s", "unneededTime": "0s",
            "ignoreDaemonSetsUtilization": input["ignoreDaemonSets"] == true,
            "ignoreMirrorPodsUtilization": input["ignoreMirrorPods"] == true,
        }}),
    );
    folder.watch()
}

/// The controllers of a case's pods, as a node stays whose pods have none: one of each kind in each namespace, with
/// the pods that are there. Pods that it makes in their place go nowhere.
fn above(pods: &[&Value]) -> Vec<Value> {
    let mut counts: SortedMap<(&str, &str), u64> = SortedMap::new();
    for pod in pods {
        let kind = pod["controller"].as_str().unwrap_or_default();
        if KINDS.contains(&kind) {
            let namespace = pod["namespace"].as_str().unwrap_or_default();
            let lives = pod["deletionTimestampAge"].is_null();
            *counts.entry((kind, namespace)).or_default() += u64::from(lives);
        }
    }
    let mut spec = pod("p")["spec"].clone();
    spec["schedulerName"] = "none".into();
    let objects = counts.into_iter().map(|((kind, namespace), count)| {
        let labels = json!({ABOVE: kind});
        let mut own = json!({
            "apiVersion": version(kind), "kind": kind,
            "metadata": {"name": ABOVE, "namespace": namespace, "uid": format!("{kind}-{namespace}")},
            "spec": {"template": {"metadata": {"labels": labels}, "spec": spec}},
        });
        match kind {
            "Job" => {
                own["spec"]["parallelism"] = count.into();
                own["spec"]["template"]["spec"]["restartPolicy"] = "Never".into();
            }
            "ReplicationController" => {
                own["spec"]["replicas"] = count.into();
                own["spec"]["selector"] = labels;
            }
            // No pod of a case is named as those of a stateful set are.
            _ => {
                let replicas = if kind == "StatefulSet" { 0 } else { count };
                own["spec"]["replicas"] = replicas.into();
                own["spec"]["selector"] = json!({"matchLabels": labels});
            }
        }
        own
    });
    objects.collect()
}

fn version(kind: &str) -> &'static str {
    match kind {
        "Node" | "ReplicationController" => "v1",
        "Job" => "batch/v1",
        "CustomThing" => "example.com/v1",
        _ => "apps/v1",
    }
}

/// A pod of the node.
fn member(seen: &Value) -> Value {
    let name = seen["name"].as_str().unwrap_or_default();
    let mut own = pod(name);
    own["metadata"]["namespace"] = seen["namespace"].clone();
    own["metadata"]["labels"] = json!({"app": seen["app"]});
    own["metadata"]["creationTimestamp"] = date(-number(&seen["age"]), 0.0);
    let annotations = [
        (
            "cluster-autoscaler.kubernetes.io/safe-to-evict",
            "safeToEvict",
        ),
        (
            "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes",
            "safeToEvictLocalVolumes",
        ),
    ];
    own["metadata"]["annotations"] = json!({});
    for (key, field) in annotations {
        if let Some(value) = seen[field].as_str() {
            own["metadata"]["annotations"][key] = value.into();
        }
    }
    let kind = match seen["controller"].as_str() {
        Some("mirror") => {
            own["metadata"]["annotations"]["kubernetes.io/config.mirror"] = name.into();
            "Node"
        }
        kind => kind.unwrap_or_default(),
    };
    if !kind.is_empty() {
        let namespace = seen["namespace"].as_str().unwrap_or_default();
        own["metadata"]["labels"][ABOVE] = kind.into();
        own["metadata"]["ownerReferences"] = json!([{
            "apiVersion": version(kind), "kind": kind,
            "name": if kind == "Node" { NODE } else { ABOVE },
            "uid": format!("{kind}-{namespace}"), "controller": true,
        }]);
    }
    if let Some(age) = seen["deletionTimestampAge"].as_f64() {
        own["metadata"]["deletionTimestamp"] = date(-age, 0.0);
        own["metadata"]["deletionGracePeriodSeconds"] =
            seen["terminationGracePeriodSeconds"].clone();
    }
    let spec = &mut own["spec"];
    spec["nodeName"] = NODE.into();
    spec["restartPolicy"] = seen["restartPolicy"].clone();
    if !seen["terminationGracePeriodSeconds"].is_null() {
        spec["terminationGracePeriodSeconds"] = seen["terminationGracePeriodSeconds"].clone();
    }
    let mut requests = json!({
        "cpu": format!("{}m", seen["cpuMilli"]), "memory": seen["memory"].to_string(),
    });
    if number(&seen["gpus"]) > 0.0 {
        requests["nvidia.com/gpu"] = seen["gpus"].to_string().into();
        spec["containers"][0]["resources"]["limits"] =
            json!({"nvidia.com/gpu": requests["nvidia.com/gpu"]});
    }
    spec["containers"][0]["resources"]["requests"] = requests;
    spec["volumes"] = volumes(seen);
    own["status"] = running();
    own
}

/// The volume of a pod, if it has one.
fn volumes(seen: &Value) -> Value {
    let (kind, fields) = match seen["volume"].as_str() {
        Some("emptyDir") => ("emptyDir", json!({})),
        Some("emptyDir-memory") => ("emptyDir", json!({"medium": "Memory"})),
        Some("hostPath") => ("hostPath", json!({"path": "/data"})),
        Some("configMap") => ("configMap", json!({"name": "settings"})),
        _ => return json!([]),
    };
    json!([{"name": "v1", kind: fields}])
}

/// The status of a pod that runs.
fn running() -> Value {
    let since = date(-60.0, 0.0);
    json!({
        "phase": "Running", "startTime": since,
        "conditions": [readiness(true, &since)],
    })
}

/// A budget that allows as many disruptions as a case says, and pods elsewhere by which it does.
fn limit(place: usize, budget: &Value, pods: &[&Value], budgets: &[&Value]) -> Vec<Value> {
    let is_alike =
        |own: &Value| own["namespace"] == budget["namespace"] && own["app"] == budget["app"];
    let on_node = pods.iter().filter(|pod| is_alike(pod));
    let healthy = on_node
        .clone()
        .filter(|pod| pod["deletionTimestampAge"].is_null());
    let alike = budgets.iter().filter(|own| is_alike(own));
    let allowed = |own: &Value| own["disruptionsAllowed"].as_u64().unwrap_or_default();
    let most = alike.map(|own| allowed(own)).max().unwrap_or_default();
    let healthy = healthy.count() as u64 + most;
    let least = healthy - allowed(budget);
    let expected = on_node.count() as u64 + most;
    let name = format!("b{place}");
    let mut objects = vec![json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": budget["namespace"]},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": budget["app"]}}},
        "status": {
            "disruptionsAllowed": allowed(budget), "currentHealthy": healthy, "desiredHealthy": least,
            "expectedPods": expected,
        },
    })];
    let is_first = budgets.iter().position(|own| is_alike(own)) == Some(place);
    for number in 0..most {
        let mut own = pod(&format!("{name}-{number}"));
        own["metadata"]["namespace"] = budget["namespace"].clone();
        own["metadata"]["labels"] = json!({"app": budget["app"]});
        own["spec"]["nodeName"] = "roomy".into();
        own["status"] = running();
        objects.extend(is_first.then_some(own));
    }
    objects
}

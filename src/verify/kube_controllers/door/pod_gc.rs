//! Pods of nodes that users delete, of nodes that are out of service, and of none. The pods of a case that
//! ended end in the first seconds of its run, as pods of replica sets, which leave what ended alone.

use serde_json::{Value, json};

use super::{date, folder, node, number, owner, pod, said, stuck, uid};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::folder::Folder;
use crate::door::watch::{Step, Watch};
use units::{Duration, Instant};

/// Time between two passes, in seconds.
const PERIOD: i64 = 20;

/// The pass of a run that is the first of a case.
const FIRST: i64 = 5;

/// When nodes are cut off on which pods have ended, in seconds: they are not ready before the first pass.
const CUT_OFF: i64 = 10;

/// Time from what a user does before a pass to the pass, in seconds.
const AHEAD: i64 = 1;

/// For how long pods that are told to end take to do so, in seconds: longer than a run.
const GRACE: f64 = 600.0;

/// Why some ended pods that are too many can't be said.
const IMPOSSIBLE: &str = "ended pods are collected as too many among which are some that no cluster has: on no \
    node, or ended and deleted";
const EVICTED: &str = "ended pods are collected as too many, evicted ones first, and no experiment states when \
    a pod of a set is evicted";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let pods = list(input, "pods");
    let threshold = number(&input["terminatedPodThreshold"]) as usize;
    let ended = pods.iter().filter(|pod| is_ended(pod)).count();
    if threshold > 0 && ended > threshold {
        if !pods.iter().all(|pod| is_possible(pod)) {
            return Ok(Said::Unsaid(IMPOSSIBLE.to_owned()));
        }
        if pods
            .iter()
            .any(|pod| is_ended(pod) && pod["reason"] == "Evicted")
        {
            return Ok(Said::Unsaid(EVICTED.to_owned()));
        }
    }
    // Where none is one too many, what becomes of a pod rests on nothing but its node and itself.
    let pods: Vec<&Value> = pods.into_iter().filter(|pod| is_possible(pod)).collect();
    let passes = list(case, "expect");
    let mut folder = files(input, &pods, passes.len() as i64);
    folder.set_in(
        "system",
        "controllers",
        json!({"startDate": date(0.0, 0.0), "terminatedPodThreshold": threshold}),
    );
    let watch = folder.watch()?;
    let mut differences = Differences::default();
    for (pass, recorded) in passes.into_iter().enumerate() {
        let recorded = list(recorded, "deleted").into_iter();
        let recorded: Vec<&Value> = recorded
            .filter(|name| pods.iter().any(|pod| pod["name"] == **name))
            .collect();
        let decided: Vec<&str> = pods
            .iter()
            .filter(|pod| collected_in(pod, &watch) == Some(pass))
            .filter_map(|pod| pod["name"].as_str())
            .collect();
        let place = format!("pass {pass}");
        differences.loosely(&place, &json!(recorded), &json!(decided));
    }
    Ok(said(&differences))
}

fn is_ended(pod: &Value) -> bool {
    matches!(pod["phase"].as_str(), Some("Succeeded" | "Failed"))
}

fn node_of(pod: &Value) -> Option<&str> {
    pod["node"].as_str().filter(|name| !name.is_empty())
}

/// Whether a cluster has such a pod: none ends that was on no node, and one that has ended is gone as soon as
/// a user deletes it (`pod/strategy.go`, `CheckGracefulDelete`).
fn is_possible(pod: &Value) -> bool {
    !is_ended(pod) || (node_of(pod).is_some() && pod["deleting"] != true)
}

/// The pass of a case in which a pod is collected.
fn collected_in(pod: &Value, watch: &Watch) -> Option<usize> {
    let name = format!("default/{}", pod["name"].as_str().unwrap_or_default());
    let mut own = watch.pods.iter().filter(|own| own.pod == name).peekable();
    if own.peek().is_none() {
        // A pod that is on no node and told to end is gone before the run begins.
        return Some(0);
    }
    let found = own.find(|own| match own.step {
        Step::Ended(_) => !is_ended(pod),
        Step::Terminating => pod["deleting"] != true,
        Step::Forgotten => true,
        _ => false,
    });
    let since = found?.at.since(Instant::ZERO);
    let periods = since
        .as_nanos()
        .div_euclid(Duration::from_secs(PERIOD).as_nanos());
    // What has ended is too much before the first pass of the case already.
    let first = if is_ended(pod) {
        periods.max(FIRST)
    } else {
        periods
    };
    usize::try_from(first - FIRST).ok()
}

/// The files of a case.
fn files(input: &Value, pods: &[&Value], passes: i64) -> Folder {
    let (mut nodes, mut cut_off) = (Vec::new(), Vec::new());
    for seen in list(input, "nodes") {
        let name = seen["name"].as_str().unwrap_or_default();
        let mut own = node(name);
        let has_ended = |pod: &&&Value| is_ended(pod) && node_of(pod) == Some(name);
        if seen["ready"] != true && pods.iter().any(|pod| has_ended(&pod)) {
            cut_off.push(name);
        } else if seen["ready"] != true {
            own["status"]["conditions"][0]["status"] = "False".into();
        }
        nodes.push(own);
    }
    let mut missing: Vec<&str> = Vec::new();
    for name in pods.iter().filter_map(|pod| node_of(pod)) {
        let is_known = nodes.iter().any(|node| node["metadata"]["name"] == name);
        if !is_known {
            missing.push(name);
            nodes.push(node(name));
        }
    }
    let objects: Vec<Value> = pods.iter().flat_map(|seen| member(seen)).collect();
    let mut folder = folder(&nodes, &objects, (FIRST + passes) * PERIOD);
    for name in cut_off {
        let at = format!("{CUT_OFF}s");
        folder.push(
            "failures",
            json!({"kind": "partition", "node": name, "at": at}),
        );
    }
    let before = |pass: i64| ((FIRST + pass) * PERIOD - AHEAD) * 1_000;
    for name in missing {
        folder.operate(before(0), json!({"delete": format!("Node/{name}")}));
    }
    for seen in list(input, "nodes") {
        let name = seen["name"].as_str().unwrap_or_default();
        if seen["outOfServiceTaint"] == true {
            // With this effect it tells no other pod to end.
            let key = "node.kubernetes.io/out-of-service";
            let taint = json!({"node": name, "key": key, "effect": "NoSchedule"});
            folder.operate(before(0), json!({"taint": taint}));
        }
        if let Some(pass) = seen["removedBeforePass"].as_i64() {
            folder.operate(before(pass), json!({"delete": format!("Node/{name}")}));
        }
        if let Some(pass) = seen["backBeforePass"].as_i64() {
            let file = format!("{name}.json");
            folder.objects(&file, &[&node(name)]);
            folder.operate(before(pass), json!({"apply": file}));
        }
    }
    folder
}

/// A pod that is there, with the set of one that is to end: a job would forget it.
fn member(seen: &Value) -> Vec<Value> {
    let name = seen["name"].as_str().unwrap_or_default();
    let mut own = pod(name);
    let created = date(number(&seen["created"]), GRACE);
    own["metadata"]["creationTimestamp"] = created.clone();
    // No taint is to tell it to end.
    own["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    own["spec"]["schedulerName"] = "none".into();
    if let Some(node) = node_of(seen) {
        own["spec"]["nodeName"] = node.into();
    }
    if seen["deleting"] == true {
        own["metadata"]["deletionTimestamp"] = date(GRACE, 0.0);
        own["metadata"]["deletionGracePeriodSeconds"] = (GRACE as i64).into();
    }
    if !is_ended(seen) {
        own["status"] = match seen["phase"].as_str() {
            // What is pending stays so: nothing of its images comes.
            Some("Pending") => {
                let status =
                    json!({"name": "c", "image": "app:1", "ready": false, "state": stuck()});
                json!({"phase": "Pending", "containerStatuses": [status]})
            }
            phase => json!({"phase": phase, "startTime": created}),
        };
        return vec![own];
    }
    let code = if seen["phase"] == "Failed" { "1" } else { "0" };
    let labels = json!({"set": name});
    own["metadata"]["labels"] = labels.clone();
    own["metadata"]["annotations"] =
        json!({"windtunnel.dev/run-time": "2s", "windtunnel.dev/exit-code": code});
    own["metadata"]["ownerReferences"] = owner("ReplicaSet", name);
    own["spec"]["restartPolicy"] = "Never".into();
    own["status"] = json!({"phase": "Running", "startTime": date(0.0, 0.0)});
    let mut others = pod(name)["spec"].clone();
    others["schedulerName"] = "none".into();
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "default", "uid": uid("ReplicaSet", name)},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": others},
        },
    });
    vec![set, own]
}

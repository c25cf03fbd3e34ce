//! A `DaemonSet` whose roll-out is half done in a dump: first what is misplaced is put right, and where
//! nothing is, old pods are replaced.

use serde_json::{Value, json};

use super::first_sync::FirstSync;
use super::{date, folder, is_zero, node, number, owner, pod, readiness, said, tell_to_end, uid};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::watch::Step;
use crate::kube_controllers::daemon_set::{chosen, sorted};

/// The object's name in what a run shows.
const SET: &str = "DaemonSet/default/d";

/// Why some sets are none of a cluster's.
const REFUSED: &str = "an API server refuses an update that may move nothing, or that states both a surge \
    and unavailable pods";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    if is_zero(&input["maxSurge"]) == is_zero(&input["maxUnavailable"]) {
        return Ok(Said::Unsaid(REFUSED.to_owned()));
    }
    let now = number(&input["now"]);
    let mut nodes = Vec::new();
    let mut objects = vec![set(input)];
    for seen in list(input, "nodes") {
        let name = seen["name"].as_str().unwrap_or_default();
        let mut own = node(name);
        if seen["eligible"] == true {
            own["metadata"]["labels"]["eligible"] = "true".into();
        }
        nodes.push(own);
        let pods = list(seen, "pods");
        objects.extend(pods.into_iter().map(|own| member(own, name, now)));
    }
    let watch = folder(&nodes, &objects, 1).watch()?;
    let first = FirstSync::of(&watch, SET);
    let mut deleted: Vec<String> = first
        .deleted
        .iter()
        .map(|own| own.short_name().to_owned())
        .collect();
    deleted.sort_unstable();
    let mut created = Vec::new();
    for made in &first.created {
        let mut steps = watch.pods.iter().filter(|own| own.pod == made.pod);
        let bound = steps.find_map(|own| match &own.step {
            Step::Bound(node) => Some(node.clone()),
            _ => None,
        });
        created.push(bound.unwrap_or_else(|| "no node".to_owned()));
    }
    created.sort_unstable();
    let expect = &case["expect"];
    let manage = &expect["manage"];
    let mut differences = Differences::default();
    if list(manage, "createOn").is_empty() && list(manage, "delete").is_empty() {
        let rolling = &expect["rolling"];
        chosen("create", rolling, &created, &mut differences);
        chosen("delete", rolling, &deleted, &mut differences);
    } else {
        // Old pods are replaced in a later sync, by what has come of this one: new ones come beside them.
        let placed = list(manage, "createOn");
        created.retain(|node| placed.iter().any(|own| **own == **node) || !has_old(input, node));
        let decided = json!({"createOn": created, "delete": deleted});
        differences.loosely("manage", &sorted(manage), &decided);
    }
    Ok(said(&differences))
}

/// Whether a node has a pod of the template before.
fn has_old(input: &Value, node: &str) -> bool {
    let nodes = list(input, "nodes").into_iter();
    let mut pods = nodes
        .filter(|seen| seen["name"] == node)
        .flat_map(|seen| list(seen, "pods"));
    pods.any(|seen| seen["updated"] != true)
}

/// The `DaemonSet` of a case.
fn set(input: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {
            "name": "d", "namespace": "default", "uid": uid("DaemonSet", "d"), "generation": 2,
            "annotations": {"deprecated.daemonset.template.generation": "2"},
        },
        "spec": {
            "minReadySeconds": input["minReadySeconds"],
            "selector": {"matchLabels": {"app": "web"}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {
                "maxSurge": input["maxSurge"], "maxUnavailable": input["maxUnavailable"],
            }},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "nodeSelector": {"eligible": "true"},
                    "containers": [{"name": "c", "image": "app:2"}],
                },
            },
        },
    })
}

/// A pod of the set on a node.
fn member(seen: &Value, node: &str, now: f64) -> Value {
    let mut own = pod(seen["name"].as_str().unwrap_or_default());
    let generation = if seen["updated"] == true { "2" } else { "1" };
    let meta = &mut own["metadata"];
    meta["labels"]["pod-template-generation"] = generation.into();
    meta["labels"]["controller-revision-hash"] = format!("h{generation}").into();
    meta["ownerReferences"] = owner("DaemonSet", "d");
    meta["creationTimestamp"] = date(number(&seen["created"]), now);
    if seen["deleting"] == true {
        tell_to_end(&mut own, now);
    }
    own["spec"] = json!({
        "nodeName": node, "nodeSelector": {"eligible": "true"},
        "containers": [{"name": "c", "image": format!("app:{generation}")}],
    });
    let changed = date(number(&seen["changed"]), now);
    own["status"] = json!({
        "phase": seen["phase"], "startTime": date(number(&seen["created"]), now),
        "conditions": [readiness(seen["ready"] == true, &changed)],
    });
    let code = match seen["phase"].as_str() {
        Some("Succeeded") => 0,
        Some("Failed") => 1,
        _ => return own,
    };
    own["status"]["containerStatuses"] = json!([{
        "name": "c", "image": "app:1", "restartCount": 0, "ready": false,
        "state": {"terminated": {"exitCode": code, "finishedAt": changed}},
    }]);
    own
}

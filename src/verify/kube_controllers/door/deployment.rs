//! Steps of roll-outs that are half done in a dump.

use serde_json::{Map, Value, json};

use super::{date, folder, is_zero, node, number, owner, pod, readiness, said, uid};
use crate::cases::{Differences, list};
use crate::door::Said;
use model::Object;
use units::Instant;

/// The instant of the step, in seconds of the case.
const NOW: f64 = 1_000.0;

/// Why some limits can't be said.
const REFUSED: &str = "an API server refuses a roll-out that may neither have one pod more nor one less \
    (validation.go, ValidateRollingUpdateDeployment)";

pub(super) fn decide_step(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    if is_zero(&input["maxSurge"]) && is_zero(&input["maxUnavailable"]) {
        return Ok(Said::Unsaid(REFUSED.to_owned()));
    }
    let mut sets: Vec<(&str, &Value)> = Vec::new();
    sets.extend(list(input, "old").into_iter().map(|set| ("app:1", set)));
    if input["new"].is_object() {
        sets.push(("app:2", &input["new"]));
    }
    let mut objects = vec![deployment(input)];
    for (number, (image, set)) in sets.iter().enumerate() {
        objects.extend(replica_set(number, image, set));
    }
    let watch = folder(&[node("n")], &objects, 1).watch()?;
    let before = sets
        .iter()
        .map(|(_, set)| (name(set).to_owned(), set["replicas"].clone()));
    let before: Map<String, Value> = before.collect();
    let recorded = &case["expect"]["replicas"];
    let changed = before
        .iter()
        .filter(|(name, replicas)| recorded[*name] != **replicas);
    let writes = changed.count();
    // What follows answers what the pods do then, which the recording has not.
    let mut decided = before.clone();
    let mut seen = 0;
    for own in watch.objects.iter().filter(|own| own.at == Instant::ZERO) {
        let (Some(Object::ReplicaSet(was)), Some(Object::ReplicaSet(is))) =
            (&own.before, &own.after)
        else {
            continue;
        };
        if was.replicas != is.replicas && (seen < writes || writes == 0) {
            decided.insert(is.name.to_string(), is.replicas.into());
            seen += 1;
        }
    }
    let mut differences = Differences::default();
    differences.field("replicas", Some(recorded), &Value::Object(decided));
    Ok(said(&differences))
}

fn name(set: &Value) -> &str {
    set["name"].as_str().unwrap_or_default()
}

fn deployment(input: &Value) -> Value {
    let mut spec = json!({
        "replicas": input["replicas"],
        "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {
            "maxSurge": input["maxSurge"], "maxUnavailable": input["maxUnavailable"],
        }},
        "template": template("app:2"),
    });
    if input["mode"] == "scale" {
        spec["paused"] = true.into();
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "default", "uid": uid("Deployment", "web"), "generation": 2,
            "annotations": {"deployment.kubernetes.io/revision": "2"},
        },
        "spec": spec,
        "status": {"replicas": input["statusReplicas"], "observedGeneration": 2},
    })
}

fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    })
}

/// A replica set and its pods.
fn replica_set(place: usize, image: &str, set: &Value) -> Vec<Value> {
    let hash = format!("h{place}");
    let name = name(set);
    let mut annotations = Map::new();
    let revision = if image == "app:2" { "2" } else { "1" };
    annotations.insert(
        "deployment.kubernetes.io/revision".to_owned(),
        revision.into(),
    );
    for (field, key) in [
        (
            "desiredAnnotation",
            "deployment.kubernetes.io/desired-replicas",
        ),
        ("maxAnnotation", "deployment.kubernetes.io/max-replicas"),
    ] {
        if let Some(text) = set[field].as_str() {
            annotations.insert(key.to_owned(), text.into());
        }
    }
    let labels = json!({"app": "web", "pod-template-hash": hash});
    let mut own = template(image);
    own["metadata"]["labels"] = labels.clone();
    let created = date(number(&set["created"]), NOW);
    let mut objects = vec![json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": "default", "uid": uid("ReplicaSet", name), "labels": labels,
            "annotations": annotations, "creationTimestamp": created,
            "ownerReferences": owner("Deployment", "web"),
        },
        "spec": {
            "replicas": set["replicas"], "selector": {"matchLabels": labels}, "template": own,
        },
        "status": {
            "replicas": set["replicas"], "readyReplicas": set["available"],
            "availableReplicas": set["available"],
        },
    })];
    let available = number(&set["available"]) as u64;
    for member in 0..number(&set["replicas"]) as u64 {
        let mut own = pod(&format!("{name}-{member}"));
        own["metadata"]["labels"] = labels.clone();
        own["metadata"]["ownerReferences"] = owner("ReplicaSet", name);
        own["metadata"]["creationTimestamp"] = created.clone();
        own["spec"] = json!({"nodeName": "n", "containers": [{"name": "c", "image": image}]});
        own["status"] = json!({
            "phase": "Running", "startTime": created,
            "conditions": [readiness(member < available, &created)],
        });
        objects.push(own);
    }
    objects
}

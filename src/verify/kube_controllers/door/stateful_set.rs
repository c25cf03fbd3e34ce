//! Syncs of a `StatefulSet` that is in a dump with its pods.

use serde_json::{Value, json};

use super::first_sync::FirstSync;
use super::{date, folder, node, number, owner, pod, readiness, said, stuck, tell_to_end};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::kube_controllers::stateful_set::{container, manifest};
use model::Object;

/// Steps of a case that go through the door: those in which something is made or deleted, then others.
const STEPS: usize = 8;

/// The object's name in what a run shows.
const SET: &str = "StatefulSet/default/s";

/// Why no step of some cases is of a dump that a run can take over.
const UNSAID: &str = "in each step a pod that ended is to go as well (in a run it is gone by then, and \
    nothing holds its name), or a pod is made from a template that only a ControllerRevision tells, which \
    is not read";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let steps = list(case, "steps").into_iter().enumerate();
    let mut steps: Vec<(usize, &Value)> = steps
        .filter(|(_, step)| is_lasting(step) && is_known(step))
        .collect();
    if steps.is_empty() {
        return Ok(Said::Unsaid(UNSAID.to_owned()));
    }
    let is_quiet = |step: &Value| {
        let expect = &step["expect"];
        list(expect, "create").is_empty() && list(expect, "delete").is_empty()
    };
    steps.sort_by_key(|(place, step)| (is_quiet(step), *place));
    let mut differences = Differences::default();
    for (place, step) in steps.iter().take(STEPS) {
        let decided = run(input, step)?;
        differences.loosely(&format!("step {place}"), &step["expect"], &decided);
    }
    Ok(said(&differences))
}

/// Whether no pod is there that ended and is to go.
fn is_lasting(step: &Value) -> bool {
    list(step, "pods").iter().all(|seen| {
        let has_ended = matches!(seen["phase"].as_str(), Some("Succeeded" | "Failed"));
        !has_ended || seen["deleting"] != true
    })
}

/// Whether the present template or pods tell of what pods are made from.
fn is_known(step: &Value) -> bool {
    let before = &step["statusBefore"]["updateImage"];
    let pods = list(step, "pods");
    list(&step["expect"], "create").iter().all(|new| {
        let image = &new["image"];
        *image == step["image"] || image == before || pods.iter().any(|own| own["image"] == *image)
    })
}

fn revision(image: &Value) -> Value {
    match image.as_str() {
        None | Some("") => "".into(),
        Some(image) => format!("s-{image}").into(),
    }
}

/// The first sync of a step's dump.
fn run(input: &Value, step: &Value) -> Result<Value, String> {
    let now = number(&step["t"]);
    let before = &step["statusBefore"]["updateImage"];
    let is_new =
        before.as_str().is_some_and(|before| !before.is_empty()) && *before != step["image"];
    let image = if is_new { before } else { &step["image"] };
    let mut objects = vec![set(input, step, image)];
    let pods = list(step, "pods").into_iter();
    objects.extend(pods.map(|seen| member(seen, now)));
    let mut folder = folder(&[node("n")], &objects, 1);
    if input["maxUnavailableGate"] == true {
        let changes = json!({"changes": {"stateful-set-max-unavailable": "on"}});
        folder.set_in("system", "scheduler", changes);
    }
    if is_new {
        // The status is of the template before: a user changes it now.
        folder.objects("set.json", &[&set(input, step, &step["image"])]);
        folder.operate(0, json!({"apply": "set.json"}));
    }
    let watch = folder.watch()?;
    let first = if is_new {
        FirstSync::of_applied(&watch, SET).ok_or("the run does not change the set")?
    } else {
        FirstSync::of(&watch, SET)
    };
    let ordinal = |name: &str| -> Value {
        let text = name.rsplit('-').next().unwrap_or_default();
        text.parse::<i64>().map_or(Value::Null, Value::from)
    };
    let created = first.created.iter().map(|own| {
        let image = own.image.trim_start_matches("app:");
        json!({"ordinal": ordinal(own.short_name()), "image": image})
    });
    let created: Vec<Value> = created.collect();
    let deleted = first.deleted.iter().map(|own| ordinal(own.short_name()));
    let deleted: Vec<Value> = deleted.collect();
    let Some(Object::StatefulSet(after)) = first.object else {
        return Err("the run has no set".to_owned());
    };
    let status = &after.status;
    let image = |revision: &str| -> Value {
        if revision.starts_with("s-v") {
            return revision.trim_start_matches("s-").into();
        }
        let mut known = after.revisions.iter();
        let known = known.find(|known| *known.name == *revision);
        let first = known.and_then(|known| known.template.containers.first());
        match first {
            Some(own) => own.image.trim_start_matches("app:").into(),
            None => revision.into(),
        }
    };
    Ok(json!({
        "create": created,
        "delete": deleted,
        "status": {
            "availableReplicas": status.available,
            "currentImage": image(&status.current_revision),
            "currentReplicas": status.current,
            "readyReplicas": status.ready,
            "replicas": status.replicas,
            "updateImage": image(&status.update_revision),
            "updatedReplicas": status.updated,
        },
    }))
}

/// The set of a step, with a template of an image.
fn set(input: &Value, step: &Value, image: &Value) -> Value {
    let mut own = manifest(input, step, image);
    let before = &step["statusBefore"];
    own["status"] = json!({
        "currentRevision": revision(&before["currentImage"]),
        "updateRevision": revision(&before["updateImage"]),
        "currentReplicas": before["currentReplicas"],
        "updatedReplicas": before["updatedReplicas"],
    });
    own
}

/// A pod of the set.
fn member(seen: &Value, now: f64) -> Value {
    let mut own = pod(&format!("s-{}", seen["ordinal"]));
    let meta = &mut own["metadata"];
    meta["labels"]["controller-revision-hash"] = revision(&seen["image"]);
    meta["ownerReferences"] = owner("StatefulSet", "s");
    if seen["deleting"] == true {
        tell_to_end(&mut own, now);
    }
    own["spec"] = json!({"nodeName": "n", "containers": [container(&seen["image"])]});
    let mut status = json!({"phase": seen["phase"]});
    if let Some(is_ready) = seen["ready"].as_bool() {
        let changed = date(number(&seen["changed"]), now);
        status["conditions"] = json!([readiness(is_ready, &changed)]);
    }
    let terminated = |code: i64| json!({"terminated": {"exitCode": code}});
    let state = match seen["phase"].as_str() {
        Some("Pending") => stuck(),
        Some("Succeeded") => terminated(0),
        Some("Failed") => terminated(1),
        _ => Value::Null,
    };
    if !state.is_null() {
        status["containerStatuses"] = json!([{
            "name": "c", "image": "app", "restartCount": 0, "ready": false, "state": state,
        }]);
    }
    own["status"] = status;
    own
}

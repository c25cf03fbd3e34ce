//! Syncs of a `Job` that is in a dump with its pods.

use serde_json::{Map, Value, json};

use super::first_sync::FirstSync;
use super::{date, folder, node, number, pod, readiness, said, stuck, uid};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::watch::Step;
use crate::kube_controllers::job::{condition_text, in_order, manifest};
use model::Object;
use units::{Duration, Instant};

/// Steps of a case that go through the door: those in which something is made or deleted, then others.
const STEPS: usize = 8;

/// The object's name in what a run shows.
const JOB: &str = "Job/default/j";

/// Why some steps are of no dump.
const REMEMBERED: &str = "in each step the pause after failures counts, which the controller has in its \
    memory alone: no object tells it";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let mut input = case["input"].clone();
    let mut steps: Vec<(usize, &Value, Value)> = Vec::new();
    for (place, step) in list(case, "steps").into_iter().enumerate() {
        for (field, to) in step["change"].as_object().into_iter().flatten() {
            input[field] = to.clone();
        }
        if !is_remembered(step) {
            steps.push((place, step, input.clone()));
        }
    }
    if steps.is_empty() {
        return Ok(Said::Unsaid(REMEMBERED.to_owned()));
    }
    let is_quiet = |step: &Value| {
        let expect = &step["expect"];
        let is_empty = |field: &str| list(expect, field).is_empty();
        ["create", "delete", "removeFinalizer"]
            .into_iter()
            .all(is_empty)
    };
    steps.sort_by_key(|(place, step, _)| (is_quiet(step), *place));
    let mut differences = Differences::default();
    for (place, step, input) in steps.iter().take(STEPS) {
        let decided = run(input, step)?;
        let recorded = recorded(step);
        differences.loosely(&format!("step {place}"), &recorded, &decided);
    }
    Ok(said(&differences))
}

/// Whether what is decided in a step depends on failures that are counted already and that the status
/// of the job does not date.
fn is_remembered(step: &Value) -> bool {
    let backoff = &step["status"]["backoff"];
    let failures = number(&backoff["failures"]);
    let pause = 10.0 * libm::exp2((failures - 1.0).min(6.0));
    let until = number(&backoff["lastFailure"]) + pause.min(600.0);
    let fails = |seen: &&Value| seen["phase"] == "Failed" && seen["finalizer"] == true;
    let has_failed = list(step, "pods").iter().any(fails);
    failures > 0.0 && (number(&step["t"]) < until || has_failed)
}

/// The recorded writes of a step, as far as a run shows such.
fn recorded(step: &Value) -> Value {
    let mut expect = in_order(&step["expect"]);
    let is_kept = |name: &Value| {
        let pods = list(step, "pods");
        let mut named = pods.iter().filter(|seen| seen["name"] == *name);
        named.any(|seen| has_ended(seen) && seen["deletedAt"].is_null())
    };
    if let Some(fields) = expect.as_object_mut() {
        // Nobody sees when the controller looks again, nor what is in its memory.
        fields.remove("requeueAfter");
        if let Some(status) = fields.get_mut("status").and_then(Value::as_object_mut) {
            status.remove("backoff");
        }
        // A run has no finalizers: pods that ended and are counted are forgotten.
        if let Some(counted) = fields
            .get_mut("removeFinalizer")
            .and_then(Value::as_array_mut)
        {
            counted.retain(is_kept);
        }
    }
    expect
}

fn has_ended(seen: &Value) -> bool {
    matches!(seen["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// The first sync of a step's dump.
fn run(input: &Value, step: &Value) -> Result<Value, String> {
    let now = number(&step["t"]);
    let pods = list(step, "pods");
    let mut objects = vec![job(input, step)];
    objects.extend(pods.iter().map(|seen| member(seen, now)));
    let watch = folder(&[node("n")], &objects, 1).watch()?;
    let first = FirstSync::of(&watch, JOB);
    let is_indexed = input["completionMode"] == "Indexed";
    let created = first.created.iter().map(|own| {
        let mut fields = Map::new();
        if is_indexed {
            let index = own.short_name().split('-').nth(1).unwrap_or_default();
            let index: Option<i64> = index.parse().ok();
            fields.insert("index".to_owned(), index.into());
        }
        if input["backoffLimitPerIndex"].is_number() {
            let failures = own.failures;
            fields.insert("indexFailureCount".to_owned(), failures.counted.into());
            fields.insert(
                "indexIgnoredFailureCount".to_owned(),
                failures.ignored.into(),
            );
        }
        Value::Object(fields)
    });
    let created: Vec<Value> = created.collect();
    let named = |is_told: bool| -> Vec<&str> {
        let steps = first.deleted.iter();
        let steps = steps.filter(|own| (own.step == Step::Terminating) == is_told);
        let mut names: Vec<&str> = steps.map(|own| own.short_name()).collect();
        names.sort_unstable();
        names
    };
    let Some(Object::Job(after)) = first.object else {
        return Err("the run has no job".to_owned());
    };
    let status = &after.status;
    let told = |at: Instant| {
        let zero = Duration::checked_from_secs_f64(now).unwrap_or_default();
        crate::kube_controllers::told(at.saturating_add(zero))
    };
    let conditions = status.conditions.iter().filter(|known| known.holds);
    let conditions: Vec<String> = conditions.map(condition_text).collect();
    Ok(json!({
        "create": created,
        "delete": named(true),
        "removeFinalizer": named(false),
        "status": {
            "active": status.active,
            "ready": status.ready,
            "terminating": status.terminating,
            "succeeded": status.succeeded,
            "failed": status.failed,
            "startTime": status.start.map(told),
            "completedIndexes": status.completed_indexes.to_string(),
            "failedIndexes": status.failed_indexes.as_ref().map(ToString::to_string),
            "conditions": conditions,
        },
    }))
}

/// The job of a step.
fn job(input: &Value, step: &Value) -> Value {
    let now = number(&step["t"]);
    let before = &step["status"];
    let mut status = Map::new();
    for field in [
        "active",
        "ready",
        "terminating",
        "succeeded",
        "failed",
        "completedIndexes",
        "failedIndexes",
    ] {
        if let Some(value) = before.get(field).filter(|value| !value.is_null()) {
            status.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(start) = before["startTime"].as_f64() {
        status.insert("startTime".to_owned(), date(start, now));
    }
    let conditions = list(before, "conditions").into_iter().filter_map(|text| {
        let (kind, reason) = text.as_str()?.split_once('/')?;
        Some(json!({
            "type": kind, "status": "True", "reason": reason, "lastTransitionTime": date(now, now),
        }))
    });
    status.insert("conditions".to_owned(), conditions.collect());
    let mut own = manifest(input);
    own["status"] = status.into();
    own
}

/// A pod of the job.
fn member(seen: &Value, now: f64) -> Value {
    let mut own = pod(seen["name"].as_str().unwrap_or_default());
    let meta = &mut own["metadata"];
    meta["creationTimestamp"] = date(number(&seen["created"]), now);
    meta["ownerReferences"] = json!([{
        "apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": uid("Job", "j"),
        "controller": true,
    }]);
    if let Some(index) = seen["index"].as_i64() {
        let key = "batch.kubernetes.io/job-completion-index";
        meta["labels"][key] = index.to_string().into();
        meta["annotations"][key] = index.to_string().into();
    }
    for (field, key) in [
        (
            "indexFailureCount",
            "batch.kubernetes.io/job-index-failure-count",
        ),
        (
            "indexIgnoredFailureCount",
            "batch.kubernetes.io/job-index-ignored-failure-count",
        ),
    ] {
        if let Some(count) = seen[field].as_i64() {
            meta["annotations"][key] = count.to_string().into();
        }
    }
    if seen["finalizer"] == true {
        meta["finalizers"] = json!(["batch.kubernetes.io/job-tracking"]);
    }
    if let Some(told) = seen["deletedAt"].as_f64() {
        // As long as it is there.
        let grace = (now + 20.0 - told).max(30.0);
        meta["deletionTimestamp"] = date(told + grace, now);
        meta["deletionGracePeriodSeconds"] = (grace as u64).into();
    }
    own["spec"]["nodeName"] = "n".into();
    own["spec"]["restartPolicy"] = "Never".into();
    let mut status =
        json!({"phase": seen["phase"], "startTime": date(number(&seen["created"]), now)});
    if let Some(is_ready) = seen["ready"].as_bool() {
        let changed = date(number(&seen["readyChanged"]), now);
        status["conditions"] = json!([readiness(is_ready, &changed)]);
    }
    let state = match seen["phase"].as_str() {
        Some("Pending") => stuck(),
        Some("Running") => json!({"running": {}}),
        _ => json!({"terminated": {
            "exitCode": seen["exitCode"], "finishedAt": date(number(&seen["finishedAt"]), now),
        }}),
    };
    status["containerStatuses"] = json!([{
        "name": "c", "image": "app:1", "restartCount": number(&seen["restarts"]) as u64,
        "ready": seen["ready"] == true, "state": state,
    }]);
    own["status"] = status;
    own
}

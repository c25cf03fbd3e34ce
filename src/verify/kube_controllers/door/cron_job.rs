//! Syncs of a `CronJob` whose jobs are in a dump.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{node_seen, number, said, uid};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::folder::Folder;
use crate::kube_controllers::cron_job::{job_spec, manifest, start};
use units::Instant;

/// Steps of a case that go through the door: those in which something is made or deleted, then others.
const STEPS: usize = 6;

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let start = start(input)?;
    let mut changed = input.clone();
    let mut steps: Vec<(usize, &Value, Value)> = Vec::new();
    for (place, step) in list(case, "steps").into_iter().enumerate() {
        for (field, to) in step["change"].as_object().into_iter().flatten() {
            changed[field] = to.clone();
        }
        steps.push((place, step, changed.clone()));
    }
    let is_quiet = |step: &Value| {
        let expect = &step["expect"];
        expect["created"].is_null() && expect["deleted"].is_null()
    };
    steps.sort_by_key(|(place, step, _)| (is_quiet(step), *place));
    let mut differences = Differences::default();
    for (place, step, input) in steps.iter().take(STEPS) {
        let decided = run(start, input, step)?;
        let expect = &step["expect"];
        let recorded = json!({"created": expect["created"], "deleted": expect["deleted"]});
        differences.loosely(&format!("step {place}"), &recorded, &decided);
    }
    Ok(said(&differences))
}

/// The jobs that are made and deleted at the beginning of a run at the time of a step.
fn run(start: Timestamp, input: &Value, step: &Value) -> Result<Value, String> {
    let date = |seconds: f64| -> Value {
        let at = Timestamp::from_second(start.as_second() + seconds as i64);
        at.map_or(Value::Null, |at| at.to_string().into())
    };
    let mut template = job_spec();
    template["suspend"] = true.into();
    let before = &step["status"];
    let mut status = Map::new();
    for field in ["lastScheduleTime", "lastSuccessfulTime"] {
        if let Some(at) = before[field].as_f64() {
            status.insert(field.to_owned(), date(at));
        }
    }
    let active = list(before, "active").into_iter().filter_map(Value::as_str);
    let active = active.map(|name| {
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "namespace": "default", "name": name,
            "uid": uid("Job", name),
        })
    });
    status.insert("active".to_owned(), active.collect());
    let mut cron_job = manifest(input, &template);
    cron_job["status"] = status.into();
    let mut objects = vec![cron_job];
    let jobs = list(step, "jobs");
    for own in &jobs {
        objects.push(job(own, &template, &date));
    }
    let objects: Vec<&Value> = objects.iter().collect();
    let now = date(number(&step["t"]));
    let mut folder = Folder::kubernetes(&[&node_seen("n", &now)], &objects, 1);
    folder.set_in("system", "controllers", json!({"startDate": now}));
    let watch = folder.watch()?;
    let is_known = |name: &str| jobs.iter().any(|own| own["name"] == name);
    let (mut created, mut deleted) = (Vec::new(), Vec::new());
    for own in watch.objects.iter().filter(|own| own.at == Instant::ZERO) {
        let Some(name) = own.name.strip_prefix("Job/default/") else {
            continue;
        };
        match (&own.before, &own.after) {
            (None, Some(_)) if !is_known(name) => created.push(name.to_owned()),
            (Some(_), None) => deleted.push(name.to_owned()),
            _ => {}
        }
    }
    deleted.sort_unstable();
    Ok(json!({"created": created, "deleted": deleted}))
}

/// A job of a dump.
fn job(own: &Value, template: &Value, date: &dyn Fn(f64) -> Value) -> Value {
    let name = own["name"].as_str().unwrap_or_default();
    let started = date(number(&own["started"]));
    let mut status = json!({"startTime": started});
    if let Some(finished) = own["finished"].as_str() {
        status["conditions"] = json!([{
            "type": finished, "status": "True",
            "lastTransitionTime": date(own["completionTime"].as_f64().unwrap_or(number(&own["started"]))),
        }]);
    }
    if let Some(at) = own["completionTime"].as_f64() {
        status["completionTime"] = date(at);
    }
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": name, "namespace": "default", "uid": uid("Job", name), "creationTimestamp": started,
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "CronJob", "name": "cj", "uid": uid("CronJob", "cj"),
                "controller": true,
            }],
        },
        "spec": template, "status": status,
    })
}

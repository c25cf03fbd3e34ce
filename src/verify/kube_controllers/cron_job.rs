//! Syncs of the `CronJob` controller.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::objects::{declared, uid};
use super::{seconds, told, told_span};
use crate::cases::{Differences, typed};
use control::controllers::cron_job::{CronChild, CronJobView, CronWrites, sync};
use model::Object;
use model::workload::cron_job::CronStatus;

use units::Instant;

#[derive(Deserialize)]
struct Step {
    t: f64,
    #[serde(default)]
    change: serde_json::Map<String, Value>,
    #[serde(default)]
    jobs: Option<Vec<SeenJob>>,
    status: SeenStatus,
    expect: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenJob {
    name: String,
    started: Option<f64>,
    finished: Option<String>,
    completion_time: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenStatus {
    #[serde(default)]
    active: Option<Vec<String>>,
    last_schedule_time: Option<f64>,
    last_successful_time: Option<f64>,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input = &case["input"];
    let steps: Vec<Step> = typed(case.get("steps").ok_or("no `steps`")?)?;
    let start = start(input)?;
    let Object::CronJob(cron_job) = declared(&manifest(input, &job_spec()))? else {
        return Err("no cron job".to_owned());
    };
    let mut cron_job = Arc::unwrap_or_clone(cron_job);
    for (number, step) in steps.iter().enumerate() {
        for (what, to) in &step.change {
            match what.as_str() {
                "schedule" => cron_job.schedule = typed::<String>(to)?.into(),
                "suspend" => cron_job.suspend = typed(to)?,
                _ => return Err(format!("no change is called `{what}`")),
            }
        }
        let jobs: Vec<CronChild> = step.jobs.iter().flatten().map(SeenJob::child).collect();
        let status = step.status.status();
        let view = CronJobView {
            cron_job: &cron_job,
            created: Instant::ZERO,
            zero: start.as_second(),
            jobs: &jobs,
            status: &status,
            is_terminating: false,
        };
        let decided = decision(&sync(seconds(step.t), &view));
        differences.loosely(&format!("step {number}"), &step.expect, &decided);
    }
    Ok(())
}

/// The time at which a case begins.
pub(super) fn start(input: &Value) -> Result<Timestamp, String> {
    let start = input["start"].as_str().unwrap_or_default();
    start.parse().map_err(|error| format!("`start`: {error}"))
}

/// The `CronJob` of a case, whose jobs have this spec.
pub(super) fn manifest(input: &Value, job: &Value) -> Value {
    let mut spec = input.clone();
    let start = spec.as_object_mut();
    let start = start.and_then(|fields| fields.remove("start"));
    spec["jobTemplate"] = json!({"spec": job});
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {
            "name": "cj", "namespace": "default", "uid": uid("CronJob", "cj"),
            "creationTimestamp": start,
        },
        "spec": spec,
    })
}

/// The spec of jobs.
pub(super) fn job_spec() -> Value {
    json!({"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "app:1"}],
    }}})
}

impl SeenJob {
    fn child(&self) -> CronChild {
        CronChild {
            name: self.name.as_str().into(),
            started: self.started.map(seconds),
            succeeded: self.finished.as_deref().map(|how| how == "Complete"),
            completed: self.completion_time.map(seconds),
        }
    }
}

impl SeenStatus {
    fn status(&self) -> CronStatus {
        let active = self.active.iter().flatten();
        CronStatus {
            active: active.map(|name| name.as_str().into()).collect(),
            last_schedule: self.last_schedule_time.map(seconds),
            last_success: self.last_successful_time.map(seconds),
        }
    }
}

fn decision(writes: &CronWrites) -> Value {
    let names =
        |names: &[model::Text]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
    let events: Vec<String> = writes.events.iter().map(ToString::to_string).collect();
    json!({
        "active": names(&writes.status.active),
        "created": names(writes.create.as_slice()),
        "deleted": names(&writes.delete),
        "events": events,
        "lastScheduleTime": writes.status.last_schedule.map(told),
        "lastSuccessfulTime": writes.status.last_success.map(told),
        "requeueAfter": writes.requeue.map(told_span),
        "statusUpdated": writes.is_status_updated,
    })
}

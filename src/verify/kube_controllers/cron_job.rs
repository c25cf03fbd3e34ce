//! Syncs of the `CronJob` controller.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{seconds, span, told, told_span};
use crate::cases::{Differences, typed};
use control::controllers::cron_job::{CronChild, CronJobView, CronWrites, sync};
use model::workload::cron_job::CronStatus;
use model::workload::{ConcurrencyPolicy, CronJob};
use units::Instant;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    schedule: String,
    time_zone: Option<String>,
    concurrency_policy: Option<String>,
    starting_deadline_seconds: Option<f64>,
    successful_jobs_history_limit: Option<i32>,
    failed_jobs_history_limit: Option<i32>,
    #[serde(default)]
    suspend: bool,
    start: String,
}

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
    let input: Input = typed(case.get("input").ok_or("no `input`")?)?;
    let steps: Vec<Step> = typed(case.get("steps").ok_or("no `steps`")?)?;
    let start: Timestamp = input
        .start
        .parse()
        .map_err(|error| format!("`start`: {error}"))?;
    let mut cron_job = input.cron_job();
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

impl Input {
    fn cron_job(&self) -> CronJob {
        CronJob {
            name: "cj".into(),
            schedule: self.schedule.as_str().into(),
            time_zone: self.time_zone.as_deref().map(Into::into),
            starting_deadline: self.starting_deadline_seconds.map(span),
            concurrency: match self.concurrency_policy.as_deref() {
                Some("Forbid") => ConcurrencyPolicy::Forbid,
                Some("Replace") => ConcurrencyPolicy::Replace,
                _ => ConcurrencyPolicy::Allow,
            },
            suspend: self.suspend,
            successful_history: self.successful_jobs_history_limit,
            failed_history: self.failed_jobs_history_limit,
            ..CronJob::default()
        }
    }
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

//! Jobs, and jobs by the clock: `spec` and `status`.

use model::workload::job_status::JobCondition;
use model::workload::{CompletionMode, ConcurrencyPolicy, CronJob, Job};
use serde_json::{Value, json};
use units::Instant;

use super::{Counted, Parts, Wall, seconds, selector, stated, template, texts, time};
use crate::runtime::timestamp;

const API_VERSION: &str = "batch/v1";

pub(super) fn job(own: &Job, counted: Option<Counted>, created: Instant, wall: Wall<'_>) -> Parts {
    let status = &own.status;
    let status = counted.map_or_else(
        || {
            let conditions = status.conditions.iter();
            let conditions: Vec<Value> = conditions.map(|one| condition(one, wall)).collect();
            json!({
                "startTime": time(status.start, wall),
                "completionTime": time(status.completion, wall),
                "active": status.active,
                "ready": status.ready,
                "terminating": status.terminating,
                "succeeded": status.succeeded,
                "failed": status.failed,
                "conditions": conditions,
            })
        },
        |counted| {
            // Whatever makes the pods of a job stops once as many have succeeded.
            let wanted = own.completions.unwrap_or(1);
            let end = counted.last_success.filter(|_| counted.succeeded >= wanted);
            let end = end.filter(|_| counted.replicas == 0);
            let complete = end.map(|at| {
                json!([{
                    "type": "Complete",
                    "status": "True",
                    "reason": "CompletionsReached",
                    "lastTransitionTime": timestamp(wall(at)),
                }])
            });
            json!({
                "startTime": time(Some(created), wall),
                "completionTime": time(end, wall),
                "conditions": complete,
                "active": counted.replicas,
                "ready": counted.ready,
                "succeeded": counted.succeeded,
                "failed": counted.failed,
            })
        },
    );
    Parts {
        api_version: API_VERSION,
        spec: spec(own),
        status: stated(status),
    }
}

fn spec(own: &Job) -> Value {
    let mode = match own.mode {
        CompletionMode::NonIndexed => "NonIndexed",
        CompletionMode::Indexed => "Indexed",
    };
    stated(json!({
        "parallelism": own.parallelism,
        "completions": own.completions,
        "completionMode": mode,
        "backoffLimit": own.backoff_limit,
        "backoffLimitPerIndex": own.backoff_limit_per_index,
        "activeDeadlineSeconds": own.active_deadline.map(seconds),
        "ttlSecondsAfterFinished": own.ttl_after_finished.map(seconds),
        "suspend": own.suspend.then_some(true),
        "selector": own.selector.as_ref().map(selector),
        "template": template(&own.template),
    }))
}

fn condition(condition: &JobCondition, wall: Wall<'_>) -> Value {
    json!({
        // Kinds and reasons are named as in the API.
        "type": format!("{:?}", condition.kind),
        "status": if condition.holds { "True" } else { "False" },
        "reason": format!("{:?}", condition.reason),
        "lastTransitionTime": timestamp(wall(condition.changed)),
    })
}

pub(super) fn cron_job(own: &CronJob, wall: Wall<'_>) -> Parts {
    let concurrency = match own.concurrency {
        ConcurrencyPolicy::Allow => "Allow",
        ConcurrencyPolicy::Forbid => "Forbid",
        ConcurrencyPolicy::Replace => "Replace",
    };
    let status = &own.status;
    let active = texts(&status.active).into_iter();
    let active: Vec<Value> = active
        .map(|name| json!({"kind": "Job", "name": name}))
        .collect();
    Parts {
        api_version: API_VERSION,
        spec: stated(json!({
            "schedule": own.schedule,
            "timeZone": own.time_zone,
            "concurrencyPolicy": concurrency,
            "suspend": own.suspend,
            "successfulJobsHistoryLimit": own.successful_history,
            "failedJobsHistoryLimit": own.failed_history,
            "jobTemplate": {"spec": spec(&own.template)},
        })),
        status: stated(json!({
            "active": active,
            "lastScheduleTime": time(status.last_schedule, wall),
            "lastSuccessfulTime": time(status.last_success, wall),
        })),
    }
}

//! Syncs of the Job controller until the job ends.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::objects::{declared, uid};
use super::{replica_set, seconds, told, told_span};
use crate::cases::{Differences, typed};
use control::controllers::job::{JobBackoff, JobPod, JobView, JobWrites, sync};
use model::workload::job::{Indexes, JobCondition, JobConditionKind, JobReason, JobStatus};
use model::workload::{ObservedPod, Readiness};
use model::{Object, Restarts};

#[derive(Deserialize)]
struct Step {
    t: f64,
    #[serde(default)]
    change: Map<String, Value>,
    #[serde(default)]
    pods: Option<Vec<SeenPod>>,
    status: SeenStatus,
    expect: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenPod {
    name: String,
    phase: String,
    created: f64,
    index: Option<i32>,
    #[serde(default)]
    index_failure_count: i32,
    #[serde(default)]
    index_ignored_failure_count: i32,
    #[serde(default)]
    finalizer: bool,
    finished_at: Option<f64>,
    deleted_at: Option<f64>,
    exit_code: Option<i32>,
    ready: Option<bool>,
    ready_changed: Option<f64>,
    #[serde(default)]
    restarts: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenStatus {
    #[serde(default)]
    active: i32,
    #[serde(default)]
    failed: i32,
    #[serde(default)]
    succeeded: i32,
    ready: Option<i32>,
    terminating: Option<i32>,
    start_time: Option<f64>,
    completed_indexes: Option<String>,
    failed_indexes: Option<String>,
    conditions: Option<Vec<String>>,
    backoff: Option<Backoff>,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Backoff {
    #[serde(default)]
    failures: i32,
    last_failure: Option<f64>,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let steps: Vec<Step> = typed(case.get("steps").ok_or("no `steps`")?)?;
    let Object::Job(job) = declared(&manifest(&case["input"]))? else {
        return Err("no job".to_owned());
    };
    let mut job = Arc::unwrap_or_clone(job);
    let mut backoff = JobBackoff::default();
    for (number, step) in steps.iter().enumerate() {
        for (what, to) in &step.change {
            match what.as_str() {
                "parallelism" => job.parallelism = typed(to)?,
                "suspend" => job.suspend = typed(to)?,
                "completions" => job.completions = typed(to)?,
                _ => return Err(format!("no change is called `{what}`")),
            }
        }
        if let Some(seen) = step.status.backoff {
            backoff = JobBackoff {
                failures: seen.failures,
                last_failure: seen.last_failure.map(seconds),
            };
        }
        let pods: Vec<JobPod> = step
            .pods
            .iter()
            .flatten()
            .map(SeenPod::observed)
            .collect::<Result<_, _>>()?;
        let status = step.status.status(job.completions.unwrap_or(i32::MAX))?;
        let view = JobView {
            job: &job,
            pods: &pods,
            status: &status,
            backoff,
            is_waiting: false,
        };
        let writes = sync(seconds(step.t), &view);
        backoff = writes.backoff;
        let decided = decision(&writes);
        differences.loosely(&format!("step {number}"), &in_order(&step.expect), &decided);
    }
    Ok(())
}

/// Lists whose order the original leaves open, sorted.
pub(super) fn in_order(expect: &Value) -> Value {
    let mut expect = expect.clone();
    for what in ["delete", "removeFinalizer"] {
        if let Some(list) = expect.get_mut(what).and_then(Value::as_array_mut) {
            list.sort_by_key(ToString::to_string);
        }
    }
    if let Some(list) = expect.get_mut("requeueAfter").and_then(Value::as_array_mut) {
        list.sort_by(|one, other| {
            let secs = |value: &Value| value.as_f64().unwrap_or_default();
            secs(one).total_cmp(&secs(other))
        });
    }
    expect
}

/// The `Job` of a case.
pub(super) fn manifest(input: &Value) -> Value {
    let mut spec = input.clone();
    for field in ["podFailurePolicy", "successPolicy"] {
        if let Some(rules) = spec.get_mut(field) {
            *rules = json!({"rules": rules});
        }
    }
    let restart = spec.as_object_mut();
    let restart = restart.and_then(|fields| fields.remove("restartPolicy"));
    spec["template"] = json!({"spec": {
        "restartPolicy": restart.unwrap_or_else(|| "Never".into()),
        "containers": [{"name": "c", "image": "app:1"}],
    }});
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "j", "namespace": "default", "uid": uid("Job", "j")},
        "spec": spec,
    })
}

impl SeenPod {
    fn observed(&self) -> Result<JobPod, String> {
        Ok(JobPod {
            pod: ObservedPod {
                name: self.name.as_str().into(),
                uid: self.name.as_str().into(),
                phase: replica_set::phase(&self.phase)?,
                readiness: self.ready.map(|is_ready| Readiness {
                    is_ready,
                    since: self.ready_changed.map(seconds),
                }),
                restarts: Restarts::of_one(self.restarts),
                created: Some(seconds(self.created)),
                is_terminating: self.deleted_at.is_some(),
                ..ObservedPod::default()
            },
            index: self.index,
            index_failures: self.index_failure_count,
            index_ignored: self.index_ignored_failure_count,
            is_uncounted: self.finalizer,
            finished: self.finished_at.map(seconds),
            deleted: self.deleted_at.map(seconds),
            exit_codes: self
                .exit_code
                .map(|code| ("c".into(), code))
                .into_iter()
                .collect(),
            conditions: Vec::new(),
        })
    }
}

impl SeenStatus {
    fn status(&self, completions: i32) -> Result<JobStatus, String> {
        let indexes = |text: &String| Indexes::parse(text, completions);
        let conditions = self.conditions.iter().flatten().map(|text| condition(text));
        Ok(JobStatus {
            start: self.start_time.map(seconds),
            active: self.active,
            ready: self.ready,
            terminating: self.terminating,
            succeeded: self.succeeded,
            failed: self.failed,
            completed_indexes: self
                .completed_indexes
                .as_ref()
                .map(indexes)
                .unwrap_or_default(),
            failed_indexes: self.failed_indexes.as_ref().map(indexes),
            conditions: conditions.collect::<Result<_, _>>()?,
            ..JobStatus::default()
        })
    }
}

const KINDS: &[JobConditionKind] = &[
    JobConditionKind::Suspended,
    JobConditionKind::FailureTarget,
    JobConditionKind::SuccessCriteriaMet,
    JobConditionKind::Failed,
    JobConditionKind::Complete,
];

const REASONS: &[JobReason] = &[
    JobReason::JobSuspended,
    JobReason::JobResumed,
    JobReason::BackoffLimitExceeded,
    JobReason::DeadlineExceeded,
    JobReason::PodFailurePolicy,
    JobReason::MaxFailedIndexesExceeded,
    JobReason::FailedIndexes,
    JobReason::CompletionsReached,
    JobReason::SuccessPolicy,
];

/// A condition that holds, from `Kind/Reason`.
fn condition(text: &str) -> Result<JobCondition, String> {
    let wrong = || format!("no condition is called `{text}`");
    let (kind, reason) = text.split_once('/').ok_or_else(wrong)?;
    let kind = KINDS.iter().find(|known| format!("{known:?}") == kind);
    let reason = REASONS.iter().find(|known| format!("{known:?}") == reason);
    Ok(JobCondition {
        kind: *kind.ok_or_else(wrong)?,
        holds: true,
        reason: *reason.ok_or_else(wrong)?,
        changed: seconds(0.0),
    })
}

/// A condition as recordings write it.
pub(super) fn condition_text(known: &JobCondition) -> String {
    format!("{:?}/{:?}", known.kind, known.reason)
}

fn decision(writes: &JobWrites) -> Value {
    let create: Vec<Value> = writes
        .create
        .iter()
        .map(|new| {
            json!({
                "index": new.index,
                "indexFailureCount": new.index_failures,
                "indexIgnoredFailureCount": new.index_ignored,
            })
        })
        .collect();
    let names = |names: &[model::Text]| {
        let mut names: Vec<String> = names.iter().map(ToString::to_string).collect();
        names.sort_by_key(|name| Value::from(name.as_str()).to_string());
        names
    };
    let status = &writes.status;
    let conditions = status.conditions.iter().filter(|known| known.holds);
    let conditions: Vec<String> = conditions.map(condition_text).collect();
    let mut requeue = writes.requeue.clone();
    requeue.sort_unstable();
    let requeue: Vec<Value> = requeue.into_iter().map(told_span).collect();
    json!({
        "create": create,
        "delete": names(&writes.delete),
        "removeFinalizer": names(&writes.count),
        "requeueAfter": requeue,
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
            "backoff": {
                "failures": writes.backoff.failures,
                "lastFailure": writes.backoff.last_failure.map(told),
            },
        },
    })
}

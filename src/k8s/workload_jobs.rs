//! Manifests of jobs and cron jobs (spec: kubernetes.md 2.5, 2.6).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::field::{Path, Problem};
use super::findings::ObjectName;
use super::keys::{QUEUE_LEAST_PODS, QUEUE_MOST_SECONDS, QUEUE_NAME, QUEUE_PRIORITY};
use super::raw::{self, nullable};
use super::server;
use super::workload::{CheckResult, Workload, part, span};
use model::Object;
use model::workload::job::{
    FailureAction, FailureMatch, FailureRule, JobQueue, QueueReference, SuccessRule,
};
use model::workload::{
    CompletionMode, ConcurrencyPolicy, CronJob, Finding, Job, PodReplacement, RestartPolicy,
    validate,
};
use units::{Duration, plural};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawCronJob {
    schedule: Option<String>,
    time_zone: Option<String>,
    concurrency_policy: Option<String>,
    starting_deadline_seconds: Option<i64>,
    successful_jobs_history_limit: Option<i32>,
    failed_jobs_history_limit: Option<i32>,
    #[serde(deserialize_with = "nullable")]
    suspend: bool,
    job_template: Option<Value>,
}

/// A job.
pub(super) fn job(workload: &mut Workload<'_>) -> CheckResult {
    let spec = workload.spec;
    let (job, findings) = read_job(workload, spec, &Path::root("spec"))?;
    Ok((Object::Job(Arc::new(job)), findings))
}

pub(super) fn read_job(
    workload: &mut Workload<'_>,
    spec: &Value,
    path: &Path<'_>,
) -> Result<(Job, Vec<Finding>), Problem> {
    let mut raw: raw::Job = part(spec, path)?;
    raw.is_of_cron_job = workload.kind == "CronJob";
    let template = workload.template(spec, &path.field("template"))?;
    if let (Some(queue), Some(_)) = (&mut workload.queue, &template.wishes) {
        Arc::make_mut(queue).topology.clone_from(&template.wishes);
    }
    let (namespace, name) = (workload.namespace.clone(), workload.name.clone());
    let object = ObjectName {
        kind: workload.kind,
        namespace: Some(&namespace),
        name: &name,
    };
    server::check_job(object, &raw, path, workload.ctx)?;
    // Others are refused with the template (`server::check_owner`).
    let restart = match template.restart_policy.as_deref() {
        Some("OnFailure") => RestartPolicy::OnFailure,
        _ => RestartPolicy::Never,
    };
    let optional = |secs: Option<i64>, field: &str| {
        secs.map(|secs| span(Some(secs), &path.field(field)))
            .transpose()
    };
    let job = Job {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        template: template.spec,
        restart,
        mode: match raw.completion_mode.as_deref() {
            None | Some("" | "NonIndexed") => CompletionMode::NonIndexed,
            Some("Indexed") => CompletionMode::Indexed,
            Some(other) => {
                let path = path.field("completionMode");
                return Err(path.problem("`NonIndexed` or `Indexed`", other));
            }
        },
        backoff_limit_per_index: raw.backoff_limit_per_index,
        max_failed_indexes: raw.max_failed_indexes,
        active_deadline: optional(raw.active_deadline_seconds, "activeDeadlineSeconds")?,
        suspend: raw.suspend,
        queue: QueueReference(workload.queue.clone()),
        replacement: match raw.pod_replacement_policy.as_deref() {
            None | Some("" | "TerminatingOrFailed") => PodReplacement::TerminatingOrFailed,
            Some("Failed") => PodReplacement::Failed,
            Some(other) => {
                let path = path.field("podReplacementPolicy");
                return Err(path.problem("`TerminatingOrFailed` or `Failed`", other));
            }
        },
        failure_policy: failure_rules(raw.pod_failure_policy, path)?,
        success_policy: success_rules(raw.success_policy, path)?,
        ttl_after_finished: optional(raw.ttl_seconds_after_finished, "ttlSecondsAfterFinished")?,
        ..Job::default()
    };
    let job = job.with_defaults(raw.parallelism, raw.completions, raw.backoff_limit);
    let findings = validate::job(&job);
    let pods = job
        .completions
        .unwrap_or(job.parallelism)
        .min(job.parallelism)
        .max(0);
    let manager = raw
        .managed_by
        .filter(|own| !own.is_empty() && own != JOB_CONTROLLER);
    let job = note_held(workload, job, pods, manager.as_deref(), path);
    Ok((job, findings))
}

/// The manager of jobs that Kubernetes itself sees to.
const JOB_CONTROLLER: &str = "kubernetes.io/job-controller";

/// Notes a job whose pods are held back or managed by another controller.
fn note_held(
    workload: &mut Workload<'_>,
    job: Job,
    pods: i32,
    manager: Option<&str>,
    path: &Path<'_>,
) -> Job {
    let queue = workload.queue.clone();
    let pods = usize::try_from(pods).unwrap_or_default();
    let missing = match pods {
        1 => "its pod is missing".to_owned(),
        pods => format!("its {} are missing", plural::count(pods, "pod")),
    };
    let is_queued = queue.is_some() && manager.is_none();
    let mut note = |path: &Path<'_>, what: String, effect: &'static str| {
        let (namespace, name) = (workload.namespace.clone(), workload.name.clone());
        let object = ObjectName {
            kind: workload.kind,
            namespace: Some(&namespace),
            name: &name,
        };
        let findings = &mut workload.ctx.findings;
        if is_queued {
            findings.add_without_queues(object, path, what, effect);
        } else {
            findings.add(object, path, what, effect);
        }
    };
    let mut job = job;
    if let Some(manager) = manager {
        job.queue = QueueReference::default();
        let what = format!("`{manager}` sees to the job, which is not modelled: {missing}");
        note(
            &path.field("managedBy"),
            what,
            "leave the field out to have its pods",
        );
        job.suspend = true;
    } else if job.suspend {
        let (what, effect) = if let Some(queue) = &queue {
            (
                format!(
                    "the job waits for the queue `{}`, which is not modelled: {missing}",
                    queue.name
                ),
                "write `suspend: false` to have its pods",
            )
        } else {
            (
                format!("the job is suspended: {missing}"),
                "only an operation that applies it again resumes it",
            )
        };
        note(&path.field("suspend"), what, effect);
    } else {
        workload.note_queue(true);
    }
    job
}

/// The queue that a job's labels and annotations name.
///
/// # Errors
/// A number is none.
pub(super) fn queue<'a>(
    label: impl Fn(&str) -> Option<&'a str>,
    least: Option<&str>,
) -> Result<Option<Arc<JobQueue>>, Problem> {
    let Some(name) = label(QUEUE_NAME).filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let metadata = Path::root("metadata");
    let labels = metadata.field("labels");
    let most = label(QUEUE_MOST_SECONDS).map(|text| {
        let secs = text.parse().ok().filter(|secs| *secs > 0);
        let span = secs.and_then(Duration::checked_from_secs);
        let path = labels.key(QUEUE_MOST_SECONDS);
        span.ok_or_else(|| path.problem("seconds, 1 or more", text))
    });
    let annotations = metadata.field("annotations");
    let least = least.map(|text| {
        let pods = text.parse().ok().filter(|pods| *pods > 0);
        let path = annotations.key(QUEUE_LEAST_PODS);
        pods.ok_or_else(|| path.problem("a number of pods, 1 or more", text))
    });
    Ok(Some(Arc::new(JobQueue {
        name: name.into(),
        priority_class: label(QUEUE_PRIORITY).map(Into::into),
        min_parallelism: least.transpose()?,
        max_execution: most.transpose()?,
        topology: None,
        member: None,
    })))
}

fn failure_rules(
    raw: Option<raw::Rules<raw::FailureRule>>,
    path: &Path<'_>,
) -> Result<Vec<FailureRule>, Problem> {
    let policy = path.field("podFailurePolicy");
    let rules_path = policy.field("rules");
    let mut rules = Vec::new();
    for (index, rule) in raw.into_iter().flat_map(|raw| raw.rules).enumerate() {
        let path = rules_path.index(index);
        let action = match rule.action.as_str() {
            "FailJob" => FailureAction::FailJob,
            "FailIndex" => FailureAction::FailIndex,
            "Ignore" => FailureAction::Ignore,
            "Count" => FailureAction::Count,
            other => {
                let expected = "`FailJob`, `FailIndex`, `Ignore` or `Count`";
                return Err(path.field("action").problem(expected, other));
            }
        };
        let conditions = rule.on_pod_conditions.into_iter().map(|condition| {
            let status = condition.status.unwrap_or_else(|| "True".to_owned());
            (condition.kind.into(), status.into())
        });
        let matches = match rule.on_exit_codes {
            Some(codes) => FailureMatch::ExitCodes {
                container: codes.container_name.map(Into::into),
                among: codes.operator == "In",
                values: codes.values,
            },
            None => FailureMatch::Conditions(conditions.collect()),
        };
        rules.push(FailureRule { action, matches });
    }
    Ok(rules)
}

fn success_rules(
    raw: Option<raw::Rules<raw::SuccessRule>>,
    path: &Path<'_>,
) -> Result<Vec<SuccessRule>, Problem> {
    let policy = path.field("successPolicy");
    let rules_path = policy.field("rules");
    let mut rules = Vec::new();
    for (index, rule) in raw.into_iter().flat_map(|raw| raw.rules).enumerate() {
        let path = rules_path.index(index);
        let path = path.field("succeededIndexes");
        let indexes = rule.succeeded_indexes.as_deref().map(|text| {
            let intervals = text.split(',').map(interval).collect::<Option<Vec<_>>>();
            intervals.ok_or_else(|| path.problem("indexes such as `0,2-5`", text))
        });
        rules.push(SuccessRule {
            indexes: indexes.transpose()?,
            count: rule.succeeded_count,
        });
    }
    Ok(rules)
}

fn interval(text: &str) -> Option<(i32, i32)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

/// A cron job.
pub(super) fn cron_job(workload: &mut Workload<'_>) -> CheckResult {
    let raw: RawCronJob = workload.spec()?;
    let path = Path::root("spec");
    let template_path = path.field("jobTemplate");
    let template = raw.job_template.unwrap_or(Value::Null);
    let job_spec = template.get("spec").unwrap_or(&Value::Null);
    let metadata = template.get("metadata");
    let of_metadata = |part: &str, key: &str| metadata?.get(part)?.get(key)?.as_str();
    let least = of_metadata("annotations", QUEUE_LEAST_PODS);
    workload.queue = queue(|key| of_metadata("labels", key), least)?;
    let (job, mut findings) = read_job(workload, job_spec, &template_path.field("spec"))?;
    for finding in &mut findings {
        finding.field = format!("spec.jobTemplate.{}", finding.field);
    }
    if raw.suspend {
        let (namespace, name) = (workload.namespace.clone(), workload.name.clone());
        let object = ObjectName {
            kind: "CronJob",
            namespace: Some(&namespace),
            name: &name,
        };
        workload.ctx.findings.add(
            object,
            &path.field("suspend"),
            "the cron job is suspended",
            "only an operation that applies it again resumes it; until then no job is made of it",
        );
    }
    let schedule = raw.schedule.unwrap_or_default();
    let deadline_path = path.field("startingDeadlineSeconds");
    let deadline = raw.starting_deadline_seconds;
    let cron_job = CronJob {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        schedule: schedule.into(),
        time_zone: raw.time_zone.map(Into::into),
        starting_deadline: deadline
            .map(|secs| span(Some(secs), &deadline_path))
            .transpose()?,
        concurrency: match raw.concurrency_policy.as_deref() {
            None | Some("" | "Allow") => ConcurrencyPolicy::Allow,
            Some("Forbid") => ConcurrencyPolicy::Forbid,
            Some("Replace") => ConcurrencyPolicy::Replace,
            Some(other) => {
                let path = path.field("concurrencyPolicy");
                return Err(path.problem("`Allow`, `Forbid` or `Replace`", other));
            }
        },
        suspend: raw.suspend,
        successful_history: raw.successful_jobs_history_limit.or(Some(3)),
        failed_history: raw.failed_jobs_history_limit.or(Some(1)),
        template: Arc::new(job),
        ..CronJob::default()
    };
    findings.extend(validate::cron_job(&cron_job));
    Ok((Object::CronJob(Arc::new(cron_job)), findings))
}

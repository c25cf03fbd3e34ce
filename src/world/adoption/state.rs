//! State of workloads and pods when a run begins: a dump tells times by the calendar.

use std::sync::Arc;

use k8s::{DeclaredRevision, DeclaredWorkload, ManifestPod, ReportedCounts, ReportedStatus};
use model::workload::deployment::{DeploymentCondition, DeploymentStatus};
use model::workload::indexes::Indexes;
use model::workload::job_status::{JobCondition, JobConditionKind, JobStatus};
use model::workload::replica_set::{
    ForeignController, ReplicaSetStatus, RolloutAnnotations, TEMPLATE_HASH_LABEL,
};
use model::workload::{
    CompletionMode, CronJob, Deployment, DeploymentStrategy, Job, ReplicaSet, named,
};
use model::{LabelSelector, Object, Operator, PodPhase, PodSpec, Requirement};
use units::{Duration, Instant, SortedMap};

use super::revisions;
use crate::residents::instant;

/// On a pod of an indexed job: its index.
const INDEX_LABEL: &str = "batch.kubernetes.io/job-completion-index";

/// The run's beginning by the calendar, in seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy)]
pub(in super::super) struct Beginning {
    /// Time at which the dump was taken.
    pub(in super::super) dump: Option<i64>,
    /// Time by which schedules are read, where the experiment states one.
    pub(in super::super) schedules: Option<i64>,
}

/// An object with the state that a dump reports of it; `root` is the one that controls it.
pub(super) fn as_reported(
    declared: &DeclaredWorkload,
    root: Option<&Object>,
    pods: &[&ManifestPod],
    known: &[&DeclaredRevision],
    beginning: Beginning,
) -> Object {
    let reported = &declared.reported;
    let since = |secs: Option<i64>, zero: Option<i64>| instant(secs?, zero?);
    let at = |secs: Option<i64>| since(secs, beginning.dump);
    match &declared.object {
        Object::ReplicaSet(set) => {
            let rollout = match root {
                // Without any of its annotations whoever wrote the dump has left them out.
                Some(Object::Deployment(root)) if reported.revision == 0 => rollout(root, 0),
                Some(Object::Deployment(_)) => RolloutAnnotations {
                    revision: reported.revision,
                    desired_replicas: reported.desired_replicas,
                    max_replicas: reported.max_replicas,
                },
                _ => RolloutAnnotations::default(),
            };
            let zero = beginning.dump;
            Object::ReplicaSet(Arc::new(ReplicaSet {
                status: set_status(reported.counts, pods, set.min_ready, zero),
                created: at(reported.created).unwrap_or(Instant::ZERO),
                controller: ForeignController(
                    declared.controller.clone().filter(|_| root.is_none()),
                ),
                rollout,
                ..(**set).clone()
            }))
        }
        Object::Deployment(own) => Object::Deployment(Arc::new(Deployment {
            status: deployment_status(own, reported, at),
            ..(**own).clone()
        })),
        Object::StatefulSet(set) => {
            let own = revisions::of_stateful_set(set, reported, pods, known);
            Object::StatefulSet(Arc::new(own))
        }
        Object::DaemonSet(set) => Object::DaemonSet(Arc::new(revisions::of_daemon_set(set, known))),
        Object::Job(job) => Object::Job(Arc::new(Job {
            status: job_status(job, reported, at),
            ..(**job).clone()
        })),
        Object::CronJob(own) => {
            let mut own: CronJob = (**own).clone();
            // Starts are missed since the last one, or since the job was made: the controller reads both alike.
            let last = reported.last_schedule.or(reported.created);
            own.status.last_schedule = since(last, beginning.schedules.or(beginning.dump));
            own.status.last_success = at(reported.last_success);
            own.status.active.clone_from(&reported.active);
            Object::CronJob(Arc::new(own))
        }
        other => other.clone(),
    }
}

/// A budget with what it counted, and the evictions that it granted, before the dump was taken.
pub(crate) fn with_granted(declared: &DeclaredWorkload, zero: Option<i64>) -> Object {
    match &declared.object {
        Object::PodDisruptionBudget(own) if zero.is_some() => {
            let mut own = (**own).clone();
            if let Some(counted) = &declared.reported.budget {
                own.status.clone_from(counted);
            }
            let granted = declared.reported.disrupted.iter();
            own.status.disrupted = granted
                .filter_map(|(pod, at)| Some((pod.clone(), instant(*at, zero?)?)))
                .collect();
            Object::PodDisruptionBudget(Arc::new(own))
        }
        other => other.clone(),
    }
}

/// What a replica set last counted; where its status does not say, its pods do.
pub(super) fn set_status(
    counts: Option<ReportedCounts>,
    pods: &[&ManifestPod],
    min_ready: Duration,
    zero: Option<i64>,
) -> ReplicaSetStatus {
    if let Some(counts) = counts {
        return ReplicaSetStatus {
            replicas: counts.replicas,
            ready: counts.ready,
            available: counts.available,
        };
    }
    let active = pods.iter().filter(|pod| !pod.is_terminating);
    let is_ready = |pod: &&&ManifestPod| {
        let report = pod.report.as_deref();
        pod.phase == PodPhase::Running && report.is_none_or(|own| own.is_ready == Some(true))
    };
    let is_available = |pod: &&&ManifestPod| {
        let since = pod.ready_unix_secs.or(pod.started_unix_secs);
        let since = since.and_then(|at| instant(at, zero?));
        is_ready(pod) && since.is_none_or(|at| at.saturating_add(min_ready) <= Instant::ZERO)
    };
    ReplicaSetStatus {
        replicas: active.clone().count() as i32,
        ready: active.clone().filter(is_ready).count() as i32,
        available: active.clone().filter(is_available).count() as i32,
    }
}

fn deployment_status(
    deployment: &Deployment,
    reported: &ReportedStatus,
    at: impl Fn(Option<i64>) -> Option<Instant>,
) -> DeploymentStatus {
    let Some(counts) = reported.counts else {
        return deployment.status.clone();
    };
    let conditions = reported.conditions.iter().filter_map(|own| {
        let changed = at(own.changed).unwrap_or(Instant::ZERO);
        Some(DeploymentCondition {
            kind: named(&own.kind)?,
            status: own.status,
            reason: named(&own.reason)?,
            updated: at(own.updated).unwrap_or(changed),
            changed,
        })
    });
    DeploymentStatus {
        observed_generation: deployment.generation,
        replicas: counts.replicas,
        updated: counts.updated,
        ready: counts.ready,
        available: counts.available,
        unavailable: counts.unavailable,
        revision: reported.revision,
        conditions: conditions.collect(),
    }
}

/// The annotations that a deployment keeps on a set of its.
pub(super) fn rollout(deployment: &Deployment, revision: i64) -> RolloutAnnotations {
    let surge = match deployment.strategy {
        DeploymentStrategy::RollingUpdate(own) => own.max_surge.rounded_up(deployment.replicas),
        DeploymentStrategy::Recreate => 0,
    };
    RolloutAnnotations {
        revision,
        desired_replicas: Some(deployment.replicas),
        max_replicas: Some(deployment.replicas.saturating_add(surge)),
    }
}

/// Selector of a deployment's set with a template of this hash.
pub(super) fn selector(of: &LabelSelector, hash: &str) -> LabelSelector {
    let mut selector = of.clone();
    selector.requirements.push(Requirement {
        key: TEMPLATE_HASH_LABEL.into(),
        operator: Operator::In,
        values: vec![hash.into()],
    });
    selector
}

fn job_status(
    job: &Job,
    reported: &ReportedStatus,
    at: impl Fn(Option<i64>) -> Option<Instant>,
) -> JobStatus {
    let completions = job.completions.unwrap_or(0);
    let indexes = |text: &str| Indexes::parse(text, completions);
    let conditions = reported.conditions.iter().filter_map(|own| {
        let kind: JobConditionKind = named(&own.kind)?;
        Some(JobCondition {
            kind,
            holds: own.status == Some(true),
            // Others give reasons of their own, on which nothing depends.
            reason: named(&own.reason).unwrap_or(kind.usual_reason()),
            changed: at(own.changed.or(reported.job.completion)).unwrap_or(Instant::ZERO),
        })
    });
    let reported = &reported.job;
    JobStatus {
        start: at(reported.start),
        completion: at(reported.completion),
        active: reported.active,
        ready: reported.ready,
        terminating: reported.terminating,
        succeeded: reported.succeeded,
        failed: reported.failed,
        completed_indexes: indexes(&reported.completed_indexes),
        failed_indexes: reported.failed_indexes.as_deref().map(indexes),
        conditions: conditions.collect(),
        ..JobStatus::default()
    }
}

/// Ordinal at the end of a pod's name.
pub(super) fn ordinal(set: &str, pod: &str) -> Option<i32> {
    pod.strip_prefix(set)?.strip_prefix('-')?.parse().ok()
}

/// A pod's place in its object; `None` if it has none there.
pub(super) fn index(
    object: &Object,
    pod: &ManifestPod,
    nodes: &SortedMap<&str, usize>,
) -> Option<i32> {
    match object {
        Object::StatefulSet(set) => ordinal(&set.name, &pod.name),
        Object::DaemonSet(_) => {
            let node = pod.node_name.as_deref().or_else(|| pinned_to(&pod.spec))?;
            nodes.get(node).map(|&place| place as i32)
        }
        Object::Job(job) if job.mode == CompletionMode::Indexed => {
            let label = pod.spec.labels.get(INDEX_LABEL);
            let of_name = || {
                let rest = pod.name.strip_prefix(&*job.name)?.strip_prefix('-')?;
                rest.split('-').next()
            };
            label.map(|text| &**text).or_else(of_name)?.parse().ok()
        }
        _ => Some(0),
    }
}

/// The node that a pod of a daemon set is meant for.
fn pinned_to(spec: &PodSpec) -> Option<&str> {
    let terms = &spec.affinity.node.required.as_ref()?.terms;
    let mut fields = terms.iter().flat_map(|term| &term.match_fields);
    let field = fields.find(|own| &*own.key == "metadata.name")?;
    field.values.first().map(|node| &**node)
}

//! State of workloads and pods by the names of a run: a dump tells revisions by hashes that the
//! original computes, and times by the calendar.

use std::sync::Arc;

use k8s::{DeclaredWorkload, ManifestPod, Reported, ReportedCounts};
use model::canonical::short_name;
use model::workload::deployment::{DeploymentCondition, DeploymentStatus};
use model::workload::indexes::Indexes;
use model::workload::job_status::{JobCondition, JobConditionKind, JobStatus};
use model::workload::replica_set::{
    ForeignController, ReplicaSetStatus, RolloutAnnotations, TEMPLATE_HASH_LABEL,
};
use model::workload::stateful_set::StatefulRevision;
use model::workload::{CompletionMode, StatefulSet, named};
use model::workload::{CronJob, DaemonSet, Deployment, DeploymentStrategy, Job, ReplicaSet};
use model::{
    LabelSelector, Object, Operator, PodPhase, PodSpec, PodVolume, Requirement, Text, Toleration,
};
use units::{Duration, Instant, SortedMap};

use crate::residents::instant;

/// On a pod: the revision of the template that it was made from.
const REVISION_LABEL: &str = "controller-revision-hash";
/// On a pod of a daemon set: the number of its template.
const GENERATION_LABEL: &str = "pod-template-generation";
/// On a pod of a stateful set: its name, and its ordinal.
const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";
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
        Object::StatefulSet(set) => Object::StatefulSet(Arc::new(revisions(set, reported, pods))),
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
    reported: &Reported,
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
    reported: &Reported,
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

/// Label of a pod's revision.
fn revision_of(pod: &ManifestPod) -> Option<&Text> {
    pod.spec.labels.get(REVISION_LABEL)
}

/// Name that the controller gives to the present template of a stateful set.
fn present_revision(set: &StatefulSet) -> Text {
    format!("{}-{}", set.name, short_name(&*set.template)).into()
}

/// The revision by which the dump knows the present template: the one that it reports, or that of
/// the pod with the highest ordinal, where updates begin.
fn reported_update<'p>(
    set: &StatefulSet,
    reported: &'p Reported,
    pods: &[&'p ManifestPod],
) -> Option<&'p Text> {
    let highest = pods.iter().max_by_key(|pod| ordinal(&set.name, &pod.name));
    let of_highest = highest.and_then(|pod| revision_of(pod));
    reported.update_revision.as_ref().or(of_highest)
}

/// The template that a pod of a stateful set was made from: the pod without what was added to it.
fn template_of(set: &StatefulSet, pod: &ManifestPod) -> PodSpec {
    let mut spec = (*pod.spec).clone();
    for label in [REVISION_LABEL, POD_NAME_LABEL, POD_INDEX_LABEL] {
        spec.labels.remove(label);
    }
    spec.owner.clone_from(&set.template.owner);
    let of_set = set.claims.0.iter().map(|claim| &claim.name);
    let claims = set.claim_templates.iter().chain(of_set);
    let claims: Vec<String> = claims.map(|name| format!("{name}-{}", pod.name)).collect();
    spec.volumes.retain(|volume| match volume {
        PodVolume::Claim(claim) => claims.iter().all(|own| **own != **claim),
        _ => true,
    });
    // Admission gives these to every pod.
    let is_added = |toleration: &Toleration| {
        let key = toleration.key.as_deref().unwrap_or_default();
        [
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable",
        ]
        .contains(&key)
            && toleration.tolerates_for == Some(Duration::from_secs(300))
            && !set.template.tolerations.contains(toleration)
    };
    spec.tolerations.retain(|own| !is_added(own));
    spec
}

/// A stateful set that knows the templates of all its pods.
fn revisions(set: &StatefulSet, reported: &Reported, pods: &[&ManifestPod]) -> StatefulSet {
    let update = reported_update(set, reported, pods);
    let mut own = set.clone();
    let mut former: SortedMap<Text, &ManifestPod> = SortedMap::new();
    for pod in pods {
        if let Some(revision) = revision_of(pod).filter(|own| Some(*own) != update) {
            former.entry(revision.clone()).or_insert(pod);
        }
    }
    own.revisions
        .extend(former.iter().map(|(name, pod)| StatefulRevision {
            name: name.clone(),
            template: Arc::new(template_of(set, pod)),
        }));
    // Users may change the template before the controller looks at it.
    own.revisions.push(StatefulRevision {
        name: present_revision(set),
        template: set.template.clone(),
    });
    own.status.update_revision = present_revision(set);
    let current = match &reported.current_revision {
        Some(name) => Some(name).filter(|name| Some(*name) != update),
        None => former.keys().next(),
    };
    let current = current.unwrap_or(&own.status.update_revision).clone();
    if own.revisions.iter().all(|known| known.name != current) {
        // Its pods are gone, and with them what told of their template: without any, none would come.
        own.revisions.insert(
            0,
            StatefulRevision {
                name: current.clone(),
                template: set.template.clone(),
            },
        );
    }
    own.status.current_revision = current;
    own
}

/// Spec of a pod with its revision by the names of the run; `None` where it stays as it is.
pub(super) fn revised(
    object: &Object,
    reported: &Reported,
    pod: &ManifestPod,
    pods: &[&ManifestPod],
) -> Option<Arc<PodSpec>> {
    let present: Text = match object {
        Object::StatefulSet(set) => {
            let is_present = match reported_update(set, reported, pods) {
                Some(update) => revision_of(pod).is_none_or(|own| own == update),
                None => true,
            };
            is_present.then(|| present_revision(set))?
        }
        Object::DaemonSet(set) => {
            is_of_present_template(reported, pod, pods).then(|| hash_of(set))?
        }
        _ => return None,
    };
    let spec = pod.accounted.as_ref().unwrap_or(&pod.spec);
    let mut spec = (**spec).clone();
    spec.labels.insert(REVISION_LABEL.into(), present);
    Some(Arc::new(spec))
}

fn hash_of(set: &DaemonSet) -> Text {
    short_name(&*set.template).into()
}

/// Whether a pod of a daemon set was made from the present template: by the number of the template
/// where both state it, else by the revision of the youngest pod.
fn is_of_present_template(reported: &Reported, pod: &ManifestPod, pods: &[&ManifestPod]) -> bool {
    let generation = pod.spec.labels.get(GENERATION_LABEL);
    if let (Some(own), Some(present)) = (generation, &reported.template_generation) {
        return own == present;
    }
    let youngest = pods.iter().max_by_key(|pod| pod.created_unix_secs);
    let youngest = youngest.and_then(|pod| revision_of(pod));
    youngest.is_none_or(|youngest| revision_of(pod) == Some(youngest))
}

/// Ordinal at the end of a pod's name.
fn ordinal(set: &str, pod: &str) -> Option<i32> {
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

//! Manifests of workloads as objects of the model: what controllers keep true
//! (spec: kubernetes.md part 2). They are read only on request, for most dumps are
//! read for their pods alone. What an API server would refuse is refused here, at its field.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::affinity::optional_selector;
use super::declared_workload::{DeclaredWorkload, PodPriority};
use super::field::{Path, Problem};
use super::keys::QUEUE_LEAST_PODS;
use super::parts::Parts;
use super::raw::{self, TextMap, texts};
use super::reported_status::ReportedStatus;
use super::template::Template;
use super::workload::{CheckResult, Workload, count, last_applied, part, span};
use super::{
    Ctx, autoscalers, bound_template, budgets, cluster_scoped, job_sets, needs, pod, quotas,
    role_jobs, routes, services, workload_jobs,
};
use model::workload::daemon_set::DaemonUpdate;
use model::workload::omissions::Omissions;
use model::workload::{
    ClaimRetention, ClaimTemplate, ClaimTemplates, Count, DaemonHistory, DaemonSet, Deployment,
    DeploymentStrategy, Finding, PodManagement, ReplicaSet, RollingUpdate, StatefulSet,
    StatefulUpdate, validate,
};
use model::{LabelSelector, Labels, Object, Operator, Requirement};

/// A broken rule of a workload, and its field.
pub(super) struct BrokenRule {
    pub(super) problem: String,
    pub(super) field: Option<String>,
}

impl From<Problem> for BrokenRule {
    fn from(Problem(problem): Problem) -> Self {
        let field = problem.split(':').next().map(str::to_owned);
        Self { problem, field }
    }
}

/// Reads a workload; a set of jobs is several.
pub(super) fn read(parts: &Parts, ctx: &mut Ctx) -> Result<Vec<DeclaredWorkload>, BrokenRule> {
    let kind = parts.kind.as_deref().unwrap_or_default();
    let name = parts.metadata.name.as_deref().unwrap_or_default();
    let metadata = &parts.metadata;
    let label = |key: &str| metadata.labels.get(key).map(String::as_str);
    let queue = workload_jobs::queue(label, metadata.annotations.get(QUEUE_LEAST_PODS))?;
    let mut workload = Workload {
        kind,
        queue,
        namespace: ctx.texts.share(pod::namespace(&parts.metadata)),
        name: ctx.texts.share(name),
        spec: parts.late_spec.as_ref().unwrap_or(&Value::Null),
        ctx,
        priority: PodPriority::Stated,
        states_policy: false,
        runtime: None,
        last_applied: last_applied(parts),
        written: None,
        bound_to: None,
    };
    if name.is_empty() {
        let path = Path::root("metadata");
        return Err(path.field("name").missing("the object's name").into());
    }
    if matches!(kind, "Deployment" | "StatefulSet" | "ReplicaSet") {
        workload.note_queue(false);
    }
    if is_several(kind) {
        let jobs = if kind == "JobSet" {
            job_sets::jobs(&mut workload)?
        } else {
            role_jobs::jobs(&mut workload, parts.late_status.as_ref())?
        };
        if let Some(first) = jobs.first() {
            bound_template::note(&mut workload, &first.checked.0);
        }
        let declare = |job: job_sets::Member| {
            workload.priority = job.priority;
            workload.states_policy = job.states_policy;
            workload.runtime = job.runtime;
            declare(parts, &mut workload, job.checked)
        };
        return jobs.into_iter().map(declare).collect();
    }
    let checked = match kind {
        "Deployment" => workload.deployment()?,
        "ReplicaSet" => workload.replica_set(false)?,
        "ReplicationController" => workload.replica_set(true)?,
        "StatefulSet" => workload.stateful_set()?,
        "DaemonSet" => workload.daemon_set()?,
        "Job" => workload_jobs::job(&mut workload)?,
        "CronJob" => workload_jobs::cron_job(&mut workload)?,
        "HorizontalPodAutoscaler" => autoscalers::horizontal(&mut workload)?,
        "VerticalPodAutoscaler" => autoscalers::vertical(parts, &mut workload)?,
        "Service" => (services::service(parts, &mut workload)?, Vec::new()),
        "Ingress" => (services::ingress(parts, &mut workload)?, Vec::new()),
        "Route" => (routes::route(parts, &mut workload)?, Vec::new()),
        "Secret" | "ConfigMap" => (needs::needed(kind, &workload), Vec::new()),
        "ResourceQuota" => quotas::quota(&mut workload)?,
        "LimitRange" => quotas::limit_range(&mut workload)?,
        "Namespace" => (cluster_scoped::namespace(parts, &mut workload)?, Vec::new()),
        "PriorityClass" => (
            cluster_scoped::priority_class(parts, &mut workload)?,
            Vec::new(),
        ),
        _ => budgets::budget(&mut workload)?,
    };
    bound_template::note(&mut workload, &checked.0);
    Ok(vec![declare(parts, &mut workload, checked)?])
}

/// Whether a workload of a kind is several jobs.
pub(super) fn is_several(kind: &str) -> bool {
    kind == "JobSet" || role_jobs::is_one(kind)
}

/// A workload with what is said of it beside its object.
fn declare(
    parts: &Parts,
    workload: &mut Workload<'_>,
    checked: (Object, Vec<Finding>),
) -> Result<DeclaredWorkload, BrokenRule> {
    let (object, findings) = checked;
    if let Some(finding) = findings
        .iter()
        .find(|finding| !finding.problem.is_warning())
    {
        let Finding { field, problem } = finding;
        return Err(BrokenRule {
            problem: format!("{field}: {problem}; {}", problem.fix()),
            field: Some(field.clone()),
        });
    }
    Ok(DeclaredWorkload {
        object,
        controller: pod::owner(&parts.metadata, &mut workload.ctx.texts),
        reported: ReportedStatus::of(parts),
        priority: workload.priority.clone(),
        states_policy: workload.states_policy,
        runtime: workload.runtime.clone(),
        written: workload.written.take(),
        places: Vec::new(),
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSet {
    replicas: Option<i32>,
    selector: Option<raw::LabelSelector>,
    min_ready_seconds: Option<i64>,
    revision_history_limit: Option<i32>,
    progress_deadline_seconds: Option<i64>,
    paused: Option<bool>,
    strategy: Option<RawStrategy>,
    update_strategy: Option<RawStrategy>,
    pod_management_policy: Option<String>,
    ordinals: Option<RawOrdinals>,
    volume_claim_templates: Option<Vec<raw::ClaimTemplate>>,
    #[serde(deserialize_with = "raw::nullable")]
    persistent_volume_claim_retention_policy: RawRetention,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawRetention {
    when_deleted: Option<String>,
    when_scaled: Option<String>,
}

impl RawRetention {
    fn read(&self, path: &Path<'_>) -> Result<ClaimRetention, Problem> {
        let goes = |field: &'static str, stated: Option<&str>| match stated {
            None | Some("" | "Retain") => Ok(false),
            Some("Delete") => Ok(true),
            Some(other) => Err(path.field(field).problem("`Retain` or `Delete`", other)),
        };
        Ok(ClaimRetention {
            goes_with_set: goes("whenDeleted", self.when_deleted.as_deref())?,
            goes_with_ordinal: goes("whenScaled", self.when_scaled.as_deref())?,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStrategy {
    #[serde(rename = "type")]
    kind: Option<String>,
    rolling_update: Option<RawRolling>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawRolling {
    max_surge: Option<Value>,
    max_unavailable: Option<Value>,
    partition: Option<i32>,
}

impl RawStrategy {
    /// Whether pods are replaced step by step; the only other way has this name.
    fn is_rolling(&self, other: &str, path: &Path<'_>) -> Result<bool, Problem> {
        match self.kind.as_deref() {
            None | Some("" | "RollingUpdate") => Ok(true),
            Some(kind) if kind == other => Ok(false),
            Some(kind) => {
                let expected = format!("`RollingUpdate` or `{other}`");
                Err(path.field("type").problem(&expected, kind))
            }
        }
    }
}

impl RawRolling {
    /// Surge and unavailable, by default these.
    fn limits(&self, default: (Count, Count), path: &Path<'_>) -> Result<(Count, Count), Problem> {
        let path = path.field("rollingUpdate");
        let (surge, unavailable) = (self.max_surge.as_ref(), self.max_unavailable.as_ref());
        Ok((
            counted(surge, default.0, &path.field("maxSurge"))?,
            counted(unavailable, default.1, &path.field("maxUnavailable"))?,
        ))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawOrdinals {
    start: Option<i32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawController {
    #[serde(deserialize_with = "texts")]
    selector: TextMap,
}

impl Workload<'_> {
    fn set(&mut self) -> Result<(RawSet, LabelSelector, Template), Problem> {
        let raw: RawSet = self.spec()?;
        let path = Path::root("spec");
        let texts = &mut self.ctx.texts;
        let selector = optional_selector(raw.selector.as_ref(), &path.field("selector"), texts)?;
        let template = self.template(self.spec, &path.field("template"))?;
        Ok((raw, selector.unwrap_or_default(), template))
    }

    /// Fields that the declaration of a set leaves to others.
    fn omissions(&self, raw: &RawSet) -> Omissions {
        let is_stated = |name: &str, here: bool| match &self.last_applied {
            Some(stated) => stated.split(' ').any(|own| own == name),
            None => here,
        };
        Omissions {
            replicas: !is_stated("replicas", raw.replicas.is_some()),
            paused: !is_stated("paused", raw.paused.is_some()),
        }
    }

    fn deployment(&mut self) -> CheckResult {
        let (raw, selector, template) = self.set()?;
        let omissions = self.omissions(&raw);
        let default = Deployment::default();
        let path = Path::root("spec");
        let strategy_path = path.field("strategy");
        let strategy = raw.strategy.unwrap_or_default();
        let is_rolling = strategy.is_rolling("Recreate", &strategy_path)?;
        if strategy.rolling_update.is_some() && !is_rolling {
            let expected = "nothing with the type `Recreate`, whose pods all go at once";
            let path = strategy_path.field("rollingUpdate");
            return Err(path.problem(expected, "rolling parameters"));
        }
        let strategy = if is_rolling {
            let known = RollingUpdate::default();
            let known = (known.max_surge, known.max_unavailable);
            let rolling = strategy.rolling_update.unwrap_or_default();
            let (max_surge, max_unavailable) = rolling.limits(known, &strategy_path)?;
            DeploymentStrategy::RollingUpdate(RollingUpdate {
                max_surge,
                max_unavailable,
            })
        } else {
            DeploymentStrategy::Recreate
        };
        let deployment = Deployment {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            selector,
            template: template.spec,
            replicas: raw.replicas.unwrap_or(1),
            omissions,
            strategy,
            min_ready: span(raw.min_ready_seconds, &path.field("minReadySeconds"))?,
            revision_history_limit: (raw.revision_history_limit)
                .map_or(default.revision_history_limit, Some),
            progress_deadline: match raw.progress_deadline_seconds {
                None => default.progress_deadline,
                Some(secs) => Some(span(Some(secs), &path.field("progressDeadlineSeconds"))?),
            },
            paused: raw.paused.unwrap_or(false),
            ..default
        };
        let mut findings = validate::deployment(&deployment);
        self.ctx.updates.judge(&mut findings);
        Ok((Object::Deployment(Arc::new(deployment)), findings))
    }

    fn replica_set(&mut self, is_controller: bool) -> CheckResult {
        let path = Path::root("spec");
        let (raw, selector, template) = if is_controller {
            self.controller()?
        } else {
            self.set()?
        };
        let omissions = self.omissions(&raw);
        let set = ReplicaSet {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            selector,
            template: template.spec,
            replicas: raw.replicas.unwrap_or(1),
            omissions,
            min_ready: span(raw.min_ready_seconds, &path.field("minReadySeconds"))?,
            ..ReplicaSet::default()
        };
        let findings = validate::replica_set(&set);
        let object = if is_controller {
            Object::ReplicationController
        } else {
            Object::ReplicaSet
        };
        Ok((object(Arc::new(set)), findings))
    }

    /// A replication controller has labels for a selector, by default those of its template.
    fn controller(&mut self) -> Result<(RawSet, LabelSelector, Template), Problem> {
        let path = Path::root("spec");
        let mut spec = self.spec.clone();
        let selector: RawController = part(&spec, &path)?;
        if let Some(fields) = spec.as_object_mut() {
            fields.remove("selector");
        }
        let raw: RawSet = part(&spec, &path)?;
        let template = self.template(&spec, &path.field("template"))?;
        let texts = &mut self.ctx.texts;
        let mut labels: Labels = texts.labels(&selector.selector, &path.field("selector"))?;
        if labels.is_empty() {
            labels.clone_from(&template.spec.labels);
        }
        let requirements = labels.into_iter().map(|(key, value)| Requirement {
            key,
            operator: Operator::In,
            values: vec![value],
        });
        let requirements = requirements.collect();
        Ok((raw, LabelSelector { requirements }, template))
    }

    fn stateful_set(&mut self) -> CheckResult {
        let (raw, selector, template) = self.set()?;
        let omissions = self.omissions(&raw);
        let path = Path::root("spec");
        let update_path = path.field("updateStrategy");
        let strategy = raw.update_strategy.unwrap_or_default();
        let update = if strategy.is_rolling("OnDelete", &update_path)? {
            let rolling = strategy.rolling_update.unwrap_or_default();
            let path = update_path.field("rollingUpdate");
            let path = path.field("maxUnavailable");
            let most = rolling.max_unavailable.as_ref();
            StatefulUpdate::RollingUpdate {
                partition: rolling.partition.unwrap_or(0),
                max_unavailable: most
                    .map(|most| count(most).map_err(|error| path.broken(error)))
                    .transpose()?,
            }
        } else {
            StatefulUpdate::OnDelete
        };
        let management = match raw.pod_management_policy.as_deref() {
            None | Some("" | "OrderedReady") => PodManagement::OrderedReady,
            Some("Parallel") => PodManagement::Parallel,
            Some(other) => {
                let path = path.field("podManagementPolicy");
                return Err(path.problem("`OrderedReady` or `Parallel`", other));
            }
        };
        let retention = raw.persistent_volume_claim_retention_policy;
        let retention = retention.read(&path.field("persistentVolumeClaimRetentionPolicy"))?;
        let stated = raw.volume_claim_templates.unwrap_or_default();
        let claims = stated.iter().filter(|claim| claim.is_exclusive());
        let texts = &mut self.ctx.texts;
        let mut all = Vec::new();
        for claim in &stated {
            let path = path.field("volumeClaimTemplates");
            let requests = texts.amounts(&claim.spec.resources.requests, &path)?;
            all.push(ClaimTemplate {
                name: texts.share(&claim.metadata.name),
                class: texts.share(claim.spec.storage_class_name.as_deref().unwrap_or_default()),
                request: requests.get("storage"),
                access_modes: texts.share_all(&claim.spec.access_modes),
                ..ClaimTemplate::default()
            });
        }
        let claim_templates = claims
            .map(|claim| texts.share(&claim.metadata.name))
            .collect();
        let set = StatefulSet {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            selector,
            template: template.spec,
            replicas: raw.replicas.unwrap_or(1),
            omissions,
            first_ordinal: raw
                .ordinals
                .and_then(|ordinals| ordinals.start)
                .unwrap_or(0),
            management,
            update,
            min_ready: span(raw.min_ready_seconds, &path.field("minReadySeconds"))?,
            revision_history_limit: raw.revision_history_limit.unwrap_or(10),
            claim_templates,
            claims: ClaimTemplates(all),
            claim_retention: retention,
            ..StatefulSet::default()
        };
        let findings = validate::stateful_set(&set);
        Ok((Object::StatefulSet(Arc::new(set)), findings))
    }

    fn daemon_set(&mut self) -> CheckResult {
        let (raw, selector, template) = self.set()?;
        let path = Path::root("spec");
        let update_path = path.field("updateStrategy");
        let strategy = raw.update_strategy.unwrap_or_default();
        let update = if strategy.is_rolling("OnDelete", &update_path)? {
            let known = DaemonUpdate::default();
            let known = (known.max_surge, known.max_unavailable);
            let rolling = strategy.rolling_update.unwrap_or_default();
            let (max_surge, max_unavailable) = rolling.limits(known, &update_path)?;
            Some(DaemonUpdate {
                max_surge,
                max_unavailable,
            })
        } else {
            None
        };
        let set = DaemonSet {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            selector,
            template: template.spec,
            node_name: template.node_name,
            host_network: template.host_network,
            update,
            min_ready: span(raw.min_ready_seconds, &path.field("minReadySeconds"))?,
            history: DaemonHistory {
                limit: raw.revision_history_limit.unwrap_or(10),
                ..DaemonHistory::default()
            },
            ..DaemonSet::default()
        };
        let findings = validate::daemon_set(&set);
        Ok((Object::DaemonSet(Arc::new(set)), findings))
    }
}

fn counted(value: Option<&Value>, default: Count, path: &Path<'_>) -> Result<Count, Problem> {
    match value.filter(|value| !value.is_null()) {
        None => Ok(default),
        Some(value) => count(value).map_err(|error| path.broken(error)),
    }
}

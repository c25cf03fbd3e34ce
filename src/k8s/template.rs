//! The pod templates of workloads: the pods, and what their annotations say of them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::declared_workload::PodPriority;
use super::field::{Path, Problem};
use super::findings::ObjectName;
use super::keys::{
    DELETION_COST, DESCHEDULED, DO_NOT_DISRUPT, SAFE_LOCAL_VOLUMES, SAFE_TO_EVICT, SCALE_UP_DELAY,
};
use super::life::{EXIT_CODE, RUN_TIME, START_TIME, in_annotation};
use super::raw::{self, nullable};
use super::template_text::written_template;
use super::workload::{Workload, part, span};
use super::{life, needs, pod, queueing, runtime_class, server, unmodelled};
use model::behaviour::{Behaviour, ContainerUsage, DEFAULT_GRACE, DoNotDisrupt};
use model::queueing::TopologyRequest;
use model::usage::Pattern;
use model::workload::observed::deletion_cost;
use model::{PodSpec, TemplatePriority, TemplateText, Text};
use units::Duration;

/// On a pod template: what its pods use, in the notation of [`model::usage`]; with a dot and a container's
/// name behind it, what that container uses.
const CPU_USAGE: &str = "windtunnel.dev/cpu-usage";
const MEMORY_USAGE: &str = "windtunnel.dev/memory-usage";

/// The value of [`SAFE_TO_EVICT`] for pods whose end is waited for.
const ON_COMPLETION: &str = "on-completion";

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawTemplate {
    #[serde(deserialize_with = "nullable")]
    metadata: raw::Metadata,
    #[serde(deserialize_with = "nullable")]
    spec: raw::PodSpec,
}

/// Parts of a pod template beside the pod's spec.
pub(super) struct Template {
    /// Wishes about a topology.
    pub(super) wishes: Option<TopologyRequest>,
    pub(super) spec: Arc<PodSpec>,
    pub(super) node_name: Option<Text>,
    pub(super) host_network: bool,
    pub(super) restart_policy: Option<String>,
}

impl Workload<'_> {
    /// The pod template of a spec.
    pub(super) fn template(&mut self, spec: &Value, path: &Path<'_>) -> Result<Template, Problem> {
        let inside = |Problem(what): Problem| Problem(format!("{path}.{what}"));
        let Some(value) = spec.get("template").filter(|value| !value.is_null()) else {
            return Err(path.missing("a pod template"));
        };
        let mut raw: RawTemplate = part(value, path)?;
        raw.metadata.namespace = Some(self.namespace.to_string());
        let object = ObjectName {
            kind: "pods of",
            namespace: Some(&self.namespace),
            name: &self.name,
        };
        // A set of jobs makes jobs, and these the pods.
        let owner = if self.kind == "JobSet" {
            "Job"
        } else {
            self.kind
        };
        unmodelled::refuse_gang(object, &raw.spec, self.ctx).map_err(inside)?;
        server::check(object, &raw.spec, self.ctx).map_err(inside)?;
        server::check_owner(owner, &raw.spec).map_err(inside)?;
        let mut spec = pod::pod_spec(&raw.metadata, &raw.spec, self.ctx).map_err(inside)?;
        let tolerations = unmodelled::tolerations(object, &raw.spec.tolerations, self.ctx);
        spec.tolerations = tolerations.map_err(inside)?;
        unmodelled::note_left_out(object, &raw.metadata, &raw.spec, self.ctx);
        unmodelled::note_queue(object, &raw.metadata, &raw.spec, false, self.ctx);
        pod::check_sums(&spec).map_err(inside)?;
        spec.behaviour = behaviour(&raw.metadata, &raw.spec).map_err(inside)?;
        let (needs, keys) = needs::needs(value).map_err(inside)?;
        spec.needs = needs;
        let owner = || [self.kind, &*self.namespace, &*self.name].map(str::to_owned);
        let keys = keys.into_iter().map(|used| (owner(), used));
        self.ctx.key_uses.extend(keys);
        let wishes = queueing::wishes(&raw.metadata.annotations).map_err(inside)?;
        spec.life = life::life(&raw.spec, &raw.metadata.annotations, &spec).map_err(inside)?;
        self.written = is_replaced(self.kind).then(|| written_template(value).into());
        if self.ctx.keeps_templates {
            spec.manifest = TemplateText(Some(written_template(value).into()));
        }
        self.runtime = runtime_class::named(&raw.spec);
        if raw.spec.priority.is_none() {
            let class = raw.spec.priority_class_name.clone();
            self.priority = match class.filter(|class| !class.is_empty()) {
                Some(class) => PodPriority::Class(class),
                None => PodPriority::Default,
            };
            self.states_policy = raw.spec.preemption_policy.is_some();
        }
        let node_name = raw.spec.node_name.as_deref();
        let node_name = node_name.filter(|name| !name.is_empty());
        self.bound_to = node_name.map(Into::into);
        Ok(Template {
            wishes,
            spec: Arc::new(spec),
            node_name: node_name.map(Into::into),
            host_network: raw.spec.host_network,
            restart_policy: raw.spec.restart_policy,
        })
    }
}

/// Whether a workload of a kind replaces its pods when the template changes.
fn is_replaced(kind: &str) -> bool {
    matches!(
        kind,
        "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet" | "DaemonSet"
    )
}

/// Whether annotations say that the cluster autoscaler may evict a pod.
fn evictable(annotations: &raw::Annotations) -> Option<bool> {
    match annotations.get(SAFE_TO_EVICT) {
        Some("false") => Some(false),
        Some("true") => Some(true),
        _ => None,
    }
}

/// For how long annotations keep Karpenter from a pod; what is neither `true` nor a positive duration
/// says nothing.
fn undisrupted(annotations: &raw::Annotations) -> Option<DoNotDisrupt> {
    match annotations.get(DO_NOT_DISRUPT)? {
        "true" => Some(DoNotDisrupt::Always),
        text => {
            let span = text.parse::<Duration>().ok();
            let span = span.filter(|span| *span > Duration::ZERO);
            span.map(DoNotDisrupt::For)
        }
    }
}

/// The age at which nodes are ordered for a pod, if annotations state one; what is no duration of 0
/// or more says nothing, as in the original.
fn scale_up_delay(annotations: &raw::Annotations) -> Option<Duration> {
    let span = annotations.get(SCALE_UP_DELAY)?.parse::<Duration>().ok();
    span.filter(|span| *span >= Duration::ZERO)
}

/// Source of the priority of a template's pods.
fn priority(spec: &raw::PodSpec) -> TemplatePriority {
    let class = spec.priority_class_name.as_deref();
    match (spec.priority, class.filter(|class| !class.is_empty())) {
        (Some(_), _) => TemplatePriority::Stated,
        (None, Some(class)) => TemplatePriority::Class {
            name: class.into(),
            keeps_policy: spec.preemption_policy.is_some(),
        },
        (None, None) => TemplatePriority::Unstated,
    }
}

/// Volumes on the disk of the node that the pods of a template don't give up.
fn local_volumes(metadata: &raw::Metadata, spec: &raw::PodSpec) -> Vec<Text> {
    let given_up = metadata.annotations.get(SAFE_LOCAL_VOLUMES).unwrap_or("");
    // The autoscaler compares names as they are: after a comma and a blank it finds none (`getNonBlockingVolumes`).
    let given_up: Vec<&str> = given_up.split(',').collect();
    let volumes = spec.volumes.iter().filter(|volume| {
        let is_on_disk =
            (volume.empty_dir.as_ref()).is_some_and(|empty_dir| empty_dir.medium != "Memory");
        (is_on_disk || volume.host_path.is_some()) && !given_up.contains(&&*volume.name)
    });
    volumes.map(|volume| volume.name.as_str().into()).collect()
}

/// Behaviour of a pod, or of the pods of a template, once they run.
pub(super) fn behaviour(
    metadata: &raw::Metadata,
    spec: &raw::PodSpec,
) -> Result<Option<Arc<Behaviour>>, Problem> {
    let path = Path::root("metadata");
    let annotations = path.field("annotations");
    let stated = |key: &'static str| Some((key, metadata.annotations.get(key)?));
    let run_time = stated(RUN_TIME).map(|(key, text)| in_annotation(key, text, life::run_time));
    let start_time =
        stated(START_TIME).map(|(key, text)| in_annotation(key, text, life::start_time));
    let exit_plan = stated(EXIT_CODE).map(|(key, text)| in_annotation(key, text, life::exit_plan));
    let exit_plan = exit_plan.transpose()?.unwrap_or_default();
    let exit_code = stated(EXIT_CODE).filter(|_| exit_plan.is_empty());
    let exit_code = exit_code.map(|(key, text)| in_annotation(key, text, life::exit_code));
    let path = Path::root("spec");
    let path = path.field("terminationGracePeriodSeconds");
    let grace = match spec.termination_grace_period_seconds {
        None => DEFAULT_GRACE,
        Some(secs) if secs < 0 => return Err(path.problem("0 or more seconds", secs)),
        secs => span(secs, &path)?,
    };
    let usage = |key: &str| -> Result<Option<Text>, Problem> {
        let Some(text) = metadata.annotations.get(key) else {
            return Ok(None);
        };
        match text.parse::<Pattern>() {
            Ok(_) => Ok(Some(text.into())),
            Err(why) => Err(annotations.key(key).broken(why)),
        }
    };
    let containers = spec.init_containers.iter().chain(&spec.containers);
    let mut container_usage = Vec::new();
    for container in containers {
        let name = &container.name;
        let [cpu, memory] = [CPU_USAGE, MEMORY_USAGE].map(|key| usage(&format!("{key}.{name}")));
        let (cpu, memory) = (cpu?, memory?);
        if cpu.is_some() || memory.is_some() {
            let container = Text::from(name.as_str());
            container_usage.push(ContainerUsage {
                container,
                cpu,
                memory,
            });
        }
    }
    let behaviour = Behaviour {
        start_time: start_time.transpose()?,
        run_time: run_time.transpose()?,
        exit_code: exit_code.transpose()?.unwrap_or(0),
        exit_plan,
        grace,
        cpu_usage: usage(CPU_USAGE)?,
        memory_usage: usage(MEMORY_USAGE)?,
        container_usage,
        is_evictable: evictable(&metadata.annotations),
        do_not_disrupt: undisrupted(&metadata.annotations),
        scale_up_delay: scale_up_delay(&metadata.annotations),
        is_descheduled: metadata.annotations.get(DESCHEDULED).is_some(),
        has_local_storage: spec.volumes.iter().any(raw::Volume::is_local),
        active_deadline: pod::time_limit(spec)?,
        priority: priority(spec),
        is_awaited: metadata.annotations.get(SAFE_TO_EVICT) == Some(ON_COMPLETION),
        local_volumes: local_volumes(metadata, spec),
        deletion_cost: match metadata.annotations.get(DELETION_COST) {
            None => 0,
            Some(text) => deletion_cost(text).ok_or_else(|| {
                let place = annotations.key(DELETION_COST);
                place.problem("a whole number of 32 bits", text)
            })?,
        },
        ..Behaviour::default()
    };
    Ok((behaviour != Behaviour::default()).then(|| Arc::new(behaviour)))
}

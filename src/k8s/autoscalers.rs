//! Manifests of autoscalers: `HorizontalPodAutoscaler` of `autoscaling/v2` and `v1`,
//! `VerticalPodAutoscaler` of `autoscaling.k8s.io` (spec: kubernetes.md 3.1, 3.2).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::field::{Path, Problem};
use super::findings::ObjectName;
use super::parts::Parts;
use super::raw::{Identifier, MetricManifest, Reference, TargetManifest};
use super::workload::{CheckResult, Workload};
use super::{Origin, recommendations, server};
use model::finding::Finding;
use model::workload::horizontal::{
    Behavior, HorizontalPodAutoscaler, HorizontalSpec, HorizontalStatus, MetricIdentifier,
    MetricSpec, ObjectRef, PolicyKind, ScalingPolicy, ScalingRules, SelectPolicy, Target,
};
use model::workload::vertical::{
    ContainerPolicy, ExcludedResources, UpdateMode, VerticalPodAutoscaler,
};
use model::{Object, ResourceUsage, Text};
use units::{Quantity, SortedMap};

/// A horizontal autoscaler.
pub(super) fn horizontal(workload: &mut Workload<'_>) -> CheckResult {
    let path = Path::root("spec");
    let spec = Spec::deserialize(workload.spec).map_err(|error| path.broken(error))?;
    // The gate HPAScaleToZero is off by default up to 1.36; who has such an object has set it.
    if spec.min_replicas == Some(0) && workload.ctx.origin == Origin::Submitted {
        let expected = "1 or more, as the feature gate `HPAScaleToZero` is off";
        return Err(path.field("minReplicas").problem(expected, "0"));
    }
    spec.scale_target_ref
        .check_group(&path.field("scaleTargetRef"))?;
    if let Some(metrics) = &spec.metrics {
        let (namespace, name) = (workload.namespace.clone(), workload.name.clone());
        let object = ObjectName {
            kind: workload.kind,
            namespace: Some(&namespace),
            name: &name,
        };
        server::check_metrics(object, metrics, workload.ctx)?;
    }
    let spec = spec.read(&workload.namespace, &workload.name);
    let spec = spec.map_err(|error| path.broken(error))?;
    refuse(&spec.findings())?;
    let object = HorizontalPodAutoscaler {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        spec,
        status: HorizontalStatus::default(),
    };
    Ok((
        Object::HorizontalPodAutoscaler(Arc::new(object)),
        Vec::new(),
    ))
}

/// A vertical autoscaler.
pub(super) fn vertical(parts: &Parts, workload: &mut Workload<'_>) -> CheckResult {
    let path = Path::root("spec");
    let raw = RawVertical::deserialize(workload.spec).map_err(|error| path.broken(error))?;
    let target = raw.target_ref.as_ref().map(Reference::read);
    let update = raw.update_policy.unwrap_or_default();
    let mode = match update.update_mode.as_deref() {
        None => UpdateMode::default(),
        Some(name) => UpdateMode::named(name).ok_or_else(|| {
            let expected = "`Off`, `Initial`, `Recreate`, `InPlaceOrRecreate`, `InPlace` or `Auto`";
            path.field("updatePolicy")
                .field("updateMode")
                .problem(expected, name)
        })?,
    };
    if let Some(least) = update.min_replicas.filter(|least| *least <= 0) {
        // `ValidateVPA`, vertical-pod-autoscaler/pkg/admission-controller/resource/vpa/handler.go.
        let words = format!("minReplicas has to be positive, got {least}");
        let path = path.field("updatePolicy");
        return Err(path.field("minReplicas").broken(words));
    }
    let mut policies = SortedMap::new();
    for policy in raw.resource_policy.unwrap_or_default().container_policies {
        let name = policy.container_name.clone();
        policies.insert(name, policy.read().map_err(|error| path.broken(error))?);
    }
    let object = VerticalPodAutoscaler {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        target: target.unwrap_or_default(),
        mode,
        min_replicas: update.min_replicas,
        policies,
        recommended: recommendations::in_status(parts)?,
    };
    refuse(&object.findings())?;
    Ok((Object::VerticalPodAutoscaler(Arc::new(object)), Vec::new()))
}

fn refuse(findings: &[Finding]) -> Result<(), Problem> {
    match findings.first() {
        None => Ok(()),
        Some(Finding { field, problem, .. }) => Err(Problem(format!("{field}: {problem}"))),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawVertical {
    target_ref: Option<Reference>,
    update_policy: Option<RawUpdatePolicy>,
    resource_policy: Option<RawResourcePolicy>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawUpdatePolicy {
    update_mode: Option<String>,
    min_replicas: Option<i32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawResourcePolicy {
    container_policies: Vec<RawContainerPolicy>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawContainerPolicy {
    container_name: Text,
    mode: Option<String>,
    min_allowed: SortedMap<String, Value>,
    max_allowed: SortedMap<String, Value>,
    controlled_resources: Option<Vec<String>>,
    controlled_values: Option<String>,
}

impl RawContainerPolicy {
    fn read(&self) -> Result<ContainerPolicy, String> {
        let amounts = |list: &SortedMap<String, Value>| -> Result<ResourceUsage, String> {
            let of = |name: &str| list.get(name).map(milli).transpose();
            Ok(ResourceUsage {
                cpu_milli: of("cpu")?.unwrap_or(0),
                memory_bytes: of("memory")?.unwrap_or(0) / 1000,
            })
        };
        let one_of = |value: &Option<String>, known: [&str; 2]| match value.as_deref() {
            None => Ok(false),
            Some(value) if value == known[0] => Ok(false),
            Some(value) if value == known[1] => Ok(true),
            Some(value) => Err(format!(
                "expected `{}` or `{}`, found `{value}`",
                known[0], known[1]
            )),
        };
        let controlled = self.controlled_resources.as_ref();
        let mut others = { controlled.into_iter().flatten() }
            .filter(|own| !matches!(own.as_str(), "cpu" | "memory"));
        if let Some(other) = others.next() {
            return Err(format!("expected `cpu` and `memory`, found `{other}`"));
        }
        let spares = |name: &str| controlled.is_some_and(|own| !own.iter().any(|own| own == name));
        Ok(ContainerPolicy {
            spared: ExcludedResources {
                cpu: spares("cpu"),
                memory: spares("memory"),
            },
            min_allowed: amounts(&self.min_allowed)?,
            max_allowed: amounts(&self.max_allowed)?,
            requests_only: one_of(
                &self.controlled_values,
                ["RequestsAndLimits", "RequestsOnly"],
            )?,
            is_off: one_of(&self.mode, ["Auto", "Off"])?,
        })
    }
}

/// A whole manifest of a horizontal autoscaler.
#[derive(Deserialize)]
pub struct Manifest {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: Text,
    namespace: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    scale_target_ref: Reference,
    min_replicas: Option<i32>,
    max_replicas: i32,
    metrics: Option<Vec<MetricManifest>>,
    #[serde(rename = "targetCPUUtilizationPercentage")]
    target_cpu: Option<i32>,
    behavior: Option<BehaviorManifest>,
}

/// Rules of both directions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorManifest {
    scale_up: Option<RulesManifest>,
    scale_down: Option<RulesManifest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RulesManifest {
    stabilization_window_seconds: Option<i32>,
    select_policy: Option<String>,
    policies: Option<Vec<PolicyManifest>>,
    tolerance: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyManifest {
    #[serde(rename = "type")]
    kind: String,
    value: i32,
    period_seconds: i32,
}

impl Manifest {
    /// The autoscaler that it declares.
    ///
    /// # Errors
    /// A field is missing or can't be read.
    pub fn read(&self) -> Result<HorizontalSpec, String> {
        self.spec
            .read(&self.metadata.namespace, &self.metadata.name)
    }
}

impl Spec {
    fn read(&self, namespace: &Text, name: &Text) -> Result<HorizontalSpec, String> {
        let metrics = self.metrics.iter().flatten().map(MetricManifest::read);
        let mut metrics: Vec<MetricSpec> = metrics.collect::<Result<_, _>>()?;
        metrics.extend(self.target_cpu.map(|percent| MetricSpec::Resource {
            resource: "cpu".into(),
            target: Target::Utilization(percent),
        }));
        let behavior = self.behavior.as_ref();
        Ok(HorizontalSpec {
            namespace: namespace.clone(),
            name: name.clone(),
            target: self.scale_target_ref.read(),
            min_replicas: self.min_replicas,
            max_replicas: self.max_replicas,
            metrics,
            behavior: behavior.map(BehaviorManifest::read).transpose()?,
        })
    }
}

impl Reference {
    /// A controller finds what can be scaled by group and kind: of another group there is no such kind.
    fn check_group(&self, path: &Path<'_>) -> Result<(), Problem> {
        let group = self
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let (right, version) = match &*self.kind {
            "Deployment" | "ReplicaSet" | "StatefulSet" => ("apps", "apps/v1"),
            "ReplicationController" => ("", "v1"),
            _ => return Ok(()),
        };
        if group == right {
            return Ok(());
        }
        let what = format!(
            "`{version}`, as there are no matches for kind `{}` in group `{group}`, and nothing would be scaled",
            self.kind
        );
        Err(path.field("apiVersion").problem(&what, &self.api_version))
    }

    fn read(&self) -> ObjectRef {
        ObjectRef {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
        }
    }
}

impl MetricManifest {
    fn read(&self) -> Result<MetricSpec, String> {
        let kind = self.kind.as_str();
        let missing = || format!("a metric of type {kind} without its source");
        if matches!(kind, "Resource" | "ContainerResource") {
            let source = match kind {
                "Resource" => self.resource.as_ref(),
                _ => self.container_resource.as_ref(),
            };
            let own = source.ok_or_else(missing)?;
            let (resource, target) = (own.name.clone(), own.target.read()?);
            return Ok(match &own.container {
                Some(container) if kind != "Resource" => MetricSpec::ContainerResource {
                    resource,
                    container: container.clone(),
                    target,
                },
                _ => MetricSpec::Resource { resource, target },
            });
        }
        let custom = match kind {
            "Pods" => self.pods.as_ref(),
            "Object" => self.object.as_ref(),
            _ => self.external.as_ref(),
        };
        let own = custom.ok_or_else(missing)?;
        let (metric, target) = (own.metric.read(), own.target.read()?);
        Ok(match (kind, &own.described_object) {
            ("Pods", _) => MetricSpec::Pods { metric, target },
            ("External", _) => MetricSpec::External { metric, target },
            ("Object", Some(object)) => MetricSpec::Object {
                metric,
                object: object.read(),
                target,
            },
            _ => return Err(missing()),
        })
    }
}

impl Identifier {
    fn read(&self) -> MetricIdentifier {
        let selector = self.selector.as_ref();
        MetricIdentifier {
            name: self.name.clone(),
            selector: selector.map(|own| own.to_string().into()),
        }
    }
}

impl TargetManifest {
    fn read(&self) -> Result<Target, String> {
        let missing = || format!("a target of type {} without its value", self.kind);
        match self.kind.as_str() {
            "Utilization" => self.average_utilization.map(Target::Utilization),
            "AverageValue" => {
                let value = self.average_value.as_ref();
                value.map(milli).transpose()?.map(Target::AverageValue)
            }
            _ => self
                .value
                .as_ref()
                .map(milli)
                .transpose()?
                .map(Target::Value),
        }
        .ok_or_else(missing)
    }
}

impl BehaviorManifest {
    /// The rules that it states.
    ///
    /// # Errors
    /// A word is not known.
    pub fn read(&self) -> Result<Behavior, String> {
        let read = |rules: &Option<RulesManifest>| match rules {
            None => Ok(ScalingRules::default()),
            Some(rules) => rules.read(),
        };
        Ok(Behavior {
            up: read(&self.scale_up)?,
            down: read(&self.scale_down)?,
        })
    }
}

impl RulesManifest {
    fn read(&self) -> Result<ScalingRules, String> {
        let select = match self.select_policy.as_deref() {
            None => None,
            Some("Max") => Some(SelectPolicy::Max),
            Some("Min") => Some(SelectPolicy::Min),
            Some("Disabled") => Some(SelectPolicy::Disabled),
            Some(other) => return Err(format!("selectPolicy `{other}` is not known")),
        };
        let policies = self.policies.as_ref().map(|list| {
            let policies = list.iter().map(PolicyManifest::read);
            policies.collect::<Result<Vec<_>, _>>()
        });
        let tolerance = self.tolerance.as_ref().map(milli).transpose()?;
        Ok(ScalingRules {
            window_secs: self.stabilization_window_seconds,
            select,
            policies: policies.transpose()?,
            tolerance_milli: tolerance,
        })
    }
}

impl PolicyManifest {
    fn read(&self) -> Result<ScalingPolicy, String> {
        let kind = match self.kind.as_str() {
            "Pods" => PolicyKind::Pods,
            "Percent" => PolicyKind::Percent,
            other => return Err(format!("policy type `{other}` is not known")),
        };
        Ok(ScalingPolicy {
            kind,
            value: self.value,
            period_secs: self.period_seconds,
        })
    }
}

/// A quantity in thousandths.
///
/// # Errors
/// It is none, or too large.
pub fn milli(value: &Value) -> Result<i64, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let quantity: Quantity = text.parse().map_err(|error| format!("{text}: {error}"))?;
    quantity.milli_ceil().map_err(|error| error.to_string())
}

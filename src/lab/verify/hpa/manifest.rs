//! A `HorizontalPodAutoscaler` manifest of `autoscaling/v2`, as recorded cases hold it.

use serde::Deserialize;
use serde_json::Value;

use crate::control::autoscale::horizontal::{
    Behavior, HorizontalSpec, MetricIdentifier, MetricSpec, ObjectRef, PolicyKind, ScalingPolicy,
    ScalingRules, SelectPolicy, Target,
};
use crate::model::Text;
use crate::units::Quantity;

/// The manifest.
#[derive(Deserialize)]
pub(super) struct Manifest {
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
    behavior: Option<BehaviorManifest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    #[serde(default)]
    api_version: Text,
    kind: Text,
    name: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricManifest {
    #[serde(rename = "type")]
    kind: String,
    resource: Option<ResourceManifest>,
    container_resource: Option<ResourceManifest>,
    pods: Option<CustomManifest>,
    object: Option<CustomManifest>,
    external: Option<CustomManifest>,
}

#[derive(Deserialize)]
struct ResourceManifest {
    name: Text,
    container: Option<Text>,
    target: TargetManifest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CustomManifest {
    metric: Identifier,
    described_object: Option<Reference>,
    target: TargetManifest,
}

#[derive(Deserialize)]
struct Identifier {
    name: Text,
    selector: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetManifest {
    #[serde(rename = "type")]
    kind: String,
    average_utilization: Option<i32>,
    average_value: Option<Value>,
    value: Option<Value>,
}

/// Rules of both directions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::lab::verify) struct BehaviorManifest {
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
    pub(super) fn read(&self) -> Result<HorizontalSpec, String> {
        let metrics = self.spec.metrics.iter().flatten();
        let behavior = self.spec.behavior.as_ref();
        Ok(HorizontalSpec {
            namespace: self.metadata.namespace.clone(),
            name: self.metadata.name.clone(),
            target: self.spec.scale_target_ref.read(),
            min_replicas: self.spec.min_replicas,
            max_replicas: self.spec.max_replicas,
            metrics: metrics
                .map(MetricManifest::read)
                .collect::<Result<_, _>>()?,
            behavior: behavior.map(BehaviorManifest::read).transpose()?,
        })
    }
}

impl Reference {
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
        let resource = self.resource.as_ref().or(self.container_resource.as_ref());
        if let Some(own) = resource {
            let (resource, target) = (own.name.clone(), own.target.read()?);
            return Ok(match &own.container {
                None => MetricSpec::Resource { resource, target },
                Some(container) => MetricSpec::ContainerResource {
                    resource,
                    container: container.clone(),
                    target,
                },
            });
        }
        let custom = self.pods.as_ref().or(self.object.as_ref());
        let own = custom.or(self.external.as_ref()).ok_or_else(missing)?;
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
    pub(in crate::lab::verify) fn read(&self) -> Result<Behavior, String> {
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
            tolerance: tolerance.map(|milli| milli as f64 / 1000.0),
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
pub(super) fn milli(value: &Value) -> Result<i64, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let quantity: Quantity = text.parse().map_err(|error| format!("{text}: {error}"))?;
    quantity.milli_ceil().map_err(|error| error.to_string())
}

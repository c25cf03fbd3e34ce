//! Autoscalers: `spec` and `status`.

use model::workload::HorizontalPodAutoscaler;
use model::workload::horizontal::{MetricSpec, Target};
use serde_json::{Value, json};

use super::{Parts, Wall, stated, time};

pub(super) fn horizontal(own: &HorizontalPodAutoscaler, wall: Wall<'_>) -> Parts {
    let (spec, status) = (&own.spec, &own.status);
    let metrics: Vec<Value> = spec.metrics().iter().map(metric).collect();
    Parts {
        api_version: "autoscaling/v2",
        spec: json!({
            "scaleTargetRef": {
                "apiVersion": spec.target.api_version,
                "kind": spec.target.kind,
                "name": spec.target.name,
            },
            "minReplicas": spec.min(),
            "maxReplicas": spec.max_replicas,
            "metrics": metrics,
        }),
        status: stated(json!({
            "currentReplicas": status.current,
            "desiredReplicas": status.desired,
            "lastScaleTime": time(status.last_scale, wall),
            "reason": (!status.reason.is_empty()).then_some(&status.reason),
        })),
    }
}

fn metric(metric: &MetricSpec) -> Value {
    match metric {
        MetricSpec::Resource {
            resource,
            target: wanted,
        } => json!({
            "type": "Resource",
            "resource": {"name": resource, "target": target(*wanted)},
        }),
        MetricSpec::ContainerResource {
            resource,
            container,
            target: wanted,
        } => json!({
            "type": "ContainerResource",
            "containerResource": {
                "name": resource, "container": container, "target": target(*wanted),
            },
        }),
        MetricSpec::Pods {
            metric,
            target: wanted,
        } => json!({
            "type": "Pods",
            "pods": {"metric": {"name": metric.name}, "target": target(*wanted)},
        }),
        MetricSpec::Object {
            metric,
            object,
            target: wanted,
        } => json!({
            "type": "Object",
            "object": {
                "metric": {"name": metric.name},
                "describedObject": {"kind": object.kind, "name": object.name},
                "target": target(*wanted),
            },
        }),
        MetricSpec::External {
            metric,
            target: wanted,
        } => json!({
            "type": "External",
            "external": {"metric": {"name": metric.name}, "target": target(*wanted)},
        }),
    }
}

fn target(target: Target) -> Value {
    let milli = |amount: i64| units::Quantity::from_milli(amount).to_string();
    match target {
        Target::Utilization(percent) => {
            json!({"type": "Utilization", "averageUtilization": percent})
        }
        Target::AverageValue(amount) => {
            json!({"type": "AverageValue", "averageValue": milli(amount)})
        }
        Target::Value(amount) => json!({"type": "Value", "value": milli(amount)}),
    }
}

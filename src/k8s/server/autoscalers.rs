//! Rules about metrics of horizontal autoscalers. Source: `pkg/apis/autoscaling/validation/validation.go`.

use super::Rule;
use crate::field::Path;
use crate::raw::{MetricManifest, TargetManifest};

const KINDS: &[&str] = &[
    "ContainerResource",
    "External",
    "Object",
    "Pods",
    "Resource",
];

/// The rules, in the order in which the server looks at them.
pub(super) const RULES: &[Rule<Vec<MetricManifest>>] = &[
    Rule::new(
        "Required value: must specify a metric source type",
        "validateMetricSpec",
        |metrics, breaches| {
            each(metrics, |path, own| {
                if own.kind.is_empty() {
                    breaches.add_plain(&path.field("type"));
                }
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\"",
        "validateMetricSpec",
        |metrics, breaches| {
            each(metrics, |path, own| {
                breaches.add_unknown(&path.field("type"), Some(&own.kind), KINDS);
            });
        },
    ),
    Rule::new(
        "Required value: must populate information for the given metric source",
        "validateMetricSpec",
        |metrics, breaches| {
            each(metrics, |path, own| {
                let source = own.source();
                if let Some((field, _)) = source.filter(|(_, is_stated)| !is_stated) {
                    breaches.add_plain(&path.field(field));
                }
            });
        },
    ),
    Rule::new(
        "Forbidden: must populate the given metric source only",
        "validateMetricSpec",
        |metrics, breaches| {
            each(metrics, |path, own| {
                let source = own.source().map(|(field, _)| field);
                for (_, field, is_stated) in own.sources() {
                    if is_stated && source != Some(field) {
                        breaches.add_plain(&path.field(field));
                    }
                }
            });
        },
    ),
    Rule::new(
        "Required value: must specify a resource name",
        "validateResourceSource, validateContainerResourceSource",
        |metrics, breaches| {
            each(metrics, |path, own| {
                for (field, own) in own.resources() {
                    if own.name.is_empty() {
                        breaches.add_plain(&path.field(field).field("name"));
                    }
                }
            });
        },
    ),
    Rule::new(
        "Required value: must specify a container",
        "validateContainerResourceSource",
        |metrics, breaches| {
            each(metrics, |path, own| {
                let source = own.container_resource.as_ref();
                let container = source.map(|own| own.container.as_deref().unwrap_or_default());
                if container.is_some_and(str::is_empty) {
                    let path = path.field("containerResource");
                    breaches.add_plain(&path.field("container"));
                }
            });
        },
    ),
    Rule::new(
        "Required value: must specify a metric name",
        "validateMetricIdentifier",
        |metrics, breaches| {
            each(metrics, |path, own| {
                for (field, own) in own.customs() {
                    if own.metric.name.is_empty() {
                        breaches.add_plain(&path.field(field).field("metric").field("name"));
                    }
                }
            });
        },
    ),
    Rule::new(
        "Required value: must specify a metric target type",
        "validateMetricTarget",
        |metrics, breaches| {
            each_target(metrics, |path, _, own| {
                if own.kind.is_empty() {
                    breaches.add_plain(&path.field("type"));
                }
            });
        },
    ),
    Rule::new(
        "must be either Utilization, Value, or AverageValue",
        "validateMetricTarget",
        |metrics, breaches| {
            each_target(metrics, |path, _, own| {
                let known = &["Utilization", "Value", "AverageValue"];
                breaches.add_unknown(&path.field("type"), Some(&own.kind), known);
            });
        },
    ),
    Rule::new(
        "Required value: must set either a target raw value or a target utilization",
        "validateResourceSource, validateContainerResourceSource",
        |metrics, breaches| {
            each_target(metrics, |path, source, own| {
                let is_missing = own.average_utilization.is_none() && own.average_value.is_none();
                if is_missing && is_resource(source) {
                    breaches.add_plain(&path.field("averageUtilization"));
                }
            });
        },
    ),
    Rule::new(
        "Forbidden: may not set both a target raw value and a target utilization",
        "validateResourceSource, validateContainerResourceSource",
        |metrics, breaches| {
            each_target(metrics, |path, source, own| {
                let are_both = own.average_utilization.is_some() && own.average_value.is_some();
                if are_both && is_resource(source) {
                    breaches.add_plain(&path.field("averageValue"));
                }
            });
        },
    ),
    Rule::new(
        "Required value: must set either a target value for metric or a per-pod target",
        "validateExternalSource, validateObjectSource",
        |metrics, breaches| {
            each_target(metrics, |path, source, own| {
                let is_missing = own.value.is_none() && own.average_value.is_none();
                if is_missing && matches!(source, "external" | "object") {
                    breaches.add_plain(&path.field("averageValue"));
                }
            });
        },
    ),
    Rule::new(
        "Forbidden: may not set both a target value for metric and a per-pod target",
        "validateExternalSource",
        |metrics, breaches| {
            each_target(metrics, |path, source, own| {
                if source == "external" && own.value.is_some() && own.average_value.is_some() {
                    breaches.add_plain(&path.field("value"));
                }
            });
        },
    ),
    Rule::new(
        "Required value: must specify a positive target averageValue",
        "validatePodsSource",
        |metrics, breaches| {
            each_target(metrics, |path, source, own| {
                if source == "pods" && own.average_value.is_none() {
                    breaches.add_plain(&path.field("averageValue"));
                }
            });
        },
    ),
];

fn is_resource(source: &str) -> bool {
    matches!(source, "resource" | "containerResource")
}

/// Shows each metric with its place.
fn each(metrics: &[MetricManifest], mut show: impl FnMut(&Path<'_>, &MetricManifest)) {
    let path = Path::root("spec");
    let path = path.field("metrics");
    for (index, metric) in metrics.iter().enumerate() {
        show(&path.index(index), metric);
    }
}

/// Shows the target of each source of a metric, with the name of the source.
fn each_target(
    metrics: &[MetricManifest],
    mut show: impl FnMut(&Path<'_>, &'static str, &TargetManifest),
) {
    each(metrics, |path, own| {
        for (field, own) in own.resources() {
            show(&path.field(field).field("target"), field, &own.target);
        }
        for (field, own) in own.customs() {
            show(&path.field(field).field("target"), field, &own.target);
        }
    });
}

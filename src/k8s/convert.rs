//! Objects of older API versions, rewritten as the present one has them: the defaults that an API
//! server of that version filled in, and fields that have another name or shape today.

use serde_json::{Map, Value, json};

use super::parts::Parts;
use super::raw::{AUTOSCALER_ANNOTATIONS, Annotations};

/// Number of seconds by which `extensions/v1beta1` says that a rollout has no deadline.
const NO_DEADLINE: i64 = 2_147_483_647;

/// Rewrites an object of an older version; any other one stays as it is.
pub(super) fn to_present(parts: &mut Parts) {
    let (Some(kind), Some(version)) = (parts.kind.as_deref(), parts.api_version.as_deref()) else {
        return;
    };
    let (convert, present): (fn(&mut Map<String, Value>), &str) = match (kind, version) {
        ("Deployment", "extensions/v1beta1") => (old_deployment, "apps/v1"),
        ("Deployment", "apps/v1beta1") => (beta_deployment, "apps/v1"),
        ("ReplicaSet", "extensions/v1beta1") => (select_own_labels, "apps/v1"),
        ("DaemonSet", "extensions/v1beta1") | ("StatefulSet", "apps/v1beta1") => {
            (updated_on_delete, "apps/v1")
        }
        ("CronJob", "batch/v2alpha1") => (|_| {}, "batch/v1"),
        ("HorizontalPodAutoscaler", "autoscaling/v2beta1") => (autoscaler, "autoscaling/v2"),
        ("HorizontalPodAutoscaler", "autoscaling/v1") => (|_| {}, "autoscaling/v2"),
        ("PodDisruptionBudget", "policy/v1beta1") => (budget, "policy/v1"),
        ("Ingress", "extensions/v1beta1" | "networking.k8s.io/v1beta1") => {
            (ingress, "networking.k8s.io/v1")
        }
        _ => return,
    };
    if let Some(spec) = parts.late_spec.as_mut().and_then(Value::as_object_mut) {
        convert(spec);
        if version == "autoscaling/v1" {
            autoscaler_of_annotations(spec, &parts.metadata.annotations);
        }
    }
    parts.api_version = Some(present.to_owned());
}

/// Fills in a field that the object does not state.
fn default(fields: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
    let stated = fields.get(field).is_some_and(|field| !field.is_null());
    if !stated {
        fields.insert(field.to_owned(), value.into());
    }
}

/// A selector that is not stated was that of the template's labels.
fn select_own_labels(spec: &mut Map<String, Value>) {
    let template = spec.get("template");
    let labels = template.and_then(|template| template.get("metadata")?.get("labels").cloned());
    if let Some(labels) = labels {
        default(spec, "selector", json!({ "matchLabels": labels }));
    }
}

fn old_deployment(spec: &mut Map<String, Value>) {
    select_own_labels(spec);
    default(spec, "progressDeadlineSeconds", NO_DEADLINE);
    default(spec, "revisionHistoryLimit", NO_DEADLINE);
    default(spec, "strategy", json!({}));
    let strategy = spec.get_mut("strategy").and_then(Value::as_object_mut);
    let Some(strategy) = strategy else { return };
    if strategy.get("type").and_then(Value::as_str) == Some("Recreate") {
        return;
    }
    default(strategy, "rollingUpdate", json!({}));
    let rolling = strategy
        .get_mut("rollingUpdate")
        .and_then(Value::as_object_mut);
    if let Some(rolling) = rolling {
        default(rolling, "maxUnavailable", 1);
        default(rolling, "maxSurge", 1);
    }
}

fn beta_deployment(spec: &mut Map<String, Value>) {
    select_own_labels(spec);
    default(spec, "revisionHistoryLimit", 2);
}

fn updated_on_delete(spec: &mut Map<String, Value>) {
    select_own_labels(spec);
    default(spec, "updateStrategy", json!({ "type": "OnDelete" }));
}

fn autoscaler(spec: &mut Map<String, Value>) {
    let metrics = spec.get_mut("metrics").and_then(Value::as_array_mut);
    let sources = metrics
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut);
    for metric in sources {
        for kind in [
            "resource",
            "containerResource",
            "pods",
            "object",
            "external",
        ] {
            if let Some(source) = metric.get_mut(kind).and_then(Value::as_object_mut) {
                metric_source(kind, source);
            }
        }
    }
}

/// What `autoscaling/v1` has no fields for, a server of today writes into annotations
/// (`pkg/apis/autoscaling/v1/conversion.go`); annotations that it could not read it passes over, too.
fn autoscaler_of_annotations(spec: &mut Map<String, Value>, annotations: &Annotations) {
    let json = |name: &str| -> Option<Value> {
        let text = annotations.get(&format!("{AUTOSCALER_ANNOTATIONS}{name}"))?;
        serde_json::from_str(text).ok()
    };
    if let Some(Value::Array(metrics)) = json("metrics")
        && !metrics.is_empty()
    {
        let mut carried = Map::from_iter([("metrics".to_owned(), Value::Array(metrics))]);
        autoscaler(&mut carried);
        spec.append(&mut carried);
    }
    if let Some(mut behavior) = json("behavior").filter(Value::is_object) {
        uncapitalize(&mut behavior);
        spec.insert("behavior".to_owned(), behavior);
    }
}

/// Members as the API names them: the behavior is written as Go names its fields.
fn uncapitalize(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let named = std::mem::take(members).into_iter();
            *members = named
                .map(|(name, mut value)| {
                    uncapitalize(&mut value);
                    let mut letters = name.chars();
                    let first = letters.next().map(|first| first.to_ascii_lowercase());
                    (first.into_iter().chain(letters).collect(), value)
                })
                .collect();
        }
        Value::Array(list) => list.iter_mut().for_each(uncapitalize),
        _ => {}
    }
}

/// An empty selector was that of no pod.
fn budget(spec: &mut Map<String, Value>) {
    let is_empty = |own: &Value| {
        let members = own.as_object().map(|own| own.values());
        members.is_some_and(|mut own| {
            own.all(|part| match part {
                Value::Array(list) => list.is_empty(),
                Value::Object(members) => members.is_empty(),
                other => other.is_null(),
            })
        })
    };
    if spec.get("selector").is_some_and(is_empty) {
        spec.remove("selector");
    }
}

/// A source of a metric: its name and its target were fields of their own.
fn metric_source(kind: &str, source: &mut Map<String, Value>) {
    if kind == "object"
        && let Some(target) = source.remove("target")
    {
        source.insert("describedObject".to_owned(), target);
    }
    let mut target = Map::new();
    for (field, name, of) in [
        (
            "targetAverageUtilization",
            "Utilization",
            "averageUtilization",
        ),
        ("targetAverageValue", "AverageValue", "averageValue"),
        ("averageValue", "AverageValue", "averageValue"),
        ("targetValue", "Value", "value"),
    ] {
        if let Some(value) = source.remove(field) {
            target.insert("type".to_owned(), name.into());
            target.insert(of.to_owned(), value);
        }
    }
    if !target.is_empty() {
        source.insert("target".to_owned(), target.into());
    }
    let mut metric = Map::new();
    if let Some(name) = source.remove("metricName") {
        metric.insert("name".to_owned(), name);
    }
    for field in ["metricSelector", "selector"] {
        if let Some(selector) = source.remove(field) {
            metric.insert("selector".to_owned(), selector);
        }
    }
    if !metric.is_empty() {
        source.insert("metric".to_owned(), metric.into());
    }
}

fn ingress(spec: &mut Map<String, Value>) {
    if let Some(mut backend) = spec.remove("backend") {
        service_of(&mut backend);
        spec.insert("defaultBackend".to_owned(), backend);
    }
    let rules = spec.get_mut("rules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten() {
        let paths = rule
            .get_mut("http")
            .and_then(|http| http.get_mut("paths")?.as_array_mut());
        for path in paths.into_iter().flatten().filter_map(Value::as_object_mut) {
            default(path, "pathType", "ImplementationSpecific");
            if let Some(backend) = path.get_mut("backend") {
                service_of(backend);
            }
        }
    }
}

/// A backend named its service and port in two fields.
fn service_of(backend: &mut Value) {
    let Some(fields) = backend.as_object_mut() else {
        return;
    };
    let (name, port) = (fields.remove("serviceName"), fields.remove("servicePort"));
    if let Some(name) = name {
        let port = match port {
            Some(Value::String(name)) => json!({ "name": name }),
            Some(number) => json!({ "number": number }),
            None => json!({}),
        };
        fields.insert("service".to_owned(), json!({ "name": name, "port": port }));
    }
}

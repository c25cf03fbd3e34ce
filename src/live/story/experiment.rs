//! The experiment that a story is: its machines join, its users ask and its nodes fall silent at the
//! recorded instants, and the simulator does the rest.

use serde_json::{Map, Value, json};
use units::{Duration, Instant};

use super::{DeedKind, Story};
use crate::wire::Registration;
use crate::wire::request::Request;

/// An experiment and the files that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// The experiment.
    pub document: Value,
    /// Files beside it.
    pub files: Vec<File>,
}

/// A file of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Name of the file.
    pub name: String,
    /// Text of the file.
    pub text: String,
}

/// Delays that were fitted to a record, as experiment files write distributions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fitted {
    /// Time from a binding to a running container.
    pub start: Option<String>,
    /// Time from an order to end to the end.
    pub stop: Option<String>,
}

impl Story {
    /// The experiment of the story. `base` is the experiment whose system ran: its system, models and seed
    /// are kept, its nodes and its workload are replaced by the recorded ones.
    pub fn experiment(&self, base: &Value, fitted: &Fitted) -> Derived {
        let mut files = Vec::new();
        let mut operations = Vec::new();
        for deed in &self.deeds {
            let text = match &deed.kind {
                DeedKind::Joined(message) => Some(node(message)),
                DeedKind::Asked(Request::Apply { text, .. }) => Some(applied(text, fitted)),
                DeedKind::Asked(_) | DeedKind::Measured(_) => None,
            };
            let name = format!("apply-{}.yaml", files.len());
            let operation = match &deed.kind {
                DeedKind::Asked(request) => asked(request, &name),
                DeedKind::Joined(_) => Some(json!({"apply": name})),
                DeedKind::Measured(_) => None,
            };
            if let Some(mut operation) = operation {
                operation["at"] = json!(span(deed.at));
                operations.push(operation);
            }
            files.extend(text.map(|text| File { name, text }));
        }
        let mut document = Map::new();
        for field in ["windtunnel", "name", "system", "models", "seed"] {
            if let Some(value) = base.get(field) {
                document.insert(field.to_owned(), value.clone());
            }
        }
        if let Some(start) = &fitted.start {
            let models = document.entry("models").or_insert_with(|| json!({}));
            models["startup"] = json!({"containerStart": start});
        }
        document.insert("cluster".to_owned(), json!({"nodes": []}));
        document.insert("workload".to_owned(), json!([]));
        document.insert("operations".to_owned(), json!(operations));
        document.insert("failures".to_owned(), json!(self.failures()));
        document.insert("stop".to_owned(), json!({"at": span(self.end)}));
        Derived {
            document: Value::Object(document),
            files,
        }
    }

    /// The silences of nodes and the absences of control servers as failures.
    fn failures(&self) -> Vec<Value> {
        let mut failures = Vec::new();
        for (node, silence) in self.silences.iter() {
            let mut failure = json!({
                "kind": "partition",
                "node": node,
                "at": span(silence.from),
            });
            if silence.until < Instant::MAX {
                failure["for"] = json!(silence.until.since(silence.from).to_string());
            }
            failures.push(failure);
        }
        for absence in &self.absences {
            failures.push(json!({
                "kind": "control-plane-outage",
                "at": span(absence.from),
                "for": absence.until.since(absence.from).to_string(),
            }));
        }
        failures
    }
}

fn span(at: Instant) -> String {
    at.since(Instant::ZERO).max(Duration::from_nanos(1)).to_string()
}

/// The operation that a request is; a manifest stands in a file of its own.
fn asked(request: &Request, file: &str) -> Option<Value> {
    Some(match request {
        Request::Apply { .. } => json!({"apply": file}),
        Request::Delete { object } => json!({"delete": object}),
        Request::Scale { object, replicas } => json!({"scale": object, "replicas": replicas}),
        Request::Cordon { node } => json!({"cordon": node}),
        Request::Uncordon { node } => json!({"uncordon": node}),
        Request::Drain { node } => json!({"drain": node}),
    })
}

/// A machine as an object of the API.
fn node(message: &Registration) -> String {
    let declaration = &message.declaration;
    let labels = declaration.labels.iter();
    let labels: Map<String, Value> = labels
        .map(|label| (label.key.clone(), json!(label.value)))
        .collect();
    let amounts = declaration.allocatable.iter();
    let amounts: Map<String, Value> = amounts
        .map(|amount| (amount.resource.clone(), json!(amount.quantity)))
        .collect();
    let object = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": message.node, "labels": labels},
        "status": {"allocatable": amounts, "capacity": amounts},
    });
    format!("{object:#}\n")
}

/// A manifest with the fitted time of stops in its templates.
fn applied(text: &str, fitted: &Fitted) -> String {
    let Some(stop) = &fitted.stop else {
        return text.to_owned();
    };
    let Ok(mut documents) = manifest::read_values(text) else {
        return text.to_owned();
    };
    for document in &mut documents {
        annotate(document, stop);
    }
    json!({"apiVersion": "v1", "kind": "List", "items": documents}).to_string()
}

fn annotate(object: &mut Value, stop: &str) {
    if let Some(items) = object.get_mut("items").and_then(Value::as_array_mut) {
        for item in items {
            annotate(item, stop);
        }
    }
    let is_pod = object.get("kind").and_then(Value::as_str) == Some("Pod");
    let place = if is_pod {
        Some(object)
    } else {
        object.pointer_mut("/spec/template")
    };
    let Some(Value::Object(template)) = place else {
        return;
    };
    let metadata = template.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else {
        return;
    };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(STOP_TIME.to_owned(), json!(stop));
    }
}

/// Annotation with the time that a pod takes to stop.
const STOP_TIME: &str = "windtunnel.dev/stop-time";

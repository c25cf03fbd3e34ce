//! The experiment that a story is: its machines join, its users ask and its nodes fall silent at the
//! recorded instants, and the simulator does the rest.

use control::operation::Operation;
use serde_json::{Map, Value, json};
use units::{Duration, Instant, SortedMap};

use super::{DeedKind, Story};
use crate::driver::requests::manifests::operations as read_operations;
use crate::record::life::Lives;
use crate::wire::Registration;
use crate::wire::pressure::PressureKind;
use crate::wire::request::Request;

/// Time between the last heartbeat of a node and the cut.
const AFTER: Duration = Duration::from_millis(1);

/// File of the machines that are there from the start.
const NODES: &str = "nodes.yaml";

/// File of a workload that runs nothing.
const NAMESPACE: &str = "namespace.yaml";

/// An experiment and the files that it names.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The experiment.
    pub document: Value,
    /// Files beside it.
    pub files: Vec<File>,
    /// Manifests that users applied, in order.
    pub applied: Vec<Applied>,
}

/// Objects that a user applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Instant of the request.
    pub at: Instant,
    /// Operations of the request. They bear the templates as they are written: programs and variables
    /// tell one template from another, although the simulator runs none.
    pub operations: Vec<Operation>,
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
    /// Time of a pull, by image.
    pub pulls: SortedMap<String, Duration>,
    /// Time from a binding, or from the pull of an image, to a running container.
    pub start: Option<String>,
    /// Time from an order to end to the end.
    pub stop: Option<String>,
    /// Phase of heartbeats, by which the loss of a node is noticed sooner or later.
    pub heartbeat: Option<String>,
}

impl Fitted {
    /// The model of images in which each pull takes its fitted time; `None` without pulls. At a gigabyte
    /// a second, an image has as many bytes as its pull takes nanoseconds.
    pub fn images(&self) -> Option<Value> {
        if self.pulls.is_empty() {
            return None;
        }
        let pulls = self.pulls.iter();
        let layers: Map<String, Value> = pulls
            .clone()
            .map(|(image, took)| (image.clone(), json!(took.as_nanos().max(1))))
            .collect();
        let images: Map<String, Value> = pulls
            .map(|(image, _)| (image.clone(), json!([image])))
            .collect();
        Some(json!({
            "nodeBandwidth": "8G",
            "registryBandwidth": "8P",
            "pulls": "parallel",
            "default": 1,
            "layers": layers,
            "images": images,
        }))
    }
}

impl Story {
    /// The experiment of the story. `base` is the experiment whose system ran: its system, models and seed
    /// are kept, its nodes and its workload are replaced by the recorded ones.
    pub fn experiment(&self, base: &Value, fitted: &Fitted) -> Derived {
        let (there, first_deed) = self.there_from_the_start();
        let mut files = vec![
            File {
                name: NODES.to_owned(),
                text: list(&there.iter().copied().map(node).collect::<Vec<_>>()),
            },
            File {
                name: NAMESPACE.to_owned(),
                text: "apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n".to_owned(),
            },
        ];
        let (mut operations, mut manifests) = (Vec::new(), Vec::new());
        for deed in self.deeds.iter().skip(first_deed) {
            let text = match &deed.kind {
                DeedKind::Joined(message) => Some(list(&[node(message)])),
                DeedKind::Asked(Request::Apply { text, .. }) => {
                    Some(applied(text, fitted, &self.lives))
                }
                DeedKind::Asked(_) | DeedKind::Pressed { .. } | DeedKind::Measured(_) => None,
            };
            let name = format!("apply-{}.yaml", files.len());
            let operation = match &deed.kind {
                DeedKind::Asked(request) => Some(asked(request, &name)),
                DeedKind::Joined(_) => Some(json!({"apply": name})),
                DeedKind::Pressed { node, kind, holds } => Some(pressed(node, *kind, *holds)),
                DeedKind::Measured(_) => None,
            };
            if let Some(mut operation) = operation {
                operation["at"] = json!(self.span(deed.at));
                operations.push(operation);
            }
            if let (DeedKind::Asked(_), Some(text)) = (&deed.kind, &text)
                && let Ok(operations) = read_operations(&name, text)
            {
                let at = Instant::ZERO.saturating_add(deed.at.since(self.origin));
                manifests.push(Applied { at, operations });
            }
            files.extend(text.map(|text| File { name, text }));
        }
        let mut document = self.kept(base);
        let models = document.entry("models").or_insert_with(|| json!({}));
        if let Some(start) = &fitted.start {
            models["startup"] = json!({"containerStart": start});
        }
        if let Some(images) = fitted.images() {
            models["images"] = images;
        }
        if let Some(heartbeat) = &fitted.heartbeat {
            models["leaseOffset"] = json!(heartbeat);
        }
        let mut cluster = json!({"nodes": [{"manifests": NODES}]});
        if let Some(provider) = base.pointer("/cluster/provider") {
            cluster["provider"] = provider.clone();
        }
        document.insert("cluster".to_owned(), cluster);
        // What runs is asked for later.
        let workload = json!([{"manifests": NAMESPACE}]);
        document.insert("workload".to_owned(), workload);
        document.insert("operations".to_owned(), json!(operations));
        document.insert("failures".to_owned(), json!(self.failures()));
        document.insert("stop".to_owned(), json!({"at": self.span(self.end)}));
        Derived {
            document: Value::Object(document),
            files,
            applied: manifests,
        }
    }

    /// The fields of the experiment that stay; schedules follow the date of the run, whatever date the
    /// experiment begins with.
    fn kept(&self, base: &Value) -> Map<String, Value> {
        let mut document = Map::new();
        for field in ["windtunnel", "name", "system", "models", "seed"] {
            if let Some(value) = base.get(field) {
                document.insert(field.to_owned(), value.clone());
            }
        }
        let (Some(Value::Object(system)), Some(date)) = (document.get_mut("system"), &self.date)
        else {
            return document;
        };
        let is_mesos = system
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(is_mesos);
        if is_mesos && system.get("mesos").is_none_or(Value::is_null) {
            system.insert("mesos".to_owned(), json!({}));
        }
        for dated in ["controllers", "mesos"] {
            if let Some(Value::Object(own)) = system.get_mut(dated) {
                own.insert("startDate".to_owned(), json!(date));
            }
        }
        document
    }

    /// Time from the beginning to an instant.
    fn span(&self, at: Instant) -> String {
        at.since(self.origin)
            .max(Duration::from_nanos(1))
            .to_string()
    }

    /// Machines that were there or joined before anything else happened, and the place of the first deed
    /// that is none of those.
    fn there_from_the_start(&self) -> (Vec<&Registration>, usize) {
        if let Some(beginning) = &self.beginning {
            return (beginning.machines.iter().collect(), 0);
        }
        let joined = self.deeds.iter().map_while(|deed| match &deed.kind {
            DeedKind::Joined(message) => Some(message),
            DeedKind::Asked(_) | DeedKind::Pressed { .. } | DeedKind::Measured(_) => None,
        });
        let joined: Vec<&Registration> = joined.collect();
        let count = joined.len();
        (joined, count)
    }

    /// The silences of nodes and the absences of control servers as failures.
    fn failures(&self) -> Vec<Value> {
        let mut failures = Vec::new();
        for (node, silence) in self.silences.iter() {
            let mut failure = json!({
                "kind": "partition",
                "node": node,
                "at": self.span(silence.from.saturating_add(AFTER)),
            });
            if silence.until < Instant::MAX {
                let from = silence.from.max(self.origin);
                failure["for"] = json!(silence.until.since(from).to_string());
            }
            failures.push(failure);
        }
        for absence in &self.absences {
            failures.push(json!({
                "kind": "control-plane-outage",
                "at": self.span(absence.from),
                "for": absence.until.since(absence.from).to_string(),
            }));
        }
        failures
    }
}

/// The operation that a request is; a manifest stands in a file of its own.
fn asked(request: &Request, file: &str) -> Value {
    match request {
        Request::Apply { .. } => json!({"apply": file}),
        Request::Delete { object } => json!({"delete": object}),
        Request::Scale { object, replicas } => json!({"scale": object, "replicas": replicas}),
        Request::Cordon { node } => json!({"cordon": node}),
        Request::Uncordon { node } => json!({"uncordon": node}),
        Request::Drain { node } => json!({"drain": node}),
    }
}

/// Whether a system has the schedules of Chronos, with a date of their own. DC/OS has none of them.
pub fn is_mesos(system: &str) -> bool {
    system == systems::mesos::ENTRY.name
}

/// The operation that a shortage of a node is, or its end: the taint that follows from it.
fn pressed(node: &str, kind: PressureKind, holds: bool) -> Value {
    let key = kind.taint();
    if holds {
        json!({"taint": {"node": node, "key": key, "effect": "NoSchedule"}})
    } else {
        json!({"untaint": {"node": node, "key": key}})
    }
}

/// A machine as an object of the API.
fn node(message: &Registration) -> Value {
    let declaration = &message.declaration;
    let labels = declaration.labels.iter();
    let labels: Map<String, Value> = labels
        .map(|label| (label.key.clone(), json!(label.value)))
        .collect();
    let amounts = declaration.allocatable.iter();
    let amounts: Map<String, Value> = amounts
        .map(|amount| (amount.resource.clone(), json!(amount.quantity)))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": message.node, "labels": labels},
        "status": {"allocatable": amounts, "capacity": amounts},
    })
}

/// The text of a file of objects.
fn list(items: &[Value]) -> String {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    format!("{list:#}\n")
}

/// A manifest with the fitted time of stops in its templates, and with the times after which pods ended by
/// themselves in those of pods and jobs.
fn applied(text: &str, fitted: &Fitted, lives: &Lives) -> String {
    let Ok(mut documents) = k8s::read_values(text) else {
        return text.to_owned();
    };
    let before = documents.clone();
    for document in &mut documents {
        annotate(document, fitted, lives);
    }
    if documents == before {
        return text.to_owned();
    }
    list(&documents)
}

fn annotate(object: &mut Value, fitted: &Fitted, lives: &Lives) {
    if let Some(items) = object.get_mut("items").and_then(Value::as_array_mut) {
        for item in items {
            annotate(item, fitted, lives);
        }
    }
    let named = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let template = match named("/kind") {
        Some("Pod") => "",
        Some("CronJob") => "/spec/jobTemplate/spec/template",
        _ => "/spec/template",
    };
    let ends = matches!(named("/kind"), Some("Pod" | "Job" | "CronJob"));
    let life = named("/metadata/name")
        .filter(|_| ends)
        .and_then(|name| lives.of_object(named("/metadata/namespace").unwrap_or("default"), name));
    let mut own = Vec::new();
    own.extend(fitted.stop.as_ref().map(|stop| (STOP_TIME, stop.clone())));
    if let Some(life) = life {
        let runs = life.runs.max(Duration::from_nanos(1));
        own.push((RUN_TIME, runs.to_string()));
        own.push((EXIT_CODE, life.code.to_string()));
    }
    let Some(Value::Object(template)) = object.pointer_mut(template).filter(|_| !own.is_empty())
    else {
        return;
    };
    let metadata = template.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else {
        return;
    };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if let Some(annotations) = annotations.as_object_mut() {
        for (key, value) in own {
            annotations.entry(key).or_insert_with(|| json!(value));
        }
    }
}

/// Annotations with the time after which a pod's processes end by themselves, and the code.
const RUN_TIME: &str = "windtunnel.dev/run-time";
const EXIT_CODE: &str = "windtunnel.dev/exit-code";

/// Annotation with the time that a pod takes to stop.
const STOP_TIME: &str = "windtunnel.dev/stop-time";

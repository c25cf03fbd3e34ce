//! The record of a cluster that another control plane ran: its nodes, its pods with the nodes that they were given
//! and the times for which they had them. It is an experiment for the simulator, in which another scheduler decides.

mod placements;

use std::fmt::Write as _;
use std::sync::Arc;

use arrivals::pod::settings;
use model::{PodSpec, Toleration};
use serde_json::{Map, Value, json};
use units::{Duration, Instant, SortedMap};

use super::File;
use crate::driver::input::Input;
use crate::record::Log;
use crate::wire::observation::{Kind, Observation};

pub use placements::{Placement, Placements, placements};

/// File of the nodes that are there from the start.
const NODES: &str = "nodes.json";

/// File of the pods and objects that are there from the start.
const BEGINNING: &str = "beginning.json";

/// File of the pods that came later.
const PODS: &str = "pods.csv";

/// A pod of the record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedPod {
    /// Name in the simulation: namespace and name, and a number for one that came again.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Instant at which it was first seen.
    pub seen: Instant,
    /// Node, and the instant at which it was first seen there.
    pub placed: Option<(String, Instant)>,
    /// Instant at which it was seen no longer.
    pub gone: Option<Instant>,
    /// `true` of a pod that was there before the record began.
    pub is_of_beginning: bool,
    /// The pod as it was first seen.
    object: Value,
}

impl RecordedPod {
    /// Whether a scheduler gave it a node while the record ran, or was to.
    pub fn is_arrival(&self) -> bool {
        self.is_laid_down() || self.is_placed_here()
    }

    /// Whether the pod was created with a node, which no scheduler chose.
    pub fn is_laid_down(&self) -> bool {
        !self.is_of_beginning && self.placed.as_ref().is_some_and(|(_, at)| *at <= self.seen)
    }

    fn is_placed_here(&self) -> bool {
        self.placed.as_ref().is_none_or(|(_, at)| *at > self.seen)
    }

    /// Time for which it was on its node.
    fn run_time(&self) -> Option<Duration> {
        let (_, from) = self.placed.as_ref()?;
        Some(self.gone?.since(*from).max(Duration::from_nanos(1)))
    }
}

/// A change of a node.
#[derive(Clone, Debug)]
struct NodeChange {
    at: Instant,
    name: String,
    /// The node as it is then; `None` once it is gone.
    object: Option<Value>,
}

/// An hour of a cluster.
#[derive(Debug, Default)]
pub struct Hour {
    /// Pods, in order of their first sight.
    pub pods: Vec<RecordedPod>,
    /// Instant of the beginning, when all was listed.
    pub origin: Instant,
    /// Instant of the last record.
    pub end: Instant,
    nodes: Vec<Value>,
    changes: Vec<NodeChange>,
    around: SortedMap<(Kind, String), Value>,
    /// Parts of the record that are left out, in words.
    pub left_out: Vec<String>,
}

/// What is known while the record is read.
#[derive(Default)]
struct Reading {
    hour: Hour,
    /// Places of pods that are there, by their unique identifiers.
    there: SortedMap<String, usize>,
    /// Number of pods of a name so far.
    names: SortedMap<String, u32>,
    has_begun: bool,
}

impl Hour {
    /// The hour of a record.
    pub fn of(log: &Log) -> Self {
        let mut reading = Reading::default();
        for record in &log.records {
            let at = Instant::from_nanos(record.at_ns);
            for input in &record.inputs {
                if let Input::Observed { seen } = input {
                    reading.take(at, seen);
                }
            }
            reading.hour.end = at;
        }
        let mut hour = reading.hour;
        let dropped = hour
            .pods
            .iter()
            .filter(|own| is_of_node(&own.object))
            .count();
        if dropped > 0 {
            let told = "pods that their nodes run by themselves stay where they are";
            hour.left_out.push(format!("{told}: {dropped}"));
        }
        hour
    }

    /// Whether nothing was seen.
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The experiment of the hour: the system, models and seed are those of `base`.
    pub fn experiment(&self, base: &Value) -> (Value, Vec<File>) {
        let mut document = Map::new();
        for field in ["windtunnel", "name", "system", "models", "seed"] {
            if let Some(value) = base.get(field) {
                document.insert(field.to_owned(), value.clone());
            }
        }
        if let Some(system) = document.get_mut("system").and_then(Value::as_object_mut) {
            // The pods are those that the cluster's controllers made.
            system.retain(|field, _| {
                !matches!(
                    field.as_str(),
                    "controllers" | "autoscaling" | "descheduling"
                )
            });
        }
        if let Some(models) = document.get_mut("models").and_then(Value::as_object_mut) {
            // Pods have their nodes for as long as they had them.
            models.retain(|field, _| !matches!(field.as_str(), "nodeLife" | "startup" | "images"));
        }
        let mut files = vec![
            file(NODES, &list(&self.nodes)),
            file(BEGINNING, &list(&self.beginning())),
        ];
        let table = self.table();
        let mut workload = vec![json!({"manifests": BEGINNING})];
        if table.lines().count() > 1 {
            workload.push(json!({"trace": {"path": PODS, "format": "csv"}}));
            files.push(File {
                name: PODS.to_owned(),
                text: table,
            });
        }
        let operations = self.operations(&mut files);
        document.insert(
            "cluster".to_owned(),
            json!({"nodes": [{"manifests": NODES}]}),
        );
        document.insert("workload".to_owned(), json!(workload));
        if !operations.is_empty() {
            document.insert("operations".to_owned(), json!(operations));
        }
        document.insert("stop".to_owned(), json!({"at": self.span(self.end)}));
        (Value::Object(document), files)
    }

    /// Pods that are on nodes, and what is around, as objects.
    fn beginning(&self) -> Vec<Value> {
        let pods = self.pods.iter().filter(|own| !own.is_arrival());
        let pods = pods.map(|own| {
            let mut object = own.object.clone();
            object["status"]["phase"] = json!("Running");
            object
        });
        let mut all: Vec<Value> = self.around.values().cloned().collect();
        all.extend(pods);
        if all.is_empty() {
            let name = json!({"name": "default"});
            all.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": name}));
        }
        all
    }

    /// The table of the pods that came later.
    fn table(&self) -> String {
        let mut text = "submit_ns,name,namespace,run_time_ns,priority,pod\n".to_owned();
        let mut rows: Vec<&RecordedPod> = self.pods.iter().filter(|own| own.is_arrival()).collect();
        rows.sort_by_key(|own| own.seen);
        for own in rows {
            let Ok(spec) = spec_of(&own.object) else {
                continue;
            };
            let mut spec = spec;
            if let Some((node, _)) = own.placed.as_ref().filter(|_| own.is_laid_down()) {
                bind_to(Arc::make_mut(&mut spec), node);
            }
            let columns = PodSpec {
                namespace: spec.namespace.clone(),
                priority: spec.priority,
                ..PodSpec::default()
            };
            let cell = settings::cell(&spec, &columns).unwrap_or_default();
            let run_time = own.run_time().map(|time| time.as_nanos().to_string());
            let _ = writeln!(
                text,
                "{},{},{},{},{},\"{}\"",
                own.seen.since(self.origin).as_nanos().max(0),
                own.name,
                own.namespace,
                run_time.unwrap_or_default(),
                spec.priority,
                cell.replace('"', "\"\"")
            );
        }
        text
    }

    /// Ends of pods that were there from the start, and changes of nodes.
    fn operations(&self, files: &mut Vec<File>) -> Vec<Value> {
        let mut timed = Vec::new();
        for own in &self.pods {
            let Some(gone) = own.gone else {
                continue;
            };
            // Who came later ends by itself, unless it never had a node.
            let name = if own.is_arrival() {
                if own.placed.is_some() {
                    continue;
                }
                &own.name
            } else {
                own.object["metadata"]["name"].as_str().unwrap_or_default()
            };
            let object = format!("Pod/{}/{name}", own.namespace);
            timed.push((gone, json!({"delete": object})));
        }
        let mut taints: SortedMap<&str, Vec<Value>> = SortedMap::new();
        for node in &self.nodes {
            let name = node["metadata"]["name"].as_str().unwrap_or_default();
            taints.insert(name, conditions(node));
        }
        for change in &self.changes {
            let name = change.name.as_str();
            let Some(object) = &change.object else {
                timed.push((change.at, json!({"delete": format!("Node/{name}")})));
                continue;
            };
            let file_name = format!("node-{}.json", files.len());
            files.push(file(&file_name, &list(std::slice::from_ref(object))));
            timed.push((change.at, json!({"apply": file_name})));
            // What follows from conditions is no part of what is applied.
            let (before, after) = (
                taints.insert(name, conditions(object)).unwrap_or_default(),
                conditions(object),
            );
            for taint in before.iter().filter(|own| !after.contains(own)) {
                let own = json!({"node": name, "key": taint["key"], "effect": taint["effect"]});
                timed.push((change.at, json!({"untaint": own})));
            }
            for taint in after.iter().filter(|own| !before.contains(own)) {
                let mut own = json!({"node": name, "key": taint["key"], "effect": taint["effect"]});
                if taint["value"].is_string() {
                    own["value"] = taint["value"].clone();
                }
                timed.push((change.at, json!({"taint": own})));
            }
        }
        timed.sort_by_key(|(at, _)| *at);
        let timed = timed.into_iter().map(|(at, mut operation)| {
            operation["at"] = json!(self.span(at));
            operation
        });
        timed.collect()
    }

    fn span(&self, at: Instant) -> String {
        at.since(self.origin)
            .max(Duration::from_nanos(1))
            .to_string()
    }
}

impl Reading {
    fn take(&mut self, at: Instant, seen: &[Observation]) {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first {
            self.hour.origin = at;
        }
        for own in seen {
            match own.kind {
                Kind::Node => self.take_node(at, own, is_first),
                Kind::Pod => self.take_pod(at, own, is_first),
                // A claim that is bound later is bound from the start: the pod came when it did.
                kind if !own.is_gone => {
                    let object = own.object.clone();
                    self.hour.around.insert((kind, own.place()), object);
                }
                _ => {}
            }
        }
    }

    fn take_node(&mut self, at: Instant, own: &Observation, is_first: bool) {
        if is_first {
            self.hour.nodes.push(own.object.clone());
            return;
        }
        self.hour.changes.push(NodeChange {
            at,
            name: own.text("/metadata/name").to_owned(),
            object: (!own.is_gone).then(|| own.object.clone()),
        });
    }

    fn take_pod(&mut self, at: Instant, own: &Observation, is_first: bool) {
        let uid = own.text("/metadata/uid");
        let is_over = own.is_gone || matches!(own.text("/status/phase"), "Succeeded" | "Failed");
        let node = own.text("/spec/nodeName");
        let Some(&place) = self.there.get(uid) else {
            if !is_over {
                self.add(at, own, is_first);
            }
            return;
        };
        let known = &mut self.hour.pods[place];
        if is_over {
            known.gone = Some(at);
            self.there.remove(uid);
        } else if known.placed.is_none() && !node.is_empty() {
            known.placed = Some((node.to_owned(), at));
        } else if known.placed.is_none() {
            let is_gated = |object: &Value| {
                let gates = object["spec"]["schedulingGates"].as_array();
                gates.is_some_and(|gates| !gates.is_empty())
            };
            if is_gated(&known.object) && !is_gated(&own.object) {
                // Nobody looked at it before.
                known.seen = at;
                known.is_of_beginning = false;
            }
            known.object.clone_from(&own.object);
        }
    }

    fn add(&mut self, at: Instant, own: &Observation, is_first: bool) {
        let place = own.place().replace('/', ".");
        let count = self.names.entry(place.clone()).or_insert(0);
        *count += 1;
        let name = if *count == 1 {
            place
        } else {
            format!("{place}.{count}")
        };
        let node = own.text("/spec/nodeName");
        let mut object = own.object.clone();
        if !is_first
            && !is_of_node(&object)
            && let Some(spec) = object["spec"].as_object_mut()
        {
            spec.remove("nodeName");
        }
        self.there
            .insert(own.text("/metadata/uid").to_owned(), self.hour.pods.len());
        self.hour.pods.push(RecordedPod {
            name,
            namespace: own.text("/metadata/namespace").to_owned(),
            seen: at,
            placed: (!node.is_empty()).then(|| (node.to_owned(), at)),
            gone: None,
            is_of_beginning: is_first || is_of_node(&object),
            object,
        });
    }
}

/// Whether a node runs a pod by itself.
fn is_of_node(object: &Value) -> bool {
    let annotations = &object["metadata"]["annotations"];
    annotations["kubernetes.io/config.mirror"].is_string()
}

/// Taints of a node that follow from its conditions.
fn conditions(node: &Value) -> Vec<Value> {
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    let of_conditions = taints.filter(|own| {
        let key = own["key"].as_str().unwrap_or_default();
        key.starts_with("node.kubernetes.io/") && key != "node.kubernetes.io/unschedulable"
    });
    of_conditions.cloned().collect()
}

fn spec_of(object: &Value) -> Result<Arc<PodSpec>, String> {
    let namespace = object["metadata"]["namespace"]
        .as_str()
        .unwrap_or("default");
    let read = k8s::read_pod(object, namespace, None);
    let mut spec = read
        .map_err(|own| format!("{}: {}", own.field, own.rule))?
        .spec;
    // One scheduler decides on all of them.
    spec.scheduler_name = model::Text::default();
    Ok(Arc::new(spec))
}

/// Has a pod admit one node alone.
fn bind_to(spec: &mut PodSpec, node: &str) {
    let field =
        json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
    let affinity = json!({"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [field]},
    }});
    let pod = json!({"spec": {"affinity": affinity, "containers": [{"name": "a", "image": "a"}]}});
    if let Ok(read) = k8s::read_pod(&pod, "default", None) {
        spec.affinity.node = read.spec.affinity.node;
    }
    spec.tolerations = vec![Toleration {
        key: None,
        value: None,
        effect: None,
        tolerates_for: None,
    }];
}

fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn file(name: &str, object: &Value) -> File {
    File {
        name: name.to_owned(),
        text: format!("{object:#}\n"),
    }
}

#[cfg(test)]
mod tests;

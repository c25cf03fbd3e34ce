//! The cluster of a plan as files that a run reads: the objects of the dump with the nodes that stay
//! and come, and each pod where the plan has it. Pods on bought nodes wait, so that the run places
//! them itself, in the order of the dump.

use std::io::{self, BufReader, Write};

use serde_json::{Value, json};

use super::adjust::Factors;
use super::demand::Demand;
use super::items::each_item;
use super::market::BoughtNode;
use crate::snapshot::SnapshotError;
use intake::Input;
use k8s::SnapshotWriter;
use model::{Node, PodSpec, Text};
use scheduler::kube::Cache;
use units::{SortedMap, SortedSet};

/// Cluster of a plan.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// Nodes of the dump that stay.
    pub kept: SortedSet<Text>,
    /// Nodes of these that are no machines, on which no scheduler places pods anew.
    pub virtual_nodes: SortedSet<Text>,
    /// Nodes that are bought.
    pub bought: Vec<BoughtNode>,
    /// Pods that nodes carry before all others.
    pub carried: Vec<Carried>,
    /// Nodes of the pods that have to run, `NAMESPACE/NAME`.
    pub nodes_of_pods: SortedMap<String, Text>,
    /// Pods that have no node today, `NAMESPACE/NAME`: those of these that get one start there.
    pub unbound: SortedSet<String>,
    /// Whether a run places the pods anew.
    pub is_placed_anew: bool,
    /// Place of each pod in the order in which pods are placed, `NAMESPACE/NAME`.
    pub order: SortedMap<String, usize>,
}

/// Pod that a bought node carries before all others.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Node of the pod.
    pub node: Text,
    /// Namespace of the pod.
    pub namespace: Text,
    /// Name of its daemon set, or of the static pod without the node's name.
    pub stem: Text,
}

impl Planned {
    /// The cluster as a cache has it.
    pub fn of(cache: &Cache, demand: &Demand, bought: Vec<BoughtNode>) -> Self {
        let names: SortedSet<&Text> = bought.iter().map(|own| &own.node.name).collect();
        let mut planned = Self::default();
        for node in cache.nodes() {
            if !names.contains(node.name()) {
                planned.kept.insert(node.name().clone());
                if node.object.is_virtual() {
                    planned.virtual_nodes.insert(node.name().clone());
                }
            }
            // Pods of growth are not there yet.
            let pods = { demand.places(&node.pods).into_iter() }
                .filter_map(|place| demand.pods.get(place));
            for pod in pods {
                let name = pod.name.clone();
                planned.nodes_of_pods.insert(name, node.name().clone());
            }
        }
        let pods = demand.pods.iter().enumerate();
        planned.order = pods.map(|(place, pod)| (pod.name.clone(), place)).collect();
        planned.is_placed_anew = !bought.is_empty();
        planned.bought = bought;
        planned
    }

    /// Pods with their nodes: those that have one today, or those that start.
    pub fn placement(&self, starts: bool) -> impl Iterator<Item = (&String, &Text)> {
        let pods = self.nodes_of_pods.iter();
        pods.filter(move |(pod, _)| self.unbound.contains(*pod) == starts)
    }
}

/// Changes of objects beside their places.
#[derive(Clone, Copy)]
pub struct Changed<'a> {
    /// Factors of what nodes offer.
    pub factors: &'a Factors,
    /// Specs of pods with other requests than the dump has, by `NAMESPACE/NAME`.
    pub resized: &'a SortedMap<String, std::sync::Arc<PodSpec>>,
}

/// Writes the objects of a planned cluster, a list of JSON. Parsed values are held one at a time.
///
/// # Errors
/// If a file can't be read again, or the list can't be written.
pub fn write_objects(
    inputs: &[Input],
    planned: &Planned,
    changed: Changed<'_>,
    out: &mut dyn Write,
) -> Result<(), SnapshotError> {
    let failed = |error: &dyn std::fmt::Display| SnapshotError::Input(error.to_string());
    let encoder = zstd::stream::write::Encoder::new(Vec::new(), COPY_LEVEL);
    let mut writer = SnapshotWriter::new(encoder.map_err(|error| failed(&error))?);
    for input in inputs {
        writer.read(input)?;
    }
    let copy = writer.finish().and_then(|own| own.out.finish());
    let copy = copy.map_err(|error| failed(&error))?;
    let text = zstd::stream::read::Decoder::with_buffer(&copy[..]);
    let text = BufReader::new(text.map_err(|error| failed(&error))?);
    let mut list = ObjectList::begin(planned, changed, out).map_err(|error| failed(&error))?;
    let read = each_item(text, &mut |item| list.take(&item));
    read.map_err(|error| failed(&error))?;
    list.finish().map_err(|error| failed(&error))
}

/// Level at which the copy of the dump is compressed: it is read once, at once.
const COPY_LEVEL: i32 = 1;

/// List of objects that is being written. A run meets the pods in the order of the file: those that
/// have a place in the plan's order come last.
struct ObjectList<'a> {
    planned: &'a Planned,
    changed: Changed<'a>,
    out: &'a mut dyn Write,
    any: bool,
    /// Pods with a place in the order, as texts.
    pods: Vec<(usize, String)>,
    templates: Templates,
}

impl<'a> ObjectList<'a> {
    fn begin(
        planned: &'a Planned,
        changed: Changed<'a>,
        out: &'a mut dyn Write,
    ) -> io::Result<Self> {
        out.write_all(b"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n")?;
        Ok(Self {
            planned,
            changed,
            out,
            any: false,
            pods: Vec::new(),
            templates: Templates::of(&planned.carried),
        })
    }

    fn take(&mut self, item: &Value) -> io::Result<()> {
        self.templates.offer(item);
        match item["kind"].as_str() {
            Some("Node") if self.planned.kept.contains(text(&item["metadata"]["name"])) => {
                self.put(&offering(item.clone(), self.changed.factors).to_string())
            }
            Some("Node") => Ok(()),
            Some("Pod") => {
                let Some(pod) = placed(item, self.planned, self.changed) else {
                    return Ok(());
                };
                match self.planned.order.get(&full_name(item)) {
                    Some(&place) => self.pods.push((place, pod.to_string())),
                    None => self.put(&pod.to_string())?,
                }
                Ok(())
            }
            _ => self.put(&item.to_string()),
        }
    }

    fn put(&mut self, object: &str) -> io::Result<()> {
        if std::mem::replace(&mut self.any, true) {
            self.out.write_all(b",\n")?;
        }
        self.out.write_all(object.as_bytes())
    }

    fn finish(mut self) -> io::Result<()> {
        let mut pods = std::mem::take(&mut self.pods);
        pods.sort_by_key(|(place, _)| *place);
        for (_, pod) in pods {
            self.put(&pod)?;
        }
        for own in &self.planned.bought {
            self.put(&node_object(&own.node).to_string())?;
        }
        for own in &self.planned.carried {
            if let Some(pod) = self.templates.pod(own) {
                self.put(&pod.to_string())?;
            }
        }
        self.out.write_all(b"\n]}\n")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn namespace(item: &Value) -> &str {
    item["metadata"]["namespace"].as_str().unwrap_or("default")
}

/// `NAMESPACE/NAME` of an object.
fn full_name(item: &Value) -> String {
    format!("{}/{}", namespace(item), text(&item["metadata"]["name"]))
}

/// A node that offers more than it has.
fn offering(mut node: Value, factors: &Factors) -> Value {
    if factors.is_empty() {
        return node;
    }
    if let Some(Value::Object(amounts)) = node["status"].get_mut("allocatable") {
        for (name, value) in amounts {
            let stated = value.as_str().and_then(|own| own.parse().ok());
            if let Some(raised) = stated.and_then(|own| factors.raised(name, own)) {
                *value = raised.to_string().into();
            }
        }
    }
    node
}

/// A pod where the plan has it; `None` if it is not part of the plan.
fn placed(item: &Value, planned: &Planned, changed: Changed<'_>) -> Option<Value> {
    let name = full_name(item);
    let mut pod = item.clone();
    match planned.nodes_of_pods.get(&name) {
        Some(node)
            if planned.virtual_nodes.contains(node)
                || planned.kept.contains(node) && !planned.is_placed_anew =>
        {
            pod["spec"]["nodeName"] = node.to_string().into();
            pod["status"] = json!({"phase": "Running"});
        }
        Some(_) => {
            if let Some(spec) = pod["spec"].as_object_mut() {
                spec.remove("nodeName");
            }
            pod["status"] = json!({"phase": "Pending"});
        }
        // Pods of a node and pods that end stay with it; those that wait stay out.
        None => {
            let node = pod["spec"]["nodeName"].as_str()?;
            let belongs = ["DaemonSet", "Node"].contains(&owner(item).0);
            let ends = !item["metadata"]["deletionTimestamp"].is_null();
            if !(belongs || ends) || !planned.kept.contains(node) {
                return None;
            }
        }
    }
    if let Some(spec) = changed.resized.get(&name) {
        resize(&mut pod, spec);
    }
    Some(pod)
}

/// Kind and name of the controlling owner.
fn owner(item: &Value) -> (&str, &str) {
    let owners = item["metadata"]["ownerReferences"].as_array();
    let mut owners = owners.into_iter().flatten();
    let owner = owners.find(|own| own["controller"] == true);
    owner.map_or(("", ""), |own| (text(&own["kind"]), text(&own["name"])))
}

/// Writes the requests of a spec into a pod.
fn resize(pod: &mut Value, spec: &PodSpec) {
    for (field, containers) in spec.container_lists() {
        for (place, own) in containers.iter().enumerate() {
            let Some(container) = pod["spec"][field].get_mut(place) else {
                continue;
            };
            container["resources"]["requests"] = json!(own.requests);
        }
    }
}

/// Name of a type as names of nodes have it: small letters, digits, `-` and `.`, a letter or digit at either
/// end of each part.
pub(super) fn node_name(kind: &str) -> String {
    let kept = kind.to_ascii_lowercase().replace(
        |own: char| !(own.is_ascii_alphanumeric() || own == '.'),
        "-",
    );
    let parts = kept.split('.').map(|part| part.trim_matches('-'));
    let parts = parts.filter(|part| !part.is_empty());
    parts.collect::<Vec<&str>>().join(".")
}

/// A node as an object of the API.
pub fn node_object(node: &Node) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": node.labels},
        "spec": {"taints": node.taints},
        "status": {
            "allocatable": node.allocatable,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    })
}

/// Objects that pods of bought nodes are made of, by namespace and stem of the name.
struct Templates {
    items: SortedMap<(String, String), Option<Value>>,
}

impl Templates {
    /// The templates that pods need; none is found yet.
    fn of(carried: &[Carried]) -> Self {
        let keys = { carried.iter() }.map(|own| (own.namespace.to_string(), own.stem.to_string()));
        Self {
            items: keys.map(|key| (key, None)).collect(),
        }
    }

    /// Keeps an object that is a template.
    fn offer(&mut self, item: &Value) {
        if self.items.is_empty() {
            return;
        }
        let kind = text(&item["kind"]);
        let name = text(&item["metadata"]["name"]);
        let stem = match (kind, owner(item)) {
            ("DaemonSet", _) => name,
            ("Pod", ("DaemonSet", set)) => set,
            ("Pod", ("Node", _)) => {
                let node = text(&item["spec"]["nodeName"]);
                let stem = name.strip_suffix(node).unwrap_or(name);
                stem.trim_end_matches('-')
            }
            _ => return,
        };
        let key = (namespace(item).to_owned(), stem.to_owned());
        // A daemon set tells more than one of its pods.
        if let Some(found) = self.items.get_mut(&key)
            && (found.is_none() || kind == "DaemonSet")
        {
            *found = Some(item.clone());
        }
    }

    fn pod(&self, own: &Carried) -> Option<Value> {
        let key = (own.namespace.to_string(), own.stem.to_string());
        let item = self.items.get(&key)?.as_ref()?;
        let is_set = text(&item["kind"]) == "DaemonSet";
        let part = if is_set {
            &item["spec"]["template"]
        } else {
            item
        };
        let mut spec = part["spec"].clone();
        if let Some(affinity) = spec["affinity"].as_object_mut() {
            affinity.remove("nodeAffinity");
        }
        spec["nodeName"] = own.node.to_string().into();
        let owners = if is_set {
            json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "controller": true,
                "name": item["metadata"]["name"], "uid": item["metadata"]["uid"]}])
        } else {
            item["metadata"]["ownerReferences"].clone()
        };
        Some(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": format!("{}-{}", own.stem, own.node),
                "namespace": &*own.namespace,
                "labels": part["metadata"]["labels"],
                "ownerReferences": owners,
            },
            "spec": spec,
            "status": {"phase": "Running"},
        }))
    }
}

//! The cluster of a plan as files that a run reads: the objects of the dump with the nodes that stay
//! and come, and each pod where the plan has it. Pods on bought nodes wait, so that the run places
//! them itself, in the order of the dump.

use serde_json::{Map, Value, json};

use super::adjust::{Factors, resource_names};
use super::demand::Demand;
use super::market::BoughtNode;
use crate::snapshot::SnapshotError;
use manifest::SnapshotWriter;
use model::{Node, PodSpec, TaintEffect, Text};
use scheduler::kube::Cache;
use trace::Input;
use units::{SortedMap, SortedSet};

/// Cluster of a plan.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// Nodes of the dump that stay.
    pub kept: SortedSet<Text>,
    /// Nodes that are bought.
    pub bought: Vec<BoughtNode>,
    /// Pods that nodes carry before all others.
    pub carried: Vec<Carried>,
    /// Nodes of the pods that have to run, `NAMESPACE/NAME`.
    pub nodes_of_pods: SortedMap<String, Text>,
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
            }
            for place in demand.places(&node.pods) {
                let name = demand.pods[place].name.clone();
                planned.nodes_of_pods.insert(name, node.name().clone());
            }
        }
        let pods = demand.pods.iter().enumerate();
        planned.order = pods.map(|(place, pod)| (pod.name.clone(), place)).collect();
        planned.is_placed_anew = !bought.is_empty();
        planned.bought = bought;
        planned
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

/// The objects of a planned cluster, a list of JSON.
///
/// # Errors
/// If a file can't be read again.
pub fn objects(
    inputs: &[Input],
    planned: &Planned,
    changed: Changed<'_>,
) -> Result<String, SnapshotError> {
    let mut writer = SnapshotWriter::new(Vec::new());
    for input in inputs {
        writer.read(input)?;
    }
    let failed = |error: &dyn std::fmt::Display| SnapshotError::Input(error.to_string());
    let bytes = writer.finish().map_err(|error| failed(&error))?.out;
    let list: Value = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
    let empty = Vec::new();
    let items = list["items"].as_array().unwrap_or(&empty);
    let templates = Templates::of(items);
    let mut kept = Vec::new();
    let mut seen = SortedSet::new();
    for item in items {
        let kind = item["kind"].as_str().unwrap_or_default();
        let name = text(&item["metadata"]["name"]);
        match kind {
            "Node" if planned.kept.contains(name) => {
                seen.insert(name.to_owned());
                kept.push(offering(item.clone(), changed.factors));
            }
            "Node" => {}
            "Pod" => kept.extend(placed(item, planned, changed)),
            _ => kept.push(item.clone()),
        }
    }
    // A run meets the pods in the order of the file.
    kept.sort_by_cached_key(|item| match item["kind"].as_str() {
        Some("Pod") => planned.order.get(&full_name(item)).map(|place| place + 1),
        _ => None,
    });
    kept.extend(planned.bought.iter().map(|own| node_object(&own.node)));
    for own in &planned.carried {
        kept.extend(templates.pod(own));
    }
    let lines: Vec<String> = kept.iter().map(Value::to_string).collect();
    Ok(format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n{}\n]}}\n",
        lines.join(",\n")
    ))
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
        Some(node) if planned.kept.contains(&**node) && !planned.is_placed_anew => {
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
    let parts = [
        ("containers", &spec.containers),
        ("initContainers", &spec.init_containers),
    ];
    for (field, containers) in parts {
        for (place, own) in containers.iter().enumerate() {
            let Some(container) = pod["spec"][field].get_mut(place) else {
                continue;
            };
            let amounts = own.requests.named();
            let amounts =
                amounts.map(|(name, amount)| (name.to_string(), amount.to_string().into()));
            container["resources"]["requests"] = Value::Object(amounts.collect::<Map<_, _>>());
        }
    }
}

/// A node as an object of the API.
pub fn node_object(node: &Node) -> Value {
    let labels = node.labels.iter();
    let labels: Map<String, Value> = labels
        .map(|(key, value)| (key.to_string(), value.to_string().into()))
        .collect();
    let taints = node.taints.iter().map(|taint| {
        let effect = match taint.effect {
            TaintEffect::NoSchedule => "NoSchedule",
            TaintEffect::PreferNoSchedule => "PreferNoSchedule",
            TaintEffect::NoExecute => "NoExecute",
        };
        json!({"key": &*taint.key, "value": &*taint.value, "effect": effect})
    });
    let mut amounts = Map::new();
    for name in resource_names(&node.allocatable) {
        amounts.insert(
            name.to_string(),
            node.allocatable.get(&name).to_string().into(),
        );
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": &*node.name, "labels": labels},
        "spec": {"taints": taints.collect::<Vec<Value>>()},
        "status": {
            "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    })
}

/// Objects that pods of bought nodes are made of.
struct Templates<'i> {
    items: SortedMap<(String, String), &'i Value>,
}

impl<'i> Templates<'i> {
    fn of(items: &'i [Value]) -> Self {
        let mut found = SortedMap::new();
        for item in items {
            let kind = text(&item["kind"]);
            let key = match kind {
                "DaemonSet" => text(&item["metadata"]["name"]).to_owned(),
                "Pod" => match owner(item) {
                    ("DaemonSet", name) => name.to_owned(),
                    ("Node", _) => {
                        let (name, node) = (
                            text(&item["metadata"]["name"]),
                            text(&item["spec"]["nodeName"]),
                        );
                        let stem = name.strip_suffix(node).unwrap_or(name);
                        stem.trim_end_matches('-').to_owned()
                    }
                    _ => continue,
                },
                _ => continue,
            };
            let key = (namespace(item).to_owned(), key);
            // A daemon set tells more than one of its pods.
            if kind == "DaemonSet" || !found.contains_key(&key) {
                found.insert(key, item);
            }
        }
        Self { items: found }
    }

    fn pod(&self, own: &Carried) -> Option<Value> {
        let key = (own.namespace.to_string(), own.stem.to_string());
        let item = *self.items.get(&key)?;
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

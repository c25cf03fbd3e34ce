//! Pods as objects of the Kubernetes API: the form in which a node learns of one. It is the template
//! that the user wrote, with what the cluster filled in: name, labels, priority and requests.

use std::sync::Arc;

use cluster::Store;
use intake::Input;
use k8s::ManifestReader;
use model::{Container, Pod, PodSpec, ResourceList};
use serde_json::{Map, Value, json};

/// The object of a pod.
pub(crate) fn object(store: &Store, pod: &Pod) -> Value {
    let spec = &store.class(pod.class).spec;
    let mut object = written(spec);
    object.insert("apiVersion".to_owned(), json!("v1"));
    object.insert("kind".to_owned(), json!("Pod"));
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("name".to_owned(), json!(pod.name.to_string()));
        metadata.insert("namespace".to_owned(), json!(spec.namespace));
        metadata.insert("labels".to_owned(), json!(spec.labels));
    }
    if let Some(own) = object.get_mut("spec").and_then(Value::as_object_mut) {
        own.remove("priorityClassName");
        own.insert("priority".to_owned(), json!(spec.priority));
        settle(own, "containers", &spec.containers);
        settle(own, "initContainers", &spec.init_containers);
    }
    Value::Object(object)
}

/// The template of a pod as the user wrote it, or else what is known of it, without its labels.
pub(crate) fn written(spec: &PodSpec) -> Map<String, Value> {
    let written = spec.manifest.0.as_deref();
    let written = written.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let mut object = written.unwrap_or_else(|| template(spec));
    object.entry("metadata").or_insert_with(|| json!({}));
    object
}

/// The pod of an object, as its node reads it.
///
/// # Errors
/// The text is no pod.
pub(crate) fn read(object: &Value) -> Result<Arc<PodSpec>, String> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    let file = format!("pod {}", name.unwrap_or("without a name"));
    // With their lives: how containers are restarted, probed and stopped.
    let mut reader = ManifestReader::new().with_workloads();
    let mut object = object.clone();
    // The mark of a pod that a server has admitted: names are those of its system.
    object["metadata"]["resourceVersion"] = json!("1");
    let text = object.to_string();
    let read = reader.read(&Input::bytes(&file, text.as_bytes()));
    read.map_err(|error| error.to_string())?;
    let first = reader.finish().pods.into_iter().next();
    let first = first.map(|pod| pod.spec);
    first.ok_or_else(|| format!("{file}: expected an object of the kind `Pod`"))
}

/// Namespace and name of a pod's object.
pub(crate) fn name_of(manifest: &Value) -> [Option<&str>; 2] {
    ["namespace", "name"].map(|field| manifest["metadata"][field].as_str())
}

/// Writes the requests that the cluster accounts for into the containers of a pod.
fn settle(spec: &mut Map<String, Value>, field: &str, known: &[Container]) {
    let Some(written) = spec.get_mut(field).and_then(Value::as_array_mut) else {
        return;
    };
    for (written, known) in written.iter_mut().zip(known) {
        let Some(written) = written.as_object_mut() else {
            continue;
        };
        let resources = written.entry("resources").or_insert_with(|| json!({}));
        if let Some(resources) = resources.as_object_mut() {
            resources.insert("requests".to_owned(), amounts(&known.requests));
            resources.insert("limits".to_owned(), amounts(&known.limits));
        }
    }
}

/// A template that was not written by a user.
fn template(spec: &PodSpec) -> Map<String, Value> {
    let container =
        |container: &Container| json!({"name": container.name, "image": container.image});
    let list =
        |containers: &[Container]| -> Vec<Value> { containers.iter().map(container).collect() };
    let mut own = Map::new();
    own.insert("containers".to_owned(), json!(list(&spec.containers)));
    if !spec.init_containers.is_empty() {
        let init = list(&spec.init_containers);
        own.insert("initContainers".to_owned(), json!(init));
    }
    let mut object = Map::new();
    object.insert("spec".to_owned(), Value::Object(own));
    object
}

fn amounts(list: &ResourceList) -> Value {
    let amounts = list.iter();
    let amounts = amounts.map(|(name, amount)| (name.to_owned(), json!(amount.to_string())));
    Value::Object(amounts.collect())
}

//! Requests of the control plane that changes of objects are.

use k8s::read_values;
use serde_json::{Value, json};

use super::patch::{merge, operate};
use super::resources::Place;
use crate::driver::labels::APPLIED;
use crate::security::random_bytes;
use crate::wire::request::Request;

/// Fields of an object's metadata that the server states.
const OF_SERVER: [&str; 7] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "ownerReferences",
    "managedFields",
];

/// Characters of names that are made, as Kubernetes has them.
const OF_NAMES: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Form of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchForm {
    /// A merge patch of JSON.
    Merge,
    /// One that merges lists by the keys of their members.
    Strategic,
    /// A list of operations on fields (RFC 6902), as `kubectl rollout undo` sends it.
    Operations,
    /// The whole object, as `kubectl apply --server-side` sends it.
    Applied,
}

impl PatchForm {
    /// The form of a content type.
    pub(crate) fn of(kind: &str) -> Option<Self> {
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            "application/json-patch+json" => Some(Self::Operations),
            "application/apply-patch+yaml" => Some(Self::Applied),
            _ => None,
        }
    }
}

/// The one object, or patch, of a body.
pub(crate) fn read(body: &[u8]) -> Result<Value, String> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    let mut documents = read_values(&String::from_utf8_lossy(body))?;
    match (documents.pop(), documents.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err("expected one object".to_owned()),
    }
}

/// Whether a body is that of an object which can stand at a place; its name is made if it has none.
pub(crate) fn settle(object: &mut Value, place: &Place) -> Result<String, String> {
    let resource = place.resource;
    for (field, own) in [("apiVersion", resource.version), ("kind", resource.kind)] {
        match object[field].as_str() {
            None => object[field] = json!(own),
            Some(written) if written == own => {}
            // The other versions of a kind are read as well.
            Some(written) if field == "apiVersion" && written.contains('/') => {}
            Some(written) => return Err(format!("expected {field} `{own}`, found `{written}`")),
        }
    }
    if let Some(namespace) = &place.namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    let metadata = &mut object["metadata"];
    if let (None, Some(prefix)) = (metadata["name"].as_str(), metadata["generateName"].as_str()) {
        let drawn = random_bytes::<5>().map_err(|error| error.to_string())?;
        let drawn = drawn.map(|byte| char::from(OF_NAMES[usize::from(byte) % OF_NAMES.len()]));
        metadata["name"] = json!(format!("{prefix}{}", String::from_iter(drawn)));
    }
    let name = metadata["name"].as_str().or(place.name.as_deref());
    let name = name.ok_or("expected `metadata.name` or `metadata.generateName`")?;
    if place.name.as_ref().is_some_and(|own| own != name) {
        return Err(format!(
            "the object is called `{name}`, and not as the path has it"
        ));
    }
    Ok(name.to_owned())
}

/// The request that declares an object, without what the server states.
pub(crate) fn declaration(mut object: Value, name: &str) -> Request {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|field, _| !OF_SERVER.contains(&field.as_str()) && field != "generateName");
        metadata.insert("name".to_owned(), json!(name));
    }
    Request::Apply {
        file: object["kind"].as_str().unwrap_or_default().to_owned(),
        text: object.to_string(),
    }
}

/// An object as a patch makes it.
pub(crate) fn patched(current: &Value, patch: &Value, form: PatchForm) -> Result<Value, String> {
    let applied = patch.pointer("/metadata/annotations");
    let applied = applied.and_then(|own| own[APPLIED].as_str());
    let whole = match (form, applied) {
        (PatchForm::Applied, _) => Some(patch.clone()),
        (_, Some(text)) => {
            let mut whole: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            whole["metadata"]["annotations"][APPLIED] = json!(text);
            Some(whole)
        }
        _ => None,
    };
    if let Some(mut whole) = whole {
        // What nobody states stays: autoscalers and `kubectl scale` set it.
        let is_silent = |own: &Value| own.pointer("/spec/replicas").is_none();
        if let Some(replicas) = current.pointer("/spec/replicas")
            && is_silent(&whole)
            && is_silent(patch)
        {
            whole["spec"]["replicas"] = replicas.clone();
        }
        return Ok(whole);
    }
    let mut object = current.clone();
    if object.get("spec").is_none() && patch.get("metadata").is_none() {
        return Err("the object is known by its name alone; apply it again".to_owned());
    }
    match (form, patch.as_array()) {
        (PatchForm::Operations, Some(operations)) => {
            for one in operations {
                operate(&mut object, one)
                    .ok_or_else(|| format!("{one}: can't be done to this object"))?;
            }
        }
        _ => merge(&mut object, patch, form == PatchForm::Strategic),
    }
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.remove("nodeName");
    }
    Ok(object)
}

/// The request that a patch of a node is: it may take pods, or not.
pub(crate) fn of_node(node: &str, patch: &Value) -> Result<Request, String> {
    let node = node.to_owned();
    let fields = patch.as_object().into_iter().flatten();
    let only = fields.filter(|(field, _)| *field != "metadata" || !patch["metadata"].is_null());
    let is_alone = only.count() == 1 && patch["spec"].as_object().is_some_and(|own| own.len() == 1);
    match patch.pointer("/spec/unschedulable") {
        Some(Value::Bool(true)) if is_alone => Ok(Request::Cordon { node }),
        Some(Value::Bool(false) | Value::Null) if is_alone => Ok(Request::Uncordon { node }),
        _ => Err(
            "of a node `spec.unschedulable` alone can be changed; its labels are stated by its agent \
             (`live agent --label`)"
                .to_owned(),
        ),
    }
}

/// The path by which requests name an object.
pub(crate) fn path(place: &Place, name: &str) -> String {
    let kind = place.resource.kind;
    match &place.namespace {
        Some(namespace) => format!("{kind}/{namespace}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

/// The number of pods of an object, as it is served by itself.
pub(crate) fn scale(object: &Value) -> Value {
    let replicas = object.pointer("/spec/replicas").unwrap_or(&Value::Null);
    let labels = object.pointer("/spec/selector/matchLabels");
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    let labels = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"]},
        "spec": {"replicas": replicas},
        "status": {
            "replicas": object.pointer("/status/replicas").unwrap_or(replicas),
            "selector": labels.collect::<Vec<_>>().join(","),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_applied_anew_keeps_the_number_that_nobody_states() {
        let current = json!({"spec": {"replicas": 3, "paused": true}});
        let patch = |text: &Value, replicas: &str| {
            let annotations = json!({APPLIED: text.to_string()});
            let mut patch = json!({"metadata": {"annotations": annotations}, "spec": {}});
            if replicas == "removed" {
                patch["spec"]["replicas"] = Value::Null;
            }
            patch
        };
        let silent = json!({"spec": {"minReadySeconds": 1}});
        let new =
            |patch: &Value| patched(&current, patch, PatchForm::Strategic).expect("an object");
        let kept = new(&patch(&silent, ""));
        assert_eq!(kept["spec"], json!({"minReadySeconds": 1, "replicas": 3}));
        let removed = new(&patch(&silent, "removed"));
        assert_eq!(removed["spec"], json!({"minReadySeconds": 1}));
        let other = new(&json!({"spec": {"paused": null}}));
        assert_eq!(other["spec"], json!({"replicas": 3}));
    }

    #[test]
    fn of_a_node_one_field_alone_is_changed() {
        let of = |patch: Value| of_node("n0", &patch);
        let node = "n0".to_owned();
        assert_eq!(
            of(json!({"spec": {"unschedulable": true}})),
            Ok(Request::Cordon { node: node.clone() })
        );
        assert_eq!(
            of(json!({"spec": {"unschedulable": null}})),
            Ok(Request::Uncordon { node })
        );
        assert!(of(json!({"metadata": {"labels": {"zone": "a"}}})).is_err());
        assert!(of(json!({"spec": {"unschedulable": true, "taints": []}})).is_err());
    }
}

//! Objects of a case, read as those of a cluster are.

use serde_json::{Value, json};

use crate::kube_scheduler::world::manifests;
use intake::Input;
use k8s::ManifestReader;
use model::{Object, Taint, Toleration};

/// The workload that a manifest declares. The recorded controllers were handed some that no server would
/// have admitted.
pub(super) fn declared(manifest: &Value) -> Result<Object, String> {
    let mut reader = ManifestReader::new().with_workloads();
    let mut manifest = manifest.clone();
    manifest["metadata"]["uid"] = "recorded".into();
    let input = Input::bytes("manifest", manifest.to_string().into_bytes());
    reader.read(&input).map_err(|error| error.to_string())?;
    let read = reader.finish();
    let mut found = read.findings.iter();
    if let Some(found) = found.find(|own| own.effect != k8s::ADMITTED) {
        return Err(format!("{}: {}", found.field, found.what));
    }
    let first = read.workloads.into_iter().next();
    first
        .map(|own| own.object)
        .ok_or_else(|| "no workload".to_owned())
}

/// The taints of a node.
pub(super) fn taints(taints: &[&Value]) -> Result<Vec<Taint>, String> {
    let taints: Vec<Value> = taints.iter().map(|own| filled(own)).collect();
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": {"taints": taints},
        "status": {"allocatable": {"cpu": "1", "memory": "1Gi", "pods": "1"}},
    });
    let read = manifests("taints", &[&node])?.nodes;
    Ok(read.into_iter().flat_map(|own| own.taints).collect())
}

/// The tolerations of a pod.
pub(super) fn tolerations(tolerations: &[&Value]) -> Result<Vec<Toleration>, String> {
    let tolerations: Vec<Value> = tolerations.iter().map(|own| filled(own)).collect();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "app:1"}], "tolerations": tolerations},
    });
    let read = manifests("tolerations", &[&pod])?.pods;
    Ok({ read.iter() }
        .flat_map(|own| own.spec.tolerations.clone())
        .collect())
}

/// The identity of an object that a case has by its name.
pub(super) fn uid(kind: &str, name: &str) -> String {
    format!("{}-{name}", kind.to_lowercase())
}

/// A taint, toleration or requirement as a manifest has it: what is empty is left out.
pub(super) fn filled(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    let fields = fields.filter(|(_, value)| **value != "" && !value.is_null());
    let fields = fields.map(|(key, value)| (key.clone(), value.clone()));
    Value::Object(fields.collect())
}

//! Pods and nodes as the API of Kubernetes has them, with the fields that placements look at.

use model::{Container, Labels, ResourceList, Toleration};
use serde_json::{Map, Value, json};

use crate::kube::{NodeInfo, PodInfo};

/// `v1.Pod`.
pub(super) fn pod_object(pod: &PodInfo) -> Value {
    let spec = pod.spec();
    let mut annotations = Map::new();
    if spec.gpu.devices > 0 {
        // The notation of manifests for devices and parts of them.
        let devices = spec.gpu.devices.to_string();
        annotations.insert("alibabacloud.com/gpu-count".to_owned(), devices.into());
        let milli = spec.gpu.milli_per_device.to_string();
        annotations.insert("alibabacloud.com/gpu-milli".to_owned(), milli.into());
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": pod.name.to_string(), "namespace": spec.namespace, "uid": pod.uid.to_string(),
            "labels": labels(&spec.labels), "annotations": annotations,
        },
        "spec": {
            "schedulerName": spec.scheduler_name, "priority": spec.priority,
            "nodeName": pod.node_name(), "nodeSelector": labels(&spec.node_selector),
            "containers": containers(&spec.containers),
            "initContainers": containers(&spec.init_containers),
            "tolerations": spec.tolerations.iter().map(toleration).collect::<Vec<_>>(),
            "overhead": amounts(&spec.overhead),
        },
        "status": {"phase": "Pending", "nominatedNodeName": pod.nominated_node()},
    })
}

/// `v1.Node`.
pub(super) fn node_object(node: &NodeInfo) -> Value {
    let object = &node.object;
    let taints = object.taints.iter().map(|taint| {
        json!({
            "key": taint.key, "value": taint.value, "effect": format!("{:?}", taint.effect),
        })
    });
    let ready = if node.is_down { "Unknown" } else { "True" };
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": object.name, "uid": object.name, "labels": labels(&object.labels)},
        "spec": {"taints": taints.collect::<Vec<_>>(), "unschedulable": object.unschedulable},
        "status": {
            "allocatable": amounts(&object.allocatable), "capacity": amounts(&object.capacity),
            "conditions": [{"type": "Ready", "status": ready}],
        },
    })
}

fn labels(own: &Labels) -> Map<String, Value> {
    let pairs = own.iter();
    pairs
        .map(|(key, value)| (key.to_string(), value.to_string().into()))
        .collect()
}

fn amounts(own: &ResourceList) -> Map<String, Value> {
    let pairs = own.named();
    pairs
        .map(|(name, amount)| (name.to_string(), amount.to_string().into()))
        .collect()
}

fn containers(all: &[Container]) -> Vec<Value> {
    let all = all.iter().map(|own| {
        json!({
            "name": own.name, "image": own.image,
            "resources": {"requests": amounts(&own.requests), "limits": amounts(&own.limits)},
        })
    });
    all.collect()
}

fn toleration(own: &Toleration) -> Value {
    json!({
        "key": own.key, "value": own.value,
        "operator": if own.value.is_some() { "Equal" } else { "Exists" },
        "effect": own.effect.map(|effect| format!("{effect:?}")),
        "tolerationSeconds": own.tolerates_for.map(|time| time.as_nanos() / 1_000_000_000),
    })
}

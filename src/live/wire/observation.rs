//! Objects of a Kubernetes cluster as they were seen. What bears on no placement is left out, so that an object
//! that changed in nothing else is no news.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Kinds of objects that a scheduler looks at, in the order in which they are taken in at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// Machines.
    Node,
    /// Scopes of names.
    Namespace,
    /// Volumes.
    PersistentVolume,
    /// Claims on volumes.
    PersistentVolumeClaim,
    /// Classes of volumes.
    StorageClass,
    /// Storage drivers of nodes.
    #[serde(rename = "CSINode")]
    CsiNode,
    /// Storage drivers.
    #[serde(rename = "CSIDriver")]
    CsiDriver,
    /// Storage left.
    #[serde(rename = "CSIStorageCapacity")]
    CsiStorageCapacity,
    /// Volumes that are attached to nodes.
    VolumeAttachment,
    /// Budgets of disruption.
    PodDisruptionBudget,
    /// Pods behind one name.
    Service,
    /// Owners of pods.
    ReplicationController,
    /// Owners of pods.
    ReplicaSet,
    /// Owners of pods.
    StatefulSet,
    /// Pods.
    Pod,
}

/// Place of a kind in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindPlace {
    /// Group of the API; empty for the core.
    pub group: &'static str,
    /// Version of the group.
    pub version: &'static str,
    /// Name in paths.
    pub plural: &'static str,
    /// Fields by which the server selects, as a query states them.
    pub selector: &'static str,
}

impl Kind {
    /// All of them, in order.
    pub const ALL: [Self; 15] = [
        Self::Node,
        Self::Namespace,
        Self::PersistentVolume,
        Self::PersistentVolumeClaim,
        Self::StorageClass,
        Self::CsiNode,
        Self::CsiDriver,
        Self::CsiStorageCapacity,
        Self::VolumeAttachment,
        Self::PodDisruptionBudget,
        Self::Service,
        Self::ReplicationController,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::Pod,
    ];

    /// Name of the kind, as objects state it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "Node",
            Self::Namespace => "Namespace",
            Self::PersistentVolume => "PersistentVolume",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::StorageClass => "StorageClass",
            Self::CsiNode => "CSINode",
            Self::CsiDriver => "CSIDriver",
            Self::CsiStorageCapacity => "CSIStorageCapacity",
            Self::VolumeAttachment => "VolumeAttachment",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::Service => "Service",
            Self::ReplicationController => "ReplicationController",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::Pod => "Pod",
        }
    }

    /// Place of the kind in the API.
    pub const fn place(self) -> KindPlace {
        let (group, version, plural) = match self {
            Self::Node => ("", "v1", "nodes"),
            Self::Namespace => ("", "v1", "namespaces"),
            Self::PersistentVolume => ("", "v1", "persistentvolumes"),
            Self::PersistentVolumeClaim => ("", "v1", "persistentvolumeclaims"),
            Self::StorageClass => ("storage.k8s.io", "v1", "storageclasses"),
            Self::CsiNode => ("storage.k8s.io", "v1", "csinodes"),
            Self::CsiDriver => ("storage.k8s.io", "v1", "csidrivers"),
            Self::CsiStorageCapacity => ("storage.k8s.io", "v1", "csistoragecapacities"),
            Self::VolumeAttachment => ("storage.k8s.io", "v1", "volumeattachments"),
            Self::PodDisruptionBudget => ("policy", "v1", "poddisruptionbudgets"),
            Self::Service => ("", "v1", "services"),
            Self::ReplicationController => ("", "v1", "replicationcontrollers"),
            Self::ReplicaSet => ("apps", "v1", "replicasets"),
            Self::StatefulSet => ("apps", "v1", "statefulsets"),
            Self::Pod => ("", "v1", "pods"),
        };
        // What has ended holds nothing; kube-scheduler selects so, too.
        let selector = match self {
            Self::Pod => "status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed",
            _ => "",
        };
        KindPlace {
            group,
            version,
            plural,
            selector,
        }
    }

    /// Path of all objects of the kind.
    pub fn path(self) -> String {
        let KindPlace {
            group,
            version,
            plural,
            ..
        } = self.place();
        if group.is_empty() {
            format!("/api/{version}/{plural}")
        } else {
            format!("/apis/{group}/{version}/{plural}")
        }
    }

    /// Whether a cluster without the kind can have pods placed.
    pub const fn is_optional(self) -> bool {
        !matches!(self, Self::Node | Self::Pod)
    }
}

/// An object that came, changed or went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observation {
    /// Kind of the object.
    pub kind: Kind,
    /// `true` of an object that is there no longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_gone: bool,
    /// Part of the object that bears on placement.
    pub object: Value,
}

impl Observation {
    /// An object of a kind as the server sent it.
    pub fn of(kind: Kind, is_gone: bool, object: &Value) -> Self {
        Self {
            kind,
            is_gone,
            object: if is_gone {
                json!({"metadata": names(object)})
            } else {
                bearing(kind, object)
            },
        }
    }

    /// A text field of the object.
    pub fn text(&self, pointer: &str) -> &str {
        let value = self.object.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default()
    }

    /// Namespace and name, as `NAMESPACE/NAME` or `NAME`.
    pub fn place(&self) -> String {
        let (namespace, name) = (
            self.text("/metadata/namespace"),
            self.text("/metadata/name"),
        );
        if namespace.is_empty() {
            name.to_owned()
        } else {
            format!("{namespace}/{name}")
        }
    }
}

/// What names an object.
fn names(object: &Value) -> Value {
    taken(&object["metadata"], &["name", "namespace", "uid"])
}

/// Fields of an object that are there.
fn taken(object: &Value, fields: &[&str]) -> Value {
    let there = fields.iter().filter_map(|&field| {
        let value = object.get(field).filter(|value| !value.is_null())?;
        Some((field.to_owned(), value.clone()))
    });
    Value::Object(there.collect())
}

/// What of an object bears on placement.
fn bearing(kind: Kind, object: &Value) -> Value {
    let mut out = Map::new();
    let version = kind.place();
    let api = if version.group.is_empty() {
        version.version.to_owned()
    } else {
        format!("{}/{}", version.group, version.version)
    };
    out.insert("apiVersion".to_owned(), json!(api));
    out.insert("kind".to_owned(), json!(kind.name()));
    out.insert("metadata".to_owned(), metadata(kind, &object["metadata"]));
    match kind {
        Kind::Pod => {
            out.insert("spec".to_owned(), pod_spec(&object["spec"]));
            out.insert("status".to_owned(), pod_status(&object["status"]));
        }
        Kind::Node => {
            let spec = ["taints", "unschedulable", "providerID"];
            out.insert("spec".to_owned(), taken(&object["spec"], &spec));
            out.insert("status".to_owned(), node_status(&object["status"]));
        }
        Kind::ReplicationController | Kind::ReplicaSet | Kind::StatefulSet => {
            let spec = taken(&object["spec"], &["selector"]);
            out.insert("spec".to_owned(), spec);
        }
        Kind::PodDisruptionBudget => {
            out.insert("spec".to_owned(), object["spec"].clone());
            let status = ["disruptionsAllowed", "disruptedPods"];
            out.insert("status".to_owned(), taken(&object["status"], &status));
        }
        Kind::PersistentVolume | Kind::PersistentVolumeClaim => {
            out.insert("spec".to_owned(), object["spec"].clone());
            out.insert("status".to_owned(), taken(&object["status"], &["phase"]));
        }
        _ => {
            // Classes and drivers have their fields at the top.
            for (field, value) in object.as_object().into_iter().flatten() {
                if !out.contains_key(field) && field != "status" {
                    out.insert(field.clone(), value.clone());
                }
            }
            if kind == Kind::VolumeAttachment {
                let status = taken(&object["status"], &["attached"]);
                out.insert("status".to_owned(), status);
            }
        }
    }
    Value::Object(out)
}

/// Annotations on which a placement depends, by the beginnings of their keys.
const ANNOTATIONS: [&str; 6] = [
    "alibabacloud.com/",
    "batch.kubernetes.io/",
    "kubernetes.io/config.",
    "pv.kubernetes.io/",
    "scheduling.k8s.io/",
    "volume.kubernetes.io/",
];

fn metadata(kind: Kind, metadata: &Value) -> Value {
    let mut out = taken(metadata, &["name", "namespace", "uid", "labels"]);
    let annotations = metadata["annotations"].as_object().into_iter().flatten();
    let annotations = annotations
        .filter(|(key, _)| ANNOTATIONS.iter().any(|known| key.starts_with(known)))
        .map(|(key, value)| (key.clone(), value.clone()));
    let annotations: Map<String, Value> = annotations.collect();
    if !annotations.is_empty() {
        out["annotations"] = Value::Object(annotations);
    }
    // The mark of an object that a server has admitted.
    out["resourceVersion"] = json!("1");
    if kind == Kind::Pod {
        let fields = [
            "ownerReferences",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ];
        for (field, value) in taken(metadata, &fields).as_object().into_iter().flatten() {
            out[field] = value.clone();
        }
    }
    out
}

/// Fields of a container that bear on no placement.
const CONTAINER_LEFT_OUT: [&str; 13] = [
    "command",
    "args",
    "env",
    "envFrom",
    "volumeMounts",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "securityContext",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "workingDir",
];

fn pod_spec(spec: &Value) -> Value {
    let mut out = spec.clone();
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let containers = out.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(fields) = container.as_object_mut() {
                fields.retain(|field, _| !CONTAINER_LEFT_OUT.contains(&field.as_str()));
            }
        }
    }
    if let Some(fields) = out.as_object_mut() {
        fields.retain(|field, _| {
            !matches!(
                field.as_str(),
                "securityContext" | "dnsConfig" | "dnsPolicy" | "hostAliases" | "imagePullSecrets"
            )
        });
        // Volumes that no node has to offer are as good as any other.
        let volumes = fields.get_mut("volumes").and_then(Value::as_array_mut);
        if let Some(volumes) = volumes {
            let bears = |volume: &Value| {
                let inert = [
                    "configMap",
                    "secret",
                    "projected",
                    "downwardAPI",
                    "emptyDir",
                ];
                inert.iter().all(|source| volume.get(source).is_none())
            };
            volumes.retain(bears);
        }
    }
    out
}

fn pod_status(status: &Value) -> Value {
    let mut out = taken(status, &["phase", "startTime"]);
    for list in ["containerStatuses", "initContainerStatuses"] {
        let statuses = status[list].as_array().into_iter().flatten();
        let resized = statuses.filter_map(|own| {
            let kept = taken(own, &["name", "allocatedResources", "resources"]);
            // One without resources says nothing of a resize.
            (kept.as_object().is_some_and(|own| own.len() > 1)).then_some(kept)
        });
        let resized: Vec<Value> = resized.collect();
        if !resized.is_empty() {
            out[list] = Value::Array(resized);
        }
    }
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let pending = conditions.filter(|own| own["type"] == "PodResizePending");
    let pending: Vec<Value> = pending
        .map(|own| taken(own, &["type", "status", "reason"]))
        .collect();
    if !pending.is_empty() {
        out["conditions"] = Value::Array(pending);
    }
    out
}

fn node_status(status: &Value) -> Value {
    let mut out = taken(
        status,
        &["allocatable", "capacity", "images", "declaredFeatures"],
    );
    out["nodeInfo"] = taken(
        &status["nodeInfo"],
        &["kubeletVersion", "operatingSystem", "architecture"],
    );
    // Heartbeats are no news.
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let ready = conditions.filter(|condition| condition["type"] == "Ready");
    let ready: Vec<Value> = ready
        .map(|condition| taken(condition, &["type", "status"]))
        .collect();
    out["conditions"] = Value::Array(ready);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_and_managed_fields_are_no_news() {
        let node = |heartbeat: &str| {
            json!({
                "metadata": {"name": "n0", "managedFields": [{"time": heartbeat}], "resourceVersion": heartbeat},
                "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]},
                "status": {
                    "allocatable": {"cpu": "4"},
                    "conditions": [
                        {"type": "Ready", "status": "True", "lastHeartbeatTime": heartbeat},
                        {"type": "DiskPressure", "status": "False"},
                    ],
                },
            })
        };
        let one = Observation::of(Kind::Node, false, &node("1"));
        assert_eq!(one, Observation::of(Kind::Node, false, &node("2")));
        assert_eq!(one.object["spec"]["taints"][0]["key"], "a");
        assert_eq!(one.object["status"]["conditions"][0]["status"], "True");
    }

    #[test]
    fn what_is_gone_has_its_names_alone() {
        let pod = json!({"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "spec": {"nodeName": "n"}});
        let gone = Observation::of(Kind::Pod, true, &pod);
        assert_eq!(
            gone.object,
            json!({"metadata": {"name": "a", "namespace": "b", "uid": "c"}})
        );
        assert_eq!(gone.place(), "b/a");
    }
}

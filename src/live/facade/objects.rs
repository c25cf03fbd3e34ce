//! Pods, nodes, events and usage as objects of the Kubernetes API; all other objects are the driver's.

use serde_json::{Map, Value, json};
use units::{Quantity, SortedMap, SuffixFamily};

use crate::control::Control;
use crate::driver::events::EventRow;
use crate::driver::objects::version_of_owner;
use crate::driver::view::{NodeRow, PodRow};
use crate::journal::Journal;
use crate::runtime::timestamp;
use crate::wire::service::ServiceRow;

impl<J: Journal> Control<J> {
    /// The objects of a kind.
    pub(crate) fn listed(&self, kind: &str) -> Vec<Value> {
        match kind {
            "Pod" => {
                let mut objects = self.driver().pod_objects();
                let rows = self.pods().into_iter();
                rows.map(|row| pod(&row, objects.remove(&row.pod)))
                    .collect()
            }
            "Node" => self.nodes().iter().map(node).collect(),
            "Event" => self.events(0).iter().map(event).collect(),
            "Service" => {
                let rows = self.driver().services();
                let mut objects = self.objects(kind);
                for own in &mut objects {
                    let metadata = &own["metadata"];
                    let is_it = |row: &&ServiceRow| {
                        metadata["namespace"] == *row.namespace && metadata["name"] == *row.name
                    };
                    if let Some(row) = rows.iter().find(is_it) {
                        own["spec"] = service(row);
                    }
                }
                objects
            }
            "NodeMetrics" => {
                let rows = self.top().nodes.into_iter();
                let rows =
                    rows.map(|row| (json!({"name": row.name}), row.cpu_milli, row.memory_bytes));
                rows.map(|(metadata, cpu, memory)| {
                    let usage = usage(cpu, memory);
                    json!({"metadata": metadata, "usage": usage, "window": "10s", "timestamp": timestamp(0)})
                })
                .collect()
            }
            "PodMetrics" => {
                let rows = self.top().pods.into_iter();
                rows.map(|row| {
                    let usage = usage(row.cpu_milli, row.memory_bytes);
                    json!({
                        "metadata": {"namespace": row.namespace, "name": row.name}, "window": "10s",
                        "timestamp": timestamp(0), "containers": [{"name": "all", "usage": usage}],
                    })
                })
                .collect()
            }
            kind => {
                let mut objects = self.objects(kind);
                objects.iter_mut().for_each(write_amounts);
                objects
            }
        }
    }
}

/// Writes memory as whoever writes manifests does: `kubectl apply` compares texts, and takes
/// `16777216` for another amount than `16Mi`.
fn write_amounts(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(write_amounts),
        Value::Object(fields) => {
            for (name, inside) in fields {
                match inside.as_object_mut() {
                    Some(amounts) if name == "limits" || name == "requests" => {
                        amounts.values_mut().for_each(write_amount);
                    }
                    _ => write_amounts(inside),
                }
            }
        }
        _ => {}
    }
}

fn write_amount(amount: &mut Value) {
    let parsed = amount
        .as_str()
        .and_then(|text| text.parse::<Quantity>().ok());
    let Some(quantity) = parsed else { return };
    if quantity
        .milli_floor()
        .is_ok_and(|milli| milli % 1_024_000 == 0)
    {
        *amount = json!(quantity.with_family(SuffixFamily::Binary).to_string());
    }
}

fn usage(cpu_milli: u64, memory_bytes: u64) -> Value {
    json!({"cpu": format!("{cpu_milli}m"), "memory": format!("{}Ki", memory_bytes >> 10)})
}

/// A service with its ports; its address is that of no proxy.
fn service(row: &ServiceRow) -> Value {
    let ports = row.ports.iter().map(|port| {
        json!({"name": port.name, "port": port.port, "targetPort": port.target, "protocol": "TCP"})
    });
    json!({"type": "ClusterIP", "clusterIP": "None", "ports": ports.collect::<Vec<_>>()})
}

/// A pod; one that has ended has no template any more.
fn pod(row: &PodRow, object: Option<Value>) -> Value {
    let mut pod = object.unwrap_or_else(|| {
        json!({
            "metadata": {"name": row.name, "namespace": row.namespace, "labels": row.labels},
            "spec": {"containers": [{"name": ""}]},
        })
    });
    pod["metadata"]["uid"] = json!(format!("pod-{}", row.pod));
    pod["metadata"]["creationTimestamp"] = json!(timestamp(row.created_ns));
    if row.terminating {
        // The instant at which it was asked to end is not kept.
        pod["metadata"]["deletionTimestamp"] = json!(timestamp(row.created_ns));
    }
    if let Some((kind, name)) = row.owner.as_deref().and_then(|owner| owner.split_once('/')) {
        pod["metadata"]["ownerReferences"] = json!([{
            "apiVersion": version_of_owner(kind), "kind": kind, "name": name, "controller": true,
            "uid": format!("{kind}-{name}"),
        }]);
    }
    if let Some(node) = &row.node {
        pod["spec"]["nodeName"] = json!(node);
    }
    let phase = match row.phase.as_str() {
        "running" => "Running",
        "succeeded" => "Succeeded",
        "failed" | "evicted" => "Failed",
        _ => "Pending",
    };
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    // Restarts are counted for the pod as a whole, and so is what it waits for.
    let statuses = containers.enumerate().map(|(place, container)| {
        let state = match phase {
            "Running" => json!({"running": {"startedAt": timestamp(row.created_ns)}}),
            "Pending" => json!({"waiting": {"reason": "ContainerCreating"}}),
            _ => json!({"terminated": {
                "reason": row.ended.as_deref().unwrap_or("Ended"),
                "exitCode": i32::from(phase == "Failed"),
                "finishedAt": row.ended_ns.map(timestamp),
            }}),
        };
        json!({
            "name": container["name"], "image": container["image"].as_str().unwrap_or_default(),
            "imageID": "", "ready": row.ready, "state": state,
            "restartCount": if place == 0 { row.restarts } else { 0 },
        })
    });
    let statuses: Vec<Value> = statuses.collect();
    let state = |holds: bool| if holds { "True" } else { "False" };
    let mut placed = json!({"type": "PodScheduled", "status": state(row.node.is_some())});
    if let Some(why) = row.waits.as_ref().filter(|_| row.node.is_none()) {
        placed["reason"] = json!("Unschedulable");
        placed["message"] = json!(why);
    }
    pod["status"] = json!({
        "phase": phase, "startTime": timestamp(row.created_ns),
        "conditions": [placed, {"type": "Ready", "status": state(row.ready)}],
        "containerStatuses": statuses,
    });
    if let Some(reason) = &row.ended {
        pod["status"]["reason"] = json!(reason);
    }
    pod
}

fn node(row: &NodeRow) -> Value {
    let conditions = row.conditions.iter().map(|own| {
        let mut condition = json!({
            "type": own.kind, "status": own.status, "reason": own.reason, "message": own.message,
        });
        // Heartbeats are no news, so their instants are left out.
        if let Some(at) = own.changed_ns {
            condition["lastTransitionTime"] = json!(timestamp(at));
        }
        condition
    });
    let mut spec = Map::new();
    if row.cordoned {
        spec.insert("unschedulable".to_owned(), json!(true));
    }
    if !row.taints.is_empty() {
        spec.insert("taints".to_owned(), json!(row.taints));
    }
    let addresses = row.address.iter();
    let addresses = addresses.map(|own| json!({"type": "InternalIP", "address": own}));
    json!({
        "metadata": {
            "name": row.name, "labels": row.labels, "uid": format!("node-{}", row.name),
            "creationTimestamp": row.created_ns.map(timestamp),
        },
        "spec": spec,
        "status": {
            "capacity": row.capacity, "allocatable": row.allocatable,
            "conditions": conditions.collect::<Vec<_>>(),
            "addresses": addresses.collect::<Vec<_>>(),
            "nodeInfo": {"kubeletVersion": concat!("windtunnel-", env!("CARGO_PKG_VERSION"))},
        },
    })
}

fn event(row: &EventRow) -> Value {
    let mut names = row.object.split('/');
    let kind = names.next().unwrap_or_default();
    let name = names.next_back().unwrap_or_default();
    let namespace = names.next().unwrap_or("default");
    let mut object: SortedMap<&str, &str> = SortedMap::new();
    object.extend([("kind", kind), ("name", name), ("apiVersion", "v1")]);
    if kind != "Node" {
        object.insert("namespace", namespace);
    }
    let at = timestamp(row.at_ns);
    json!({
        "metadata": {
            "name": format!("{name}.{}", row.number), "namespace": namespace,
            "uid": format!("event-{}", row.number), "creationTimestamp": at,
        },
        "involvedObject": object, "reason": row.reason, "message": row.message,
        "type": if row.is_warning { "Warning" } else { "Normal" },
        "firstTimestamp": at, "lastTimestamp": at, "count": 1,
        "source": {"component": "windtunnel"},
    })
}

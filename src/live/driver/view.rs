//! View of the cluster for its users: a row for every pod, node and object.

use model::{Labels, Pod, PodOwner, ResourceList};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use units::{Instant, NodeId, SortedMap};

use super::Driver;
use super::conditions::Condition;
use crate::wire::pod;
use crate::wire::usage::{NodeTop, PodTop, PodUsage, Top};

/// A pod in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodRow {
    /// Number of the pod.
    pub pod: u32,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// Phase of the pod's life.
    pub phase: String,
    /// Node of the pod.
    pub node: Option<String>,
    /// `true` if the pod is ready.
    pub ready: bool,
    /// `true` if the pod was told to end.
    pub terminating: bool,
    /// Number of restarts.
    pub restarts: u32,
    /// Reason why the pod waits for a node.
    pub waits: Option<String>,
    /// Reason of the end of a pod that ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Instant of that end, in nanoseconds since the run's zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ns: Option<i64>,
    /// The object that controls the pod, as `KIND/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Instant of the pod's creation, in nanoseconds since the run's zero.
    pub created_ns: i64,
    /// Labels of the pod.
    pub labels: SortedMap<String, String>,
}

/// A node in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRow {
    /// Name of the node.
    pub name: String,
    /// `true` if the node is ready.
    pub ready: bool,
    /// `true` if the node takes no new pods.
    pub cordoned: bool,
    /// Number of pods on the node.
    pub pods: usize,
    /// Number of commands that the node has yet to carry out.
    pub commands: usize,
    /// `true` if the node is late with its heartbeats.
    pub silent: bool,
    /// Address at which other hosts reach its pods.
    pub address: Option<String>,
    /// Labels of the node.
    pub labels: SortedMap<String, String>,
    /// Resources that pods may use.
    pub allocatable: SortedMap<String, String>,
    /// Resources of the machine.
    pub capacity: SortedMap<String, String>,
    /// Conditions of the node, each with its reason and the instant of its last change.
    pub conditions: Vec<Condition>,
    /// Instant at which the node joined, in nanoseconds since the run's zero.
    pub created_ns: Option<i64>,
    /// Taints of the node.
    #[serde(default)]
    pub taints: Vec<model::Taint>,
}

impl Driver {
    /// The living pods, in the order of their creation.
    pub fn pod_rows(&self) -> Vec<PodRow> {
        let mut pods: Vec<&Pod> = self.store.pods().iter().collect();
        pods.sort_unstable_by_key(|pod| pod.pod.id);
        pods.into_iter().map(|pod| self.pod_row(pod)).collect()
    }

    /// Kind and name of the object that controls a pod.
    fn name_of(&self, owner: PodOwner) -> Option<String> {
        let object = &self.store.objects().get(owner.object)?.object;
        Some(format!("{}/{}", object.kind(), object.name()))
    }

    /// The living pods as objects of the Kubernetes API, by their numbers.
    pub(crate) fn pod_objects(&self) -> SortedMap<u32, Value> {
        let pods = self.store.pods().iter();
        pods.map(|pod| (pod.pod.id.0, pod::object(&self.store, pod)))
            .collect()
    }

    /// Namespace and name of a living pod, by its number.
    pub(crate) fn pod_name(&self, number: u32) -> Option<String> {
        let mut pods = self.store.pods().iter();
        let pod = pods.find(|pod| pod.pod.id.0 == number)?;
        let namespace = &self.store.class(pod.class).spec.namespace;
        Some(format!("{namespace}/{}", pod.name))
    }

    pub(super) fn pod_row(&self, pod: &Pod) -> PodRow {
        let state = self.store.pod_states().get(pod.pod);
        let nodes = self.store.nodes();
        let waits = || self.seats.waiting_message(pod.pod);
        let waits = pod.node().map_or_else(waits, |_| None);
        let spec = &self.store.class(pod.class).spec;
        PodRow {
            pod: pod.pod.id.0,
            namespace: spec.namespace.to_string(),
            name: pod.name.to_string(),
            phase: pod.phase.to_string(),
            node: pod.node().map(|node| nodes.name(node).to_owned()),
            ready: self.is_ready(pod),
            terminating: state.is_some_and(|state| state.terminating.is_some()),
            restarts: state.map_or(0, |state| state.restarts.total()),
            waits: waits.map(|waits| waits.to_string()),
            ended: None,
            ended_ns: None,
            owner: state
                .and_then(|state| state.owner)
                .and_then(|owner| self.name_of(owner)),
            created_ns: pod.created.as_nanos(),
            labels: pairs(&spec.labels),
        }
    }

    /// The usage of nodes and pods, from what each node measured.
    pub(crate) fn top(&self, measured: &SortedMap<NodeId, Vec<PodUsage>>) -> Top {
        let nodes = self.store.nodes();
        let mut top = Top {
            nodes: Vec::new(),
            pods: Vec::new(),
        };
        for node in nodes.present() {
            let usage = measured.get(&node).map_or(&[][..], Vec::as_slice);
            let (mut cpu_milli, mut memory_bytes) = (0, 0);
            for pod in control::node_api::pods_on(&self.store, node) {
                let Some(used) = usage.iter().find(|used| used.pod == pod.id.0) else {
                    continue;
                };
                let Some(record) = self.store.pods().get(pod) else {
                    continue;
                };
                let containers = used.containers.iter();
                let cpu: u64 = containers.map(|one| u64::from(one.cpu_milli)).sum();
                let memory = used.containers.iter().map(|one| one.memory_bytes).sum();
                cpu_milli += cpu;
                memory_bytes += memory;
                top.pods.push(PodTop {
                    namespace: self.store.class(record.class).spec.namespace.to_string(),
                    name: record.name.to_string(),
                    node: nodes.name(node).to_owned(),
                    cpu_milli: cpu,
                    memory_bytes: memory,
                });
            }
            let allocatable = |resource: &str| {
                let object = nodes.object(node);
                object.map(|object| object.allocatable.get(resource))
            };
            let cpu = allocatable("cpu").and_then(|amount| amount.milli_ceil().ok());
            let memory = allocatable("memory").and_then(|amount| amount.units_ceil().ok());
            top.nodes.push(NodeTop {
                name: nodes.name(node).to_owned(),
                ready: nodes.is_ready(node),
                pods: nodes.pods(node).len(),
                cpu_milli,
                cpu_allocatable_milli: cpu.map_or(0, |cpu| u64::try_from(cpu).unwrap_or(0)),
                memory_bytes,
                memory_allocatable_bytes: memory
                    .map_or(0, |memory| u64::try_from(memory).unwrap_or(0)),
            });
        }
        top
    }

    /// The nodes, by name.
    pub fn node_rows(&self) -> Vec<NodeRow> {
        let nodes = self.store.nodes();
        let rows = nodes.present().map(|node| {
            let (object, link) = (nodes.object(node), self.links.get(node));
            let allocatable = object.map(|object| amounts(&object.allocatable));
            let allocatable = allocatable.unwrap_or_default();
            let capacity = object.map(|object| amounts(&object.capacity));
            let capacity = capacity.filter(|stated| !stated.is_empty());
            NodeRow {
                name: nodes.name(node).to_owned(),
                ready: nodes.is_ready(node),
                cordoned: object.is_some_and(|object| object.unschedulable),
                pods: nodes.pods(node).len(),
                commands: link.map_or(0, |link| link.waiting(usize::MAX).len()),
                silent: link.is_some_and(|link| link.is_silent),
                address: link.and_then(|link| link.registration.address.clone()),
                labels: object
                    .map(|object| pairs(&object.labels))
                    .unwrap_or_default(),
                capacity: capacity.unwrap_or_else(|| allocatable.clone()),
                allocatable,
                conditions: self.conditions(node),
                created_ns: link.and_then(|link| link.joined).map(Instant::as_nanos),
                taints: object
                    .map(|object| object.taints.clone())
                    .unwrap_or_default(),
            }
        });
        let mut rows: Vec<NodeRow> = rows.collect();
        rows.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        rows
    }
}

/// Labels as texts.
pub(super) fn pairs(labels: &Labels) -> SortedMap<String, String> {
    let pairs = labels.iter();
    pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// Resources and their amounts as texts.
fn amounts(list: &ResourceList) -> SortedMap<String, String> {
    let amounts = list.iter();
    amounts
        .map(|(resource, amount)| (resource.to_owned(), amount.to_string()))
        .collect()
}

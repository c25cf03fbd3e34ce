//! View of the cluster for its users: a row for every pod, node and object.

use model::{Pod, PodPhase};
use serde::{Deserialize, Serialize};

use super::Driver;

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
}

impl Driver {
    /// The living pods, in the order of their creation.
    pub fn pod_rows(&self) -> Vec<PodRow> {
        let mut pods: Vec<&Pod> = self.store.pods().iter().collect();
        pods.sort_unstable_by_key(|pod| pod.pod.id);
        pods.into_iter().map(|pod| self.pod_row(pod)).collect()
    }

    fn pod_row(&self, pod: &Pod) -> PodRow {
        let state = self.store.pod_states().get(pod.pod);
        let nodes = self.store.nodes();
        let waits = || self.seats.waiting_message(pod.pod);
        let waits = pod.node().map_or_else(waits, |_| None);
        let has_no_state = pod.phase == PodPhase::Running;
        PodRow {
            pod: pod.pod.id.0,
            namespace: self.store.class(pod.class).spec.namespace.to_string(),
            name: pod.name.to_string(),
            phase: pod.phase.to_string(),
            node: pod.node().map(|node| nodes.name(node).to_owned()),
            ready: state.map_or(has_no_state, |state| state.is_ready),
            terminating: state.is_some_and(|state| state.terminating.is_some()),
            restarts: state.map_or(0, |state| state.restarts),
            waits: waits.map(|waits| waits.to_string()),
        }
    }

    /// The nodes, in the order in which they joined.
    pub fn node_rows(&self) -> Vec<NodeRow> {
        let nodes = self.store.nodes();
        let rows = nodes.present().map(|node| NodeRow {
            name: nodes.name(node).to_owned(),
            ready: nodes.is_ready(node),
            cordoned: nodes
                .object(node)
                .is_some_and(|object| object.unschedulable),
            pods: nodes.pods(node).len(),
            commands: self
                .links
                .get(node)
                .map_or(0, |link| link.waiting(usize::MAX).len()),
        });
        rows.collect()
    }
}

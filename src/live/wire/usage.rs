//! Measured usage of a node's pods. It is no report: what counts is the newest value.

use serde::{Deserialize, Serialize};

/// Usage of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodUsage {
    /// The pod.
    pub pod: u32,
    /// Usage of its containers that run, by name.
    pub containers: Vec<ContainerUsage>,
}

/// Usage of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerUsage {
    /// Name of the container.
    pub name: String,
    /// Mean use of processors since the last heartbeat, in thousandths of one.
    pub cpu_milli: u32,
    /// Working set in bytes.
    pub memory_bytes: u64,
}

/// Usage of everything that was measured lately, by node or by pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Top {
    /// Nodes, in the order in which they joined.
    pub nodes: Vec<NodeTop>,
    /// Pods, in the order of their creation.
    pub pods: Vec<PodTop>,
}

/// Usage of a node by its pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeTop {
    /// Name of the node.
    pub name: String,
    /// `true` if the node is ready.
    pub ready: bool,
    /// Number of pods on the node.
    pub pods: usize,
    /// Use of processors in thousandths of one.
    pub cpu_milli: u64,
    /// Processors that pods may use, in thousandths of one.
    pub cpu_allocatable_milli: u64,
    /// Memory in use, in bytes.
    pub memory_bytes: u64,
    /// Memory that pods may use, in bytes.
    pub memory_allocatable_bytes: u64,
}

/// Usage of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodTop {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// Node of the pod.
    pub node: String,
    /// Use of processors in thousandths of one.
    pub cpu_milli: u64,
    /// Memory in use, in bytes.
    pub memory_bytes: u64,
}

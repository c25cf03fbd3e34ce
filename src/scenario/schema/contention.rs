//! `models.contention` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Quantity;

/// Contention between processes on a node for cores and memory. Usage comes from `models.usage` and
/// annotations of pod templates; without either, a process uses the cores that it requests (one if
/// it requests none) and no memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contention {
    /// CPU contention: processes share the cores of their node by weight, up to their limits, and
    /// run longer if they get less than they want. Default `true`.
    #[serde(default = "yes")]
    pub cpu: bool,
    /// Memory contention: a process over its limit is killed, and so is the one with the highest
    /// score on a node without free memory; before that the kubelet evicts pods. Default `true`.
    #[serde(default = "yes")]
    pub memory: bool,
    /// Overhead of each node: resources used by the node itself.
    #[serde(default)]
    pub overhead: Overhead,
}

/// Resources used by the node itself: operating system, node agent, container runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Overhead {
    /// CPU used by the node itself, in cores; default 0.
    #[serde(default)]
    pub cpu: Quantity,
    /// Memory used by the node itself, in bytes; default 0.
    #[serde(default)]
    pub memory: Quantity,
}

const fn yes() -> bool {
    true
}

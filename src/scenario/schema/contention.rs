//! `models.contention` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Quantity;

/// What processes on a node share. What they use is said by `models.usage` and annotations of pod
/// templates; where nothing is said, a process uses the cores that it requests (one, if it requests
/// none) and no memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contention {
    /// Whether processes share the cores of their node by weight, up to their limits: what gets less
    /// than it wants runs longer.
    #[serde(default = "yes")]
    pub cpu: bool,
    /// Whether memory can run out: a process over its limit is killed, and so is the one with the
    /// highest score on a node that has none left; before that the kubelet evicts pods.
    #[serde(default = "yes")]
    pub memory: bool,
    /// What each node uses by itself.
    #[serde(default)]
    pub overhead: Overhead,
}

/// What a node uses by itself: operating system, node agent, container runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Overhead {
    /// Of its cores.
    #[serde(default)]
    pub cpu: Quantity,
    /// Of its memory.
    #[serde(default)]
    pub memory: Quantity,
}

const fn yes() -> bool {
    true
}

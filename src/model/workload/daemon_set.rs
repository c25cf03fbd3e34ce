//! Daemon sets: a pod on every eligible node.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::Count;
use super::revision::DaemonHistory;
use crate::{LabelSelector, PodSpec, Text};
use units::Duration;

/// A `DaemonSet` (spec: kubernetes.md 2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DaemonSet {
    /// The daemon set's namespace.
    pub namespace: Text,
    /// The daemon set's name.
    pub name: Text,
    /// Selector of the daemon set's own pods.
    pub selector: LabelSelector,
    /// Pod template.
    pub template: Arc<PodSpec>,
    /// The node that the template names, if it names one.
    pub node_name: Option<Text>,
    /// Marks pods that use the network of their node.
    pub host_network: bool,
    /// Replacement of one template by the next; `None` is `OnDelete`.
    pub update: Option<DaemonUpdate>,
    /// Time for which a pod is ready before it counts as available.
    pub min_ready: Duration,
    /// Templates that it had before.
    #[serde(default, skip_serializing_if = "DaemonHistory::is_plain")]
    pub history: DaemonHistory,
    /// Last reported status.
    pub status: DaemonStatus,
}

/// Reported status of a daemon set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Nodes that should run a pod.
    pub desired: i32,
    /// Desired nodes that have a pod.
    pub current: i32,
    /// Desired nodes whose pod is ready.
    pub ready: i32,
    /// Desired nodes whose pod is available.
    pub available: i32,
    /// Desired nodes whose pod has the current template.
    pub updated: i32,
    /// Nodes that have a pod and should not.
    pub misplaced: i32,
}

/// Limits of an update at one time. Percentages are of the nodes that run a pod, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DaemonUpdate {
    /// Number of nodes that may have a new pod beside the old.
    pub max_surge: Count,
    /// Number of nodes that may be without an available pod.
    pub max_unavailable: Count,
}

impl Default for DaemonUpdate {
    fn default() -> Self {
        Self {
            max_surge: Count::Number(0),
            max_unavailable: Count::Number(1),
        }
    }
}

impl DaemonUpdate {
    /// Surge and unavailable for so many nodes; both 0 means one may be unavailable.
    pub fn resolved(&self, nodes: i32) -> (i32, i32) {
        let surge = self.max_surge.rounded_up(nodes);
        let unavailable = self.max_unavailable.rounded_up(nodes);
        Count::able_to_move(surge, unavailable)
    }
}

impl Default for DaemonSet {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            name: "".into(),
            selector: LabelSelector::default(),
            template: Arc::default(),
            node_name: None,
            host_network: false,
            update: Some(DaemonUpdate::default()),
            min_ready: Duration::ZERO,
            history: DaemonHistory::default(),
            status: DaemonStatus::default(),
        }
    }
}

//! Placement wishes of a pod: node affinity, affinity to other pods, topology spread (spec:
//! kubernetes.md 1.5, 1.9, 1.10).

use super::{LabelSelector, NodeSelector, NodeSelectorTerm, Text};
use serde::{Deserialize, Serialize};

/// All wishes of a pod about its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Affinity {
    /// Wishes about nodes.
    pub node: NodeAffinity,
    /// Pods that must be in the same domain.
    pub required_pod_affinity: Vec<PodAffinityTerm>,
    /// Pods that must not be in the same domain.
    pub required_pod_anti_affinity: Vec<PodAffinityTerm>,
    /// Pods that should be in the same domain, with weights 1–100.
    pub preferred_pod_affinity: Vec<(i32, PodAffinityTerm)>,
    /// Pods that should not be in the same domain, with weights 1–100.
    pub preferred_pod_anti_affinity: Vec<(i32, PodAffinityTerm)>,
}

/// Wishes about nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeAffinity {
    /// Terms that a node must match; `None` is no condition.
    pub required: Option<NodeSelector>,
    /// Terms that a node should match, with weights 1–100.
    pub preferred: Vec<(i32, NodeSelectorTerm)>,
}

/// A term about other pods within a topology domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodAffinityTerm {
    /// Selector of the pods; `None` matches none.
    pub selector: Option<LabelSelector>,
    /// The node label whose values are the domains.
    pub topology_key: Text,
    /// Namespaces looked at; empty together with no namespace selector is the pod's own.
    pub namespaces: Vec<Text>,
    /// Namespaces looked at, by their labels.
    pub namespace_selector: Option<LabelSelector>,
    /// Label keys whose values are taken from the incoming pod and must be equal.
    pub match_label_keys: Vec<Text>,
    /// Label keys whose values are taken from the incoming pod and must differ.
    pub mismatch_label_keys: Vec<Text>,
}

/// A rule that spreads pods over topology domains.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopologySpread {
    /// Largest allowed difference of matching pods between domains; at least 1.
    pub max_skew: i32,
    /// The node label whose values are the domains.
    pub topology_key: Text,
    /// Whether nodes that break the rule are rejected (`DoNotSchedule`) or scored lower.
    pub hard: bool,
    /// Selector of the counted pods; `None` matches none.
    pub selector: Option<LabelSelector>,
    /// Least number of domains; fewer count as having an empty one.
    pub min_domains: Option<i32>,
    /// Whether nodes that the pod's node affinity excludes are left out (`Honor`).
    pub honor_node_affinity: bool,
    /// Whether nodes with untolerated taints are left out (`Honor`).
    pub honor_node_taints: bool,
    /// Label keys whose values are taken from the incoming pod and added to the selector.
    pub match_label_keys: Vec<Text>,
}

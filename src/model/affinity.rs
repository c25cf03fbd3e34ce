//! Placement wishes of a pod: node affinity, affinity to other pods, topology spread (spec:
//! kubernetes.md 1.5, 1.9, 1.10).

use super::{LabelSelector, Labels, NodeSelector, NodeSelectorTerm, Operator, Requirement, Text};
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

impl Affinity {
    /// Adds to the selectors of terms about pods what the API server adds: the values that the pod itself has for
    /// `matchLabelKeys`, and all others for `mismatchLabelKeys`.
    pub fn merge_label_keys(&mut self, labels: &Labels) {
        let together = self.required_pod_affinity.iter_mut();
        let required = together.chain(&mut self.required_pod_anti_affinity);
        let together = self.preferred_pod_affinity.iter_mut();
        let preferred = together.chain(&mut self.preferred_pod_anti_affinity);
        for term in required.chain(preferred.map(|(_, term)| term)) {
            let Some(selector) = &mut term.selector else {
                continue;
            };
            let matching = term.match_label_keys.iter();
            let differing = term.mismatch_label_keys.iter();
            let keys = matching
                .map(|key| (key, Operator::In))
                .chain(differing.map(|key| (key, Operator::NotIn)));
            for (key, operator) in keys {
                let own = labels.get(key).map(|value| Requirement {
                    key: key.clone(),
                    operator,
                    values: vec![value.clone()],
                });
                // An object out of a cluster has it already.
                let own = own.filter(|own| !selector.requirements.contains(own));
                selector.requirements.extend(own);
            }
        }
    }
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

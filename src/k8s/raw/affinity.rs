//! Selectors, affinities and spread constraints, field for field as the Kubernetes API names them.

use serde::Deserialize;

use super::{TextMap, nullable, texts};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TopologySpread {
    pub(crate) max_skew: Option<i32>,
    pub(crate) topology_key: Option<String>,
    pub(crate) when_unsatisfiable: Option<String>,
    pub(crate) label_selector: Option<LabelSelector>,
    pub(crate) min_domains: Option<i32>,
    pub(crate) node_affinity_policy: Option<String>,
    pub(crate) node_taints_policy: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) match_label_keys: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LabelSelector {
    #[serde(deserialize_with = "texts")]
    pub(crate) match_labels: TextMap,
    #[serde(deserialize_with = "nullable")]
    pub(crate) match_expressions: Vec<Expression>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Expression {
    pub(crate) key: Option<String>,
    pub(crate) operator: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) values: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Affinity {
    #[serde(deserialize_with = "nullable")]
    pub(crate) node_affinity: NodeAffinity,
    #[serde(deserialize_with = "nullable")]
    pub(crate) pod_affinity: PodAffinity,
    #[serde(deserialize_with = "nullable")]
    pub(crate) pod_anti_affinity: PodAffinity,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub(crate) required: Option<NodeSelector>,
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "nullable"
    )]
    pub(crate) preferred: Vec<PreferredNodeTerm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeSelector {
    #[serde(deserialize_with = "nullable")]
    pub(crate) node_selector_terms: Vec<NodeTerm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeTerm {
    #[serde(deserialize_with = "nullable")]
    pub(crate) match_expressions: Vec<Expression>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) match_fields: Vec<Expression>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PreferredNodeTerm {
    pub(crate) weight: Option<i32>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) preference: NodeTerm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PodAffinity {
    #[serde(
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "nullable"
    )]
    pub(crate) required: Vec<PodTerm>,
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "nullable"
    )]
    pub(crate) preferred: Vec<PreferredPodTerm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodTerm {
    pub(crate) label_selector: Option<LabelSelector>,
    pub(crate) topology_key: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) namespaces: Vec<String>,
    pub(crate) namespace_selector: Option<LabelSelector>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) match_label_keys: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) mismatch_label_keys: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PreferredPodTerm {
    pub(crate) weight: Option<i32>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) pod_affinity_term: PodTerm,
}

//! Arguments of plugins as a configuration states them.

use serde::Deserialize;

use super::super::raw;
use super::RawPlugin;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawNodeAffinityArguments {
    #[serde(deserialize_with = "raw::nullable")]
    pub(super) added_affinity: raw::NodeAffinity,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawFit {
    #[serde(deserialize_with = "raw::nullable")]
    pub(super) ignored_resources: Vec<String>,
    #[serde(deserialize_with = "raw::nullable")]
    pub(super) ignored_resource_groups: Vec<String>,
    pub(super) scoring_strategy: Option<RawStrategy>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawStrategy {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(deserialize_with = "raw::nullable")]
    pub(super) resources: Vec<RawPlugin>,
    pub(super) requested_to_capacity_ratio: Option<RawShape>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawShape {
    #[serde(deserialize_with = "raw::nullable")]
    pub(super) shape: Vec<RawPoint>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawPoint {
    pub(super) utilization: i64,
    pub(super) score: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawBalanced {
    #[serde(deserialize_with = "raw::nullable")]
    pub(super) resources: Vec<RawPlugin>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawSpread {
    pub(super) defaulting_type: Option<String>,
    #[serde(deserialize_with = "raw::nullable")]
    pub(super) default_constraints: Vec<raw::TopologySpread>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawInterPod {
    pub(super) hard_pod_affinity_weight: Option<i64>,
    pub(super) ignore_preferred_terms_of_existing_pods: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawPreemption {
    pub(super) min_candidate_nodes_percentage: Option<i64>,
    pub(super) min_candidate_nodes_absolute: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawCoscheduling {
    pub(super) permit_waiting_time_seconds: Option<i64>,
}

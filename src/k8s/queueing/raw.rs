//! The used part of Kueue's manifests, field for field as its API names it.

#![expect(
    clippy::struct_field_names,
    reason = "fields are called as the API calls them"
)]

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::field::{Path, Problem, required};
use super::super::raw::{
    AmountText, Amounts, LabelSelector, Metadata, Taint, TextMap, Toleration, nullable, texts,
};
use model::Text;

/// Any object.
#[derive(Default)]
pub(in super::super) struct Object<T> {
    pub(in super::super) metadata: Metadata,
    pub(in super::super) spec: T,
}

impl<T: Default + DeserializeOwned> Object<T> {
    /// Reads an object; an error names the part.
    pub(super) fn deserialize_from(value: &Value) -> Result<Self, String> {
        Ok(Self {
            metadata: part(value, "metadata")?,
            spec: part(value, "spec")?,
        })
    }
}

impl<T> Object<T> {
    /// The object's name.
    pub(in super::super) fn name(&self) -> Result<Text, Problem> {
        let path = Path::root("metadata");
        let path = path.field("name");
        Ok(required(self.metadata.name.as_ref(), &path, "a name")?.into())
    }

    /// The object's namespace.
    pub(in super::super) fn namespace(&self) -> Text {
        super::super::pod::namespace(&self.metadata).into()
    }
}

/// Part of an object, the default one where it is absent.
pub(in super::super) fn part<T: Default + DeserializeOwned>(
    value: &Value,
    name: &str,
) -> Result<T, String> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(part) => T::deserialize(part).map_err(|error| format!("{name}: {error}")),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Flavor {
    #[serde(deserialize_with = "texts")]
    pub(super) node_labels: TextMap,
    #[serde(deserialize_with = "nullable")]
    pub(super) node_taints: Vec<Taint>,
    #[serde(deserialize_with = "nullable")]
    pub(super) tolerations: Vec<Toleration>,
    pub(super) topology_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Topology {
    #[serde(deserialize_with = "nullable")]
    pub(super) levels: Vec<TopologyLevel>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TopologyLevel {
    pub(super) node_label: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Cohort {
    pub(super) parent_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) resource_groups: Vec<Group>,
    pub(super) fair_sharing: Option<FairSharing>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FairSharing {
    pub(super) weight: Option<AmountText>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Group {
    #[serde(deserialize_with = "nullable")]
    pub(super) covered_resources: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) flavors: Vec<FlavorQuotas>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FlavorQuotas {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) resources: Vec<Quota>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Quota {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    pub(super) nominal_quota: Option<AmountText>,
    pub(super) borrowing_limit: Option<AmountText>,
    pub(super) lending_limit: Option<AmountText>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ClusterQueue {
    // The former version of the API calls it so.
    #[serde(alias = "cohort")]
    pub(super) cohort_name: Option<String>,
    pub(super) queueing_strategy: Option<String>,
    pub(super) namespace_selector: Option<LabelSelector>,
    #[serde(deserialize_with = "nullable")]
    pub(super) resource_groups: Vec<Group>,
    #[serde(deserialize_with = "nullable")]
    pub(super) flavor_fungibility: Fungibility,
    #[serde(deserialize_with = "nullable")]
    pub(super) preemption: Preemption,
    #[serde(deserialize_with = "nullable")]
    pub(super) admission_checks: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) admission_checks_strategy: Checks,
    pub(super) stop_policy: Option<String>,
    pub(super) fair_sharing: Option<FairSharing>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Fungibility {
    pub(super) when_can_borrow: Option<String>,
    pub(super) when_can_preempt: Option<String>,
    pub(super) preference: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Preemption {
    pub(super) within_cluster_queue: Option<String>,
    pub(super) reclaim_within_cohort: Option<String>,
    pub(super) borrow_within_cohort: Option<Borrowing>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Borrowing {
    pub(super) policy: Option<String>,
    pub(super) max_priority_threshold: Option<i32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Checks {
    #[serde(deserialize_with = "nullable")]
    pub(super) admission_checks: Vec<Check>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Check {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) on_flavors: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LocalQueue {
    pub(super) cluster_queue: Option<String>,
    pub(super) stop_policy: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Workload {
    pub(super) queue_name: Option<String>,
    pub(super) priority: Option<i32>,
    pub(super) active: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub(super) pod_sets: Vec<PodSet>,
    pub(super) maximum_execution_time_seconds: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSet {
    pub(super) name: Option<String>,
    pub(super) count: Option<i64>,
    pub(super) min_count: Option<i64>,
    pub(super) template: Value,
    pub(super) topology_request: Option<TopologyRequest>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TopologyRequest {
    pub(super) required: Option<String>,
    pub(super) preferred: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) unconstrained: bool,
    pub(super) pod_set_slice_required_topology: Option<String>,
    pub(super) pod_set_slice_size: Option<i64>,
    // The API itself writes this field so.
    #[serde(deserialize_with = "nullable")]
    pub(super) podset_slice_required_topology_constraints: Vec<Slice>,
    pub(super) pod_set_group_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Slice {
    #[serde(deserialize_with = "nullable")]
    pub(super) topology: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) size: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) admission: Option<Admission>,
    #[serde(deserialize_with = "nullable")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "nullable")]
    pub(super) reclaimable_pods: Vec<Reclaimable>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Admission {
    #[serde(deserialize_with = "nullable")]
    pub(super) cluster_queue: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) pod_set_assignments: Vec<PodSetAssignment>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSetAssignment {
    pub(super) name: Option<String>,
    pub(super) count: Option<i64>,
    #[serde(deserialize_with = "texts")]
    pub(super) flavors: TextMap,
    #[serde(deserialize_with = "nullable")]
    pub(super) resource_usage: Amounts,
    pub(super) topology_assignment: Option<AssignedDomains>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AssignedDomains {
    #[serde(deserialize_with = "nullable")]
    pub(super) levels: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) slices: Vec<AssignedSlice>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AssignedSlice {
    #[serde(deserialize_with = "nullable")]
    pub(super) domain_count: usize,
    #[serde(deserialize_with = "nullable")]
    pub(super) pod_counts: OneOrMany<i64>,
    #[serde(deserialize_with = "nullable")]
    pub(super) values_per_level: Vec<OneOrMany<String, AffixedValues>>,
}

/// A value for all domains of a slice, or one for each.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>, M: Deserialize<'de>")]
pub(super) struct OneOrMany<T, M = Vec<T>> {
    pub(super) universal: Option<T>,
    pub(super) individual: Option<M>,
}

impl<T, M> Default for OneOrMany<T, M> {
    fn default() -> Self {
        Self {
            universal: None,
            individual: None,
        }
    }
}

/// Values that share their beginning and end.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AffixedValues {
    #[serde(deserialize_with = "nullable")]
    pub(super) prefix: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) suffix: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) roots: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Condition {
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub(super) kind: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) status: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) reason: String,
    pub(super) last_transition_time: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Reclaimable {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) count: i64,
}

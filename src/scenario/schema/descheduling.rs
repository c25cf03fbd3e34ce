//! `descheduling:` of a system.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

/// Descheduler in the manner of kubernetes-sigs/descheduler: periodically evicts misplaced pods, as
/// disruption budgets allow. Requires `system.controllers`, which create replacements, and
/// `stop.at`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Descheduling {
    /// Time between two loops of the descheduler; default `300s`.
    #[serde(default = "five_minutes")]
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// Maximum number of evictions per node and loop, at least 1; default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_pods_per_node: Option<u32>,
    /// Maximum number of evictions per namespace and loop, at least 1; default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_pods_per_namespace: Option<u32>,
    /// Maximum number of evictions per loop, at least 1; default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_pods: Option<u32>,
    /// Rules for which pods may be evicted.
    #[serde(default)]
    pub evictor: Evictor,
    /// Strategies that select misplaced pods, at least one; each loop runs them in the fixed order
    /// of this reference.
    #[schemars(extend("minProperties" = 1))]
    pub strategies: Strategies,
}

const fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

/// Rules for which pods a descheduler may evict, among those with a controller that replaces them,
/// which are no mirrors of static pods and do not end already.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of the original, each for itself"
)]
pub struct Evictor {
    /// Node-fit check: `true` evicts only pods that fit another node by requests, selectors,
    /// taints, cordons and anti-affinity. Default `false`.
    pub node_fit: bool,
    /// Priority threshold: only pods of lower priority are evicted; default that of the critical
    /// pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_threshold: Option<i32>,
    /// Critical pods may be evicted if `true`, whatever their priority; default `false`.
    pub evict_system_critical_pods: bool,
    /// Pods of daemon sets may be evicted if `true`; default `false`.
    pub evict_daemon_set_pods: bool,
    /// Pods with an `emptyDir` or `hostPath` volume may be evicted if `true`; default `false`.
    pub evict_local_storage_pods: bool,
    /// Pods with volume claims are never evicted if `true`; default `false`.
    pub ignore_pvc_pods: bool,
    /// Pods without a disruption budget are never evicted if `true`; default `false`.
    #[serde(rename = "ignorePodsWithoutPDB")]
    pub ignore_pods_without_pdb: bool,
    /// Labels that a pod must have to be evicted; default none, which means all pods.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub match_labels: SortedMap<String, String>,
    /// Minimum number of pods of the same owner for a pod to be evicted; default any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_replicas: Option<u32>,
    /// Minimum time on its node for a pod to be evicted; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub min_pod_age: Option<Duration>,
}

/// Strategies of a descheduler, by their original names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Strategies {
    /// Pods that do not tolerate the `NoSchedule` taints of their node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_violating_node_taints: Option<ViolatingNodeTaints>,
    /// Pods whose node does not match their node affinity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_violating_node_affinity: Option<ViolatingNodeAffinity>,
    /// Pods on a node with pods that their anti-affinity excludes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_violating_inter_pod_anti_affinity: Option<PodScope>,
    /// Pods whose containers restarted too often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_having_too_many_restarts: Option<TooManyRestarts>,
    /// Pods that exceed a maximum age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_life_time: Option<LifeTime>,
    /// Duplicates: several equal pods on one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_duplicates: Option<Duplicates>,
    /// Pods in domains that exceed their topology spread constraints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_violating_topology_spread_constraint: Option<ViolatingTopologySpread>,
    /// Nodes with high utilization, from which pods move to nodes with low utilization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_node_utilization: Option<LowUtilization>,
    /// Nodes with low utilization, to be emptied because their pods fit elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_node_utilization: Option<HighUtilization>,
}

impl Strategies {
    /// Returns whether no strategy is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Scope of a strategy: the pods it considers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodScope {
    /// Namespaces that the strategy considers; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// Labels that the considered pods must have; default none.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub match_labels: SortedMap<String, String>,
}

/// Namespaces to include or to exclude.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [{"required": ["include"]}, {"required": ["exclude"]}]))]
pub struct Namespaces {
    /// Namespaces to include; all others are ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Namespaces to exclude; all others are considered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// Strategy `RemovePodsViolatingNodeTaints`: pods that do not tolerate the taints of their node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ViolatingNodeTaints {
    /// Taints to ignore: keys, or `KEY=VALUE`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_taints: Vec<String>,
    /// Taints with the effect `PreferNoSchedule` are considered, too, if `true`; default `false`.
    pub include_prefer_no_schedule: bool,
    /// Namespaces that the strategy considers; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// Labels that the considered pods must have; default none.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub match_labels: SortedMap<String, String>,
}

/// Strategy `RemovePodsViolatingNodeAffinity`: pods whose node does not match their node affinity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ViolatingNodeAffinity {
    /// Kinds of node affinity to consider, at least one; default the required one.
    #[schemars(length(min = 1))]
    pub node_affinity_type: Vec<NodeAffinityType>,
    /// Namespaces that the strategy considers; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// Labels that the considered pods must have; default none.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub match_labels: SortedMap<String, String>,
}

impl Default for ViolatingNodeAffinity {
    fn default() -> Self {
        Self {
            node_affinity_type: vec![NodeAffinityType::Required],
            namespaces: None,
            match_labels: SortedMap::new(),
        }
    }
}

/// Kind of node affinity to consider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NodeAffinityType {
    /// Required node affinity of a pod.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    Required,
    /// Preferred node affinity of a pod.
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution")]
    Preferred,
}

/// Strategy `RemovePodsHavingTooManyRestarts`: pods whose containers restarted too often, in sum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TooManyRestarts {
    /// Number of restarts from which a pod is evicted, at least 1.
    #[schemars(range(min = 1))]
    pub pod_restart_threshold: u32,
    /// Whether the restarts of init containers count, too; default no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub including_init_containers: bool,
    /// Namespaces that the strategy considers; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// Labels that the considered pods must have; default none.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub match_labels: SortedMap<String, String>,
}

/// Strategy `PodLifeTime`: pods that exceed a maximum age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LifeTime {
    /// Maximum age of a pod; greater than 0.
    #[schemars(extend("x-positive" = true))]
    pub max_pod_life_time: Duration,
    /// States of the pods to consider; default any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<PodLifeState>,
    /// Namespaces that the strategy considers; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// Labels that the considered pods must have; default none.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub match_labels: SortedMap<String, String>,
}

/// State of a pod that has a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodLifeState {
    /// Pod whose containers have not all started.
    Pending,
    /// Pod whose containers are running.
    Running,
}

/// Strategy `RemoveDuplicates`: several equal pods on one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Duplicates {
    /// Owner kinds to ignore; pods of a `Deployment` belong to a `ReplicaSet`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_owner_kinds: Vec<String>,
    /// Namespaces that the strategy considers; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
}

/// Strategy `RemovePodsViolatingTopologySpreadConstraint`: domains with more pods than their
/// topology spread constraints allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ViolatingTopologySpread {
    /// Kinds of topology spread constraints to consider, at least one; default `DoNotSchedule`.
    #[schemars(length(min = 1))]
    pub constraints: Vec<SpreadConstraint>,
    /// Node-fit check: `true` evicts only pods that fit a node of a domain with fewer pods than the
    /// mean. Default `true`.
    pub topology_balance_node_fit: bool,
    /// Namespaces that the strategy considers; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// Labels that evicted pods must have; default none.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub match_labels: SortedMap<String, String>,
}

impl Default for ViolatingTopologySpread {
    fn default() -> Self {
        Self {
            constraints: vec![SpreadConstraint::DoNotSchedule],
            topology_balance_node_fit: true,
            namespaces: None,
            match_labels: SortedMap::new(),
        }
    }
}

/// Effect of a topology spread constraint in the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SpreadConstraint {
    /// Scheduler enforces the constraint.
    DoNotSchedule,
    /// Scheduler prefers nodes that satisfy the constraint.
    ScheduleAnyway,
}

/// Strategy `LowNodeUtilization`: moves pods from nodes with high utilization by requests to nodes
/// with low utilization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LowUtilization {
    /// Low thresholds in percent of a node's allocatable, by resource (`cpu`, `memory`, `pods` and
    /// devices). A node whose requests exceed none of them is underutilized. The first three
    /// default to 100.
    #[schemars(extend("minProperties" = 1))]
    pub thresholds: SortedMap<String, f64>,
    /// High thresholds in percent, for the same resources. A node whose requests exceed any of them
    /// is overutilized.
    pub target_thresholds: SortedMap<String, f64>,
    /// Deviation mode: `true` takes both thresholds as distances from the mean over all nodes;
    /// default `false`.
    #[serde(default)]
    pub use_deviation_thresholds: bool,
    /// Number of underutilized nodes that must be exceeded before anything is evicted; default 0.
    #[serde(default)]
    pub number_of_nodes: u32,
    /// Namespaces whose pods may be evicted; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evictable_namespaces: Option<ExcludedNamespaces>,
}

/// Strategy `HighNodeUtilization`: empties nodes with low utilization by requests, whose pods fit
/// elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HighUtilization {
    /// Thresholds in percent of a node's allocatable, by resource. A node whose requests exceed
    /// none of them is emptied. Use it with a scheduler that prefers full nodes.
    #[schemars(extend("minProperties" = 1))]
    pub thresholds: SortedMap<String, f64>,
    /// Number of underutilized nodes that must be exceeded before anything is evicted; default 0.
    #[serde(default)]
    pub number_of_nodes: u32,
    /// Namespaces whose pods may be evicted; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evictable_namespaces: Option<ExcludedNamespaces>,
}

/// Namespaces to exclude, all others being included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludedNamespaces {
    /// Namespaces to exclude, by name.
    pub exclude: Vec<String>,
}

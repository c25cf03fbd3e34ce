//! `descheduling:` of a system.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

/// A descheduler beside the scheduler, in the manner of kubernetes-sigs/descheduler: every so often
/// it evicts pods whose place is not, or no longer, the right one, as budgets allow; needs
/// `system.controllers`, which make other pods, and `stop.at`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Descheduling {
    /// From one loop to the next.
    #[serde(default = "five_minutes")]
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// The most pods that are evicted from a node in a loop; default any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_pods_per_node: Option<u32>,
    /// The most pods of a namespace that are evicted in a loop; default any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_pods_per_namespace: Option<u32>,
    /// The most pods that are evicted in a loop; default any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_pods: Option<u32>,
    /// Which pods may be evicted.
    #[serde(default)]
    pub evictor: Evictor,
    /// What it looks for; in a loop the strategies go in the order in which they are listed here.
    #[schemars(extend("minProperties" = 1))]
    pub strategies: Strategies,
}

const fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

/// Which pods a descheduler may evict: those with an owner that makes others, that are no mirrors of
/// static pods and don't end already, by these rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of the original, each for itself"
)]
pub struct Evictor {
    /// Whether pods only go that fit another node by requests, selectors, taints, cordons and
    /// anti-affinity.
    pub node_fit: bool,
    /// Only pods of lower priority go; default those below the critical ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_threshold: Option<i32>,
    /// Whether critical pods may go, whatever their priority.
    pub evict_system_critical_pods: bool,
    /// Whether pods of daemon sets may go.
    pub evict_daemon_set_pods: bool,
    /// Whether pods with an `emptyDir` or `hostPath` volume may go.
    pub evict_local_storage_pods: bool,
    /// Whether pods with claims of volumes stay.
    pub ignore_pvc_pods: bool,
    /// Whether pods that no budget covers stay.
    #[serde(rename = "ignorePodsWithoutPDB")]
    pub ignore_pods_without_pdb: bool,
    /// Only pods with these labels go; default all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Only pods go whose owner has so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_replicas: Option<u32>,
    /// Only pods go that have had their node for so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub min_pod_age: Option<Duration>,
}

/// What a descheduler looks for, by the names of the original.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Strategies {
    /// Pods that don't tolerate the `NoSchedule` taints of their node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_violating_node_taints: Option<ViolatingNodeTaints>,
    /// Pods whose node does not match their affinity to nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_violating_node_affinity: Option<ViolatingNodeAffinity>,
    /// Pods beside pods that they must not be beside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_violating_inter_pod_anti_affinity: Option<PodScope>,
    /// Pods whose containers were started again too often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_having_too_many_restarts: Option<TooManyRestarts>,
    /// Pods that are too old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_life_time: Option<LifeTime>,
    /// Several equal pods on one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_duplicates: Option<Duplicates>,
    /// Domains with more pods than their topology spread allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_pods_violating_topology_spread_constraint: Option<ViolatingTopologySpread>,
    /// Nodes of which much is requested while little is of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_node_utilization: Option<LowUtilization>,
    /// Nodes of which so little is requested that others can take their pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_node_utilization: Option<HighUtilization>,
}

impl Strategies {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which pods a strategy looks at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodScope {
    /// Of which namespaces; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// With which labels; default all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// Some namespaces, or all but some.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [{"required": ["include"]}, {"required": ["exclude"]}]))]
pub struct Namespaces {
    /// These alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// All but these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// Pods that don't tolerate the taints of their node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ViolatingNodeTaints {
    /// Taints that are passed over: keys, or `KEY=VALUE`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_taints: Vec<String>,
    /// Whether taints of the effect `PreferNoSchedule` count, too.
    pub include_prefer_no_schedule: bool,
    /// Of which namespaces; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// With which labels; default all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// Pods whose node does not match their affinity to nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ViolatingNodeAffinity {
    /// What counts.
    #[schemars(length(min = 1))]
    pub node_affinity_type: Vec<NodeAffinityType>,
    /// Of which namespaces; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// With which labels; default all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

impl Default for ViolatingNodeAffinity {
    fn default() -> Self {
        Self {
            node_affinity_type: vec![NodeAffinityType::Required],
            namespaces: None,
            match_labels: BTreeMap::new(),
        }
    }
}

/// What of a pod's affinity to nodes counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NodeAffinityType {
    /// What it requires.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    Required,
    /// What it prefers.
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution")]
    Preferred,
}

/// Pods whose containers were started again too often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TooManyRestarts {
    /// So many restarts of a container are too many.
    #[schemars(range(min = 1))]
    pub pod_restart_threshold: u32,
    /// Of which namespaces; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// With which labels; default all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// Pods that are too old.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LifeTime {
    /// So old a pod may become.
    #[schemars(extend("x-positive" = true))]
    pub max_pod_life_time: Duration,
    /// Only pods in these states; default any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<PodLifeState>,
    /// Of which namespaces; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// With which labels; default all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// Where a pod with a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodLifeState {
    /// Its containers are not up yet.
    Pending,
    /// It runs.
    Running,
}

/// Several equal pods on one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Duplicates {
    /// Pods of owners of these kinds are passed over; those of a `Deployment` belong to a
    /// `ReplicaSet`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_owner_kinds: Vec<String>,
    /// Of which namespaces; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
}

/// Domains with more pods than their topology spread allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ViolatingTopologySpread {
    /// Which constraints count.
    #[schemars(length(min = 1))]
    pub constraints: Vec<SpreadConstraint>,
    /// Whether a pod only goes that fits a node of a domain with fewer pods than the mean.
    pub topology_balance_node_fit: bool,
    /// Of which namespaces; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// With which labels pods may go; default all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

impl Default for ViolatingTopologySpread {
    fn default() -> Self {
        Self {
            constraints: vec![SpreadConstraint::DoNotSchedule],
            topology_balance_node_fit: true,
            namespaces: None,
            match_labels: BTreeMap::new(),
        }
    }
}

/// What the scheduler does about a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SpreadConstraint {
    /// It holds to it.
    DoNotSchedule,
    /// It prefers nodes that keep it.
    ScheduleAnyway,
}

/// Nodes of which much is requested while little is of others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LowUtilization {
    /// Percent of what a node offers, by resource (`cpu`, `memory`, `pods` and devices): a node of
    /// which no more is requested is used little. Resources of the first three that are not stated
    /// are at 100.
    #[schemars(extend("minProperties" = 1))]
    pub thresholds: BTreeMap<String, f64>,
    /// Percent by the same resources: a node of which more is requested of one is used much.
    pub target_thresholds: BTreeMap<String, f64>,
    /// Whether both are distances from the mean over all nodes.
    #[serde(default)]
    pub use_deviation_thresholds: bool,
    /// Nothing is done unless more nodes than this are used little.
    #[serde(default)]
    pub number_of_nodes: u32,
    /// Pods of which namespaces may go; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evictable_namespaces: Option<ExcludedNamespaces>,
}

/// Nodes of which so little is requested that others can take their pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HighUtilization {
    /// Percent of what a node offers, by resource: a node of which no more is requested is emptied.
    /// It works with a scheduler that prefers full nodes.
    #[schemars(extend("minProperties" = 1))]
    pub thresholds: BTreeMap<String, f64>,
    /// Nothing is done unless more nodes than this are used little.
    #[serde(default)]
    pub number_of_nodes: u32,
    /// Pods of which namespaces may go; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evictable_namespaces: Option<ExcludedNamespaces>,
}

/// All namespaces but some.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludedNamespaces {
    /// All but these.
    pub exclude: Vec<String>,
}

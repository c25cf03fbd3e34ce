//! The configuration of the Kubernetes scheduler as its own file states it
//! (`KubeSchedulerConfiguration`, spec: kubernetes.md 1.1).

use super::{NodeAffinity, Text, TopologySpread};
use units::{Duration, SortedMap};

/// A whole configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SchedulerConfig {
    /// Profiles; none is one of the defaults alone.
    pub profiles: Vec<SchedulerProfile>,
    /// The part of nodes that is scored, in percent; 0 is adaptive.
    pub percentage_of_nodes_to_score: i64,
    /// Number of workers that examine nodes, where it is stated. It is not modelled: nodes are
    /// looked at one after the other.
    pub parallelism: Option<i64>,
    /// The first wait after a failed attempt, in seconds; `None` is 1.
    pub initial_backoff_secs: Option<i64>,
    /// The longest wait after a failed attempt, in seconds; `None` is 10.
    pub max_backoff_secs: Option<i64>,
    /// Extenders, in the order in which they are asked.
    pub extenders: Vec<ExtenderConfig>,
    /// Settings that are left out.
    pub left_out: Vec<LeftOutSetting>,
}

/// A server that takes part in decisions over HTTP. A verb is the last part of a URL; an extender without
/// it takes no such part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtenderConfig {
    /// The first part of its URLs.
    pub url_prefix: Text,
    /// Verb that filters nodes.
    pub filter_verb: Text,
    /// Verb that gives nodes points.
    pub prioritize_verb: Text,
    /// Verb that chooses among candidates of a preemption.
    pub preempt_verb: Text,
    /// Verb that binds pods.
    pub bind_verb: Text,
    /// Factor on its points.
    pub weight: i64,
    /// Time that an answer may take.
    pub timeout: Duration,
    /// `true` if it knows nodes and is told their names alone.
    pub is_node_cache_capable: bool,
    /// `true` if scheduling goes on without it where it fails.
    pub is_ignorable: bool,
    /// Resources of which a pod has to ask for one for the extender to look after it; none is every pod.
    pub managed_resources: Vec<Text>,
}

/// A setting of a configuration that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutSetting {
    /// Path of the setting.
    pub field: String,
    /// The reason that it is left out.
    pub what: &'static str,
    /// Effect of leaving it out.
    pub effect: &'static str,
}

/// One profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SchedulerProfile {
    /// The scheduler name of its pods; empty is `default-scheduler`.
    pub scheduler_name: Text,
    /// The part of nodes that is scored, in percent, where the profile states one.
    pub percentage_of_nodes_to_score: Option<i64>,
    /// Plugins enabled and disabled by extension point, named as in the file (`multiPoint`,
    /// `filter`, `score` …).
    pub points: SortedMap<String, PluginSet>,
    /// Arguments of plugins.
    pub arguments: PluginArguments,
}

/// Plugins that an extension point enables and disables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginSet {
    /// Names with their weights; 0 is none given.
    pub enabled: Vec<(String, i64)>,
    /// Names, or `*`.
    pub disabled: Vec<String>,
}

impl PluginSet {
    /// Whether a name is disabled.
    pub fn disables(&self, name: &str) -> bool {
        self.disabled.iter().any(|own| own == name || own == "*")
    }
}

/// Arguments of the plugins that take any, with their defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginArguments {
    /// `NodeAffinity`: affinity added to every pod.
    pub added_affinity: NodeAffinity,
    /// `NodeResourcesFit`.
    pub fit: FitArguments,
    /// `NodeResourcesBalancedAllocation`: names of resources, in order.
    pub balanced_resources: Vec<Text>,
    /// `PodTopologySpread`: rules for pods without their own; `None` is the built-in ones.
    pub default_spread: Option<Vec<TopologySpread>>,
    /// `InterPodAffinity`: points for a required term of another pod that matches, 0–100.
    pub hard_pod_affinity_weight: i64,
    /// `InterPodAffinity`: whether preferred terms of other pods are passed over.
    pub ignore_preferred_terms_of_existing_pods: bool,
    /// `DefaultPreemption`: the least part of nodes tried, in percent.
    pub min_candidate_percentage: i64,
    /// `DefaultPreemption`: the least number of nodes tried.
    pub min_candidates: i64,
    /// `Coscheduling`: how long placed members wait for their group, in seconds.
    pub permit_wait_secs: i64,
}

/// Arguments of `NodeResourcesFit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FitArguments {
    /// Extended resources that are not filtered on.
    pub ignored_resources: Vec<Text>,
    /// Prefixes (before `/`) of extended resources that are not filtered on.
    pub ignored_groups: Vec<Text>,
    /// Strategy by which nodes are scored.
    pub strategy: FitStrategy,
    /// The resources scored, with weights 1–100.
    pub resources: Vec<(Text, i64)>,
}

/// Scoring strategy of `NodeResourcesFit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FitStrategy {
    /// Free nodes first.
    LeastAllocated,
    /// Full nodes first.
    MostAllocated,
    /// By a curve: points of utilisation (0–100) and score (0–10).
    RequestedToCapacityRatio(Vec<(i64, i64)>),
}

impl Default for FitArguments {
    fn default() -> Self {
        Self {
            ignored_resources: Vec::new(),
            ignored_groups: Vec::new(),
            strategy: FitStrategy::LeastAllocated,
            resources: vec![("cpu".into(), 1), ("memory".into(), 1)],
        }
    }
}

impl Default for PluginArguments {
    fn default() -> Self {
        Self {
            added_affinity: NodeAffinity::default(),
            fit: FitArguments::default(),
            balanced_resources: vec!["cpu".into(), "memory".into()],
            default_spread: None,
            hard_pod_affinity_weight: 1,
            ignore_preferred_terms_of_existing_pods: false,
            min_candidate_percentage: 10,
            min_candidates: 100,
            permit_wait_secs: 60,
        }
    }
}

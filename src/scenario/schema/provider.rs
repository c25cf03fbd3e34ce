//! `cluster.provider:` of the experiment file: where machines come from while the run goes on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NodeTemplate, PowerTemplate, Taint};
use crate::share::Share;
use rng::Distribution;
use units::{Duration, Quantity};

/// Where machines come from while the run goes on: instance types with prices, how they boot, what
/// there is too little of. Groups of equal nodes are grown and shrunk by
/// `system.autoscaling.cluster`, single nodes are bought by `system.autoscaling.provisioner`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    /// Instance types and prices: a CSV file with the columns `instance_type`, `vcpu`, `memory_mib`
    /// and `on_demand_usd_per_hour` (or another currency in its name), and perhaps `gpu`,
    /// `gpu_model`, `arch`, `max_pods`, `zone` and `spot_usd_per_hour`; or Karpenter's
    /// `instance_types.json`. Default a short list that comes with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<String>,
    /// Instance types without prices, in a file of their own: the columns `instance_type`, `vcpu`
    /// and `memory_mib`; those with a price in `prices` can be bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<String>,
    /// Prices that change in the run: a CSV file with the columns `seconds` after the start (or
    /// `time`, a date), `instance_type`, `spot_usd_per_hour` or `on_demand_usd_per_hour`, and perhaps
    /// `zone`; or the history that AWS gives of its spot prices. Each price holds until the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_history: Option<String>,
    /// The currency of all prices of the experiment; those of a list have to be in it.
    #[serde(default = "currency")]
    pub currency: String,
    /// From an order until its node joins: a distribution; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Distribution>,
    /// Which part of the orders fails, such as `2%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<Share>,
    /// After how long a failure is known.
    #[serde(default = "a_minute")]
    pub failed_after: Duration,
    /// The most that can be had at a time.
    #[serde(default)]
    pub quota: Quota,
    /// When instance types or groups can't be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stock_outs: Vec<StockOut>,
    /// What the machine itself takes of its processors and memory.
    #[serde(default)]
    pub reserved: Reserved,
    /// Capacity that may be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot: Option<SpotMarket>,
    /// What instance types draw, by name; `*` stands for any text, and the longest that fits
    /// counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub power: BTreeMap<String, PowerTemplate>,
    /// Groups of equal nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<NodeGroup>,
}

impl Provider {
    /// The files that it names, by field.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let all = [
            ("prices", &self.prices),
            ("types", &self.types),
            ("priceHistory", &self.price_history),
        ];
        all.into_iter()
            .filter_map(|(field, file)| Some((field, file.as_ref()?)))
    }

    /// The same files, to be put elsewhere.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let all = [&mut self.prices, &mut self.types, &mut self.price_history];
        all.into_iter().flatten()
    }
}

fn currency() -> String {
    "USD".to_owned()
}

const fn a_minute() -> Duration {
    Duration::from_secs(60)
}

/// The most that can be had at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quota {
    /// Machines that were ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("x-help" = "a quota of 0 lets no machine start; leave the field out for no limit"))]
    pub machines: Option<u32>,
    /// Their cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub cpu: Option<Quantity>,
    /// Machines of single groups or instance types.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub of: BTreeMap<String, u32>,
}

/// A time in which something can't be had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockOut {
    /// The group or instance type.
    pub of: String,
    /// From this time after the start.
    pub at: Duration,
    /// For how long.
    #[serde(rename = "for")]
    #[schemars(extend("x-positive" = true))]
    pub lasts: Duration,
}

/// What a machine itself takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reserved {
    /// Of its processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Of its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

/// Capacity that may be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpotMarket {
    /// What it costs, as a share of the price on demand, where the list has no price of its own.
    pub price: Share,
    /// For how long a machine is had: a distribution.
    pub kept: Distribution,
    /// How long before its end that is said.
    #[serde(default = "two_minutes")]
    pub notice: Duration,
}

const fn two_minutes() -> Duration {
    Duration::from_secs(120)
}

/// A group of equal nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["instanceType"]}, {"required": ["template"]}]))]
pub struct NodeGroup {
    /// Its name; its nodes are called after it and bear it as the label `windtunnel.dev/node-group`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The instance type of its nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// What each of its nodes is, where it is no instance type of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<NodeTemplate>,
    /// The fewest nodes.
    #[serde(default)]
    pub min: u32,
    /// The most nodes.
    #[schemars(range(min = 1, max = 100_000))]
    pub max: u32,
    /// Nodes that are there at the start; default the fewest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<u32>,
    /// Their zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Labels beside those of the provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Taints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Whether its nodes are spot capacity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spot: bool,
    /// How long its nodes boot, if not as all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Distribution>,
    /// The price of one an hour, if not that of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Quantity>,
}

/// The cluster autoscaler: grows groups for pods that wait, empties nodes that are not needed.
#[expect(clippy::struct_excessive_bools, reason = "flags of the original")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterAutoscaling {
    /// From one loop to the next.
    #[schemars(extend("x-positive" = true))]
    pub scan_interval: Duration,
    /// What narrows the choice of a group down, in order; the rest is drawn by lot.
    pub expanders: Vec<ExpanderName>,
    /// Priorities of groups for the expander `priority`: the higher goes first.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "numbered"
    )]
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub priorities: BTreeMap<i32, Vec<String>>,
    /// The most nodes of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_nodes: Option<u32>,
    /// How long an ordered node may take to join.
    #[schemars(extend("x-positive" = true))]
    pub max_provision_time: Duration,
    /// Pods of lower priority get no nodes and don't keep any.
    pub expendable_priority: i32,
    /// Whether nodes that are not needed go.
    pub scale_down: bool,
    /// Nodes used more than this are needed.
    pub utilization_threshold: Share,
    /// How long a node must have been unneeded.
    pub unneeded_time: Duration,
    /// How long nothing goes after a scale-up.
    pub delay_after_add: Duration,
    /// How long nothing goes after a node could not be emptied.
    pub delay_after_failure: Duration,
    /// How long a group is left alone after an order of it failed; twice as long each time.
    #[schemars(extend("x-positive" = true))]
    pub back_off: Duration,
    /// The same at most.
    #[schemars(extend("x-positive" = true))]
    pub max_back_off: Duration,
    /// Whether new nodes are spread over groups that are alike but for their zone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub balance_similar_node_groups: bool,
    /// Whether pods with data on the node's disk keep their node.
    pub skip_nodes_with_local_storage: bool,
    /// Whether pods of `kube-system` without a budget keep their node.
    pub skip_nodes_with_system_pods: bool,
    /// Whether pods of daemon sets don't count as use.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_daemon_sets_utilization: bool,
    /// How old a pod must be for nodes to be ordered for it.
    pub new_pod_scale_up_delay: Duration,
}

/// A map by whole numbers, which are texts in a file.
fn numbered<'de, D: serde::Deserializer<'de>>(
    source: D,
) -> Result<BTreeMap<i32, Vec<String>>, D::Error> {
    let named = BTreeMap::<String, Vec<String>>::deserialize(source)?;
    let numbered = named.into_iter().map(|(name, patterns)| {
        let number = name.parse().map_err(|_| {
            serde::de::Error::custom(format!("`{name}` is no priority; expected a whole number"))
        })?;
        Ok((number, patterns))
    });
    numbered.collect()
}

impl Default for ClusterAutoscaling {
    fn default() -> Self {
        Self {
            scan_interval: Duration::from_secs(10),
            expanders: vec![ExpanderName::LeastWaste],
            priorities: BTreeMap::new(),
            max_nodes: None,
            max_provision_time: Duration::from_secs(900),
            expendable_priority: -10,
            scale_down: true,
            utilization_threshold: Share::from_millionths(500_000),
            unneeded_time: Duration::from_secs(600),
            delay_after_add: Duration::from_secs(600),
            delay_after_failure: Duration::from_secs(180),
            back_off: Duration::from_secs(300),
            max_back_off: Duration::from_secs(1800),
            balance_similar_node_groups: false,
            skip_nodes_with_local_storage: true,
            skip_nodes_with_system_pods: true,
            ignore_daemon_sets_utilization: false,
            new_pod_scale_up_delay: Duration::ZERO,
        }
    }
}

/// What narrows the choice of a group down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpanderName {
    /// The least part of cpu and memory unused.
    LeastWaste,
    /// The most pods.
    MostPods,
    /// The fewest nodes.
    LeastNodes,
    /// The least price for what is asked.
    Price,
    /// The highest priority.
    Priority,
    /// One by lot.
    Random,
}

/// A provisioner in Karpenter's manner: buys the cheapest instance types that the pods that wait
/// fit, and gives nodes back or replaces them where that is cheaper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-excludes" = {"zone": ["zones"]}))]
pub struct Provisioning {
    /// The instance types that it may buy, by name; `*` stands for any text.
    #[schemars(length(min = 1))]
    pub instance_types: Vec<String>,
    /// Whether it buys spot capacity where that is cheaper.
    #[serde(default)]
    pub spot: bool,
    /// Whether it buys capacity that is kept.
    #[serde(default = "yes")]
    pub on_demand: bool,
    /// When nodes are given back.
    #[serde(default)]
    pub consolidation: ConsolidationPolicy,
    /// How long no pod may have come to or left a node that is consolidated.
    #[serde(default)]
    pub consolidate_after: Duration,
    /// How many nodes may be on their way out at a time: a number, or a share such as `10%`.
    #[serde(default = "a_tenth")]
    pub budget: String,
    /// Budgets that hold at times, besides: the strictest that holds counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<DisruptionWindow>,
    /// How old a node may become before it is replaced; default any age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub expire_after: Option<Duration>,
    /// Times at which what new nodes are made of changes, such as their machine image: nodes from
    /// before have drifted and are replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drifts: Vec<Duration>,
    /// Whether spot nodes are replaced by cheaper spot nodes.
    #[serde(default)]
    pub spot_to_spot: bool,
    /// The most nodes of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_nodes: Option<u32>,
    /// The zone of its nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The zones of its nodes, where they may be in several: each comes in the one where it costs
    /// least of those that its first pod may be in, of equal ones in the first of this list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
}

/// A budget that holds at times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("dependentRequired" = {"schedule": ["for"], "for": ["schedule"]}))]
pub struct DisruptionWindow {
    /// How many nodes may be on their way out at a time: a number, or a share such as `10%`.
    pub nodes: String,
    /// When it begins to hold, in the notation of cron: `0 9 * * 1-5`; default always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// For how long it holds.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub lasts: Option<Duration>,
    /// What it limits; default everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<DisruptionReason>,
}

/// Why a node is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DisruptionReason {
    /// It is empty.
    Empty,
    /// It is not what a new one would be.
    Drifted,
    /// Its pods fit elsewhere, or on something cheaper.
    Underutilized,
}

const fn yes() -> bool {
    true
}

fn a_tenth() -> String {
    "10%".to_owned()
}

/// When nodes are given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConsolidationPolicy {
    /// When they are empty.
    WhenEmpty,
    /// When they are empty, or their pods fit elsewhere or on something cheaper.
    #[default]
    WhenEmptyOrUnderutilized,
}

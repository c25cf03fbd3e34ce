//! `cluster.provider:` of the experiment file: the source of machines during the run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DockerMachine, NodeAnnotations, NodeTemplate, NovaProvider, PowerTemplate, Taint};
use options::Share;
use rng::Distribution;
use units::{Duration, Quantity, SortedMap};

/// Cloud provider that supplies machines during the run: instance types with prices, boot times and
/// shortages. `system.autoscaling.cluster` grows and shrinks groups of equal nodes;
/// `system.autoscaling.provisioner` buys single nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-excludes" = {"dockerMachine": ["boot", "failureRate", "nova"]}))]
pub struct Provider {
    /// Price list of instance types: a CSV file with the columns `instance_type`, `vcpu`,
    /// `memory_mib` and `on_demand_usd_per_hour` (or another currency in its name), and optionally
    /// `gpu`, `gpu_model`, `arch`, `max_pods`, `zone` and `spot_usd_per_hour`; or Karpenter's
    /// `instance_types.json`. Default: a short list built into the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<String>,
    /// Instance types without prices: a CSV file with the columns `instance_type`, `vcpu` and
    /// `memory_mib`. Only those with a price in `prices` can be bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<String>,
    /// Price changes during the run: a CSV file with the columns `seconds` after the start (or
    /// `time`, a date), `instance_type`, `spot_usd_per_hour` or `on_demand_usd_per_hour`, and
    /// optionally `zone`; or the spot price history that AWS exports. Each price holds until the
    /// next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_history: Option<String>,
    /// Currency of all prices of the experiment; default `USD`. Price lists must use it.
    #[serde(default = "currency")]
    pub currency: String,
    /// Boot time from an order until its node joins: a distribution; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Distribution>,
    /// Docker Machine, which makes the hosts phase by phase, instead of `boot` and `failureRate`; default
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_machine: Option<DockerMachine>,
    /// `OpenStack` Nova, on whose hypervisors the machines are instances; `boot` is then the time from a
    /// booted machine until its node joins. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nova: Option<NovaProvider>,
    /// Share of orders that fail, such as `2%`; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<Share>,
    /// Time until the failure of an order is detected; default `60s`.
    #[serde(default = "a_minute")]
    pub failed_after: Duration,
    /// Quota: upper limits on machines ordered at a time; default unlimited.
    #[serde(default)]
    pub quota: Quota,
    /// Stock-outs: periods in which instance types or groups are unavailable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stock_outs: Vec<StockOut>,
    /// CPU and memory that each machine reserves for itself.
    #[serde(default)]
    pub reserved: Reserved,
    /// Spot market: cheaper capacity that the provider may reclaim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot: Option<SpotMarket>,
    /// Power draw by instance type; `*` in a name stands for any text, and the longest match
    /// applies.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub power: SortedMap<String, PowerTemplate>,
    /// Node groups: groups of equal nodes for the cluster autoscaler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<NodeGroup>,
}

impl Provider {
    /// Files that the provider names, as mutable paths with their fields.
    pub fn files_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut String)> {
        let all = [
            ("prices", &mut self.prices),
            ("types", &mut self.types),
            ("priceHistory", &mut self.price_history),
        ];
        all.into_iter()
            .filter_map(|(field, file)| Some((field, file.as_mut()?)))
    }
}

fn currency() -> String {
    "USD".to_owned()
}

const fn a_minute() -> Duration {
    Duration::from_secs(60)
}

/// Upper limits on what can be ordered at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quota {
    /// Maximum number of machines, at least 1; default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("x-help" = "a quota of 0 lets no machine start; leave the field out for no limit"))]
    pub machines: Option<u32>,
    /// Maximum number of cores over all machines, greater than 0; default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub cpu: Option<Quantity>,
    /// Maximum number of machines by group or instance type.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub of: SortedMap<String, u32>,
}

/// Period in which a group or instance type is unavailable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockOut {
    /// Name of the group or instance type that is unavailable.
    pub of: String,
    /// Start of the stock-out, as a time after the start of the run.
    pub at: Duration,
    /// Duration of the stock-out; greater than 0.
    #[serde(rename = "for")]
    #[schemars(extend("x-positive" = true))]
    pub lasts: Duration,
}

/// CPU and memory that a machine reserves for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reserved {
    /// CPU reserved by the machine itself, in cores; default none. It is subtracted from the
    /// capacity of the instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory reserved by the machine itself, in bytes; default none. It is subtracted from the
    /// capacity of the instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

/// Spot market: capacity that the provider may reclaim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpotMarket {
    /// Spot price as a share of the on-demand price, for instance types without a spot price in the
    /// list; without it these are not sold as spot machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Share>,
    /// Lifetime of a spot machine until the provider reclaims it: a distribution; without it none is
    /// reclaimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Distribution>,
    /// Interruption notice: time between the announcement and the end of a spot machine; default
    /// `120s`.
    #[serde(default = "two_minutes")]
    pub notice: Duration,
}

const fn two_minutes() -> Duration {
    Duration::from_secs(120)
}

/// Group of equal nodes; give `instanceType` or `template`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["instanceType"]}, {"required": ["template"]}]))]
pub struct NodeGroup {
    /// Name of the group: prefix of its node names and value of their label
    /// `windtunnel.dev/node-group`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Instance type of the group's nodes, from the price list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Node template of the group, for nodes that are no instance type of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<NodeTemplate>,
    /// Minimum number of nodes in the group; default 0.
    #[serde(default)]
    pub min: u32,
    /// Maximum number of nodes in the group, 1 to 100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub max: u32,
    /// Initial number of nodes in the group; default `min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<u32>,
    /// Zone of the group's nodes; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Labels of the group's nodes, in addition to those of the provider.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub labels: SortedMap<String, String>,
    /// Annotations of the group's nodes, as of a node template; default none.
    #[serde(default, skip_serializing_if = "NodeAnnotations::is_empty")]
    pub annotations: NodeAnnotations,
    /// Taints of the group's nodes; default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Spot capacity: `true` makes the group's nodes reclaimable; default `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spot: bool,
    /// Boot time of the group's nodes: a distribution; default the provider's `boot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Distribution>,
    /// Price of one node per hour; default the price of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Quantity>,
}

/// Cluster autoscaler: grows groups for waiting pods and removes nodes that are not needed.
#[expect(clippy::struct_excessive_bools, reason = "flags of the original")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterAutoscaling {
    /// Time between two loops of the autoscaler; default `10s`.
    #[schemars(extend("x-positive" = true))]
    pub scan_interval: Duration,
    /// Expanders that narrow the choice of a group down, applied in order; a random group of the
    /// remaining ones is taken. Default `least-waste`.
    pub expanders: Vec<ExpanderName>,
    /// Priorities of groups for the expander `priority`: lists of texts that group names contain,
    /// by priority. The highest priority that matches is preferred.
    #[serde(
        skip_serializing_if = "SortedMap::is_empty",
        deserialize_with = "numbered"
    )]
    #[schemars(with = "SortedMap<String, Vec<String>>")]
    pub priorities: SortedMap<i32, Vec<String>>,
    /// Maximum number of nodes in the cluster, at least 1; default unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_nodes: Option<u32>,
    /// Maximum time for an ordered node to join; default `900s`.
    #[schemars(extend("x-positive" = true))]
    pub max_provision_time: Duration,
    /// Priority cutoff: pods of lower priority neither trigger a scale-up nor keep a node; default
    /// -10.
    pub expendable_priority: i32,
    /// Scale-down of nodes that are not needed; default `true`.
    pub scale_down: bool,
    /// Utilization threshold: nodes used more than this share are kept; default `50%`.
    pub utilization_threshold: Share,
    /// Minimum time a node must be unneeded before it is removed; default `600s`.
    pub unneeded_time: Duration,
    /// Utilization threshold of nodes with GPUs, of which only GPUs count; default `50%`.
    pub gpu_utilization_threshold: Share,
    /// Minimum time a node that is not ready must be unneeded before it is removed; default `1200s`.
    pub unready_time: Duration,
    /// Minimum time after a scale-up before any scale-down; default `600s`.
    pub delay_after_add: Duration,
    /// Minimum time after the removal of a node before any further scale-down; default `0s`.
    pub delay_after_delete: Duration,
    /// Minimum time after a failed drain before any scale-down; default `180s`.
    pub delay_after_failure: Duration,
    /// Initial back-off of a group after a failed order; doubles with each failure. Default `300s`.
    #[schemars(extend("x-positive" = true))]
    pub back_off: Duration,
    /// Maximum back-off of a group after failed orders; default `1800s`.
    #[schemars(extend("x-positive" = true))]
    pub max_back_off: Duration,
    /// Balancing of new nodes over similar groups, such as those that differ only in their zone, if
    /// they take the same pods; default `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub balance_similar_node_groups: bool,
    /// Further labels in which similar groups may differ, besides zones, host names and names of
    /// pools; default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub balancing_ignore_labels: Vec<String>,
    /// Pods with data on the node's disk keep their node if `true` (the default).
    pub skip_nodes_with_local_storage: bool,
    /// Pods of `kube-system` without a disruption budget keep their node if `true` (the default).
    pub skip_nodes_with_system_pods: bool,
    /// Maximum number of nodes that are removed at a time, at least 1; default 10.
    #[schemars(range(min = 1))]
    pub max_scale_down_parallelism: u32,
    /// Maximum number of nodes with pods that are removed at a time, at least 1; default 1.
    #[schemars(range(min = 1))]
    pub max_drain_parallelism: u32,
    /// Longest time that pods of a removed node have to end; default `600s`.
    #[schemars(extend("x-positive" = true))]
    pub max_graceful_termination: Duration,
    /// Mirror pods do not count as utilization if `true`; default `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_mirror_pods_utilization: bool,
    /// Pods of daemon sets do not count as utilization if `true`; default `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_daemon_sets_utilization: bool,
    /// Minimum age of a pod before nodes are ordered for it; default `0s`.
    pub new_pod_scale_up_delay: Duration,
}

/// Reads a map whose keys are whole numbers, which are texts in a file.
fn numbered<'de, D: serde::Deserializer<'de>>(
    source: D,
) -> Result<SortedMap<i32, Vec<String>>, D::Error> {
    let named = SortedMap::<String, Vec<String>>::deserialize(source)?;
    let numbered = named.into_iter().map(|(name, patterns)| {
        let number = name.parse().map_err(|_| {
            serde::de::Error::custom(format!(
                "`{name}` is not a priority; expected a whole number"
            ))
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
            priorities: SortedMap::new(),
            max_nodes: None,
            max_provision_time: Duration::from_secs(900),
            expendable_priority: -10,
            scale_down: true,
            utilization_threshold: Share::from_millionths(500_000),
            gpu_utilization_threshold: Share::from_millionths(500_000),
            unneeded_time: Duration::from_secs(600),
            unready_time: Duration::from_secs(1200),
            delay_after_add: Duration::from_secs(600),
            delay_after_delete: Duration::ZERO,
            delay_after_failure: Duration::from_secs(180),
            back_off: Duration::from_secs(300),
            max_back_off: Duration::from_secs(1800),
            balance_similar_node_groups: false,
            balancing_ignore_labels: Vec::new(),
            skip_nodes_with_local_storage: true,
            skip_nodes_with_system_pods: true,
            max_scale_down_parallelism: 10,
            max_drain_parallelism: 1,
            max_graceful_termination: Duration::from_secs(600),
            ignore_mirror_pods_utilization: false,
            ignore_daemon_sets_utilization: false,
            new_pod_scale_up_delay: Duration::ZERO,
        }
    }
}

/// Expander: a rule that narrows the choice of a group down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpanderName {
    /// Group that leaves the smallest share of CPU and memory unused.
    LeastWaste,
    /// Group that takes the most waiting pods.
    MostPods,
    /// Group that needs the fewest new nodes.
    LeastNodes,
    /// Group with the lowest price for the requested pods.
    Price,
    /// Group with the highest of the `priorities`.
    Priority,
    /// Group picked at random from the remaining ones.
    Random,
}

/// Provisioner in the manner of Karpenter: buys the cheapest instance types that fit the waiting
/// pods, and removes or replaces nodes where that is cheaper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-excludes" = {"zone": ["zones"]}))]
pub struct Provisioning {
    /// Instance types that it may buy, by name; `*` stands for any text. Default: all of the list of
    /// prices, of which pools of manifests take those that meet their requirements.
    #[serde(default = "every_type")]
    #[schemars(length(min = 1))]
    pub instance_types: Vec<String>,
    /// Spot capacity: `true` allows buying it where it is cheaper; default `false`.
    #[serde(default)]
    pub spot: bool,
    /// On-demand capacity: `false` forbids buying it; default `true`.
    #[serde(default = "yes")]
    pub on_demand: bool,
    /// Consolidation policy: which nodes may be removed or replaced; default
    /// `WhenEmptyOrUnderutilized`.
    #[serde(default)]
    pub consolidation: ConsolidationPolicy,
    /// Quiet time of a node before consolidation, without any pod arriving or leaving; default
    /// `0s`.
    #[serde(default)]
    pub consolidate_after: Duration,
    /// Disruption budget: maximum number of nodes being removed at a time, as a number or a share;
    /// default `10%`.
    #[serde(default = "a_tenth")]
    pub budget: String,
    /// Additional disruption budgets, each in force at certain times; the strictest one in force
    /// applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<DisruptionWindow>,
    /// Maximum age of a node before it is replaced; default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub expire_after: Option<Duration>,
    /// Drift times: at each of them the definition of new nodes changes, such as their machine
    /// image. Older nodes have drifted and are replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drifts: Vec<Duration>,
    /// Handling of what pods prefer: preferred affinity and `ScheduleAnyway`; default `Respect`.
    #[serde(default)]
    pub preference_policy: PreferencePolicy,
    /// Longest time that a node on its way out keeps pods that annotations or budgets protect, after
    /// which they are ended; default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub termination_grace_period: Option<Duration>,
    /// Annotations of the nodes it buys, as of a node template; default none.
    #[serde(default, skip_serializing_if = "NodeAnnotations::is_empty")]
    pub annotations: NodeAnnotations,
    /// Spot-to-spot consolidation: `true` allows replacing spot nodes by cheaper spot nodes;
    /// default `false`.
    #[serde(default)]
    pub spot_to_spot: bool,
    /// Maximum number of nodes in the cluster, at least 1; default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_nodes: Option<u32>,
    /// Zone of all nodes it buys; excludes `zones`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Zones in which nodes may be bought; excludes `zone`. Each node is bought in the cheapest
    /// zone that its first pod allows, ties going to the first in this list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
}

/// Handling of what pods prefer when nodes are bought and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PreferencePolicy {
    /// Treated as required, and given up one by one where nothing fits.
    #[default]
    Respect,
    /// Left to the scheduler.
    Ignore,
}

/// Disruption budget that is in force at certain times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("dependentRequired" = {"schedule": ["for"], "for": ["schedule"]}))]
pub struct DisruptionWindow {
    /// Maximum number of nodes being removed at a time: a number, or a share such as `10%`.
    pub nodes: String,
    /// Start times of the budget in cron notation, such as `0 9 * * 1-5`; default always in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Duration of the budget after each start; required with `schedule`.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub lasts: Option<Duration>,
    /// Reasons for removal that the budget limits; default all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<DisruptionReason>,
}

/// Reason for removing a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DisruptionReason {
    /// Node without pods of its own.
    Empty,
    /// Node that differs from what a new one would be.
    Drifted,
    /// Node whose pods fit elsewhere, or on a cheaper node.
    Underutilized,
}

const fn yes() -> bool {
    true
}

fn every_type() -> Vec<String> {
    vec!["*".to_owned()]
}

fn a_tenth() -> String {
    "10%".to_owned()
}

/// Rule for which nodes may be removed or replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConsolidationPolicy {
    /// Nodes that are empty, and no others.
    WhenEmpty,
    /// Nodes that are empty, or whose pods fit elsewhere or on a cheaper node.
    #[default]
    WhenEmptyOrUnderutilized,
}

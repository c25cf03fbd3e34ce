//! `summary.json`: what a run came to. Everything that is printed, plotted or reported is in here
//! or in the tables beside it. The schema only grows; `schemaVersion` counts the steps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of this schema.
pub const SCHEMA_VERSION: u32 = 1;

/// What an experiment came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Version of this schema.
    pub schema_version: u32,
    /// Version of the program that ran it.
    pub windtunnel: String,
    /// The experiment's name.
    pub name: String,
    /// The question it answers.
    pub description: String,
    /// Blake3 hash of the scenario as run (every default filled in).
    pub scenario_hash: String,
    /// The input files, as written in the scenario, with the blake3 hash of their content.
    pub inputs: Vec<InputSummary>,
    /// One entry per variant, in written order.
    pub variants: Vec<VariantSummary>,
    /// What the metrics mean, by id, as the program that measured them defined them: a report on
    /// an old run shows the definitions of then.
    #[serde(default)]
    pub definitions: BTreeMap<String, MetricDefinition>,
}

/// What a metric means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricDefinition {
    /// A short name for tables and axes, such as `GPU allocation, mean`.
    pub title: String,
    /// The metric's formula with numerator and denominator, its census and what it does with the
    /// unfinished, in words.
    pub definition: String,
}

/// An input file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputSummary {
    /// The path as written.
    pub path: String,
    /// Blake3 hash of its bytes.
    pub blake3: String,
}

/// What one variant came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariantSummary {
    /// The variant's name.
    pub name: String,
    /// The variant's seed.
    pub seed: u64,
    /// The system modelled.
    pub system: String,
    /// The scheduler's profile, or queue policy and backfilling.
    pub scheduler: String,
    /// Nodes at the start.
    pub nodes: u64,
    /// Pods that were submitted.
    pub pods: u64,
    /// Why the run ended: `reached`, `drained`, `idle` or `interrupted`.
    pub ended: String,
    /// Simulated time at the end, in nanoseconds.
    pub end_ns: i64,
    /// Changes applied to the store.
    pub changes: u64,
    /// Scheduling attempts.
    pub decisions: u64,
    /// Digest over every change: equal digests mean equal runs.
    pub digest: String,
    /// The metrics by id.
    pub metrics: BTreeMap<String, MetricSummary>,
    /// Means over the events of a fill-up, by arrived demand in percent of capacity; absent where
    /// pods arrive by the times of a trace.
    pub arrived: Option<ArrivedSummary>,
    /// What was wrong in the input and what was done about it, one line each.
    pub ledger: Vec<String>,
    /// What the system can't express of the workload; absent where it can express all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexpressed: Vec<UnexpressedSummary>,
    /// What became of each workload that controllers kept at strength, in the order of creation;
    /// absent without controllers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<WorkloadSummary>,
    /// What became of the requests to each service, in the order in which services were first heard
    /// of; absent without clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceSummary>,
    /// What the nodes cost and who caused it; absent where none has a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<CostSummary>,
    /// What each autoscaler of pods did, in the order of their making; absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub autoscalers: Vec<AutoscalerSummary>,
    /// Controllers that undid each other's work, or their own; absent where none did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fights: Vec<FightSummary>,
}

/// What an autoscaler of pods did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalerSummary {
    /// The autoscaler's kind.
    pub kind: String,
    /// The autoscaler's namespace and name.
    pub object: String,
    /// Kind and name of what it scales or sizes.
    pub target: String,
    /// What a horizontal one asked for; `null` of others, and where it never looked.
    pub replicas: Option<ReplicasSummary>,
    /// What a vertical one recommended last, by container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recommended: Vec<RecommendedSummary>,
}

/// What a horizontal autoscaler asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicasSummary {
    /// The fewest replicas that it may ask for.
    pub min: i32,
    /// The most.
    pub max: i32,
    /// The fewest that it asked for.
    pub fewest: i32,
    /// The most that it asked for.
    pub most: i32,
    /// What it asked for last.
    pub last: i32,
    /// How often it scaled up in the measured window.
    pub ups: u64,
    /// How often it scaled down.
    pub downs: u64,
}

/// What was recommended for a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecommendedSummary {
    /// The container.
    pub container: String,
    /// Cores that it should ask for.
    pub cpu: f64,
    /// Bytes of memory that it should ask for.
    pub memory_bytes: i64,
}

/// Where controllers undid each other's work, or their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FightSummary {
    /// The detector: what follows `fights.` in the metric's id.
    pub detector: String,
    /// Who, against what.
    pub object: String,
    /// How often.
    pub times: u64,
    /// When for the first time, in nanoseconds of the run.
    pub first_ns: i64,
    /// When for the last.
    pub last_ns: i64,
}

/// What the nodes cost in the measured window and who caused it. What tenants pay for what they
/// reserve, `idle`, `rounding` and `committed` less `covered` come to `total`, and so do what they pay
/// by use, `idleByUse` and the same, and the kinds of nodes with the commitments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostSummary {
    /// The currency of the prices; empty where nobody named one.
    pub currency: String,
    /// How on-time is rounded, in words.
    pub billing: String,
    /// The bill.
    pub total: f64,
    /// What rounding up and the least on-time that is billed add.
    pub rounding: f64,
    /// What `metrics.commitments` cost; left out where there are none.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub committed: f64,
    /// What the nodes would have cost that these pay for; left out where there are none.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub covered: f64,
    /// What no pod reserves, booting included.
    pub idle: f64,
    /// What no pod reserves or uses; `null` where nothing is known of what pods use.
    pub idle_by_use: Option<f64>,
    /// Who pays, the largest first.
    pub tenants: Vec<TenantCostSummary>,
    /// What was there, by instance type.
    pub nodes: Vec<NodeCostSummary>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_nothing(amount: &f64) -> bool {
    amount.abs() < f64::MIN_POSITIVE
}

/// What a tenant pays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantCostSummary {
    /// A namespace, a value of `metrics.tenantLabel`, or the number of a trace's tenant.
    pub name: String,
    /// For what its pods reserve.
    pub by_requests: f64,
    /// For the greater of what they reserve and what they use, pod by pod; `null` where nothing is
    /// known of what pods use.
    pub by_use: Option<f64>,
    /// Requests of clients that its services answered.
    pub served: u64,
    /// What it pays for what it reserves over a million of these; `null` without any.
    pub per_million_requests: Option<f64>,
}

/// What nodes of a kind cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeCostSummary {
    /// Their instance type, or their group; empty where neither is known.
    pub instance_type: String,
    /// Whether they are spot capacity.
    pub spot: bool,
    /// How many there were in the measured window.
    pub nodes: u64,
    /// The price of one an hour; of a price that changes what a billed hour cost on average.
    pub price: f64,
    /// Whether their price changes in the run; left out where it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub price_changes: bool,
    /// Hours that they were there, from their order on.
    pub hours: f64,
    /// Hours that are billed.
    pub billed_hours: f64,
    /// Billed hours x price.
    pub cost: f64,
}

/// Something that a workload asks for and a system can't express.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnexpressedSummary {
    /// What: a row of the table of capabilities that `windtunnel systems` prints.
    pub capability: String,
    /// Who asks first, as `KIND/NAMESPACE/NAME`.
    pub object: String,
    /// The field of its manifest that asks.
    pub field: String,
    /// How many objects ask, that one included.
    pub count: u64,
    /// Whether they are not run at all, rather than run without.
    pub refused: bool,
    /// What happens instead.
    pub instead: String,
}

impl UnexpressedSummary {
    /// In words, to be read after the name of a variant or system.
    pub fn words(&self) -> String {
        let verb = if self.refused {
            "does not run what asks for"
        } else {
            "can't express"
        };
        let more = match self.count {
            0 | 1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        format!(
            "{verb} {} ({}{more}, {}): {}",
            self.capability, self.object, self.field, self.instead
        )
    }
}

/// What became of one workload, in the measured window. The metrics of the same names say how it is
/// counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSummary {
    /// The kind of its object.
    pub kind: String,
    /// The workload's namespace.
    pub namespace: String,
    /// The workload's name.
    pub name: String,
    /// Pods that it wanted at the end.
    pub desired: i64,
    /// Pods that had to be ready for it to be available, at the end.
    pub required: i64,
    /// Pods that were ready at the end.
    pub ready: i64,
    /// Share of its time in which enough pods were ready (`availability.time`).
    pub availability: Option<f64>,
    /// Share of its time in which too few were, after a loss that nobody meant.
    pub unplanned_loss: Option<f64>,
    /// Share of its wanted pods that were ready (`availability.replicas`).
    pub replica_availability: Option<f64>,
    /// Wanted pods that were not ready, x time.
    pub missing_pod_hours: Option<f64>,
    /// Most pods missing at once, after its start.
    pub worst_missing: i64,
    /// Losses that nobody meant.
    pub losses: u64,
    /// Those of them that were not made good.
    pub unrepaired: u64,
    /// Mean time to recover of those that were, in seconds.
    pub recovery_mean_s: Option<f64>,
    /// The longest, in seconds.
    pub recovery_max_s: Option<f64>,
    /// Rollouts that began.
    pub rollouts: u64,
    /// Those of them that were not complete at the end.
    pub rollouts_unfinished: u64,
    /// The longest complete one, in seconds.
    pub rollout_max_s: Option<f64>,
    /// The smallest share of wanted pods that was ready in a rollout.
    pub lowest_ready: Option<f64>,
    /// Evicted pods by cause; causes without any are left out.
    pub evictions: BTreeMap<String, u64>,
    /// Restarts of containers.
    pub restarts: u64,
    /// Bindings of pods that took another's place.
    pub moves: u64,
    /// The largest share of its wanted pods that was lost with nodes at one instant.
    pub blast_radius: Option<f64>,
}

/// What became of the requests to one service, in the measured window. The metrics of the same names
/// say how it is counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSummary {
    /// The service's namespace and name, as `NAMESPACE/NAME`.
    pub service: String,
    /// Requests that clients made.
    pub offered: u64,
    /// Requests that were served.
    pub served: u64,
    /// Requests that failed for good.
    pub failed: u64,
    /// Those by the cause of the last try (`requests.timeout` …); causes without any are left out.
    pub errors: BTreeMap<String, u64>,
    /// The share of those that ended which failed.
    pub error_rate: Option<f64>,
    /// Times that clients tried again.
    pub retries: u64,
    /// How long served requests took, in seconds; on average.
    pub latency_mean_s: Option<f64>,
    /// The median.
    pub latency_p50_s: Option<f64>,
    /// The 95th percentile.
    pub latency_p95_s: Option<f64>,
    /// The 99th percentile.
    pub latency_p99_s: Option<f64>,
    /// What its clients expect, by group; groups without an objective are left out.
    pub objectives: Vec<ServiceObjectiveSummary>,
    /// Requests at work over what its pods could work on at once (`service_saturation.mean`).
    pub saturation: Option<f64>,
    /// The largest share of it in a stretch.
    pub saturation_peak: Option<f64>,
    /// Requests that wait in its pods, over time.
    pub queue_mean: Option<f64>,
    /// Pods that take requests, over time.
    pub endpoints_mean: Option<f64>,
}

/// What a group of clients expects of a service, and what it got.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceObjectiveSummary {
    /// The group.
    pub group: String,
    /// Requests are to be answered within this, in seconds.
    pub latency_s: f64,
    /// At least this share of them.
    pub share: f64,
    /// The share that was.
    pub within: Option<f64>,
    /// How many times as fast as allowed the error budget burns (`latency_objective.burn`).
    pub burn: Option<f64>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricSummary {
    /// The metric's value; `null` where it is undefined.
    pub value: Option<f64>,
    /// The metric's unit: `ratio`, `seconds`, `pods` …
    pub unit: String,
    /// Which direction is better: `higher`, `lower` or `none`.
    pub better: String,
    /// Why it is undefined, or what to know about the value.
    pub note: Option<String>,
    /// Whether percentiles come from buckets with a stated error.
    pub approximate: bool,
    /// How many observations it is made of, where it is made of observations.
    pub observations: Option<u64>,
}

/// Series over arrived demand: the entry at `a` is the mean over all events whose arrived demand
/// rounds to `a` percent of the cluster's capacity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArrivedSummary {
    /// Allocated share of all GPUs, in percent.
    pub allocation_percent: Vec<Option<f64>>,
    /// Fragmented amount, in percent of all GPUs.
    pub fragmentation_percent: Vec<Option<f64>>,
    /// Fragmented share of the idle GPUs, in percent.
    pub fragmented_idle_percent: Vec<Option<f64>>,
}

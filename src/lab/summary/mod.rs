//! `summary.json`: what a run came to. Everything that is printed, plotted or reported is in here
//! or in the tables beside it. The schema only grows; `schemaVersion` counts the steps.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{SortedMap, plural};

use crate::program;

mod metric;
mod queues;
mod refused;
mod unfinished;

pub use metric::MetricSummary;
pub use queues::{QueuePrioritySummary, QueueSummary, QueueTimelineSummary, QueueUseSummary};
pub use refused::Refused;
pub use unfinished::UnfinishedSummary;

/// The version of this schema.
pub const SCHEMA_VERSION: u32 = 1;

/// Results of an experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Version of this schema.
    pub schema_version: u32,
    /// Version of the program that ran it.
    pub windtunnel: String,
    /// Hash of the build of that program; empty of one that can't tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build: String,
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
    /// Definitions of the metrics, from the program that measured them: a report on an old run shows the definitions
    /// valid then.
    #[serde(default)]
    pub definitions: Vec<MetricDefinition>,
}

impl Summary {
    /// A metric's title by its definition.
    pub fn title(&self, id: &str) -> Option<&str> {
        let mut titles = { self.definitions.iter() }.filter_map(|own| own.titles.get(id));
        titles.next().map(String::as_str)
    }

    /// Version and build of the program that ran it, in words.
    pub fn program(&self) -> String {
        program::described(&self.windtunnel, &self.build)
    }

    /// Reason why a variant could not go on, in words: what happened up to then stays in the partial folder, so that
    /// it looks like no whole run.
    pub fn stopped(&self, partial: &Path) -> Option<String> {
        let (variant, why) = { self.variants.iter() }
            .find_map(|variant| Some((&variant.name, variant.stopped.as_ref()?)))?;
        let of = match self.variants.len() {
            1 => String::new(),
            _ => format!("variant `{variant}`: "),
        };
        let partial = partial.display();
        Some(format!(
            "{of}{why}\nnote: what happened up to then is in {partial}; it is no complete result"
        ))
    }
}

/// Definition of metrics that are defined together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricDefinition {
    /// Short names of the metrics for tables and axes by id, such as `GPU allocation, mean`.
    pub titles: SortedMap<String, String>,
    /// The metrics' formula with numerator and denominator, its census and its censoring rule, in
    /// words.
    pub definition: String,
}

/// An input file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputSummary {
    /// The path as written.
    pub path: String,
    /// Blake3 hash of the file's content.
    pub blake3: String,
}

/// Results of one variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Releases that the parts of the system follow; absent where its parts follow one release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<String>,
    /// Limits by which the system holds back its own requests or launches; absent of a system that
    /// knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsSummary>,
    /// Nodes at the start.
    pub nodes: u64,
    /// Submitted pods.
    pub pods: u64,
    /// Reason the run ended: `reached`, `drained`, `idle`, `interrupted` or `stopped`.
    pub ended: String,
    /// Reason why a run that was `stopped` could not go on, in words: its figures are of what happened
    /// up to then, and it is compared with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Simulated time at the end, in nanoseconds.
    pub end_ns: i64,
    /// Changes applied to the store.
    pub changes: u64,
    /// Scheduling attempts.
    pub decisions: u64,
    /// Digest over every change: equal digests mean equal runs.
    pub digest: String,
    /// Whether the run drew anything under its seed; not known of a run that was stored.
    #[serde(skip)]
    pub has_chance: bool,
    /// The metrics by id.
    pub metrics: SortedMap<String, MetricSummary>,
    /// Means over the events of a fill-up, by arrived demand in percent of capacity; absent if pods
    /// arrive at the times of a trace.
    pub arrived: Option<ArrivedSummary>,
    /// Problems of the input and how they were handled, one line each.
    pub ledger: Vec<String>,
    /// Pods of controllers that the API server refuses when the run ends, which `ledger` tells in words; not known of
    /// a run that was stored.
    #[serde(skip)]
    pub refused: Vec<Refused>,
    /// Features of the workload that the system can't express; absent if it can express all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexpressed: Vec<UnexpressedSummary>,
    /// Jobs that ended and left work undone; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<UnfinishedSummary>,
    /// Results of each workload that controllers maintain, in the order of creation; absent without
    /// controllers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<WorkloadSummary>,
    /// Outcomes of the requests to each service, in the order of the services' first requests;
    /// absent without clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceSummary>,
    /// Cost of the nodes by cause; absent if no node has a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<CostSummary>,
    /// Actions of each pod autoscaler, in the order of creation; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub autoscalers: Vec<AutoscalerSummary>,
    /// Controllers that undid each other's work, or their own; absent if none did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fights: Vec<FightSummary>,
    /// Queues of Kueue; absent without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueSummary>,
}

/// Limits by which a system holds back its own requests or launches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitsSummary {
    /// True if they held; false if the experiment leaves out what the system has by default.
    pub hold: bool,
    /// The limits, in words.
    pub words: String,
}

/// Actions of a pod autoscaler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalerSummary {
    /// The autoscaler's kind.
    pub kind: String,
    /// The autoscaler's namespace and name.
    pub object: String,
    /// Kind and name of the object that the autoscaler scales or sizes.
    pub target: String,
    /// Replicas that a horizontal autoscaler requested; `null` for others, and if it never ran.
    pub replicas: Option<ReplicasSummary>,
    /// Last recommendation of a vertical autoscaler, by container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recommended: Vec<RecommendedSummary>,
}

/// Replicas that a horizontal autoscaler requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicasSummary {
    /// Minimum number of replicas that the autoscaler may request.
    pub min: i32,
    /// Maximum number of replicas that the autoscaler may request.
    pub max: i32,
    /// Smallest number of replicas requested.
    pub fewest: i32,
    /// Largest number of replicas requested.
    pub most: i32,
    /// Number of replicas requested last.
    pub last: i32,
    /// Number of scale-ups in the measured window.
    pub ups: u64,
    /// Number of scale-downs in the measured window.
    pub downs: u64,
}

/// Recommendation for one container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecommendedSummary {
    /// The container.
    pub container: String,
    /// Recommended CPU request, in cores.
    pub cpu: f64,
    /// Recommended memory request, in bytes.
    pub memory_bytes: i64,
}

/// A conflict: controllers undid each other's work, or their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FightSummary {
    /// The detector: the part after `fights.` in the metric's id.
    pub detector: String,
    /// The controllers and objects involved.
    pub object: String,
    /// Number of occurrences.
    pub times: u64,
    /// Time of the first occurrence, in nanoseconds of the run.
    pub first_ns: i64,
    /// Time of the last occurrence, in nanoseconds of the run.
    pub last_ns: i64,
}

/// Cost of the nodes in the measured window, by cause. The tenants' cost by requests, `idle`,
/// `rounding` and `committed` minus `covered` add up to `total`. So do their cost by use,
/// `idleByUse` and the same three, and the cost of the node kinds with the commitments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostSummary {
    /// Currency of the prices; empty if none is given.
    pub currency: String,
    /// Rounding rule of on-time, in words.
    pub billing: String,
    /// Total cost.
    pub total: f64,
    /// Cost added by rounding up and by the minimum on-time.
    pub rounding: f64,
    /// Cost of `metrics.commitments`; omitted if there are none.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub committed: f64,
    /// Price of the nodes that the commitments pay for; omitted if there are none.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub covered: f64,
    /// Cost of capacity that no pod reserves, booting included.
    pub idle: f64,
    /// Cost of capacity that no pod reserves or uses; `null` if usage is unknown.
    pub idle_by_use: Option<f64>,
    /// Cost by tenant, the largest first.
    pub tenants: Vec<TenantCostSummary>,
    /// Nodes by instance type.
    pub nodes: Vec<NodeCostSummary>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_nothing(amount: &f64) -> bool {
    amount.abs() < f64::MIN_POSITIVE
}

/// Cost of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantCostSummary {
    /// A namespace, a value of `metrics.tenantLabel`, or the number of a trace's tenant.
    pub name: String,
    /// Cost by requests: for the resources that the tenant's pods reserve.
    pub by_requests: f64,
    /// Cost by use: for the greater of requests and usage, pod by pod; `null` if usage is unknown.
    pub by_use: Option<f64>,
    /// Client requests that the tenant's services answered.
    pub served: u64,
    /// Cost by requests per million served client requests; `null` without any.
    pub per_million_requests: Option<f64>,
}

/// Cost of the nodes of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeCostSummary {
    /// Instance type of the nodes, or their group; empty if neither is known.
    pub instance_type: String,
    /// Whether the nodes are spot capacity.
    pub spot: bool,
    /// Number of nodes in the measured window.
    pub nodes: u64,
    /// Price of one node per hour; if the price changes, the average cost of a billed hour.
    pub price: f64,
    /// Whether the price changes in the run; omitted if it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub price_changes: bool,
    /// Hours during which the nodes existed, from their order on.
    pub hours: f64,
    /// Billed hours.
    pub billed_hours: f64,
    /// Billed hours x price.
    pub cost: f64,
}

/// A feature that a workload needs and the system can't express.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnexpressedSummary {
    /// The capability: a row of the table that `windtunnel systems` prints.
    pub capability: String,
    /// First object that needs the capability, as `KIND/NAMESPACE/NAME`; `of the workload` for pods of traces and generators.
    pub object: String,
    /// Field of the object's manifest that needs the capability; empty where there is none.
    pub field: String,
    /// Number of objects that need the capability.
    pub count: u64,
    /// Whether the objects are not run at all, rather than run without the feature.
    pub refused: bool,
    /// Behaviour instead of the feature.
    pub instead: String,
}

impl UnexpressedSummary {
    /// Text to be read after the name of a variant or system.
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
        let who = if self.field.is_empty() {
            let pods = plural::count(self.count as usize, "pod");
            format!("{pods} {}", self.object)
        } else {
            format!("{}{more}, {}", self.object, self.field)
        };
        format!("{verb} {} ({who}): {}", self.capability, self.instead)
    }
}

/// Results of one workload in the measured window. The metrics with the same names define the
/// counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSummary {
    /// Kind of the workload's object.
    pub kind: String,
    /// The workload's namespace.
    pub namespace: String,
    /// The workload's name.
    pub name: String,
    /// Desired pods at the end.
    pub desired: i64,
    /// Pods that must be ready for the workload to be available, at the end.
    pub required: i64,
    /// Pods that were ready at the end.
    pub ready: i64,
    /// Share of time in which enough pods were ready (`availability.time`).
    pub availability: Option<f64>,
    /// Share of time in which too few pods were ready after an involuntary loss.
    pub unplanned_loss: Option<f64>,
    /// Share of desired pods that were ready (`availability.replicas`).
    pub replica_availability: Option<f64>,
    /// Desired pods that were not ready, x time.
    pub missing_pod_hours: Option<f64>,
    /// Maximum number of pods missing at once for some time, its start included.
    pub worst_missing: i64,
    /// Involuntary losses of pods.
    pub losses: u64,
    /// Involuntary losses without recovery.
    pub unrepaired: u64,
    /// Mean time to recover, in seconds.
    pub recovery_mean_s: Option<f64>,
    /// Longest time to recover, in seconds.
    pub recovery_max_s: Option<f64>,
    /// Rollouts that began.
    pub rollouts: u64,
    /// Rollouts that were not complete at the end.
    pub rollouts_unfinished: u64,
    /// Duration of the longest complete rollout, in seconds.
    pub rollout_max_s: Option<f64>,
    /// Smallest share of desired pods ready during a rollout.
    pub lowest_ready: Option<f64>,
    /// Evicted pods by cause; causes without any are left out.
    pub evictions: SortedMap<String, u64>,
    /// Restarts of containers.
    pub restarts: u64,
    /// Bindings of pods that replaced another pod.
    pub moves: u64,
    /// Largest share of desired pods lost with nodes at one instant.
    pub blast_radius: Option<f64>,
}

/// Results of one service in the measured window. The metrics with the same names define the
/// counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSummary {
    /// The service's namespace and name, as `NAMESPACE/NAME`.
    pub service: String,
    /// Requests that clients made.
    pub offered: u64,
    /// Requests that were served.
    pub served: u64,
    /// Requests that failed after all retries.
    pub failed: u64,
    /// Failed requests by the cause of the last attempt (`requests.timeout` …); causes without
    /// failures are omitted.
    pub errors: SortedMap<String, u64>,
    /// Share of completed requests that failed.
    pub error_rate: Option<f64>,
    /// Number of retries by clients.
    pub retries: u64,
    /// Mean latency of served requests, in seconds.
    pub latency_mean_s: Option<f64>,
    /// Median latency of served requests, in seconds.
    pub latency_p50_s: Option<f64>,
    /// 95th percentile of the latency, in seconds.
    pub latency_p95_s: Option<f64>,
    /// 99th percentile of the latency, in seconds.
    pub latency_p99_s: Option<f64>,
    /// Objectives of the clients by group; groups without an objective are omitted.
    pub objectives: Vec<ServiceObjectiveSummary>,
    /// Requests in progress over the slots of the service's pods (`service_saturation.mean`).
    pub saturation: Option<f64>,
    /// Largest saturation in an interval.
    pub saturation_peak: Option<f64>,
    /// Mean number of requests that wait in the service's pods.
    pub queue_mean: Option<f64>,
    /// Mean number of pods that accept requests.
    pub endpoints_mean: Option<f64>,
}

/// Latency objective of a group of clients for a service, and the result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceObjectiveSummary {
    /// The group.
    pub group: String,
    /// Latency objective, in seconds.
    pub latency_s: f64,
    /// Share of requests that must meet the objective.
    pub share: f64,
    /// Share of requests that met the objective.
    pub within: Option<f64>,
    /// Burn rate of the error budget; 1 just uses it up (`latency_objective.burn`).
    pub burn: Option<f64>,
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

//! `autoscaling:` of a system.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterAutoscaling, Provisioning};
use units::Duration;

/// Autoscaling settings. `HorizontalPodAutoscaler` and `VerticalPodAutoscaler` objects of manifests
/// work without them, as in a plain cluster; requires `system.controllers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autoscaling {
    /// Settings of the controller of horizontal autoscalers.
    #[serde(default)]
    pub horizontal: HorizontalSettings,
    /// Pipeline of metrics from pods to autoscalers.
    #[serde(default)]
    pub metrics: MetricsPipeline,
    /// Settings of the recommender and updater of vertical autoscalers.
    #[serde(default)]
    pub vertical: VerticalSettings,
    /// Scheduled scaling of workloads, by cron rules.
    #[serde(default)]
    pub scheduled: Vec<Scheduled>,
    /// Scaling of workloads by the rules of other platforms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleScaling>,
    /// Cluster autoscaler for the groups of `cluster.provider`; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterAutoscaling>,
    /// Provisioner that buys single nodes of `cluster.provider`; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioner: Option<Provisioning>,
}

/// Settings of the controller of horizontal autoscalers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HorizontalSettings {
    /// Time between two evaluations of an object; default `15s`.
    #[schemars(extend("x-positive" = true))]
    pub sync_period: Duration,
    /// Tolerance: deviation from 1 of the ratio of a metric to its target without a change, 0 to 1;
    /// default 0.1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tolerance: f64,
    /// Stabilization time of scale-downs, during which the highest recommendation holds, for
    /// objects without `behavior`; default `300s`.
    pub downscale_stabilization: Duration,
    /// Initialization time after a pod's start, during which its CPU usage may be ignored as that
    /// of its start; default `300s`.
    pub cpu_initialization: Duration,
    /// Initial time after its start in which a pod that was never ready counts as starting; default
    /// `30s`.
    pub initial_readiness_delay: Duration,
}

impl Default for HorizontalSettings {
    fn default() -> Self {
        Self {
            sync_period: Duration::from_secs(15),
            tolerance: 0.1,
            downscale_stabilization: Duration::from_secs(300),
            cpu_initialization: Duration::from_secs(300),
            initial_readiness_delay: Duration::from_secs(30),
        }
    }
}

/// Pipeline of metrics from pods to autoscalers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetricsPipeline {
    /// Time between two readings; default `15s`.
    #[schemars(extend("x-positive" = true))]
    pub scrape: Duration,
    /// Time window over which the processor use of a reading is averaged; default `15s`.
    pub window: Duration,
    /// Delay until a reading arrives; default `30s`, so that a decision is 30 to 60 s behind with the
    /// default scrape and evaluation.
    pub delay: Duration,
    /// Share of readings that are lost, 0 to 1; default 0.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub loss: f64,
    /// Maximum age of a reading, after which it is not used; default `300s`.
    #[schemars(extend("x-positive" = true))]
    pub stale: Duration,
}

impl Default for MetricsPipeline {
    fn default() -> Self {
        Self {
            scrape: Duration::from_secs(15),
            window: Duration::from_secs(15),
            delay: Duration::from_secs(30),
            loss: 0.0,
            stale: Duration::from_secs(300),
        }
    }
}

/// Settings of the recommender and updater of vertical autoscalers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VerticalSettings {
    /// Time between two evaluations; default `60s`.
    #[schemars(extend("x-positive" = true))]
    pub period: Duration,
    /// Percentile of the usage that the request covers, as a fraction from 0 to 1; default 0.9.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub target_part: f64,
    /// Safety margin added to the usage, as a fraction from 0 to 10; default 0.15.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub margin: f64,
    /// Eviction tolerance: share of a group that may be missing at a time, 0 to 1; default 0.5.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub eviction_tolerance: f64,
}

impl Default for VerticalSettings {
    fn default() -> Self {
        Self {
            period: Duration::from_secs(60),
            target_part: 0.9,
            margin: 0.15,
            eviction_tolerance: 0.5,
        }
    }
}

/// Scheduled scaling of one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scheduled {
    /// Workload to scale, or the horizontal autoscaler whose bounds change, as
    /// `KIND/NAMESPACE/NAME`.
    pub target: String,
    /// Rules of the schedule, at least one; of several at one time the last applies.
    #[schemars(length(min = 1))]
    pub rules: Vec<ScheduledRule>,
}

/// Rule of a schedule: a time and the replicas from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduledRule {
    /// Times of the rule in cron notation, such as `0 8 * * 1-5`.
    pub schedule: String,
    /// Number of replicas, at least 0; for a horizontal autoscaler its minimum.
    #[schemars(range(min = 0))]
    pub replicas: i32,
    /// Maximum number of replicas of a horizontal autoscaler, at least 1; default unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_replicas: Option<i32>,
}

/// Scaling of one workload by a rule: exactly one of `track`, `steps` and `backlog`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleScaling {
    /// Workload to scale, as `KIND/NAMESPACE/NAME`.
    pub target: String,
    /// Metric of the replicas: `cpu` or `memory`, in percent of their requests; or a traffic metric
    /// per replica: `requests_per_second`, `queue_length`, `concurrency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// External metric of `models.externalMetrics` for all replicas together, in place of `metric`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
    /// Minimum number of replicas, at least 0.
    #[schemars(range(min = 0))]
    pub min: i32,
    /// Maximum number of replicas, at least 1.
    #[schemars(range(min = 1))]
    pub max: i32,
    /// Time between two evaluations; default `15s`.
    #[serde(default = "look")]
    #[schemars(extend("x-positive" = true))]
    pub every: Duration,
    /// Target tracking: keeps the mean of the metric at a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
    /// Step scaling: compares the mean of the metric with a threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// Backlog scaling: one replica per given amount of the metric's sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<Backlog>,
}

fn look() -> Duration {
    Duration::from_secs(15)
}

/// Target tracking: keeps a mean at a target. It scales up at once, at most doubling or adding four
/// replicas per evaluation, and down to the largest number wanted within `window`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Track {
    /// Target value of the mean, greater than 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub target: f64,
    /// Tolerance: deviation from 1 of the ratio of the mean to the target without a change, 0 to 1;
    /// default 0.1.
    #[serde(default = "tolerance")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tolerance: f64,
    /// Time window over which the largest wanted number of replicas holds; default `300s`.
    #[serde(default = "five_minutes")]
    pub window: Duration,
    /// Warm-up time of new replicas, which count with the target value when scaling up; default
    /// `0s`.
    #[serde(default)]
    pub warm_up: Duration,
}

fn tolerance() -> f64 {
    0.1
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

/// Step scaling: changes by the distance of a mean from a threshold, with a pause after each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Steps {
    /// Threshold from which `from` and `to` are measured.
    pub threshold: f64,
    /// Cooldown after a change before the next one; default `300s`.
    #[serde(default = "five_minutes")]
    pub cooldown: Duration,
    /// Changes by distance from the threshold, at least one; of several that match, the first
    /// applies.
    #[schemars(length(min = 1))]
    pub changes: Vec<StepChange>,
}

/// Change of replicas for a range of distances above the threshold; distances below it are
/// negative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepChange {
    /// Lower end of the range, inclusive; default unbounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Upper end of the range, exclusive; default unbounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    /// Change in the number of replicas; negative removes.
    pub change: i32,
}

/// Backlog scaling: as many replicas as a backlog needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backlog {
    /// Backlog that one replica handles, at least 1.
    #[schemars(range(min = 1))]
    pub per_replica: u64,
}

//! `autoscaling:` of a system.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterAutoscaling, Provisioning};
use units::Duration;

/// How workloads are scaled. `HorizontalPodAutoscaler` and `VerticalPodAutoscaler` objects of
/// manifests work without it, as in a plain cluster; needs `system.controllers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autoscaling {
    /// The controller of horizontal autoscalers.
    #[serde(default)]
    pub horizontal: HorizontalSettings,
    /// The way of metrics from pods to autoscalers.
    #[serde(default)]
    pub metrics: MetricsPipeline,
    /// The recommender and updater of vertical autoscalers.
    #[serde(default)]
    pub vertical: VerticalSettings,
    /// Scaling by the clock.
    #[serde(default)]
    pub scheduled: Vec<Scheduled>,
    /// Scaling by the rules of other platforms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleScaling>,
    /// The cluster autoscaler, over the groups of `cluster.provider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterAutoscaling>,
    /// A provisioner that buys single nodes of `cluster.provider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioner: Option<Provisioning>,
}

/// The controller of horizontal autoscalers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HorizontalSettings {
    /// From one look at an object to the next.
    #[schemars(extend("x-positive" = true))]
    pub sync_period: Duration,
    /// How far from 1 the ratio of a metric to its target may be without a change.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tolerance: f64,
    /// How long the highest proposal holds where the object has no `behavior`.
    pub downscale_stabilization: Duration,
    /// How long after its start a pod's use of the processors is that of its start.
    pub cpu_initialization: Duration,
    /// How long after its start a pod that was never ready is taken as starting.
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

/// The way of metrics from pods to autoscalers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetricsPipeline {
    /// From one reading to the next.
    #[schemars(extend("x-positive" = true))]
    pub scrape: Duration,
    /// What a reading is the average over.
    pub window: Duration,
    /// How long a reading takes to arrive.
    pub delay: Duration,
    /// Which part of the readings is lost.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub loss: f64,
    /// A reading older than this is not used any more.
    #[schemars(extend("x-positive" = true))]
    pub stale: Duration,
}

impl Default for MetricsPipeline {
    fn default() -> Self {
        Self {
            scrape: Duration::from_secs(15),
            window: Duration::from_secs(15),
            delay: Duration::ZERO,
            loss: 0.0,
            stale: Duration::from_secs(300),
        }
    }
}

/// The recommender and updater of vertical autoscalers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VerticalSettings {
    /// From one look to the next.
    #[schemars(extend("x-positive" = true))]
    pub period: Duration,
    /// Part of the use that the request is to cover.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub target_part: f64,
    /// Part of the use that is added for safety.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub margin: f64,
    /// Part of a group that may be gone at a time.
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

/// A workload that is scaled by the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scheduled {
    /// The workload, or the horizontal autoscaler whose bounds move, as `KIND/NAMESPACE/NAME`.
    pub target: String,
    /// When it is given what; of several rules at one time the last counts.
    #[schemars(length(min = 1))]
    pub rules: Vec<ScheduledRule>,
}

/// A time and what it brings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduledRule {
    /// When, in the notation of cron: `0 8 * * 1-5`.
    pub schedule: String,
    /// So many replicas; of a horizontal autoscaler, so many at least.
    #[schemars(range(min = 0))]
    pub replicas: i32,
    /// So many at most, of a horizontal autoscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_replicas: Option<i32>,
}

/// A workload that is scaled by a rule: `track`, `steps` or `backlog`, one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleScaling {
    /// The workload, as `KIND/NAMESPACE/NAME`.
    pub target: String,
    /// `cpu` or `memory`, in percent of what replicas ask for; or a metric of the traffic of each
    /// replica: `requests_per_second`, `queue_length`, `concurrency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Instead of `metric`: one of `models.externalMetrics`, of all replicas at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
    /// The fewest replicas.
    #[schemars(range(min = 0))]
    pub min: i32,
    /// The most replicas.
    #[schemars(range(min = 1))]
    pub max: i32,
    /// From one look to the next.
    #[serde(default = "look")]
    #[schemars(extend("x-positive" = true))]
    pub every: Duration,
    /// The mean is held at a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
    /// The mean is compared with a threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// So much of the sum for each replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<Backlog>,
}

fn look() -> Duration {
    Duration::from_secs(15)
}

/// A mean that is held at a target: up at once, at most to twice as many or four more a look; down to
/// the most that was wanted within a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Track {
    /// What the mean is to be.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub target: f64,
    /// How far from 1 its ratio to the target may be without a change.
    #[serde(default = "tolerance")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tolerance: f64,
    /// How long what was wanted holds.
    #[serde(default = "five_minutes")]
    pub window: Duration,
    /// For how long replicas that became ready count with the target where more are wanted.
    #[serde(default)]
    pub warm_up: Duration,
}

fn tolerance() -> f64 {
    0.1
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

/// Changes by how far a mean is over a threshold, with a pause after each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Steps {
    /// What `from` and `to` are counted from.
    pub threshold: f64,
    /// How long after a change there is no other.
    #[serde(default = "five_minutes")]
    pub cooldown: Duration,
    /// The changes; of several that hold the first counts.
    #[schemars(length(min = 1))]
    pub changes: Vec<StepChange>,
}

/// A change where a mean is so far over the threshold; below it is negative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepChange {
    /// From here on; without it from far below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Up to here, this one left out; without it without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    /// Replicas more, or fewer.
    pub change: i32,
}

/// As many replicas as a backlog needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backlog {
    /// What a replica copes with.
    #[schemars(range(min = 1))]
    pub per_replica: u64,
}

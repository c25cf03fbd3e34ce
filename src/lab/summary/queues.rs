//! Queues of Kueue in a summary.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::SortedMap;

/// A queue of Kueue in the measured window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueSummary {
    /// Name of the `ClusterQueue`.
    pub queue: String,
    /// Number of workloads that were admitted for the first time.
    pub admitted: u64,
    /// Mean wait of these from creation to admission, in seconds; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_mean_s: Option<f64>,
    /// Longest of these waits, in seconds; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_max_s: Option<f64>,
    /// Number of evictions of workloads that held quota.
    pub evicted: u64,
    /// These evictions by reason (`Preempted`, `PodsReadyTimeout`, `AdmissionCheck`, `NodeFailures` …);
    /// reasons without any are left out.
    #[serde(default)]
    pub evictions: SortedMap<String, u64>,
    /// Number of workloads that wait at the end.
    pub pending: u64,
    /// Admissions and waits by priority, the lowest first.
    #[serde(default)]
    pub priorities: Vec<QueuePrioritySummary>,
    /// Use of its quotas, by flavor and resource.
    pub uses: Vec<QueueUseSummary>,
    /// The queue over time; absent where no time passed, and beyond 200 queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<QueueTimelineSummary>,
}

/// Workloads of a queue with one priority that were admitted for the first time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuePrioritySummary {
    /// The priority.
    pub priority: i32,
    /// Number of workloads.
    pub admitted: u64,
    /// Mean wait from creation to admission, in seconds.
    pub wait_mean_s: f64,
    /// Longest of these waits, in seconds.
    pub wait_max_s: f64,
}

/// A queue over time: means over at most 96 steps of equal length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueTimelineSummary {
    /// Beginning of the first step, in seconds of the run.
    pub from_s: f64,
    /// Length of a step, in seconds.
    pub step_s: f64,
    /// Workloads that waited.
    pub waiting: Vec<f64>,
    /// Dominant share: the largest part that the queue held of any resource of all quotas.
    pub share: Vec<f64>,
}

/// Use of a quota, in units of the resource x hours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueUseSummary {
    /// Name of the flavor.
    pub flavor: String,
    /// Name of the resource.
    pub resource: String,
    /// Nominal quota.
    pub nominal_hours: f64,
    /// Amount that workloads held.
    pub used_hours: f64,
    /// Part of it beyond the nominal quota.
    pub borrowed_hours: f64,
    /// Nominal quota at the end, in units of the resource.
    #[serde(default)]
    pub nominal: f64,
    /// Amounts held in the steps of the queue's timeline, in units of the resource; empty without one.
    #[serde(default)]
    pub held: Vec<f64>,
}

//! A metric of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricSummary {
    /// The metric's value; `null` where it is undefined.
    pub value: Option<f64>,
    /// The least that the value can be, where what is open at the end leaves it undefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// The metric's unit: `ratio`, `s` (in a fill-up `steps`), `pods` …
    pub unit: String,
    /// Better direction: `higher`, `lower` or `none`.
    pub better: String,
    /// The reason why the value is undefined, or a remark on the value.
    pub note: Option<String>,
    /// Whether percentiles come from buckets with a stated error.
    pub approximate: bool,
    /// Number of observations, if the metric is computed from observations.
    pub observations: Option<u64>,
}

//! The state of a cluster over time, as the report draws it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// State over time: means over columns of equal width, weighted by time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesData {
    /// Width of a column in nanoseconds; the first begins at 0, the last may be shorter.
    pub column_ns: i64,
    /// Allocated share of the processors of nodes that are up, in percent; `null` without any.
    pub cpu_percent: Vec<Option<f64>>,
    /// Allocated memory of the nodes that are up, in percent.
    pub memory_percent: Vec<Option<f64>>,
    /// Allocated GPU of the nodes that are up, in percent.
    pub gpu_percent: Vec<Option<f64>>,
    /// Pods without a node.
    pub pending: Vec<f64>,
    /// Pods that run.
    pub running: Vec<f64>,
    /// Nodes that are up.
    pub nodes_up: Vec<f64>,
    /// CPU usage of running pods relative to the nodes that are up, in percent; empty if unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpu_used_percent: Vec<Option<f64>>,
    /// Memory usage of running pods relative to the nodes that are up, in percent; empty if
    /// unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory_used_percent: Vec<Option<f64>>,
    /// Cost of the existing nodes per hour; empty if none has a price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cost_an_hour: Vec<f64>,
    /// Currency of the cost series; empty if unset.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub currency: String,
}

impl SeriesData {
    /// Whether every series has so many columns, but for those that may be left out.
    pub(super) fn is_sound(&self, columns: usize) -> bool {
        let shares = [&self.cpu_percent, &self.memory_percent, &self.gpu_percent];
        let counts = [&self.running, &self.nodes_up];
        let used = [&self.cpu_used_percent, &self.memory_used_percent];
        let fits = |length: usize| length == 0 || length == columns;
        shares.iter().all(|values| values.len() == columns)
            && counts.iter().all(|values| values.len() == columns)
            && used.iter().all(|values| fits(values.len()))
            && fits(self.cost_an_hour.len())
    }
}

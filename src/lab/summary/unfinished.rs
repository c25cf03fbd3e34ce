//! Jobs that a run did not finish.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Jobs that ended and left work undone for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnfinishedSummary {
    /// Jobs that were evicted or lost their node, and that nothing made again.
    pub lost: u64,
    /// Jobs that failed, or were killed at their time limit, without the pods of controllers.
    pub failed: u64,
    /// All measured jobs.
    pub jobs: u64,
}

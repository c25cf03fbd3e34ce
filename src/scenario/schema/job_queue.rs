//! `system.scheduler.queues:` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Queue of the jobs of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobQueue {
    /// Tenant whose jobs wait in it, by name.
    #[schemars(length(min = 1))]
    pub tenant: String,
    /// Weight among the queues, at least 1, for `volcano`; default 1.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub weight: Option<u32>,
    /// Priority for `yunikorn`, the highest first; default 0.
    #[serde(default)]
    pub priority: Option<i32>,
    /// Processors that it is to have whatever other queues ask for (`guarantee` of Volcano); default
    /// none.
    #[serde(default)]
    pub guaranteed: Option<u32>,
    /// Most processors that it may use (`max` of YuniKorn); default no limit.
    #[serde(default)]
    pub capability: Option<u32>,
}

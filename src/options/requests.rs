//! Requests of pods as people write them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Quantity;

/// Requests of a pod that the platform runs for work of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodRequests {
    /// CPU cores; default 0.
    pub cpu: Quantity,
    /// Memory; default 0.
    pub memory: Quantity,
}

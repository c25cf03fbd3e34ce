//! `alerts:` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::scalar::Bound;
use crate::units::Duration;

/// A rule over a metric of the time series, evaluated every 15 s: it is pending from the first breach
/// on, and fires once the breach has lasted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("anyOf" = [{"required": ["above"]}, {"required": ["below"]}]),
    extend("x-help" = "give `above`, `below` or both")
)]
pub struct Alert {
    /// What it is called.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The metric: `pods.pending`, `pods.running`, `nodes.up`, `allocation.cpu` (`memory`, `gpu`), or
    /// of services `requests.per_second`, `requests.error_rate`, `requests.retries`, `latency.p50`
    /// (`p90`, `p99`), `service_saturation`, `queue_length`, `endpoints`.
    pub metric: String,
    /// Only this service, as `NAMESPACE/NAME`; default each by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// A breach is above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Bound>,
    /// A breach is below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Bound>,
    /// How long a breach lasts before it fires.
    #[serde(default, rename = "for")]
    pub lasts: Duration,
}

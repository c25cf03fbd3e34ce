//! `alerts:` and `notifications:` of the experiment file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Bound;
use units::Duration;

/// A rule, evaluated every 15 s: it is pending from the first breach on, and fires once the breach has
/// lasted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("anyOf" = [{"required": ["above"]}, {"required": ["below"]}, {"required": ["absent"]}]),
    extend("x-help" = "give `above`, `below`, both, or `absent`")
)]
pub struct Alert {
    /// What it is called.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What it is about. Of the cluster now: `pods.pending`, `pods.running`, `nodes.up`,
    /// `allocation.cpu` (`memory`, `gpu`). Of services: `requests.per_second`, `requests.error_rate`,
    /// `requests.retries`, `latency.p50` (`p90`, `p99`), `service_saturation`, `queue_length`,
    /// `endpoints`. Or any other metric of `summary.json`: its value over the measured window so far.
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
    /// A breach is that there is no value; without it no value is no breach.
    #[serde(default, skip_serializing_if = "is_false")]
    pub absent: bool,
    /// It looks at what a metric gained within this time rather than at its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub increase: Option<Duration>,
    /// It breaches while so many of the last so many values do, rather than the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    /// How long a breach lasts before it fires.
    #[serde(default, rename = "for")]
    pub lasts: Duration,
    /// How long it goes on to fire once the breach is over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keep_firing_for: Duration,
    /// What is told along, for `notifications`. Every alert has `alertname` and, if it is about one,
    /// `service` besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(value: &Duration) -> bool {
    *value == Duration::ZERO
}

/// So many of so many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Points {
    /// At least so many breach …
    #[schemars(range(min = 1, max = 64))]
    pub breaching: u32,
    /// … of the last so many.
    #[schemars(range(min = 1, max = 64))]
    pub of: u32,
}

/// Who is told of alerts, and when: what is alike is told of together, and what follows from
/// something else not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notifications {
    /// Alerts that are equal in these labels are told of together.
    #[serde(default = "default_group_by")]
    pub group_by: Vec<String>,
    /// How long the first notification of a group waits for others.
    #[serde(default = "default_group_wait")]
    pub group_wait: Duration,
    /// How long after it further ones come at the earliest, on change.
    #[serde(default = "default_group_interval")]
    #[schemars(extend("x-positive" = true))]
    pub group_interval: Duration,
    /// How long until what goes on to fire is told of again.
    #[serde(default = "default_repeat_interval")]
    #[schemars(extend("x-positive" = true))]
    pub repeat_interval: Duration,
    /// Alerts that hide others while they fire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inhibit: Vec<Inhibit>,
    /// Alerts that are nobody's concern for a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<Silence>,
}

fn default_group_by() -> Vec<String> {
    vec!["alertname".to_owned()]
}

fn default_group_wait() -> Duration {
    Duration::from_secs(30)
}

fn default_group_interval() -> Duration {
    Duration::from_secs(300)
}

fn default_repeat_interval() -> Duration {
    Duration::from_secs(4 * 3600)
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            group_by: default_group_by(),
            group_wait: default_group_wait(),
            group_interval: default_group_interval(),
            repeat_interval: default_repeat_interval(),
            inhibit: Vec::new(),
            silences: Vec::new(),
        }
    }
}

/// An alert with the labels of `source` hides those with the labels of `target` that are equal to it
/// in the labels of `equal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inhibit {
    /// What hides, such as `{alertname: node-down}`.
    pub source: BTreeMap<String, String>,
    /// What is hidden.
    pub target: BTreeMap<String, String>,
    /// Labels in which both are equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equal: Vec<String>,
}

/// Alerts with these labels are not told of for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Silence {
    /// Which, such as `{alertname: slow}`.
    pub matchers: BTreeMap<String, String>,
    /// From when.
    pub at: Duration,
    /// For how long.
    #[serde(rename = "for")]
    #[schemars(extend("x-positive" = true))]
    pub lasts: Duration,
}

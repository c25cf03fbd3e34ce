//! `alerts:` and `notifications:` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Bound;
use units::{Duration, SortedMap};

/// Alert rule, evaluated every 15 s: pending from the first breach on, firing once the breach has
/// lasted for the time `for`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("anyOf" = [{"required": ["above"]}, {"required": ["below"]}, {"required": ["absent"]}]),
    extend("x-help" = "give `above`, `below`, both, or `absent`")
)]
pub struct Alert {
    /// Name of the alert, its label `alertname`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Metric to watch. Current values of the cluster: `pods.pending`, `pods.running`, `nodes.up`,
    /// `allocation.cpu` (`memory`, `gpu`). Of services: `requests.per_second`,
    /// `requests.error_rate`, `requests.retries`, `latency.p50` (`p90`, `p99`),
    /// `service_saturation`, `queue_length`, `endpoints`. Any other metric of `summary.json` is
    /// taken over the measured window so far.
    pub metric: String,
    /// Service to watch, as `NAMESPACE/NAME`; default every service separately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Upper threshold: a higher value is a breach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Bound>,
    /// Lower threshold: a lower value is a breach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Bound>,
    /// Missing values are a breach if `true`; default `false`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub absent: bool,
    /// Time over which the increase of the metric is evaluated instead of its value; default the
    /// value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub increase: Option<Duration>,
    /// Number of breaching values required out of the most recent ones (M of N); default the latest
    /// value alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    /// Minimum duration of a breach before the alert fires; default `0s`.
    #[serde(default, rename = "for")]
    pub lasts: Duration,
    /// Time for which the alert keeps firing after the breach is over; default `0s`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keep_firing_for: Duration,
    /// Labels sent with the alert, for `notifications`. Every alert also has `alertname` and, if it
    /// concerns a service, `service`.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub labels: SortedMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(value: &Duration) -> bool {
    *value == Duration::ZERO
}

/// Number of breaching values out of the most recent ones (M of N).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Points {
    /// Minimum number of breaching values, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub breaching: u32,
    /// Number of most recent values considered, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub of: u32,
}

/// Notification rules: similar alerts are grouped, and alerts that follow from others are
/// suppressed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notifications {
    /// Labels to group by: alerts with equal values share a notification. Default `[alertname]`.
    #[serde(default = "default_group_by")]
    pub group_by: Vec<String>,
    /// Delay of the first notification of a group, to collect more alerts; default `30s`.
    #[serde(default = "default_group_wait")]
    pub group_wait: Duration,
    /// Minimum time between two notifications of a group when it changes; default `300s`.
    #[serde(default = "default_group_interval")]
    #[schemars(extend("x-positive" = true))]
    pub group_interval: Duration,
    /// Repeat interval for alerts that keep firing; default `4h`.
    #[serde(default = "default_repeat_interval")]
    #[schemars(extend("x-positive" = true))]
    pub repeat_interval: Duration,
    /// Inhibition rules: alerts that suppress others while they fire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inhibit: Vec<Inhibit>,
    /// Silences: alerts suppressed for a given period.
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

/// Inhibition rule: an alert with the labels `source` suppresses alerts with the labels `target`,
/// provided both agree in the labels `equal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inhibit {
    /// Labels of the suppressing alert, such as `{alertname: node-down}`.
    pub source: SortedMap<String, String>,
    /// Labels of the suppressed alerts, such as `{alertname: slow}`.
    pub target: SortedMap<String, String>,
    /// Label names in which both alerts must agree; default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equal: Vec<String>,
}

/// Silence: suppresses notifications of matching alerts for a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Silence {
    /// Labels of the silenced alerts, such as `{alertname: slow}`.
    pub matchers: SortedMap<String, String>,
    /// Start of the silence, as a time after the start of the run.
    pub at: Duration,
    /// Duration of the silence; greater than 0.
    #[serde(rename = "for")]
    #[schemars(extend("x-positive" = true))]
    pub lasts: Duration,
}

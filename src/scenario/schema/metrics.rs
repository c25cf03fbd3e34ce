//! `metrics:` of the experiment file: the metrics, and the measured part of the run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::WordOr;
use units::{Duration, Quantity};

/// Measurement settings: warm-up, measured window, time-series step, prices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metrics {
    /// Warm-up time, before which nothing is counted; default `0s`.
    #[serde(default)]
    pub warmup: Duration,
    /// Measured window: `full` for everything after the warm-up, `auto` to find the end of the
    /// warm-up by MSER-5 (the experiment is simulated twice), or a part of the run. Default `full`.
    #[serde(default)]
    pub window: MeasuredWindow,
    /// Resolution of the time series, at least `1ms`; default `60s`. A series has at most ten
    /// million rows.
    #[serde(default = "default_resolution")]
    #[schemars(extend("x-positive" = true))]
    pub resolution: Duration,
    /// Minimum run time in the bounded slowdown: shorter ones are raised to it; default `10s`.
    #[serde(default = "default_slowdown_bound")]
    #[schemars(extend("x-positive" = true))]
    pub slowdown_bound: Duration,
    /// Percentage of its wanted pods that a workload needs ready to count as available, 1 to 100,
    /// rounded up to whole pods; default 100. Rollouts and disruption budgets are not considered.
    #[serde(
        default = "default_min_ready_percent",
        skip_serializing_if = "is_default_min_ready"
    )]
    #[schemars(range(min = 1, max = 100))]
    pub min_ready_percent: u32,
    /// Price list: a table with the columns `instance_type` and `on_demand_usd_per_hour`. A node
    /// without a price of its own has that of its label `node.kubernetes.io/instance-type`. A list
    /// of `OpenCost` (`MarketPriceHourly`) is accepted, too, with prices of single nodes by name.
    #[serde(default)]
    pub prices: Option<String>,
    /// Billing rule: rounding of the time that nodes exist; default `per-second`.
    #[serde(default)]
    pub billing: Billing,
    /// Tenant label: costs are charged by the value of this label, such as `team`, and to the
    /// namespace for pods without it. Default the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub tenant_label: Option<String>,
    /// Commitments: machines paid for whether or not they exist; the same number of on-demand nodes
    /// then costs nothing extra.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commitments: Vec<Commitment>,
    /// Prices of container tasks, to compute what the same pods would cost as tasks billed by use;
    /// default not computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_prices: Option<TaskPrices>,
    /// Prices of functions (`functions:`), billed by use; default not computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_prices: Option<FunctionPrices>,
    /// Power usage effectiveness: total power of the site divided by that of its machines, such as
    /// 1.4; 1 to 100, default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub power_usage_effectiveness: Option<f64>,
    /// Carbon intensity of the grid in grams of CO2 per kilowatt-hour: a CSV file with the columns
    /// `seconds` and `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carbon_intensity: Option<String>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            warmup: Duration::ZERO,
            window: MeasuredWindow::Full,
            resolution: default_resolution(),
            slowdown_bound: default_slowdown_bound(),
            min_ready_percent: default_min_ready_percent(),
            prices: None,
            billing: Billing::default(),
            tenant_label: None,
            commitments: Vec::new(),
            task_prices: None,
            function_prices: None,
            power_usage_effectiveness: None,
            carbon_intensity: None,
        }
    }
}

fn default_resolution() -> Duration {
    Duration::from_secs(60)
}

const fn default_min_ready_percent() -> u32 {
    100
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
const fn is_default_min_ready(percent: &u32) -> bool {
    *percent == default_min_ready_percent()
}

fn default_slowdown_bound() -> Duration {
    Duration::from_secs(10)
}

/// Commitment: machines paid for whether or not they exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commitment {
    /// Instance type or group of the machines; a node counts for the first commitment that matches.
    #[schemars(length(min = 1))]
    pub of: String,
    /// Number of committed machines.
    pub machines: u32,
    /// Price of one machine per hour.
    pub price: Quantity,
}

/// Prices of container tasks, in the currency of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TaskPrices {
    /// Price of a core per hour; default 0.04048.
    pub core_hour: Quantity,
    /// Price of a GiB of memory per hour; default 0.004445.
    pub gibibyte_hour: Quantity,
    /// Minimum time that is billed; default `60s`.
    pub least_time: Duration,
}

impl Default for TaskPrices {
    fn default() -> Self {
        Self {
            core_hour: Quantity::from_nanos(40_480_000),
            gibibyte_hour: Quantity::from_nanos(4_445_000),
            least_time: Duration::from_secs(60),
        }
    }
}

/// Prices of functions, in the currency of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FunctionPrices {
    /// Price of a million GiB-seconds of work; default 16.6667.
    pub million_gibibyte_seconds: Quantity,
    /// Price of a million requests; default 0.2.
    pub million_requests: Quantity,
    /// Price of a million GiB-seconds of provisioned instances, idle or not; default 4.1667.
    pub million_provisioned_gibibyte_seconds: Quantity,
    /// Free GiB-seconds per month of 30 days; default 400000.
    pub free_gibibyte_seconds: u64,
    /// Free requests per month of 30 days; default 1000000.
    pub free_requests: u64,
}

impl Default for FunctionPrices {
    fn default() -> Self {
        Self {
            million_gibibyte_seconds: Quantity::from_nanos(16_666_700_000),
            million_requests: Quantity::from_nanos(200_000_000),
            million_provisioned_gibibyte_seconds: Quantity::from_nanos(4_166_700_000),
            free_gibibyte_seconds: 400_000,
            free_requests: 1_000_000,
        }
    }
}

/// Billing rule: rounding of the time that nodes exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Billing {
    /// Exact time, without any rounding.
    Exact,
    /// Time rounded up to whole seconds, at least 60.
    #[default]
    PerSecond,
    /// Time rounded up to whole hours.
    PerHour,
}

/// Measured window of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "WordOr<WindowWord, WindowFields>",
    into = "WordOr<WindowWord, WindowFields>"
)]
pub enum MeasuredWindow {
    /// Everything after the warm-up.
    #[default]
    Full,
    /// Everything after the end of the warm-up found by MSER-5.
    Auto,
    /// Everything submitted within a time span.
    Time {
        /// Start of the time span; default the end of `warmup`.
        from: Option<Duration>,
        /// End of the time span, exclusive; default the end of the run.
        to: Option<Duration>,
    },
    /// Jobs by number in order of submission, counted from 0.
    Jobs {
        /// Number of the first job.
        from: u64,
        /// Number after the last job.
        until: u64,
    },
}

/// Short forms of [`MeasuredWindow`].
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WindowWord {
    /// Everything after the warm-up.
    Full,
    /// Everything after the end of the warm-up found by MSER-5.
    Auto,
}

/// Measured window: everything submitted between two times, or some jobs by number. Each is
/// followed to its end.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    rename = "MeasuredWindow",
    extend("minProperties" = 1),
    extend("x-excludes" = {"jobs": ["from", "to"]})
)]
pub(crate) struct WindowFields {
    /// Start of the window after the start of the run; default the end of `warmup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Duration>,
    /// End of the window after the start of the run, exclusive; default the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    to: Option<Duration>,
    /// Job numbers in order of submission, counted from 0: the first job, and the one after the
    /// last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 2))]
    jobs: Option<Vec<u64>>,
}

impl TryFrom<WordOr<WindowWord, WindowFields>> for MeasuredWindow {
    type Error = String;

    fn try_from(written: WordOr<WindowWord, WindowFields>) -> Result<Self, String> {
        Ok(match written {
            WordOr::Word(WindowWord::Full) => Self::Full,
            WordOr::Word(WindowWord::Auto) => Self::Auto,
            WordOr::Fields(fields) => match fields.jobs.as_deref() {
                Some(&[from, until]) if from < until => Self::Jobs { from, until },
                Some(_) => {
                    let message = "`jobs` needs two numbers, the first less than the second, such \
                                   as [1000, 5000]";
                    return Err(message.to_owned());
                }
                None => Self::Time {
                    from: fields.from,
                    to: fields.to,
                },
            },
        })
    }
}

impl From<MeasuredWindow> for WordOr<WindowWord, WindowFields> {
    fn from(window: MeasuredWindow) -> Self {
        let mut fields = WindowFields {
            from: None,
            to: None,
            jobs: None,
        };
        match window {
            MeasuredWindow::Full => return Self::Word(WindowWord::Full),
            MeasuredWindow::Auto => return Self::Word(WindowWord::Auto),
            MeasuredWindow::Time { from, to } => (fields.from, fields.to) = (from, to),
            MeasuredWindow::Jobs { from, until } => fields.jobs = Some(vec![from, until]),
        }
        Self::Fields(fields)
    }
}

impl JsonSchema for MeasuredWindow {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MeasuredWindowOrWord".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        WordOr::<WindowWord, WindowFields>::json_schema(generator)
    }
}

//! `metrics:` of the experiment file: what is measured, over which part of the run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::WordOr;
use units::{Duration, Quantity};

/// How results are measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metrics {
    /// What happens before this time is not counted.
    #[serde(default)]
    pub warmup: Duration,
    /// What is measured: `full` for everything after the warm-up, `auto` to find the end of the
    /// warm-up by MSER-5 (the experiment is simulated twice), or a part of it.
    #[serde(default)]
    pub window: MeasuredWindow,
    /// Step of the time series.
    #[serde(default = "default_resolution")]
    #[schemars(extend("x-positive" = true))]
    pub resolution: Duration,
    /// Runs shorter than this count as this long in the bounded slowdown.
    #[serde(default = "default_slowdown_bound")]
    #[schemars(extend("x-positive" = true))]
    pub slowdown_bound: Duration,
    /// How many of its wanted pods a workload needs ready to count as available, in percent, rounded
    /// up to whole pods; what its rollouts and budgets allow is beside the point.
    #[serde(
        default = "default_min_ready_percent",
        skip_serializing_if = "is_default_min_ready"
    )]
    #[schemars(range(min = 1, max = 100))]
    pub min_ready_percent: u32,
    /// A list of prices: a table with the columns `instance_type` and `on_demand_usd_per_hour`.
    /// A node without a price of its own has that of its label
    /// `node.kubernetes.io/instance-type`. A list of `OpenCost` (`MarketPriceHourly`) will do, too,
    /// with prices of single nodes by name.
    #[serde(default)]
    pub prices: Option<String>,
    /// How the time that nodes are there is rounded before it is billed.
    #[serde(default)]
    pub billing: Billing,
    /// Pods pay by the value of this label, such as `team`, and those without it by their namespace;
    /// default all by their namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub tenant_label: Option<String>,
    /// Machines that are paid for whether or not they are there: as many nodes on demand cost nothing
    /// besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commitments: Vec<Commitment>,
    /// What the same pods would cost as container tasks that are billed by use; default not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_prices: Option<TaskPrices>,
    /// What functions cost (`functions:`), by use; default not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_prices: Option<FunctionPrices>,
    /// What the place of the machines draws in all for each unit that they draw themselves, such as
    /// 1.4; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub power_usage_effectiveness: Option<f64>,
    /// What the grid emits, in grams of CO2 per kilowatt-hour: a CSV file with the columns
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

/// Machines that are paid for whether or not they are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commitment {
    /// Their instance type or group; a node counts for the first that it is of.
    #[schemars(length(min = 1))]
    pub of: String,
    /// How many.
    pub machines: u32,
    /// What one costs an hour.
    pub price: Quantity,
}

/// Prices of container tasks, in the currency of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TaskPrices {
    /// A core an hour.
    pub core_hour: Quantity,
    /// A GiB of memory an hour.
    pub gibibyte_hour: Quantity,
    /// The least time that is billed.
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
    /// A million times a GiB of memory for a second of work.
    pub million_gibibyte_seconds: Quantity,
    /// A million requests.
    pub million_requests: Quantity,
    /// A million times a GiB of memory of a provisioned instance for a second, whether it works or not.
    pub million_provisioned_gibibyte_seconds: Quantity,
    /// GiB x seconds that are free in a month of 30 days.
    pub free_gibibyte_seconds: u64,
    /// Requests that are free in a month of 30 days.
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

/// How the time that nodes are there is rounded before it is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Billing {
    /// Not at all.
    Exact,
    /// Up to whole seconds, 60 at least.
    #[default]
    PerSecond,
    /// Up to whole hours.
    PerHour,
}

/// What is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "WordOr<WindowWord, WindowFields>",
    into = "WordOr<WindowWord, WindowFields>"
)]
pub enum MeasuredWindow {
    /// Everything after the warm-up.
    #[default]
    Full,
    /// Everything after the end of the warm-up that MSER-5 finds.
    Auto,
    /// What is submitted in a time.
    Time {
        /// From here; default the end of `warmup`.
        from: Option<Duration>,
        /// Until here, which is not part of it; default the end of the run.
        to: Option<Duration>,
    },
    /// Jobs by number in order of submission, the first being 0.
    Jobs {
        /// The first.
        from: u64,
        /// The first that is not in it any more.
        until: u64,
    },
}

/// The short forms of [`MeasuredWindow`].
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WindowWord {
    /// Everything after the warm-up.
    Full,
    /// Everything after the end of the warm-up that MSER-5 finds.
    Auto,
}

/// What is measured: what is submitted between two times, or some jobs by number. They are followed
/// to their end.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    rename = "MeasuredWindow",
    extend("minProperties" = 1),
    extend("x-excludes" = {"jobs": ["from", "to"]})
)]
pub(crate) struct WindowFields {
    /// From this time after the start; default the end of `warmup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Duration>,
    /// Until this time after the start, which is not part of it; default the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    to: Option<Duration>,
    /// Two numbers of jobs in order of submission, the first job being 0: from the one until just
    /// before the other.
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

//! `models:`, `stop:` and `objectives:` of the experiment file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::traffic::Services;
use crate::scalar::{Bound, NoneOr, WordOr};
use crate::schema::contention::Contention;
use crate::schema::images::Images;
use crate::share::Share;
use rng::Distribution;
use units::Duration;

/// How the world around the system behaves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Models {
    /// How long a pod takes from its binding to its running; `none` for no time.
    #[serde(default)]
    pub startup: NoneOr<Startup>,
    /// How long the scheduler takes to decide; `none` for no time.
    #[serde(default)]
    pub decision_time: NoneOr<DecisionTime>,
    /// What pods use of what they asked for.
    #[serde(default)]
    pub usage: Usage,
    /// Metrics from outside of the cluster by name: CSV files with the columns `seconds`, `value`
    /// and, of a metric of several series, `series`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_metrics: BTreeMap<String, String>,
    /// How much later the control plane sees what happens.
    #[serde(default)]
    pub watch_delay: Duration,
    /// What becomes of the pods of a node that goes down.
    #[serde(default)]
    pub node_loss: NodeLoss,
    /// How the control plane learns of its nodes; default `observed` with `system.controllers`,
    /// `declared` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_life: Option<NodeLife>,
    /// Images, and how they get to nodes; `none` has every image everywhere.
    #[serde(default, skip_serializing_if = "is_default")]
    pub images: NoneOr<Images>,
    /// How services behave towards their clients.
    #[serde(default, skip_serializing_if = "is_default")]
    pub services: Services,
    /// What processes on a node share; `none` gives each all that it wants.
    #[serde(default, skip_serializing_if = "is_default")]
    pub contention: NoneOr<Contention>,
    /// How pods save their work; `none` is never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub checkpoints: NoneOr<Checkpointing>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How the control plane learns of its nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeLife {
    /// It is told at once when one goes down, and the pods on it are lost with it.
    #[default]
    Declared,
    /// By heartbeats alone: a silent node becomes unknown after its grace and is tainted zone by
    /// zone at a limited rate, its pods go once their tolerations run out.
    Observed,
    /// The same by the rule before taints: pods go five minutes after the last heartbeat.
    Timeout,
}

/// What becomes of the pods of a node that goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeLoss {
    /// They are lost.
    #[default]
    Lose,
    /// They are submitted again from the start, as new pods.
    Resubmit,
}

/// How long a pod takes to start: by a law, or by what is published of a runtime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["containerStart"]}, {"required": ["runtime"]}]))]
pub struct Startup {
    /// Start of each container: a distribution, such as `lognormal(400ms, 0.5)`, or the values of
    /// the column `seconds` of a CSV file, `empirical(starts.csv)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_start: Option<Distribution>,
    /// What pods run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
}

/// How pods with a run time save their work: interrupted, they go on from the last checkpoint, on the
/// same node, on another, or as another pod of the same job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["interval"]}, {"required": ["mtbf"]}]))]
pub struct Checkpointing {
    /// How much work lies between two checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub interval: Option<Duration>,
    /// The mean time between interruptions, from which Young's interval follows where none is given:
    /// the root of 2 x `write` x `mtbf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub mtbf: Option<Duration>,
    /// How long a checkpoint takes to write.
    #[serde(default)]
    pub write: Duration,
    /// How long a start from a checkpoint takes before work goes on.
    #[serde(default)]
    pub restart: Duration,
}

/// What pods run in, with the times that are published of it; `containerStart` replaces those of
/// containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// Containers, made in 0.2 s to 1 s.
    Container,
    /// Containers in a micro-VM of their pod, which boots in 125 ms.
    MicroVm,
    /// A virtual machine, which boots in 20 s to 120 s.
    VirtualMachine,
}

/// How long a decision takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "DecisionTimeFields", into = "DecisionTimeFields")]
pub enum DecisionTime {
    /// The same for every pod.
    PerPod(Duration),
    /// A part for each job and a part for each of its tasks.
    PerJob {
        /// For a job.
        job: Duration,
        /// For each of its tasks.
        task: Duration,
    },
}

/// How long a decision takes: `perPod`, or `perJob` and `perTask`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    rename = "DecisionTime",
    extend("oneOf" = [{"required": ["perPod"]}, {"required": ["perJob"]}]),
    extend("dependentRequired" = {"perTask": ["perJob"]})
)]
struct DecisionTimeFields {
    /// For every pod.
    #[serde(default, rename = "perPod", skip_serializing_if = "Option::is_none")]
    pod: Option<Duration>,
    /// For every job.
    #[serde(default, rename = "perJob", skip_serializing_if = "Option::is_none")]
    job: Option<Duration>,
    /// For each task of a job, beside `perJob`; default `0s`.
    #[serde(default, rename = "perTask", skip_serializing_if = "Option::is_none")]
    task: Option<Duration>,
}

/// What pods use of what they asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    from = "WordOr<UsageWord, UsageFields>",
    into = "WordOr<UsageWord, UsageFields>"
)]
pub enum Usage {
    /// Only what their manifests say.
    #[default]
    None,
    /// As the trace recorded it: of `swf` the average CPU time and the used memory, of `csv` the
    /// columns `cpu_usage` and `memory_usage`.
    Trace,
    /// By rules.
    Rules(UsageFields),
}

/// The short forms of [`Usage`].
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UsageWord {
    /// Only what their manifests say.
    None,
    /// As the trace recorded it: of `swf` the average CPU time and the used memory, of `csv` the
    /// columns `cpu_usage` and `memory_usage`.
    Trace,
}

/// What pods use whose manifests say nothing of it (`windtunnel.dev/cpu-usage`,
/// `windtunnel.dev/memory-usage`), and series for those that name one. A use is an amount (`250m`), a
/// share of the request (`60%`), `sine(MEAN, AMPLITUDE, PERIOD, PEAK)`, `ramp(FROM, RISE, PER, MOST)`
/// from the start of the pod, `steps(0s: 100m, 1h: 400m)`, `trace(NAME)`, or `shared(USE)` of one of
/// these, which the pods of a workload share evenly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsageFields {
    /// Of the processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Of the memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Series by name: CSV files with the columns `seconds` and `value`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub traces: BTreeMap<String, String>,
}

impl JsonSchema for Usage {
    fn schema_name() -> Cow<'static, str> {
        "Usage".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WordOr::<UsageWord, UsageFields>::json_schema(generator)
    }
}

impl From<WordOr<UsageWord, UsageFields>> for Usage {
    fn from(form: WordOr<UsageWord, UsageFields>) -> Self {
        match form {
            WordOr::Word(UsageWord::None) => Self::None,
            WordOr::Word(UsageWord::Trace) => Self::Trace,
            WordOr::Fields(fields) => Self::Rules(fields),
        }
    }
}

impl From<Usage> for WordOr<UsageWord, UsageFields> {
    fn from(usage: Usage) -> Self {
        match usage {
            Usage::None => Self::Word(UsageWord::None),
            Usage::Trace => Self::Word(UsageWord::Trace),
            Usage::Rules(fields) => Self::Fields(fields),
        }
    }
}

/// When the run ends: the first of the conditions given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("minProperties" = 1),
    extend("x-help" = "give `at` (a time after the start), `when` (`drained` or `idle`) or both")
)]
pub struct Stop {
    /// At this time after the start.
    #[serde(default)]
    #[schemars(extend("x-positive" = true))]
    pub at: Option<Duration>,
    /// When this holds.
    #[serde(default)]
    pub when: Option<StopWhen>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            at: None,
            when: Some(StopWhen::Idle),
        }
    }
}

/// A state in which a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StopWhen {
    /// Everything has arrived and ended; nothing waits or runs.
    Drained,
    /// Nothing more can happen; pods may still wait or run for ever.
    Idle,
}

/// A gate for `check`, a goal for `plan`: absolute bounds (`min`, `max`), or how much worse than
/// the baseline the metric may be (`tolerance`, `threshold`), by its mean or by a paired test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("anyOf" = [
        {"required": ["min"]}, {"required": ["max"]}, {"required": ["tolerance"]},
        {"required": ["threshold"]}, {"required": ["test"]},
    ]),
    extend("x-excludes" = {"tolerance": ["threshold"]})
)]
pub struct Objective {
    /// The metric's id, such as `pending_time.p99`.
    #[schemars(extend("x-names" = "metric"))]
    pub metric: String,
    /// It may not be less.
    #[serde(default)]
    pub min: Option<Bound>,
    /// It may not be more.
    #[serde(default)]
    pub max: Option<Bound>,
    /// Its mean may not be worse than the baseline's by more than this share, such as `5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Share>,
    /// Its mean may not be worse than the baseline's by more than this amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Bound>,
    /// Fail only where a paired test over the seeds shows it worse than the baseline, beyond
    /// `tolerance` or `threshold` (by default what is noise for the metric).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// Only say so when it fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub advisory: bool,
}

impl Objective {
    /// Whether it needs a baseline.
    pub const fn is_relative(&self) -> bool {
        self.tolerance.is_some() || self.threshold.is_some() || self.test
    }
}

impl TryFrom<DecisionTimeFields> for DecisionTime {
    type Error = String;

    fn try_from(fields: DecisionTimeFields) -> Result<Self, String> {
        match fields {
            DecisionTimeFields {
                pod: Some(duration),
                ..
            } => Ok(Self::PerPod(duration)),
            DecisionTimeFields {
                job: Some(job),
                task,
                ..
            } => Ok(Self::PerJob {
                job,
                task: task.unwrap_or_default(),
            }),
            _ => Err("expected one of `perPod`, `perJob`".to_owned()),
        }
    }
}

impl From<DecisionTime> for DecisionTimeFields {
    fn from(time: DecisionTime) -> Self {
        match time {
            DecisionTime::PerPod(duration) => Self {
                pod: Some(duration),
                job: None,
                task: None,
            },
            DecisionTime::PerJob { job, task } => Self {
                pod: None,
                job: Some(job),
                task: Some(task),
            },
        }
    }
}

//! `models:`, `stop:` and `objectives:` of the experiment file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::traffic::Services;
use crate::scalar::{Bound, NoneOr, WordOr};
use crate::schema::clients::{ClientLimits, KubeletDelays, ModelSet, VolumeDelays};
use crate::schema::contention::Contention;
use crate::schema::images::Images;
use crate::schema::throughputs::Throughputs;
use options::Share;
use rng::Distribution;
use units::{Duration, SortedMap};

/// Models of the world around the system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Models {
    /// Named set of constants, on which the other fields go; also as `models: production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<ModelSet>,
    /// Limits of the clients of the API server; default `none`, or those of the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_limits: Option<NoneOr<ClientLimits>>,
    /// Delays of kubelets; default `none`, or those of the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<NoneOr<KubeletDelays>>,
    /// Delays of volumes; default `none`, or those of the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volumes: Option<NoneOr<VolumeDelays>>,
    /// Time at which every node renews its lease first; default drawn for each node within 10 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_offset: Option<Duration>,
    /// Start-up time of a pod, from its binding to its running; default `none` for no time.
    #[serde(default)]
    pub startup: NoneOr<Startup>,
    /// Decision time of the scheduler; default `none` for no time.
    #[serde(default)]
    pub decision_time: NoneOr<DecisionTime>,
    /// Actual usage of pods, as opposed to their requests; default `none`.
    #[serde(default)]
    pub usage: Usage,
    /// External metrics by name: CSV files with the columns `seconds`, `value` and, for a metric of
    /// several series, `series`. A row without a value begins a gap.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub external_metrics: SortedMap<String, String>,
    /// Delay with which the control plane sees changes; default `0s`.
    #[serde(default)]
    pub watch_delay: Duration,
    /// Fate of the pods of a node that goes down; default `lose`.
    #[serde(default)]
    pub node_loss: NodeLoss,
    /// Node-life model, by which the control plane learns of its nodes; default `observed` with
    /// `system.controllers`, otherwise `declared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_life: Option<NodeLife>,
    /// Container images and their transfer to nodes; default `none`, with every image on every
    /// node.
    #[serde(default, skip_serializing_if = "is_default")]
    pub images: NoneOr<Images>,
    /// Behavior of services towards their clients.
    #[serde(default, skip_serializing_if = "is_default")]
    pub services: Services,
    /// Contention of processes on a node; default `none`, where each gets all that it wants.
    #[serde(default, skip_serializing_if = "is_default")]
    pub contention: NoneOr<Contention>,
    /// Checkpoints, with which pods save their work; default `none`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub checkpoints: NoneOr<Checkpointing>,
    /// Throughputs of jobs by GPU model; default none, where all models are equally fast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughputs: Option<Throughputs>,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Node-life model, by which the control plane learns of its nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeLife {
    /// Node losses are known at once, and the pods on the node are lost with it.
    #[default]
    Declared,
    /// Heartbeats alone: a silent node becomes unknown after its grace period and is tainted, zone
    /// by zone at a limited rate. Its pods are evicted once their tolerations expire.
    Observed,
    /// Heartbeats with the rule before taints: pods are evicted five minutes after the last
    /// heartbeat.
    Timeout,
}

/// Fate of the pods of a node that goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeLoss {
    /// Pods are lost with the node.
    #[default]
    Lose,
    /// Pods are submitted again from the start, as new pods.
    Resubmit,
}

/// Start-up time of a pod: a distribution, or published figures of a runtime; give
/// `containerStart`, `runtime` or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["containerStart"]}, {"required": ["runtime"]}]))]
pub struct Startup {
    /// Start time of each container: a distribution, such as `lognormal(400ms, 0.5)`, or
    /// `empirical(starts.csv)` for the values of the column `seconds` of a CSV file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_start: Option<Distribution>,
    /// Runtime that pods run in, with its published start-up times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
}

/// Checkpoints of pods with a run time: after an interruption they continue from the last one, on
/// the same node, on another, or as another pod of the same job. Give `interval` or `mtbf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["interval"]}, {"required": ["mtbf"]}]))]
pub struct Checkpointing {
    /// Work between two checkpoints; greater than 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub interval: Option<Duration>,
    /// Mean time between interruptions; without `interval`, it gives Young's interval, the square
    /// root of 2 x `write` x `mtbf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub mtbf: Option<Duration>,
    /// Time to write a checkpoint; default `0s`.
    #[serde(default)]
    pub write: Duration,
    /// Time to restart from a checkpoint before work continues; default `0s`.
    #[serde(default)]
    pub restart: Duration,
}

/// Runtime that pods run in, with published start-up times; `containerStart` replaces those of
/// containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// Containers that start in 0.2 s to 1 s.
    Container,
    /// Containers in a micro-VM per pod, which boots in 125 ms.
    MicroVm,
    /// Virtual machine that boots in 20 s to 120 s.
    VirtualMachine,
}

/// Decision time of the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "DecisionTimeFields", into = "DecisionTimeFields")]
pub enum DecisionTime {
    /// Constant decision time for every pod.
    PerPod(Duration),
    /// Decision time per job plus a part per task.
    PerJob {
        /// Decision time per job.
        job: Duration,
        /// Additional decision time per task of the job.
        task: Duration,
    },
}

/// Decision time of the scheduler: `perPod`, or `perJob` with an optional `perTask`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    rename = "DecisionTime",
    extend("oneOf" = [{"required": ["perPod"]}, {"required": ["perJob"]}]),
    extend("dependentRequired" = {"perTask": ["perJob"]})
)]
struct DecisionTimeFields {
    /// Decision time per pod.
    #[serde(default, rename = "perPod", skip_serializing_if = "Option::is_none")]
    pod: Option<Duration>,
    /// Decision time per job.
    #[serde(default, rename = "perJob", skip_serializing_if = "Option::is_none")]
    job: Option<Duration>,
    /// Additional decision time per task of a job, with `perJob`; default `0s`.
    #[serde(default, rename = "perTask", skip_serializing_if = "Option::is_none")]
    task: Option<Duration>,
}

/// Actual usage of pods, as opposed to their requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    from = "WordOr<UsageWord, UsageFields>",
    into = "WordOr<UsageWord, UsageFields>"
)]
pub enum Usage {
    /// Usage stated by manifests alone.
    #[default]
    None,
    /// Usage recorded in the trace: for `swf` the average CPU time and the used memory, for `csv`
    /// the columns `cpu_usage` and `memory_usage`.
    Trace,
    /// Usage by rules for CPU and memory.
    Rules(UsageFields),
}

/// Short forms of [`Usage`].
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UsageWord {
    /// Usage stated by manifests alone.
    None,
    /// Usage recorded in the trace: for `swf` the average CPU time and the used memory, for `csv`
    /// the columns `cpu_usage` and `memory_usage`.
    Trace,
}

/// Usage of pods whose manifests state none (`windtunnel.dev/cpu-usage`,
/// `windtunnel.dev/memory-usage`; `windtunnel.dev/cpu-usage.NAME` states that of a container), and series for
/// those that name one. A usage is an amount
/// (`250m`), a share of the request (`60%`), `sine(MEAN, AMPLITUDE, PERIOD, PEAK)`, `ramp(FROM,
/// RISE, PER, MOST)` from the start of the pod, `steps(0s: 100m, 1h: 400m)`, `recorded(0s: 100m, 1h:
/// 400m)` from the start of the pod, `trace(NAME)`, or `shared(USE)` of one of these, which the pods of
/// a workload share evenly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsageFields {
    /// CPU usage of a pod, such as `60%` of its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory usage of a pod, such as `60%` of its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Series by name: CSV files with the columns `seconds` and `value`.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub traces: SortedMap<String, String>,
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

/// Conditions that end the run; the first one met ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("minProperties" = 1),
    extend("x-help" = "give `at` (a time after the start), `when` (`drained` or `idle`) or both")
)]
pub struct Stop {
    /// End time after the start of the run; greater than 0.
    #[serde(default)]
    #[schemars(extend("x-positive" = true))]
    pub at: Option<Duration>,
    /// State that ends the run: `drained` or `idle`.
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

/// State in which a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StopWhen {
    /// Everything has arrived and ended; nothing waits or runs.
    Drained,
    /// Nothing more can happen, even if pods still wait or run.
    Idle,
}

/// Objective: a gate for `check` and a goal for `plan`. Give absolute bounds (`min`, `max`), or a
/// limit relative to the baseline (`tolerance`, `threshold`), applied to the mean or by a paired
/// test (`test`).
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
    /// Metric to check, by its id such as `pending_time.p99`.
    #[schemars(extend("x-names" = "metric"))]
    pub metric: String,
    /// Minimum value of the metric.
    #[serde(default)]
    pub min: Option<Bound>,
    /// Maximum value of the metric.
    #[serde(default)]
    pub max: Option<Bound>,
    /// Tolerance: maximum share by which the mean may be worse than the baseline's, such as `5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Share>,
    /// Threshold: maximum amount by which the mean may be worse than the baseline's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Bound>,
    /// Paired test over the seeds: `true` fails only on proof that the metric is worse than the
    /// baseline by more than `tolerance` or `threshold` (default: the noise of the metric). Default
    /// `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// Class of pods or workloads that the objective is about; default all. Pods by namespace, labels
    /// and priority apply to metrics of jobs: `pending_time`, `first_wait`, `weighted_wait`, `slowdown`,
    /// `turnaround`, `makespan`, `throughput`, `jobs`; workloads by name to `availability`,
    /// `missing_replicas`, `time_to_recover`, `time_to_detect`, `rollouts`, `blast_radius`, `spread`,
    /// `exposure`, `disruptions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<PodClass>,
    /// Advisory objective: `true` reports a failure without failing the check; default `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub advisory: bool,
}

/// Class of pods, by their namespace, labels and priority, or of workloads. At least one property is
/// given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("minProperties" = 1),
    extend("x-excludes" = {"workload": ["namespace", "labels", "minPriority", "maxPriority"]})
)]
pub struct PodClass {
    /// Namespace of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Labels of the pods, each with its value.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub labels: SortedMap<String, String>,
    /// Minimum priority of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_priority: Option<i32>,
    /// Maximum priority of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_priority: Option<i32>,
    /// Workloads, as `[KIND ]NAMESPACE/NAME` such as `Deployment shop/web`; `*` is any run of
    /// characters but `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([^ /]+ )?[^ /]+/[^ /]+$"))]
    pub workload: Option<String>,
}

impl std::fmt::Display for PodClass {
    /// Writes the class as it follows the id of a metric: `{namespace=batch,team=web}`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(workload) = &self.workload {
            return write!(out, "{{workload={workload}}}");
        }
        let namespace = self.namespace.iter().map(|own| format!("namespace={own}"));
        let labels = self.labels.iter();
        let labels = labels.map(|(key, value)| format!("{key}={value}"));
        let least = self
            .min_priority
            .iter()
            .map(|own| format!("priority>={own}"));
        let most = self
            .max_priority
            .iter()
            .map(|own| format!("priority<={own}"));
        let all: Vec<String> = namespace.chain(labels).chain(least).chain(most).collect();
        write!(out, "{{{}}}", all.join(","))
    }
}

impl Objective {
    /// Id of the metric, followed by the class of pods where it is about one.
    pub fn id(&self) -> String {
        match &self.selector {
            Some(class) => format!("{}{class}", self.metric),
            None => self.metric.clone(),
        }
    }

    /// Returns whether the objective requires a baseline.
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

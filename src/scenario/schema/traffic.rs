//! `traffic:` and `models.services:` of the experiment file: who asks the services of a cluster, and
//! how they behave.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::share::Share;
use rng::Distribution;
use units::{Duration, Quantity};

/// A group of clients that are alike. It asks a `service`, a `published` one by way of nodes, a
/// `host` and `path`, or a `function`; `rate`,
/// `diurnal` or `trace` is an open loop, `think` a closed one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("oneOf" = [
        {"required": ["service"]}, {"required": ["published"]}, {"required": ["host"]},
        {"required": ["function"]},
    ]),
    extend("dependentRequired" = {"path": ["host"]}),
    extend("x-help" = "give `service` or `published` (NAMESPACE/NAME), `host` with `path`, or `function`")
)]
pub struct Traffic {
    /// What the group is called.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The Service that it asks from within the cluster, as `NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The Service that it asks from outside, as `NAMESPACE/NAME`, by the port that nodes publish for
    /// it (`type: NodePort` or `LoadBalancer`): each request at any node, whether it is up or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// The host that it asks from outside, by the rules of Ingress objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub host: Option<String>,
    /// The path that it asks there; default `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub path: Option<String>,
    /// The function of `functions:` that it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub function: Option<String>,
    /// Requests a second, always the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1e12))]
    pub rate: Option<f64>,
    /// Requests that rise and fall with the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diurnal: Option<DiurnalRate>,
    /// Requests as a file has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<RateTrace>,
    /// Each client asks again so long after its last answer, on average: a closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think: Option<Duration>,
    /// How many clients there are: in a closed loop, and for sessions and answers of the name
    /// service.
    #[serde(default = "default_clients")]
    #[schemars(range(min = 1))]
    pub clients: u64,
    /// How long a client waits for an answer.
    #[serde(default = "default_timeout")]
    #[schemars(extend("x-positive" = true))]
    pub timeout: Duration,
    /// What a client does after a failure; nothing by default.
    #[serde(default)]
    pub retries: Retries,
    /// What the clients expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<LatencyObjective>,
}

const fn default_clients() -> u64 {
    1000
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

/// A rate that rises and falls with the day, and flash crowds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiurnalRate {
    /// Requests a second on average over a day.
    #[schemars(range(min = 0, max = 1e12))]
    pub mean: f64,
    /// How far it rises above the mean and falls below it, as a share of the mean.
    #[serde(default = "default_swing")]
    #[schemars(range(min = 0, max = 1))]
    pub swing: f64,
    /// When it peaks within a day.
    #[serde(default = "default_peak")]
    pub peak_at: Duration,
    /// How long a day is.
    #[serde(default = "default_period")]
    #[schemars(extend("x-positive" = true))]
    pub period: Duration,
    /// The rate of the sixth and seventh day of every seven, as a share of the others'.
    #[serde(default = "default_weekend")]
    #[schemars(range(min = 0))]
    pub weekend: f64,
    /// How long the rate stays the same.
    #[serde(default = "default_step")]
    #[schemars(extend("x-positive" = true))]
    pub step: Duration,
    /// When more come than usual.
    #[serde(default)]
    pub flash_crowds: Vec<FlashCrowd>,
}

const fn default_swing() -> f64 {
    0.5
}

const fn default_weekend() -> f64 {
    1.0
}

fn default_peak() -> Duration {
    Duration::from_secs(14 * 3600)
}

fn default_period() -> Duration {
    Duration::from_secs(86_400)
}

fn default_step() -> Duration {
    Duration::from_secs(60)
}

/// Many come at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlashCrowd {
    /// When they begin to come.
    pub at: Duration,
    /// How long until all are there, and how long until all are gone again.
    #[serde(default)]
    pub ramp: Duration,
    /// How long all are there.
    #[serde(rename = "for")]
    pub lasts: Duration,
    /// How many times as many requests there are then.
    #[schemars(range(min = 0))]
    pub times: f64,
}

/// A rate as a file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateTrace {
    /// The file.
    #[schemars(length(min = 1))]
    pub path: String,
    /// How it is written.
    #[serde(default)]
    pub format: RateFormat,
    /// Of `azure-functions`, the functions whose hash begins so, of `alibaba-qps` the requests whose
    /// type does; default all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// A factor on every rate.
    #[serde(default = "default_scale")]
    #[schemars(range(min = 0))]
    pub scale: f64,
    /// What holds where rows are missing.
    #[serde(default)]
    pub gaps: Gaps,
}

const fn default_scale() -> f64 {
    1.0
}

/// How a file of rates is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RateFormat {
    /// CSV with the columns `time` (seconds) and `rate` (requests a second): a row holds until the
    /// next.
    #[default]
    Csv,
    /// Counts by minute, as the 2019 trace of Azure Functions has them.
    AzureFunctions,
    /// Requests a second by container and type, as `qps.csv` of Alibaba's trace of 2026 has them.
    AlibabaQps,
}

/// What holds where rows of a regular series are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gaps {
    /// They are an error.
    #[default]
    Fail,
    /// The last rate goes on.
    Hold,
    /// Nobody asks.
    Zero,
}

/// What a client does after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retries {
    /// How often it tries again at most.
    #[serde(default)]
    #[schemars(range(min = 0, max = 20))]
    pub most: u32,
    /// How long before it tries again; twice as long before each further time.
    #[serde(default = "default_back_off")]
    pub back_off: Duration,
    /// The group tries again for so many of its requests at most, such as `20%`; without it there is
    /// no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Share>,
}

fn default_back_off() -> Duration {
    Duration::from_millis(100)
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            most: 0,
            back_off: default_back_off(),
            budget: None,
        }
    }
}

/// What clients expect: a share of requests answered within a time. Failed ones are not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LatencyObjective {
    /// Within this time.
    #[schemars(extend("x-positive" = true))]
    pub latency: Duration,
    /// At least this share, such as `99.9%`.
    pub share: Share,
}

/// A function: each request has an instance to itself, which takes the next one while it is warm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Function {
    /// What it is called.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What an instance has of memory, billed in whole MiB.
    #[serde(default = "default_memory")]
    pub memory: Quantity,
    /// How long an instance works on a request: a distribution, such as `exponential(20ms)`.
    #[serde(default = "default_service_time")]
    pub duration: Distribution,
    /// How long an instance takes to begin: a distribution.
    #[serde(default = "default_cold_start")]
    pub cold_start: Distribution,
    /// Whether that is billed.
    #[serde(default)]
    pub bill_cold_start: bool,
    /// How long an instance stays after its last request.
    #[serde(default = "default_keep_alive")]
    pub keep_alive: Duration,
    /// Instances at most; what comes above is turned away, or waits.
    #[serde(default = "default_instances")]
    #[schemars(range(min = 1))]
    pub concurrency: u32,
    /// Requests that wait for an instance at most.
    #[serde(default)]
    pub queue_limit: u32,
    /// Instances that are always there, and cost all the time.
    #[serde(default)]
    pub provisioned: u32,
    /// Which share of the requests fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<Share>,
}

fn default_memory() -> Quantity {
    Quantity::from_units(128 << 20)
}

fn default_cold_start() -> Distribution {
    Distribution::constant(Duration::from_secs(1))
        .unwrap_or_else(|_| unreachable!("invariant: a second is fine"))
}

fn default_keep_alive() -> Duration {
    Duration::from_secs(600)
}

const fn default_instances() -> u32 {
    1000
}

/// How services behave. What pods state of themselves by annotations below `windtunnel.dev/`
/// (`service-time`, `concurrency`, `queue-limit`, `error-rate`, `cpu-per-request`) goes before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Services {
    /// How long a change of endpoints takes to reach who balances.
    #[serde(default = "default_propagation")]
    pub propagation_delay: Duration,
    /// How long clients keep an answer of the name service.
    #[serde(default = "default_ttl")]
    pub dns_ttl: Duration,
    /// How requests are balanced.
    #[serde(default)]
    pub balancing: Balancing,
    /// How long a request takes once a pod works on it: a distribution, such as
    /// `exponential(20ms)`.
    #[serde(default = "default_service_time")]
    pub service_time: Distribution,
    /// How many requests a pod works on at once.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1))]
    pub concurrency: u32,
    /// How many requests may wait in a pod besides.
    #[serde(default = "default_queue")]
    pub queue_limit: u32,
    /// Which share of the requests fails in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<Share>,
    /// Processor time of a request.
    #[serde(default)]
    pub cpu_per_request: Duration,
    /// The step in which what waits and what is tried again is followed.
    #[serde(default = "default_interval")]
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// How requests are followed.
    #[serde(default)]
    pub form: TrafficForm,
}

fn default_propagation() -> Duration {
    Duration::from_millis(100)
}

fn default_ttl() -> Duration {
    Duration::from_secs(30)
}

fn default_service_time() -> Distribution {
    let law = rng::Law::Exponential {
        mean: Duration::from_millis(20),
    };
    Distribution::new(law).unwrap_or_else(|_| unreachable!("invariant: a mean above zero is fine"))
}

const fn default_concurrency() -> u32 {
    8
}

const fn default_queue() -> u32 {
    100
}

fn default_interval() -> Duration {
    Duration::from_secs(1)
}

impl Default for Services {
    fn default() -> Self {
        Self {
            propagation_delay: default_propagation(),
            dns_ttl: default_ttl(),
            balancing: Balancing::default(),
            service_time: default_service_time(),
            concurrency: default_concurrency(),
            queue_limit: default_queue(),
            error_rate: None,
            cpu_per_request: Duration::ZERO,
            interval: default_interval(),
            form: TrafficForm::default(),
        }
    }
}

/// How requests are balanced over the endpoints of a service. A Service states its own by the
/// annotation `windtunnel.dev/balancing`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Balancing {
    /// One after another.
    RoundRobin,
    /// By the weights of pods (annotation `windtunnel.dev/weight`), spread as evenly as can be.
    SmoothWeighted,
    /// To the pod with the fewest connections.
    LeastConnections,
    /// To any, all alike, as kube-proxy does.
    #[default]
    Random,
    /// To the one with fewer connections of two that are drawn.
    TwoChoices,
    /// By a hash of the client.
    Source,
}

/// How requests are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrafficForm {
    /// One by one where there are at most a million of them in the run, else as flows.
    #[default]
    Auto,
    /// As flows: by queueing theory, in whole counts over pieces of constant rate.
    Aggregated,
    /// One by one.
    Requests,
}

//! `traffic:` and `models.services:` of the experiment file: the clients of services, and the
//! behavior of services.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use options::Share;
use rng::Distribution;
use units::{Duration, Quantity};

/// Group of equal clients. It calls a `service` from inside, a `published` service by way of nodes,
/// a `host` and `path`, or a `function`; `rate`, `diurnal` or `trace` is an open loop, `think` a
/// closed one.
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
    /// Name of the client group.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Service that the group calls from inside the cluster, as `NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Service that the group calls from outside, as `NAMESPACE/NAME`, by the port that nodes
    /// publish for it (`type: NodePort` or `LoadBalancer`). Each request enters at any node,
    /// whether it is up or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Host that the group calls from outside, routed by the rules of Ingress objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub host: Option<String>,
    /// Path that the group calls at `host`; default `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub path: Option<String>,
    /// Function of `functions:` that the group calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub function: Option<String>,
    /// Constant request rate in requests per second, 0 to 1e12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1e12))]
    pub rate: Option<f64>,
    /// Request rate that rises and falls with the time of day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diurnal: Option<DiurnalRate>,
    /// Request rate read from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<RateTrace>,
    /// Mean think time in a closed loop, between an answer and the client's next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think: Option<Duration>,
    /// Number of clients, at least 1; used for closed loops, sessions and cached DNS answers.
    /// Default 1000.
    #[serde(default = "default_clients")]
    #[schemars(range(min = 1))]
    pub clients: u64,
    /// Timeout for an answer, greater than 0; default `10s`.
    #[serde(default = "default_timeout")]
    #[schemars(extend("x-positive" = true))]
    pub timeout: Duration,
    /// Retries after a failed request; default none.
    #[serde(default)]
    pub retries: Retries,
    /// Latency objective of the clients; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<LatencyObjective>,
}

const fn default_clients() -> u64 {
    1000
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

/// Request rate that rises and falls with the time of day, with optional flash crowds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiurnalRate {
    /// Mean request rate over a day, in requests per second.
    #[schemars(range(min = 0, max = 1e12))]
    pub mean: f64,
    /// Amplitude of the rate around its mean, as a share of the mean, 0 to 1; default 0.5.
    #[serde(default = "default_swing")]
    #[schemars(range(min = 0, max = 1))]
    pub swing: f64,
    /// Peak time within a day; default `14h`.
    #[serde(default = "default_peak")]
    pub peak_at: Duration,
    /// Length of a day, greater than 0; default `24h`.
    #[serde(default = "default_period")]
    #[schemars(extend("x-positive" = true))]
    pub period: Duration,
    /// Weekend rate, on the sixth and seventh day of every seven, as a share of the other days'
    /// rate; default 1.
    #[serde(default = "default_weekend")]
    #[schemars(range(min = 0))]
    pub weekend: f64,
    /// Step of the rate, within which it is constant; default `60s`.
    #[serde(default = "default_step")]
    #[schemars(extend("x-positive" = true))]
    pub step: Duration,
    /// Flash crowds: periods with more requests than usual.
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

/// Flash crowd: a period with more requests than usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlashCrowd {
    /// Start of the flash crowd after the start of the run.
    pub at: Duration,
    /// Ramp time of the crowd: the time to grow to its full size, and to vanish again. Default
    /// `0s`.
    #[serde(default)]
    pub ramp: Duration,
    /// Duration of the crowd at its full size.
    #[serde(rename = "for")]
    pub lasts: Duration,
    /// Factor on the request rate at the crowd's full size, at least 0.
    #[schemars(range(min = 0))]
    pub times: f64,
}

/// Request rate read from a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateTrace {
    /// Path of the rate file.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Format of the rate file; default `csv`.
    #[serde(default)]
    pub format: RateFormat,
    /// Prefix that selects functions by their hash (`azure-functions`) or requests by their type
    /// (`alibaba-qps`); default all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Scale factor on every rate, at least 0; default 1.
    #[serde(default = "default_scale")]
    #[schemars(range(min = 0))]
    pub scale: f64,
    /// Handling of missing rows; default `fail`.
    #[serde(default)]
    pub gaps: Gaps,
}

const fn default_scale() -> f64 {
    1.0
}

/// Format of a file of request rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RateFormat {
    /// CSV file with the columns `time` (seconds) and `rate` (requests per second); each row holds
    /// until the next.
    #[default]
    Csv,
    /// Counts per minute, as in the Azure Functions trace of 2019.
    AzureFunctions,
    /// Requests per second by container and type, as in `qps.csv` of the Alibaba trace of 2026.
    AlibabaQps,
}

/// Handling of missing rows in a regular series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gaps {
    /// Missing rows are an error.
    #[default]
    Fail,
    /// Missing rows repeat the last rate.
    Hold,
    /// Missing rows mean no requests.
    Zero,
}

/// Retries of a client after a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retries {
    /// Maximum number of retries per request, 0 to 20; default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 20))]
    pub most: u32,
    /// Initial back-off before a retry, doubling with each further one; default `100ms`.
    #[serde(default = "default_back_off")]
    pub back_off: Duration,
    /// Retry budget: maximum share of the group's requests that are retried, such as `20%`; default
    /// unlimited.
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

/// Latency objective: a share of requests answered within a time. Failed requests miss it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LatencyObjective {
    /// Latency within which requests must be answered; greater than 0.
    #[schemars(extend("x-positive" = true))]
    pub latency: Duration,
    /// Minimum share of requests that meet the latency, such as `99.9%`.
    pub share: Share,
}

/// Serverless function: each request has an instance to itself, which takes the next request while
/// it is warm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Function {
    /// Name of the function.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Memory of an instance, billed in whole MiB; default `128Mi`.
    #[serde(default = "default_memory")]
    pub memory: Quantity,
    /// Duration of the work on a request: a distribution, such as `exponential(20ms)`. Default
    /// `exponential(20ms)`.
    #[serde(default = "default_service_time")]
    pub duration: Distribution,
    /// Cold-start time of an instance: a distribution; default `1s`.
    #[serde(default = "default_cold_start")]
    pub cold_start: Distribution,
    /// Billing of cold starts: `true` bills their time; default `false`.
    #[serde(default)]
    pub bill_cold_start: bool,
    /// Keep-alive time of an instance after its last request; default `600s`.
    #[serde(default = "default_keep_alive")]
    pub keep_alive: Duration,
    /// Maximum number of instances, at least 1; further requests wait or are rejected. Default
    /// 1000.
    #[serde(default = "default_instances")]
    #[schemars(range(min = 1))]
    pub concurrency: u32,
    /// Maximum number of requests waiting for an instance; default 0.
    #[serde(default)]
    pub queue_limit: u32,
    /// Number of provisioned instances, which always run and are always billed; default 0.
    #[serde(default)]
    pub provisioned: u32,
    /// Share of requests that fail; default none.
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

/// Behavior of services. Annotations of pods below `windtunnel.dev/` (`service-time`,
/// `concurrency`, `queue-limit`, `error-rate`, `cpu-per-request`) take precedence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Services {
    /// Delay until a change of endpoints reaches the load balancers; default `100ms`.
    #[serde(default = "default_propagation")]
    pub propagation_delay: Duration,
    /// Time to live of a DNS answer at clients; default `30s`.
    #[serde(default = "default_ttl")]
    pub dns_ttl: Duration,
    /// Balancing of requests over endpoints; default `random`.
    #[serde(default)]
    pub balancing: Balancing,
    /// Service time of a request in a pod: a distribution, such as `exponential(20ms)`. Default
    /// `exponential(20ms)`.
    #[serde(default = "default_service_time")]
    pub service_time: Distribution,
    /// Number of requests that a pod serves at once, at least 1; default 8.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1))]
    pub concurrency: u32,
    /// Maximum number of requests waiting in a pod; default 100.
    #[serde(default = "default_queue")]
    pub queue_limit: u32,
    /// Share of requests that fail in a pod; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<Share>,
    /// CPU time used per request; default `0s`.
    #[serde(default)]
    pub cpu_per_request: Duration,
    /// Time step in which queues and retries are tracked, greater than 0; default `1s`.
    #[serde(default = "default_interval")]
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// Form of the traffic simulation: single requests or flows; default `auto`.
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

/// Balancing of requests over the endpoints of a service. The annotation `windtunnel.dev/balancing`
/// of a Service takes precedence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Balancing {
    /// Endpoints one after another, in turn.
    RoundRobin,
    /// Endpoints by their weights (annotation `windtunnel.dev/weight`), interleaved as evenly as
    /// possible.
    SmoothWeighted,
    /// Endpoint with the fewest connections.
    LeastConnections,
    /// Endpoint picked at random, all equally likely, as kube-proxy does.
    #[default]
    Random,
    /// Endpoint with fewer connections out of two picked at random.
    TwoChoices,
    /// Endpoint picked by a hash of the client.
    Source,
}

/// Form of the traffic simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrafficForm {
    /// Single requests for up to a million of them in the run, flows above.
    #[default]
    Auto,
    /// Flows by queueing theory, in whole counts over periods of constant rate.
    Aggregated,
    /// Single requests, simulated one by one.
    Requests,
}

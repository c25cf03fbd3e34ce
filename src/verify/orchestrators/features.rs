//! Cases of what platforms do beside placing: balancing, alerts, measures, bills and
//! health checks (spec: orchestrators-a.md 9.2, 9.4, 9.5, 9.7).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, functions, read};
use control::services::{Algorithm, Balancer, Limits, RequestOutcome};
use metrics::alerts::{AlertBook, Counter, EVERY, Rule, RuleSubject, StateChange};
use metrics::diagnosis::{Cause, Signs};
use metrics::economics::TaskPrices;
use metrics::pay_per_use::task_cost;
use model::Text;
use model::latencies::Latencies;
use model::pod_life::HealthCheck;
use model::traffic::LatencyProfile;
use rng::Stream;
use systems::parts::health_check::{HealthChecker, HealthState};
use units::{Duration, Instant};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "feature-lb" => balance,
        "feature-alert" => alert,
        "feature-metrics" => measure,
        "feature-serverless" => bill,
        "feature-recovery" => recover,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct Endpoint {
    id: Text,
    #[serde(default = "one")]
    weight: i64,
    #[serde(default)]
    conns: i64,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    down: bool,
}

impl Endpoint {
    fn is_live(&self) -> bool {
        let state = self.state.as_deref().unwrap_or("up");
        !self.down && !["down", "dead"].contains(&&*state.to_lowercase())
    }
}

const fn one() -> i64 {
    1
}

#[derive(Deserialize)]
struct Balance {
    algorithm: String,
    requests: u64,
    #[serde(default)]
    connections_stay_open: bool,
}

fn algorithm(name: &str) -> Result<Algorithm, Trouble> {
    match name {
        "round-robin" | "rr" => Ok(Algorithm::RoundRobin),
        "smooth-weighted-round-robin" | "wrr" => Ok(Algorithm::SmoothWeighted),
        "least-conn" | "least_conn" => Ok(Algorithm::LeastConnections),
        other => Err(Trouble::Unsupported(format!(
            "the sequence of `{other}` is drawn"
        ))),
    }
}

fn balance(case: &Case) -> Result<Value, Trouble> {
    let mut endpoints: Vec<Endpoint> = read(&case.nodes)?;
    endpoints.retain(Endpoint::is_live);
    let own: Balance = read(&case.request)?;
    let (now, weights) = (Instant::ZERO, endpoints.iter());
    let weights: Vec<(Text, i64)> = weights.map(|own| (own.id.clone(), own.weight)).collect();
    let rng = Stream::new(0, "verify", 0);
    let mut balancer = Balancer::new(algorithm(&own.algorithm)?, Limits::default(), rng);
    // Connections that are open are requests that went to the only endpoint there was.
    for (endpoint, weight) in endpoints.iter().zip(&weights) {
        balancer.set_endpoints(&weights);
        let others = endpoints.iter().filter(|other| other.id != endpoint.id);
        let others: Vec<Text> = others.map(|other| other.id.clone()).collect();
        for _ in 0..endpoint.conns {
            debug_assert!(weight.1 > 0, "a connection to an endpoint in rotation");
            balancer.pick(now, 0, &others);
        }
    }
    balancer.set_endpoints(&weights);
    let (mut sequence, mut currents) = (Vec::new(), Vec::new());
    for client in 0..own.requests {
        let picked = balancer.pick(now, client, &[]);
        if let Some(id) = picked.as_ref().filter(|_| !own.connections_stay_open) {
            balancer.finish(now, id, RequestOutcome::Well);
        }
        sequence.push(picked.map(|id| id.to_string()));
        let current = balancer.current_weights().into_iter();
        let current = current.map(|(id, weight)| (id.to_owned(), json!(weight)));
        currents.push(Value::Object(current.collect::<Map<String, Value>>()));
    }
    let connections = weights.iter().map(|(id, _)| {
        let open = balancer.connections(id);
        (id.to_string(), json!(open))
    });
    Ok(json!({
        "sequence": sequence,
        "current_weights_after": currents,
        "final_conns": Value::Object(connections.collect::<Map<String, Value>>()),
    }))
}

#[derive(Deserialize)]
struct Alert {
    #[serde(default)]
    eval_interval_s: Option<i64>,
    #[serde(default)]
    for_s: f64,
    #[serde(default)]
    keep_firing_for_s: f64,
    #[serde(default)]
    absent: bool,
    /// A comparison such as `>0.8`, or a number beside `op`.
    #[serde(default)]
    threshold: Option<Value>,
    #[serde(default, alias = "operator")]
    op: Option<String>,
    #[serde(default)]
    samples: Vec<Option<f64>>,
    /// Numbers that are not zero, or truth.
    #[serde(default)]
    breaching: Vec<Value>,
    #[serde(default)]
    m: Option<u32>,
    #[serde(default)]
    n: Option<u32>,
}

impl Alert {
    /// The comparison, with its operator.
    fn comparison(&self) -> Result<Option<Comparison>, Trouble> {
        let operator = self.op.as_deref().unwrap_or_default();
        let text = match &self.threshold {
            None => return Ok(None),
            Some(Value::String(text)) => format!("{operator}{text}"),
            Some(number) => format!("{operator}{number}"),
        };
        Comparison::parse(text.trim()).map(Some)
    }
}

/// What a sample is held against.
enum Comparison {
    /// Bounds of a rule.
    Bounds(Option<f64>, Option<f64>),
    /// A number that samples have to be, or not to be.
    Equal(f64, bool),
}

impl Comparison {
    fn parse(text: &str) -> Result<Self, Trouble> {
        let malformed = || Trouble::Malformed(format!("no comparison: `{text}`"));
        let split = text.find(|letter: char| !matches!(letter, '<' | '>' | '=' | '!'));
        let (operator, number) = text.split_at(split.ok_or_else(malformed)?);
        let number: f64 = number.trim().parse().map_err(|_| malformed())?;
        Ok(match operator {
            ">" => Self::Bounds(Some(number), None),
            ">=" => Self::Bounds(Some(number.next_down()), None),
            "<" => Self::Bounds(None, Some(number)),
            "<=" => Self::Bounds(None, Some(number.next_up())),
            "==" | "=" => Self::Equal(number, true),
            "!=" => Self::Equal(number, false),
            _ => return Err(malformed()),
        })
    }

    /// The bounds of a rule, above which samples that are as they should be stand as 1.
    const fn bounds(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Bounds(above, below) => (*above, *below),
            Self::Equal(..) => (Some(0.5), None),
        }
    }

    /// A sample as the rule sees it.
    fn sample(&self, value: f64) -> f64 {
        match self {
            Self::Bounds(..) => value,
            Self::Equal(number, wanted) => {
                let is_equal = value.total_cmp(number).is_eq();
                f64::from(u8::from(is_equal == *wanted))
            }
        }
    }
}

/// A length of the case's evaluations in ours, not less.
fn scaled(secs: f64, interval: i64) -> Duration {
    let nanos = libm::rint(secs * 1e9) as i128 * i128::from(EVERY.as_nanos());
    let interval = i128::from(interval.max(1)) * 1_000_000_000;
    Duration::from_nanos(((nanos + interval - 1) / interval) as i64)
}

fn alert(case: &Case) -> Result<Value, Trouble> {
    let own: Alert = read(&case.request)?;
    let interval = own.eval_interval_s.unwrap_or(15);
    let comparison = own.comparison()?;
    let (above, below) = comparison
        .as_ref()
        .map_or((Some(0.5), None), Comparison::bounds);
    let points = own.m.zip(own.n);
    let rule = Rule {
        above,
        below,
        absent: own.absent,
        lasts: scaled(own.for_s, interval),
        keep_firing: scaled(own.keep_firing_for_s, interval),
        points,
        ..Rule::default()
    };
    let number = |value: &Value| {
        value
            .as_f64()
            .or_else(|| value.as_bool().map(|is| f64::from(u8::from(is))))
    };
    let values: Vec<Option<f64>> = if own.breaching.is_empty() {
        let seen = |value| comparison.as_ref().map_or(value, |own| own.sample(value));
        own.samples.iter().map(|value| value.map(seen)).collect()
    } else {
        own.breaching.iter().map(number).collect()
    };
    let mut book = AlertBook::new(&Arc::from([rule]), vec![Some(RuleSubject::Metric)]);
    for value in &values {
        book.evaluate(|_| *value);
    }
    let end = Instant::ZERO + Duration::from_nanos(EVERY.as_nanos() * values.len() as i64);
    let turns = book.finish(end);
    let step = |at: Instant| at.as_nanos() / EVERY.as_nanos();
    let first = |wanted| {
        let turn = turns.iter().find(|own| own.turn == wanted);
        turn.map(|own| step(own.at) * interval)
    };
    let (mut state, mut states, mut rest) =
        (StateChange::Inactive, Vec::new(), turns.iter().peekable());
    for number in (0..).take(values.len()) {
        while let Some(turn) = rest.next_if(|own| step(own.at) <= number) {
            state = turn.turn;
        }
        states.push(match (state, points.is_some()) {
            (StateChange::Firing, true) => "ALARM",
            (_, true) => "OK",
            (StateChange::Firing, _) => "firing",
            (StateChange::Pending, _) => "pending",
            (StateChange::Inactive | StateChange::Resolved, _) => "inactive",
        });
    }
    let (fired, resolved) = (first(StateChange::Firing), first(StateChange::Resolved));
    Ok(json!({"states": states, "fired_at_s": fired, "resolved_at_s": resolved}))
}

#[derive(Deserialize)]
struct Measure {
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    percentiles: Vec<f64>,
    #[serde(default)]
    samples: Vec<f64>,
    #[serde(default)]
    period_s: f64,
}

/// Parts of a value that latencies are counted in.
const PARTS: f64 = 1e6;

fn measure(case: &Case) -> Result<Value, Trouble> {
    let own: Measure = read(&case.request)?;
    if own.values.is_empty() {
        let step = EVERY.as_nanos();
        let span = Duration::from_nanos(step * (own.samples.len() as i64 - 1).max(0));
        let mut counter = Counter::default();
        let mut increase = 0.0;
        for (number, value) in (0..).zip(&own.samples) {
            let at = Instant::from_nanos(number * step);
            increase = counter.gained(at, *value, span);
        }
        let secs = own.period_s * (own.samples.len() as f64 - 1.0);
        return Ok(json!({"increase": increase, "per_second": increase / secs}));
    }
    let profiles: Vec<LatencyProfile> = (own.values.iter())
        .map(|value| LatencyProfile {
            points: [(libm::rint(value * PARTS) as i64, 1.0)].into(),
        })
        .collect();
    let mut latencies = Latencies::default();
    for profile in (0..).take(profiles.len()) {
        latencies.add(&[(profile, 1)]);
    }
    let sorted = latencies.sorted(&profiles);
    let found = own.percentiles.iter().map(|percentile| {
        let per_mille = libm::rint(percentile * 10.0) as u32;
        let value = sorted.percentile(per_mille);
        value.map(|value| value as f64 / PARTS)
    });
    let found: Vec<Option<f64>> = found.collect();
    let mean = sorted.mean().map(|mean| mean / PARTS);
    Ok(json!({"result": found, "mean": mean}))
}

#[derive(Deserialize)]
struct Bill {
    #[serde(default)]
    rows: Vec<Task>,
    vcpu_hour: Option<f64>,
    gb_hour: Option<f64>,
    #[serde(default = "minute")]
    min_s: i64,
    #[serde(default = "disk_gb_hour")]
    disk_gb_hour: f64,
}

/// Least length of a container task that is billed, in seconds (9.7).
const fn minute() -> i64 {
    60
}

/// Price of a gigabyte of disk beyond those that are included, an hour (9.7).
const fn disk_gb_hour() -> f64 {
    0.000_111
}

/// Gigabytes of disk that a container task has for nothing (9.7).
const INCLUDED_DISK_GB: f64 = 20.0;

#[derive(Deserialize)]
struct Task {
    #[serde(default)]
    vcpu: f64,
    #[serde(default)]
    gb: f64,
    #[serde(default)]
    disk_gb: f64,
    #[serde(default)]
    run_s: f64,
}

fn bill(case: &Case) -> Result<Value, Trouble> {
    if case.request.get("arrivals_s").is_some() {
        return functions::instances(case);
    }
    if case.request.get("gb_s_rate").is_some() {
        return functions::bill(case);
    }
    let own: Bill = read(&case.request)?;
    let (Some(core), Some(gibibyte)) = (own.vcpu_hour, own.gb_hour) else {
        let words =
            "neither a bill of functions nor of container tasks, nor arrivals at a function";
        return Err(Trouble::Unsupported(words.to_owned()));
    };
    let nano = |price: f64| libm::rint(price * 1e9) as i64;
    let prices = TaskPrices {
        core_nano_per_hour: nano(core),
        gibibyte_nano_per_hour: nano(gibibyte),
        least_secs: own.min_s,
    };
    // Disk is billed as memory is, at its own price.
    let disk = TaskPrices {
        core_nano_per_hour: 0,
        gibibyte_nano_per_hour: nano(own.disk_gb_hour),
        least_secs: own.min_s,
    };
    let cost = own.rows.iter().map(|task| {
        let milli = |amount: f64| libm::rint(amount * 1e3) as i64;
        let length = Duration::from_nanos(libm::rint(task.run_s * 1e9) as i64);
        let beyond = (task.disk_gb - INCLUDED_DISK_GB).max(0.0);
        task_cost((milli(task.vcpu), milli(task.gb)), length, &prices)
            + task_cost((0, milli(beyond)), length, &disk)
    });
    Ok(json!({"cost": cost.collect::<Vec<f64>>()}))
}

#[derive(Deserialize)]
struct Recover {
    #[serde(default)]
    start_period_s: f64,
    #[serde(default)]
    interval_s: f64,
    #[serde(default)]
    start_interval_s: Option<f64>,
    #[serde(default)]
    timeout_s: f64,
    #[serde(default)]
    retries: u32,
    #[serde(default)]
    probes: Option<Vec<Probed>>,
    #[serde(default)]
    events: Vec<Seen>,
}

/// Signs of a task.
#[derive(Deserialize)]
struct Seen {
    #[serde(default)]
    exit: Option<i32>,
    #[serde(default)]
    oom: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    node_state: Option<String>,
    #[serde(default)]
    explanation: Option<String>,
    #[serde(default)]
    failures_in_10min: u32,
    #[serde(default)]
    health: Option<String>,
}

/// Whether an error is one of those that an image without a copy leads to.
fn is_about_image(error: &str) -> bool {
    let error = error.to_lowercase();
    let words = ["image", "pull", "manifest", "repository"];
    words.into_iter().any(|word| error.contains(word))
}

/// Diagnosis of each of them.
fn diagnose(events: &[Seen]) -> Value {
    let causes = events.iter().map(|own| {
        let signs = Signs {
            is_node_down: (own.node_state.as_ref())
                .is_some_and(|state| state.eq_ignore_ascii_case("down")),
            has_image_error: own.error.as_deref().is_some_and(is_about_image),
            pending: own.explanation.as_deref(),
            exit: own.exit.map(|code| (code, own.oom)),
            is_unhealthy: own.health.as_deref() == Some("unhealthy"),
            failures: own.failures_in_10min,
        };
        signs.cause().map(Cause::name)
    });
    json!({"cause": causes.collect::<Vec<_>>()})
}

#[derive(Deserialize)]
struct Probed {
    ok: bool,
    takes_s: f64,
}

fn recover(case: &Case) -> Result<Value, Trouble> {
    let own: Recover = read(&case.request)?;
    let Some(probes) = own.probes else {
        return Ok(diagnose(&own.events));
    };
    let span = |secs: f64| Duration::from_nanos(libm::rint(secs * 1e9) as i64);
    let check = HealthCheck {
        interval: span(own.interval_s),
        timeout: span(own.timeout_s),
        retries: own.retries,
        start_period: span(own.start_period_s),
        start_interval: span(own.start_interval_s.unwrap_or(own.interval_s)),
    };
    let (mut checker, mut ended) = (HealthChecker::new(check), Duration::ZERO);
    let mut timeline = Vec::new();
    for probe in &probes {
        let begun = add(ended, checker.wait(ended));
        let takes = span(probe.takes_s);
        ended = add(begun, takes.min(check.timeout));
        let state = match checker.probed(begun, probe.ok && takes <= check.timeout) {
            HealthState::Starting => "starting",
            HealthState::Healthy => "healthy",
            HealthState::Unhealthy => "unhealthy",
        };
        timeline.push(json!([ended.as_secs_f64(), state]));
    }
    Ok(json!({"timeline": timeline}))
}

fn add(one: Duration, other: Duration) -> Duration {
    one.checked_add(other).unwrap_or(Duration::MAX)
}

//! Alert rules over the time series of a run (orchestrators-a.md 9.5): evaluated every 15 s, inactive →
//! pending at the first breach → firing once it has lasted → resolved at the first evaluation without
//! one. What changes nothing is computed: evaluations within a stretch of one value are one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Text;
use crate::model::traffic::{TrafficNames, TrafficStretch};
use crate::units::{Duration, Instant};

use super::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{ClusterState, Resource};
use crate::model::latencies::Latencies;

/// How often rules are evaluated.
pub const EVERY: Duration = Duration::from_secs(15);

/// `alerts.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "alerts",
    summary: "Alerts that fired, and for how long.",
    statistics: &[
        Statistic::amount("fired", "alerts", Direction::Lower),
        Statistic::amount("firing_time", "s", Direction::Lower),
        Statistic::seconds("first"),
    ],
    formula: "fired: times that a rule began to fire, for one service or for the cluster; \
              firing_time: sum of the times that they fired; first: when the first one fired",
    denominators: "none: counts and amounts",
    census: "rules of `alerts:` of the experiment, evaluated every 15 s in the measured window",
    censoring: "what fires at the end fires until then",
    source: "orchestrators-a.md 9.5",
    construct: |setup| {
        Box::new(Alerts {
            book: AlertBook::new(&setup.alerts),
            ..Alerts::default()
        })
    },
};

/// What a series of the whole cluster is called, and its value; `None` where there is none.
type ClusterSeries = (&'static str, fn(&ClusterState) -> Option<f64>);

/// What a series of a service is called, and its value.
type ServiceSeries = (
    &'static str,
    fn(&TrafficStretch, &TrafficNames) -> Option<f64>,
);

/// The series of the whole cluster that rules can be about.
pub const CLUSTER_SERIES: &[ClusterSeries] = &[
    ("pods.pending", |state| Some(state.pending as f64)),
    ("pods.running", |state| Some(state.running as f64)),
    ("nodes.up", |state| Some(state.nodes_up as f64)),
    ("allocation.cpu", |state| share(state, Resource::Cpu)),
    ("allocation.memory", |state| share(state, Resource::Memory)),
    ("allocation.gpu", |state| share(state, Resource::Gpu)),
];

/// The series of services that rules can be about.
pub const SERVICE_SERIES: &[ServiceSeries] = &[
    ("requests.per_second", |stretch, _| {
        let offered: u64 = stretch.flows.iter().map(|flow| flow.offered).sum();
        Some(offered as f64 / secs(stretch))
    }),
    ("requests.error_rate", |stretch, _| {
        let failed: u64 = stretch
            .flows
            .iter()
            .map(super::super::model::traffic::FlowCounts::failures)
            .sum();
        let served: u64 = stretch.flows.iter().map(|flow| flow.succeeded).sum();
        (served + failed > 0).then(|| failed as f64 / (served + failed) as f64)
    }),
    ("requests.retries", |stretch, _| {
        let retries: u64 = stretch.flows.iter().map(|flow| flow.retries).sum();
        Some(retries as f64 / secs(stretch))
    }),
    ("latency.p50", |stretch, names| {
        percentile(stretch, names, 500)
    }),
    ("latency.p90", |stretch, names| {
        percentile(stretch, names, 900)
    }),
    ("latency.p99", |stretch, names| {
        percentile(stretch, names, 990)
    }),
    ("service_saturation", |stretch, _| {
        (stretch.slots > 0.0).then(|| stretch.in_service / stretch.slots)
    }),
    ("queue_length", |stretch, _| Some(stretch.waiting)),
    ("endpoints", |stretch, _| Some(stretch.endpoints)),
];

fn share(state: &ClusterState, resource: Resource) -> Option<f64> {
    let of = resource as usize;
    let (part, whole) = (state.allocated.0[of], state.capacity.0[of]);
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn secs(stretch: &TrafficStretch) -> f64 {
    stretch.nanos().max(1) as f64 / 1e9
}

fn percentile(stretch: &TrafficStretch, names: &TrafficNames, per_mille: u32) -> Option<f64> {
    let mut all = Latencies::default();
    for flow in &stretch.flows {
        all.add(&flow.latencies);
    }
    let nanos = all.sorted(&names.profiles).percentile(per_mille)?;
    Some(nanos as f64 / 1e9)
}

/// Every series by name.
pub fn series_names() -> Vec<&'static str> {
    let cluster = CLUSTER_SERIES.iter().map(|(name, _)| *name);
    let services = SERVICE_SERIES.iter().map(|(name, _)| *name);
    cluster.chain(services).collect()
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What it is called.
    pub name: Text,
    /// The series that it is about: one of [`series_names`].
    pub series: Text,
    /// Only this service, as `NAMESPACE/NAME`; `None` is each by itself.
    pub service: Option<Text>,
    /// It breaches above this.
    pub above: Option<f64>,
    /// It breaches below this.
    pub below: Option<f64>,
    /// How long a breach lasts before it fires.
    pub lasts: Duration,
}

impl Rule {
    fn is_breach(&self, value: f64) -> bool {
        self.above.is_some_and(|above| value > above)
            || self.below.is_some_and(|below| value < below)
    }
}

/// What a rule came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A breach began.
    Pending,
    /// It has lasted.
    Firing,
    /// It was over before it fired.
    Inactive,
    /// It was over after it fired.
    Resolved,
}

impl Turn {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Inactive => "inactive",
            Self::Resolved => "resolved",
        }
    }
}

/// A turn of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// When.
    pub at: Instant,
    /// The rule, by its number.
    pub rule: usize,
    /// The service that it is about; empty for the cluster.
    pub service: Text,
    /// What it came to.
    pub turn: Turn,
    /// The value then.
    pub value: f64,
}

/// A rule at work, for one service or the cluster.
#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    /// When the breach was seen first.
    since: Option<Instant>,
    is_firing: bool,
}

impl Watch {
    /// A value holds from one instant until just before another; what the rule came to.
    fn hold(
        &mut self,
        rule: &Rule,
        (from, to): (Instant, Instant),
        value: Option<f64>,
        turn: &mut dyn FnMut(Instant, Turn),
    ) {
        let every = EVERY.as_nanos();
        let next = |at: Instant| {
            let number = (at.as_nanos() + every - 1) / every;
            Instant::from_nanos(number.saturating_mul(every))
        };
        let first = next(from);
        if first >= to {
            return;
        }
        if !value.is_some_and(|value| rule.is_breach(value)) {
            if self.since.take().is_some() {
                let was_firing = std::mem::take(&mut self.is_firing);
                turn(
                    first,
                    if was_firing {
                        Turn::Resolved
                    } else {
                        Turn::Inactive
                    },
                );
            }
            return;
        }
        let since = *self.since.get_or_insert_with(|| {
            if rule.lasts > Duration::ZERO {
                turn(first, Turn::Pending);
            }
            first
        });
        if !self.is_firing {
            let due = next(since.saturating_add(rule.lasts)).max(first);
            if due < to {
                self.is_firing = true;
                turn(due, Turn::Firing);
            }
        }
    }
}

/// All rules at work.
#[derive(Clone, Debug, Default)]
pub struct AlertBook {
    rules: Arc<[Rule]>,
    cluster: Vec<Watch>,
    services: BTreeMap<(usize, u32), Watch>,
}

impl AlertBook {
    /// Rules that have seen nothing.
    pub fn new(rules: &Arc<[Rule]>) -> Self {
        Self {
            rules: Arc::clone(rules),
            cluster: vec![Watch::default(); rules.len()],
            services: BTreeMap::new(),
        }
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The cluster's state held from one instant until just before another.
    pub fn held(
        &mut self,
        state: &ClusterState,
        span: (Instant, Instant),
        into: &mut Vec<Transition>,
    ) {
        for (number, rule) in self.rules.iter().enumerate() {
            let known = CLUSTER_SERIES
                .iter()
                .find(|(name, _)| **name == *rule.series);
            let Some((_, of)) = known else { continue };
            let value = of(state);
            self.cluster[number].hold(rule, span, value, &mut |at, turn| {
                into.push(Transition {
                    at,
                    rule: number,
                    service: Text::default(),
                    turn,
                    value: value.unwrap_or(f64::NAN),
                });
            });
        }
    }

    /// A stretch of a service.
    pub fn traffic(
        &mut self,
        stretch: &TrafficStretch,
        names: &TrafficNames,
        into: &mut Vec<Transition>,
    ) {
        for (number, rule) in self.rules.iter().enumerate() {
            let known = SERVICE_SERIES
                .iter()
                .find(|(name, _)| **name == *rule.series);
            let Some((_, of)) = known else { continue };
            let service = &names.services[stretch.service as usize];
            if rule.service.as_ref().is_some_and(|own| own != service) {
                continue;
            }
            // Without an evaluation in it there is nothing to look at.
            let every = EVERY.as_nanos();
            let first = (stretch.from.as_nanos() + every - 1) / every * every;
            if first >= stretch.to.as_nanos() {
                continue;
            }
            let value = of(stretch, names);
            let watch = self.services.entry((number, stretch.service)).or_default();
            watch.hold(rule, (stretch.from, stretch.to), value, &mut |at, turn| {
                into.push(Transition {
                    at,
                    rule: number,
                    service: service.clone(),
                    turn,
                    value: value.unwrap_or(f64::NAN),
                });
            });
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Alerts {
    book: AlertBook,
    turns: Vec<Transition>,
}

impl Collector for Alerts {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Spans, Heard::Traffic]
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        if !self.book.rules().is_empty() {
            self.book.held(state, (span.from, span.to), &mut self.turns);
        }
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        self.book.traffic(stretch, names, &mut self.turns);
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let id = |name: &str| format!("{}.{name}", ENTRY.subject);
        let any = if self.book.rules().is_empty() {
            Err("no alert rule is stated".to_owned())
        } else {
            Ok(())
        };
        let mut fired = 0;
        let mut nanos = 0_i64;
        let mut first: Option<Instant> = None;
        let mut open: BTreeMap<(usize, &Text), Instant> = BTreeMap::new();
        for turn in &self.turns {
            let key = (turn.rule, &turn.service);
            match turn.turn {
                Turn::Firing => {
                    fired += 1;
                    first = Some(first.map_or(turn.at, |known| known.min(turn.at)));
                    open.insert(key, turn.at);
                }
                Turn::Resolved => {
                    let since = open.remove(&key);
                    nanos += since.map_or(0, |since| turn.at.since(since).as_nanos());
                }
                Turn::Pending | Turn::Inactive => {}
            }
        }
        nanos += open
            .values()
            .map(|since| end.window.to.since(*since).as_nanos().max(0))
            .sum::<i64>();
        let of = |value: f64| any.clone().map(|()| value);
        let began = any.clone().and_then(|()| {
            let first = first.map(Instant::as_secs_f64);
            first.ok_or_else(|| "no alert fired".to_owned())
        });
        vec![
            MetricValue::new(id("fired"), of(f64::from(fired))),
            MetricValue::new(id("firing_time"), of(nanos as f64 / 1e9)),
            MetricValue::new(id("first"), began),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_turns_as_in_the_worked_example() {
        // > 0.8 for 60 s every 15 s.
        let rule = Rule {
            name: "high".into(),
            series: "allocation.cpu".into(),
            service: None,
            above: Some(0.8),
            below: None,
            lasts: Duration::from_secs(60),
        };
        let samples = [0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.95, 0.4, 0.9];
        let at = Instant::from_secs;
        let follow = |cut: &[(i64, i64)], value: &dyn Fn(i64) -> f64| {
            let (mut watch, mut found) = (Watch::default(), Vec::new());
            for &(from, to) in cut {
                let mut turn =
                    |at: Instant, turn| found.push((at.as_nanos() / 1_000_000_000, turn));
                watch.hold(&rule, (at(from), at(to)), Some(value(from)), &mut turn);
            }
            found
        };
        let steps: Vec<(i64, i64)> = (0..9).map(|step| (step * 15, step * 15 + 15)).collect();
        let expected = [
            (15, Turn::Pending),
            (75, Turn::Firing),
            (105, Turn::Resolved),
            (120, Turn::Pending),
        ];
        assert_eq!(
            follow(&steps, &|from| samples[(from / 15) as usize]),
            expected
        );
        // Stretches of one value at once come to the same, and what lies between two evaluations to
        // nothing.
        let cut = [
            (0, 15),
            (15, 90),
            (90, 100),
            (100, 104),
            (104, 106),
            (106, 120),
            (120, 400),
        ];
        let found = follow(&cut, &|from| match from {
            0 | 104 => 0.1,
            _ => 0.9,
        });
        assert_eq!(found[..3], expected[..3]);
        assert_eq!(found[3..], [(120, Turn::Pending), (180, Turn::Firing)]);
    }
}

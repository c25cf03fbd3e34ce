//! All rules of a run at work, for the cluster and for services one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Text;
use model::traffic::{TrafficNames, TrafficStretch};
use units::Instant;

use super::EVERY;
use super::rule::{Rule, Turn, Watch, next_evaluation};
use super::series::{CLUSTER_SERIES, Kind, SERVICE_SERIES};
use crate::record::state::ClusterState;

/// A turn of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// When.
    pub at: Instant,
    /// The rule, by its number.
    pub rule: usize,
    /// The service that it is about; empty for the cluster.
    pub service: Text,
    /// The change of state.
    pub turn: Turn,
    /// The value then; `None` where there was none.
    pub value: Option<f64>,
}

/// All rules at work.
#[derive(Clone, Debug, Default)]
pub struct AlertBook {
    rules: Arc<[Rule]>,
    /// Where the values of each rule come from; `None` of a name that nothing has.
    kinds: Vec<Option<Kind>>,
    /// By rule.
    cluster: Vec<Watch>,
    /// By rule and service.
    services: BTreeMap<(usize, Text), Watch>,
    turns: Vec<Transition>,
    /// When rules about metrics are evaluated next, if there are any.
    due: Option<Instant>,
}

impl AlertBook {
    /// Rules that have seen nothing.
    pub fn new(rules: &Arc<[Rule]>) -> Self {
        let kinds: Vec<Option<Kind>> = rules.iter().map(|rule| Kind::of(&rule.series)).collect();
        let mut services = BTreeMap::new();
        for (number, rule) in rules.iter().enumerate() {
            // What is never told of is absent.
            if let (Some(Kind::Service(_)), Some(service)) = (kinds[number], &rule.service) {
                services.insert((number, service.clone()), Watch::default());
            }
        }
        let has_metrics = kinds
            .iter()
            .any(|kind| matches!(kind, Some(Kind::Metric(..))));
        Self {
            rules: Arc::clone(rules),
            cluster: vec![Watch::default(); rules.len()],
            services,
            due: has_metrics.then_some(Instant::ZERO),
            turns: Vec::new(),
            kinds,
        }
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<[Rule]> {
        &self.rules
    }

    /// The cluster's state held from one instant until just before another.
    pub fn held(&mut self, state: &ClusterState, span: (Instant, Instant)) {
        for number in 0..self.rules.len() {
            if let Some(Kind::Cluster(place)) = self.kinds[number] {
                let value = CLUSTER_SERIES[place].1(state);
                self.watch(number, span, value);
            }
        }
    }

    fn watch(&mut self, number: usize, span: (Instant, Instant), value: Option<f64>) {
        let (rule, turns) = (&self.rules[number], &mut self.turns);
        self.cluster[number].hold(rule, span, value, &mut |at, turn, value| {
            turns.push(Transition {
                at,
                rule: number,
                service: Text::default(),
                turn,
                value,
            });
        });
    }

    /// Before which instant rules about metrics are to be evaluated, if that is before another.
    pub fn due_before(&self, at: Instant) -> Option<Instant> {
        self.due.filter(|due| *due < at)
    }

    /// The metrics that rules are about, by rule: family and place of the statistic.
    pub fn metrics(&self) -> impl Iterator<Item = (usize, &'static str, usize)> {
        let kinds = self.kinds.iter().enumerate();
        kinds.filter_map(|(number, kind)| match kind {
            Some(Kind::Metric(subject, place)) => Some((number, *subject, *place)),
            _ => None,
        })
    }

    /// The values of metrics at the instant that is due, by rule.
    pub fn evaluate(&mut self, values: &[(usize, Option<f64>)]) {
        let Some(at) = self.due else { return };
        let next = at.saturating_add(EVERY);
        self.due = Some(next);
        for &(number, value) in values {
            self.watch(number, (at, next), value);
        }
    }

    /// A stretch of a service.
    pub fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        let span = (stretch.from, stretch.to);
        // Without an evaluation in it there is nothing to look at.
        if self.rules.is_empty() || next_evaluation(span.0) >= span.1 {
            return;
        }
        for (number, rule) in self.rules.iter().enumerate() {
            let Some(Kind::Service(place)) = self.kinds[number] else {
                continue;
            };
            let service = &names.services[stretch.service as usize];
            if rule.service.as_ref().is_some_and(|own| own != service) {
                continue;
            }
            let value = SERVICE_SERIES[place].1(stretch, names);
            let watch = self.services.entry((number, service.clone())).or_default();
            let turns = &mut self.turns;
            let mut turn = |at, turn, value| {
                turns.push(Transition {
                    at,
                    rule: number,
                    service: service.clone(),
                    turn,
                    value,
                });
            };
            if watch.until < span.0 {
                watch.hold(rule, (watch.until, span.0), None, &mut turn);
            }
            watch.hold(rule, span, value, &mut turn);
        }
    }

    /// The run is over: what became of the rules, in order of time.
    pub fn finish(mut self, end: Instant) -> Vec<Transition> {
        let turns = &mut self.turns;
        for ((number, service), watch) in &mut self.services {
            if watch.until >= end {
                continue;
            }
            let span = (watch.until, end);
            watch.hold(&self.rules[*number], span, None, &mut |at, turn, value| {
                turns.push(Transition {
                    at,
                    rule: *number,
                    service: service.clone(),
                    turn,
                    value,
                });
            });
        }
        self.turns.sort_by_key(|turn| turn.at);
        self.turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Duration;

    #[test]
    fn a_service_that_nobody_asks_is_absent() {
        let rule = Rule {
            name: "gone".into(),
            series: "requests.per_second".into(),
            service: Some("default/web".into()),
            absent: true,
            lasts: Duration::from_secs(60),
            ..Rule::default()
        };
        let mut book = AlertBook::new(&[rule].into());
        let names = TrafficNames {
            services: vec!["default/web".into()],
            ..TrafficNames::default()
        };
        let at = Instant::from_secs;
        let stretch = TrafficStretch {
            service: 0,
            from: at(600),
            to: at(900),
            flows: Vec::new(),
            endpoints: 1.0,
            in_service: 0.0,
            slots: 1.0,
            waiting: 0.0,
            tries: 0,
            function: None,
        };
        book.traffic(&stretch, &names);
        let turns: Vec<(Instant, Turn)> = (book.finish(at(1_200)).iter())
            .map(|own| (own.at, own.turn))
            .collect();
        let expected = [
            (at(0), Turn::Pending),
            (at(60), Turn::Firing),
            (at(600), Turn::Resolved),
            (at(900), Turn::Pending),
            (at(960), Turn::Firing),
        ];
        assert_eq!(turns, expected);
    }
}

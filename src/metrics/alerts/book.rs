//! All rules of a run at work, for the cluster and for services one by one.

use std::sync::Arc;

use model::Text;
use model::traffic::{TrafficNames, TrafficStretch};
use units::{Instant, SortedMap};

use super::EVERY;
use super::rule::{Rule, StateChange, Watch, next_evaluation};
use crate::statistics::span::Span;

/// A turn of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Instant of the transition.
    pub at: Instant,
    /// The rule, by its number.
    pub rule: usize,
    /// The service that it is about; empty for the cluster.
    pub service: Text,
    /// The change of state.
    pub turn: StateChange,
    /// The value then; `None` where there was none.
    pub value: Option<f64>,
}

/// Subject of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSubject {
    /// The whole cluster.
    Cluster,
    /// Each service by itself.
    Services,
    /// A metric, over the measured window so far.
    Metric,
}

/// All rules at work.
#[derive(Clone, Debug, Default)]
pub struct AlertBook {
    rules: Arc<[Rule]>,
    /// Subject of each rule; `None` of a name that nothing has.
    about: Vec<Option<RuleSubject>>,
    /// By rule.
    cluster: Vec<Watch>,
    /// By rule and service.
    services: SortedMap<(usize, Text), Watch>,
    turns: Vec<Transition>,
    /// Instant at which rules about metrics are evaluated next, if there are any.
    due: Option<Instant>,
}

impl AlertBook {
    /// Rules that have seen nothing, and what each of them is about.
    pub fn new(rules: &Arc<[Rule]>, about: Vec<Option<RuleSubject>>) -> Self {
        let mut services = SortedMap::new();
        for (number, rule) in rules.iter().enumerate() {
            // What is never told of is absent.
            if let (Some(RuleSubject::Services), Some(service)) = (about[number], &rule.service) {
                services.insert((number, service.clone()), Watch::default());
            }
        }
        let has_metrics = about.contains(&Some(RuleSubject::Metric));
        Self {
            rules: Arc::clone(rules),
            cluster: vec![Watch::default(); rules.len()],
            services,
            due: has_metrics.then_some(Instant::ZERO),
            turns: Vec::new(),
            about,
        }
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<[Rule]> {
        &self.rules
    }

    /// The values of rules about the cluster held for a span.
    pub fn held(&mut self, span: Span, value: impl Fn(usize) -> Option<f64>) {
        for number in 0..self.rules.len() {
            if self.about[number] == Some(RuleSubject::Cluster) {
                self.watch(number, span, value(number));
            }
        }
    }

    fn watch(&mut self, number: usize, span: Span, value: Option<f64>) {
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

    /// Evaluates the rules about metrics at the instant that is due.
    pub fn evaluate(&mut self, value: impl Fn(usize) -> Option<f64>) {
        let Some(from) = self.due else { return };
        let to = from.saturating_add(EVERY);
        self.due = Some(to);
        for number in 0..self.rules.len() {
            if self.about[number] == Some(RuleSubject::Metric) {
                self.watch(number, Span { from, to }, value(number));
            }
        }
    }

    /// A stretch of a service, and the values of rules about services in it.
    pub fn traffic(
        &mut self,
        stretch: &TrafficStretch,
        names: &TrafficNames,
        value: impl Fn(usize) -> Option<f64>,
    ) {
        let span = Span {
            from: stretch.from,
            to: stretch.to,
        };
        // Without an evaluation in it there is nothing to look at.
        if self.rules.is_empty() || next_evaluation(span.from) >= span.to {
            return;
        }
        for (number, rule) in self.rules.iter().enumerate() {
            if self.about[number] != Some(RuleSubject::Services) {
                continue;
            }
            let service = &names.services[stretch.service as usize];
            if rule.service.as_ref().is_some_and(|own| own != service) {
                continue;
            }
            let value = value(number);
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
            if watch.until < span.from {
                let gap = Span {
                    from: watch.until,
                    to: span.from,
                };
                watch.hold(rule, gap, None, &mut turn);
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
            let span = Span {
                from: watch.until,
                to: end,
            };
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
        let mut book = AlertBook::new(&[rule].into(), vec![Some(RuleSubject::Services)]);
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
        book.traffic(&stretch, &names, |_| Some(0.0));
        let turns: Vec<(Instant, StateChange)> = (book.finish(at(1_200)).iter())
            .map(|own| (own.at, own.turn))
            .collect();
        let expected = [
            (at(0), StateChange::Pending),
            (at(60), StateChange::Firing),
            (at(600), StateChange::Resolved),
            (at(900), StateChange::Pending),
            (at(960), StateChange::Firing),
        ];
        assert_eq!(turns, expected);
    }
}

//! The alert rules of a scenario, and who is told of them.

use std::sync::Arc;

use metrics::alerts::{AlertLabels, Inhibition, Route, Rule, Silence};
use scenario::Scenario;
use scenario::scalar::Bound;
use units::{Instant, SortedMap};

/// The rules, in written order.
pub fn alerts(scenario: &Scenario) -> Arc<[Rule]> {
    let bound = |bound: &Bound| match bound {
        Bound::Number(number) => *number,
        Bound::Duration(span) => span.as_secs_f64(),
    };
    let rules = scenario.alerts.iter().map(|own| Rule {
        name: own.name.as_str().into(),
        series: own.metric.as_str().into(),
        service: own.service.as_deref().map(Into::into),
        above: own.above.as_ref().map(bound),
        below: own.below.as_ref().map(bound),
        absent: own.absent,
        lasts: own.lasts,
        keep_firing: own.keep_firing_for,
        points: own.points.map(|own| (own.breaching, own.of)),
        increase: own.increase,
        labels: labels(&own.labels),
    });
    rules.collect()
}

fn labels(written: &SortedMap<String, String>) -> AlertLabels {
    let pairs = written.iter();
    pairs
        .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
        .collect()
}

/// Rule by which alerts are notified.
pub fn route(scenario: &Scenario) -> Arc<Route> {
    let own = scenario.notifications.clone().unwrap_or_default();
    let text = |list: &[String]| list.iter().map(|own| own.as_str().into()).collect();
    Arc::new(Route {
        group_by: text(&own.group_by),
        group_wait: own.group_wait,
        group_interval: own.group_interval,
        repeat_interval: own.repeat_interval,
        inhibitions: (own.inhibit.iter())
            .map(|rule| Inhibition {
                source: labels(&rule.source),
                target: labels(&rule.target),
                equal: text(&rule.equal),
            })
            .collect(),
        silences: (own.silences.iter())
            .map(|silence| Silence {
                matchers: labels(&silence.matchers),
                from: Instant::ZERO + silence.at,
                to: Instant::ZERO + silence.at + silence.lasts,
            })
            .collect(),
    })
}

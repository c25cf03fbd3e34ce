//! Quality of alerts, measured against the injected failures (orchestrators-a.md 9.5, measures):
//! the part of the alerts that concerned a failure, the part of the failures that an alert
//! reported, and the delay.

use cluster::Incident;
use cluster::observe::EVICTION_REFUSED;
use units::{Duration, Instant};

use super::book::Transition;
use super::rule::StateChange;

/// An alert that fires within this time after a failure is over is still about it.
const LATE: Duration = Duration::from_secs(300);

/// Operator actions, which are not failures themselves.
const DEEDS: [&str; 4] = ["cordoned", "drained", EVICTION_REFUSED, "upgraded"];

/// A failure: what was made to fail of one kind at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InjectedFault {
    /// Kind of failure, such as `down`.
    pub what: &'static str,
    /// Start of the failure.
    pub from: Instant,
    /// End of the whole failure; `None` if part of it lasts.
    pub to: Option<Instant>,
    /// Number of strikes that are not over.
    open: u64,
}

impl InjectedFault {
    /// Whether an instant is within it, or so little after it that it is about it.
    pub fn covers(&self, at: Instant) -> bool {
        let is_before_end = self.to.is_none_or(|to| at <= to.saturating_add(LATE));
        self.from <= at && is_before_end
    }
}

/// Takes what begins or is over into a list.
pub fn follow(list: &mut Vec<InjectedFault>, at: Instant, incident: Incident) {
    if DEEDS.contains(&incident.what) {
        return;
    }
    let mut known = list.iter_mut().rev();
    if incident.begins {
        match known.find(|own| own.what == incident.what && own.from == at) {
            Some(own) => own.open += 1,
            None => list.push(InjectedFault {
                what: incident.what,
                from: at,
                to: None,
                open: 1,
            }),
        }
        return;
    }
    let open = list.iter_mut();
    let mut open = open.filter(|own| own.what == incident.what && own.open > 0);
    if let Some(own) = open.next() {
        own.open -= 1;
        if own.open == 0 {
            own.to = Some(at);
        }
    }
}

/// Quality of alerts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Alerts that fired.
    pub fired: u64,
    /// Alerts that fired and were about a failure.
    pub right: u64,
    /// Failures.
    pub failures: u64,
    /// Failures that an alert was about.
    pub told: u64,
    /// Average time until an alert fired, in seconds.
    pub delay: Option<f64>,
}

/// Holds what fired against what failed.
pub fn quality(turns: &[Transition], injected: &[InjectedFault]) -> Quality {
    // When each fired, and until when.
    let mut episodes: Vec<(Instant, Option<Instant>)> = Vec::new();
    for (place, turn) in turns.iter().enumerate() {
        if turn.turn == StateChange::Firing {
            let mut later = turns[place..].iter();
            let over = later.find(|own| {
                own.turn == StateChange::Resolved
                    && own.rule == turn.rule
                    && own.service == turn.service
            });
            episodes.push((turn.at, over.map(|own| own.at)));
        }
    }
    let is_about = |(from, to): &(Instant, Option<Instant>), failure: &InjectedFault| {
        // One that fires already goes on to tell of it.
        failure.covers(*from) || (*from <= failure.from && to.is_none_or(|to| to > failure.from))
    };
    let right = episodes.iter();
    let right = right.filter(|own| injected.iter().any(|failure| is_about(own, failure)));
    let delays: Vec<f64> = (injected.iter())
        .filter_map(|failure| {
            let about = episodes.iter().filter(|episode| is_about(episode, failure));
            let first = about.map(|(from, _)| (*from).max(failure.from)).min()?;
            Some(first.since(failure.from).as_secs_f64())
        })
        .collect();
    let told = delays.len() as u64;
    Quality {
        fired: episodes.len() as u64,
        right: right.count() as u64,
        failures: injected.len() as u64,
        told,
        delay: (told > 0).then(|| delays.iter().sum::<f64>() / told as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fired_is_held_against_what_failed() {
        let at = Instant::from_secs;
        let mut injected = Vec::new();
        let mut tell = |secs, what, begins| {
            let incident = Incident {
                what,
                node: None,
                begins,
            };
            follow(&mut injected, at(secs), incident);
        };
        // Two nodes at once are one failure; a cordon is none.
        for (secs, what, begins) in [
            (100, "down", true),
            (100, "down", true),
            (100, "cordoned", true),
            (200, "down", false),
            (250, "down", false),
            (5_000, "slow API", true),
        ] {
            tell(secs, what, begins);
        }
        assert_eq!(injected.len(), 2);
        assert_eq!((injected[0].to, injected[1].to), (Some(at(250)), None));
        let turn = |secs, rule, turn| Transition {
            at: at(secs),
            rule,
            service: "".into(),
            turn,
            value: None,
        };
        // One is about the nodes, one about nothing.
        let turns = [
            turn(160, 0, StateChange::Firing),
            turn(300, 0, StateChange::Resolved),
            turn(1_000, 1, StateChange::Firing),
            turn(1_100, 1, StateChange::Resolved),
        ];
        let expected = Quality {
            fired: 2,
            right: 1,
            failures: 2,
            told: 1,
            delay: Some(60.0),
        };
        assert_eq!(quality(&turns, &injected), expected);
    }

    #[test]
    fn an_alert_lasts_until_it_is_resolved_for_its_own_service() {
        let at = Instant::from_secs;
        let injected = [InjectedFault {
            what: "down",
            from: at(100),
            to: Some(at(250)),
            open: 0,
        }];
        let turn = |secs, service: &str, turn| Transition {
            at: at(secs),
            rule: 0,
            service: service.into(),
            turn,
            value: None,
        };
        // The alert of the first service still fires when the nodes fail.
        let turns = [
            turn(50, "one", StateChange::Firing),
            turn(60, "other", StateChange::Firing),
            turn(90, "other", StateChange::Resolved),
            turn(300, "one", StateChange::Resolved),
        ];
        let expected = Quality {
            fired: 2,
            right: 1,
            failures: 1,
            told: 1,
            delay: Some(0.0),
        };
        assert_eq!(quality(&turns, &injected), expected);
    }
}

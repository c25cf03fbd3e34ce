//! A rule, and what it is for one service or the cluster: inactive → pending at the first breach →
//! firing once it has lasted → resolved at the first evaluation without one. Evaluations in a row that
//! come to the same are one.

use std::collections::VecDeque;

use model::Text;
use units::{Duration, Instant, SortedMap};

use super::EVERY;
use crate::statistics::span::Span;

/// A rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// Name of the rule.
    pub name: Text,
    /// The series that it is about: a live series, or a metric of the registry.
    pub series: Text,
    /// Only this service, as `NAMESPACE/NAME`; `None` is each by itself.
    pub service: Option<Text>,
    /// Bound above which the rule is breached.
    pub above: Option<f64>,
    /// Bound below which the rule is breached.
    pub below: Option<f64>,
    /// `true` if the rule is breached where there is no value.
    pub absent: bool,
    /// Time for which a breach lasts before the rule fires.
    pub lasts: Duration,
    /// Time for which the rule goes on to fire once the breach is over.
    pub keep_firing: Duration,
    /// Number of the last values that must breach, and the number of values looked at; `None` reads
    /// the last value alone.
    pub points: Option<(u32, u32)>,
    /// Time over which the gain of a counter is read, rather than its value.
    pub increase: Option<Duration>,
    /// Further labels, for routes and inhibitions.
    pub labels: SortedMap<Text, Text>,
}

/// Most values that a rule of some of the last values looks at.
pub const POINTS_MAX: u32 = 64;

impl Rule {
    /// Whether a value breaches it.
    pub fn is_breach(&self, value: Option<f64>) -> bool {
        value.map_or(self.absent, |value| {
            self.above.is_some_and(|above| value > above)
                || self.below.is_some_and(|below| value < below)
        })
    }
}

/// Change of a rule's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// A breach began.
    Pending,
    /// It has lasted.
    Firing,
    /// It was over before it fired.
    Inactive,
    /// It was over after it fired.
    Resolved,
}

impl StateChange {
    /// Name of the turn.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Inactive => "inactive",
            Self::Resolved => "resolved",
        }
    }
}

/// The first evaluation at an instant or after it.
pub(super) fn next_evaluation(at: Instant) -> Instant {
    let every = EVERY.as_nanos();
    let number = at.as_nanos() / every + i64::from(at.as_nanos() % every > 0);
    Instant::from_nanos(number.saturating_mul(every))
}

/// A rule at work.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// Instant at which the breach was seen first.
    since: Option<Instant>,
    /// Instant at which a rule that fires was first seen without breach.
    clear_since: Option<Instant>,
    is_firing: bool,
    /// Breaches among the last values: the last one is bit 0.
    points: u64,
    counter: Counter,
    /// Instant up to which values were seen.
    pub until: Instant,
}

impl Watch {
    /// A value holds from one instant until just before another; what the rule came to.
    pub(super) fn hold(
        &mut self,
        rule: &Rule,
        span: Span,
        value: Option<f64>,
        turn: &mut dyn FnMut(Instant, StateChange, Option<f64>),
    ) {
        self.until = self.until.max(span.to);
        let mut at = next_evaluation(span.from);
        while at < span.to {
            let value = match rule.increase {
                Some(within) => value.map(|value| self.counter.gained(at, value, within)),
                None => value,
            };
            let breaches = rule.is_breach(value);
            let all_before = self.points;
            self.evaluate(rule, at, breaches, &mut |at, own| turn(at, own, value));
            if rule.increase.is_none() && self.is_still(rule, breaches, all_before) {
                return;
            }
            at = at.saturating_add(EVERY);
            // A breach that only has to last is computed.
            if breaches
                && rule.points.is_none()
                && rule.increase.is_none()
                && !self.is_firing
                && let Some(since) = self.since
            {
                at = next_evaluation(since.saturating_add(rule.lasts)).max(at);
            }
        }
    }

    /// Whether further evaluations that come to the same change nothing.
    fn is_still(&self, rule: &Rule, breaches: bool, points_before: u64) -> bool {
        if rule.points.is_some() && points_before != self.points {
            return false;
        }
        if breaches {
            self.is_firing && self.clear_since.is_none()
        } else {
            self.since.is_none()
        }
    }

    fn evaluate(
        &mut self,
        rule: &Rule,
        at: Instant,
        breaches: bool,
        turn: &mut dyn FnMut(Instant, StateChange),
    ) {
        let breaches = match rule.points {
            None => breaches,
            Some((least, of)) => {
                let kept = u64::MAX >> (u64::BITS - of.clamp(1, POINTS_MAX));
                self.points = (self.points << 1 | u64::from(breaches)) & kept;
                self.points.count_ones() >= least
            }
        };
        if breaches {
            self.clear_since = None;
            let since = *self.since.get_or_insert_with(|| {
                if rule.lasts > Duration::ZERO {
                    turn(at, StateChange::Pending);
                }
                at
            });
            if !self.is_firing && at.since(since) >= rule.lasts {
                self.is_firing = true;
                turn(at, StateChange::Firing);
            }
        } else if self.is_firing {
            let clear = *self.clear_since.get_or_insert(at);
            if at.since(clear) >= rule.keep_firing {
                (self.is_firing, self.since, self.clear_since) = (false, None, None);
                turn(at, StateChange::Resolved);
            }
        } else if self.since.take().is_some() {
            turn(at, StateChange::Inactive);
        }
    }
}

/// Increase of a counter within a time: positive differences, and after a reset the new value
/// itself.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    last: Option<f64>,
    /// Total increase at each of the last evaluations.
    sums: VecDeque<(Instant, f64)>,
}

impl Counter {
    /// A value seen at an instant: what it gained within the time before.
    pub fn gained(&mut self, at: Instant, value: f64, span: Duration) -> f64 {
        // What a counter has when it is seen first was gained from nothing.
        let before = self.last.replace(value).unwrap_or(0.0);
        let step = if value < before {
            value
        } else {
            value - before
        };
        let sum = self.sums.back().map_or(0.0, |(_, sum)| *sum) + step;
        self.sums.push_back((at, sum));
        let begins = at.saturating_add(Duration::from_nanos(-span.as_nanos()));
        let mut base = 0.0;
        while let Some(&(then, own)) = self.sums.front()
            && then <= begins
        {
            base = own;
            if self.sums.get(1).is_some_and(|(next, _)| *next <= begins) {
                self.sums.pop_front();
            } else {
                break;
            }
        }
        sum - base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Instant {
        Instant::from_secs(secs)
    }

    /// The turns of a rule over values of 15 s each, cut as they are.
    fn follow(rule: &Rule, values: &[Option<f64>]) -> Vec<(i64, StateChange)> {
        let (mut watch, mut found) = (Watch::default(), Vec::new());
        for (step, value) in (0..).zip(values) {
            let span = Span {
                from: at(step * 15),
                to: at(step * 15 + 15),
            };
            watch.hold(rule, span, *value, &mut |at, turn, _| {
                found.push((at.as_nanos() / 1_000_000_000, turn));
            });
        }
        found
    }

    fn high(lasts: i64) -> Rule {
        Rule {
            above: Some(0.8),
            lasts: Duration::from_secs(lasts),
            ..Rule::default()
        }
    }

    #[test]
    fn a_rule_turns_as_in_the_worked_example() {
        // > 0.8 for 60 s every 15 s.
        let rule = high(60);
        let samples = [0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.95, 0.4, 0.9].map(Some);
        let expected = [
            (15, StateChange::Pending),
            (75, StateChange::Firing),
            (105, StateChange::Resolved),
            (120, StateChange::Pending),
        ];
        assert_eq!(follow(&rule, &samples), expected);
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
        let (mut watch, mut found) = (Watch::default(), Vec::new());
        for (from, to) in cut {
            let value = if matches!(from, 0 | 104) { 0.1 } else { 0.9 };
            watch.hold(
                &rule,
                Span {
                    from: at(from),
                    to: at(to),
                },
                Some(value),
                &mut |at, turn, _| {
                    found.push((at.as_nanos() / 1_000_000_000, turn));
                },
            );
        }
        assert_eq!(found[..3], expected[..3]);
        assert_eq!(
            found[3..],
            [(120, StateChange::Pending), (180, StateChange::Firing)]
        );
    }

    #[test]
    fn three_of_five_are_those_of_the_worked_example() {
        let rule = Rule {
            above: Some(0.5),
            points: Some((3, 5)),
            ..Rule::default()
        };
        // Points 1 to 8; alarm at 5 and 6 only.
        let values = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0].map(Some);
        let expected = [
            (4 * 15, StateChange::Firing),
            (6 * 15, StateChange::Resolved),
        ];
        assert_eq!(follow(&rule, &values), expected);
        // One stretch of a value counts as often as it is evaluated.
        let (mut watch, mut found) = (Watch::default(), Vec::new());
        for (from, to, value) in [(0, 600, 0.0), (600, 6_000, 1.0), (6_000, 60_000, 0.0)] {
            watch.hold(
                &rule,
                Span {
                    from: at(from),
                    to: at(to),
                },
                Some(value),
                &mut |at, turn, _| {
                    found.push((at.as_nanos() / 1_000_000_000, turn));
                },
            );
        }
        let expected = [(630, StateChange::Firing), (6_030, StateChange::Resolved)];
        assert_eq!(found, expected);
    }

    #[test]
    fn firing_is_kept_and_a_breach_meanwhile_begins_the_time_anew() {
        let rule = Rule {
            keep_firing: Duration::from_secs(30),
            ..high(0)
        };
        let values = [0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1].map(Some);
        let expected = [(0, StateChange::Firing), (90, StateChange::Resolved)];
        assert_eq!(follow(&rule, &values), expected);
    }

    #[test]
    fn what_is_missing_is_no_breach_unless_that_is_asked() {
        let values = [Some(0.9), None, None, Some(0.5)];
        let expected = [(0, StateChange::Firing), (15, StateChange::Resolved)];
        assert_eq!(follow(&high(0), &values), expected);
        let absent = Rule {
            absent: true,
            lasts: Duration::from_secs(15),
            ..Rule::default()
        };
        let expected = [
            (15, StateChange::Pending),
            (30, StateChange::Firing),
            (45, StateChange::Resolved),
        ];
        assert_eq!(follow(&absent, &values), expected);
    }

    #[test]
    fn a_counter_that_drops_began_anew() {
        // Counter 100 130 160 10 40: increase 100, of what it gained since the first.
        let mut own = Counter::default();
        let span = Duration::from_secs(60);
        let values = [100.0, 130.0, 160.0, 10.0, 40.0];
        let gained: Vec<f64> = (0..)
            .zip(values)
            .map(|(step, value)| own.gained(at(step * 15), value, span))
            .collect();
        assert!((gained[4] - 100.0).abs() < 1e-12, "{gained:?}");
        // Nothing further: what was gained goes out of sight.
        let later = own.gained(at(75), 40.0, span);
        assert!((later - 70.0).abs() < 1e-12, "{later}");
    }

    #[test]
    fn a_gain_is_over_once_it_is_long_ago() {
        let rule = Rule {
            above: Some(0.0),
            increase: Some(Duration::from_secs(60)),
            ..Rule::default()
        };
        let mut values = vec![Some(0.0); 4];
        values.extend([Some(2.0); 10]);
        let expected = [(60, StateChange::Firing), (120, StateChange::Resolved)];
        assert_eq!(follow(&rule, &values), expected);
    }
}

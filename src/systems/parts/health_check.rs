//! Health checks in Docker's manner (spec: orchestrators-a.md 9.4): probes one after the other, each an
//! interval after the last has ended, and what they make of a container.

use model::pod_life::{Application, HealthCheck};
use units::Duration;

/// Health of a container according to its health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// No probe has succeeded yet.
    Starting,
    /// The last probe that counts succeeded.
    Healthy,
    /// As many probes in a row have failed as it takes.
    Unhealthy,
}

/// Follows the probes of a container.
#[derive(Clone, Copy, Debug)]
pub struct HealthChecker {
    check: HealthCheck,
    state: HealthState,
    failures: u32,
}

impl HealthChecker {
    /// Checker of a container that starts.
    pub const fn new(check: HealthCheck) -> Self {
        Self {
            check,
            state: HealthState::Starting,
            failures: 0,
        }
    }

    /// Time from the end of a probe, or from the start of the container, until the next one begins;
    /// `ended` is counted from the container's start.
    pub fn wait(&self, ended: Duration) -> Duration {
        if self.state == HealthState::Starting && ended < self.check.start_period {
            self.check.start_interval
        } else {
            self.check.interval
        }
    }

    /// A probe that began then, counted from the container's start, came to this.
    pub fn probed(&mut self, begun: Duration, success: bool) -> HealthState {
        if success {
            (self.state, self.failures) = (HealthState::Healthy, 0);
        } else if self.state != HealthState::Starting || begun >= self.check.start_period {
            self.failures += 1;
            if self.failures >= self.check.retries {
                self.state = HealthState::Unhealthy;
            }
        }
        self.state
    }
}

/// Verdicts of a health check over time, counted from the container's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthVerdict {
    /// Time at which the container is healthy first.
    pub healthy: Option<Duration>,
    /// Time at which the container is unhealthy first.
    pub unhealthy: Option<Duration>,
}

fn later(at: Duration, span: Duration) -> Duration {
    at.checked_add(span).unwrap_or(Duration::MAX)
}

/// Computes the verdict of a health check up to the first time that the container is unhealthy.
pub fn judge(check: HealthCheck, application: &Application) -> HealthVerdict {
    let mut verdict = HealthVerdict::default();
    for (at, state) in changes(check, application) {
        match state {
            HealthState::Starting => {}
            HealthState::Healthy => {
                verdict.healthy.get_or_insert(at);
            }
            HealthState::Unhealthy => {
                verdict.unhealthy = Some(at);
                break;
            }
        }
    }
    verdict
}

/// Computes the changes of state of a container that runs on whatever its health check says, for an
/// application whose health is known in advance: probes that change nothing are skipped.
pub fn changes(check: HealthCheck, application: &Application) -> Vec<(Duration, HealthState)> {
    let health = application.health;
    let takes = application.answer_time.min(check.timeout);
    let is_in_time = application.answer_time <= check.timeout;
    let answers = |begun: Duration| {
        is_in_time && begun >= health.from && health.until.is_none_or(|until| begun < until)
    };
    let is_made = |begun: Duration| {
        let hole = health.unknown;
        hole.is_none_or(|(from, until)| begun < from || begun >= until)
    };
    let mut checker = HealthChecker::new(check);
    // The first probe after one that begins at `begun` which is not before `until`.
    let period = later(check.interval, takes).as_nanos().max(1);
    let skipped = |begun: Duration, until: Duration| {
        let left = until.as_nanos().saturating_sub(begun.as_nanos()).max(0);
        let periods = left.saturating_add(period - 1) / period;
        later(begun, Duration::from_nanos(periods.saturating_mul(period)))
    };
    let mut changes = Vec::new();
    let mut ended = Duration::ZERO;
    loop {
        let mut begun = later(ended, checker.wait(ended));
        let before = checker.state;
        match before {
            // As long as it answers, nothing changes.
            HealthState::Healthy if checker.failures == 0 => {
                let Some(until) = health.until else {
                    return changes;
                };
                begun = skipped(begun, until);
            }
            // Nor as long as it does not.
            HealthState::Unhealthy => {
                if !is_in_time || health.until.is_some_and(|until| begun >= until) {
                    return changes;
                }
                begun = skipped(begun, health.from);
            }
            HealthState::Starting | HealthState::Healthy => {}
        }
        ended = later(begun, takes);
        if ended == Duration::MAX {
            return changes;
        }
        if !is_made(begun) {
            continue;
        }
        let state = checker.probed(begun, answers(begun));
        if state != before {
            changes.push((ended, state));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use model::pod_life::Health;

    fn secs(seconds: i64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Interval 30 s, 3 retries, each probe 1 s; F F ok F F F ok.
    #[test]
    fn worked_states_of_a_health_check() {
        use HealthState::{Healthy, Starting, Unhealthy};
        let mut checker = HealthChecker::new(HealthCheck::default());
        let mut ended = Duration::ZERO;
        let states: Vec<(i64, HealthState)> = [false, false, true, false, false, false, true]
            .into_iter()
            .map(|success| {
                let begun = later(ended, checker.wait(ended));
                ended = later(begun, secs(1));
                let state = checker.probed(begun, success);
                (ended.as_nanos() / 1_000_000_000, state)
            })
            .collect();
        let expected = [
            (31, Starting),
            (62, Starting),
            (93, Healthy),
            (124, Healthy),
            (155, Healthy),
            (186, Unhealthy),
            (217, Healthy),
        ];
        assert_eq!(states, expected);
    }

    #[test]
    fn failures_within_the_start_period_do_not_count_and_slow_answers_are_none() {
        let check = HealthCheck {
            start_period: secs(60),
            start_interval: secs(5),
            interval: secs(10),
            timeout: secs(2),
            retries: 3,
        };
        let mut application = Application {
            health: Health {
                from: secs(43),
                until: Some(secs(100)),
                unknown: None,
            },
            ..Application::default()
        };
        let found = judge(check, &application);
        // Probes at 5, 10 … 45; then at 55 … 95, and at 105, 115, 125 without an answer.
        assert_eq!(found.healthy, Some(secs(45)));
        assert_eq!(found.unhealthy, Some(secs(125)));
        application.answer_time = secs(3);
        // Each takes the 2 s of the time-out: begun at 5, 12 … 61 (no more of the start period), 73, 85.
        let found = judge(check, &application);
        assert_eq!((found.healthy, found.unhealthy), (None, Some(secs(87))));
    }

    #[test]
    fn one_success_makes_an_unhealthy_container_healthy() {
        let check = HealthCheck {
            interval: secs(2),
            timeout: secs(1),
            retries: 2,
            ..HealthCheck::default()
        };
        let mut application = Application::default();
        application.health.from = secs(30);
        let found = changes(check, &application);
        let expected = [
            (secs(4), HealthState::Unhealthy),
            (secs(30), HealthState::Healthy),
        ];
        assert_eq!(found, expected);
        application.health.from = Duration::MAX;
        let found = changes(check, &application);
        assert_eq!(found, expected[..1]);
    }

    proptest! {
        #[test]
        fn what_is_computed_is_what_probes_one_by_one_come_to(
            interval in 1_i64..20,
            start_interval in 1_i64..10,
            timeout in 1_i64..8,
            takes in 0_i64..9,
            start_period in 0_i64..60,
            retries in 1_u32..5,
            from in 0_i64..80,
            lasts in prop::option::of(1_i64..300),
            hole in prop::option::of((0_i64..90, 1_i64..60)),
        ) {
            let check = HealthCheck {
                interval: secs(interval),
                timeout: secs(timeout),
                start_period: secs(start_period),
                start_interval: secs(start_interval),
                retries,
            };
            let application = Application {
                answer_time: secs(takes),
                health: Health {
                    from: secs(from),
                    until: lasts.map(|lasts| secs(from + lasts)),
                    unknown: hole.map(|(from, lasts)| (secs(from), secs(from + lasts))),
                },
                ..Application::default()
            };
            let mut checker = HealthChecker::new(check);
            let mut expected = Vec::new();
            let mut ended = Duration::ZERO;
            while ended < secs(2_000) {
                let begun = later(ended, checker.wait(ended));
                ended = later(begun, secs(takes.min(timeout)));
                let at = begun.as_nanos() / 1_000_000_000;
                if hole.is_some_and(|(from, lasts)| (from..from + lasts).contains(&at)) {
                    continue;
                }
                let answers = takes <= timeout && at >= from && lasts.is_none_or(|lasts| at < from + lasts);
                let before = checker.state;
                let state = checker.probed(begun, answers);
                if state != before {
                    expected.push((ended, state));
                }
            }
            let judged = judge(check, &application);
            let first = |wanted| expected.iter().find(|(_, state)| *state == wanted).map(|(at, _)| *at);
            let unhealthy = first(HealthState::Unhealthy);
            prop_assert_eq!(judged.unhealthy, unhealthy);
            let healthy = first(HealthState::Healthy);
            let before = |at: &Duration| unhealthy.is_none_or(|unhealthy| *at < unhealthy);
            prop_assert_eq!(judged.healthy, healthy.filter(before));
            prop_assert_eq!(changes(check, &application), expected);
        }
    }
}

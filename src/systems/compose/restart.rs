//! Restart policies of an engine and the delay before a restart (spec: orchestrators-a.md section 3;
//! moby `restartmanager`).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::parts::delay::Growth;
use units::Duration;

/// Growth of the delay.
const GROWTH: Growth = Growth {
    first: Duration::from_millis(100),
    factor: 2.0,
    most: Duration::from_secs(60),
};

/// Running time after which the delay is the first one again.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// Condition under which an engine starts a container again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Whenever it ends.
    Always,
    /// When it ends with another code than 0, at most a number of times.
    OnFailure(Option<u32>),
    /// Whenever it ends, and not once it was stopped.
    UnlessStopped,
}

impl RestartPolicy {
    /// The policy of a job that may fail a number of times before it has failed.
    pub const fn of_job(failures: i32) -> Self {
        match failures {
            i32::MAX => Self::OnFailure(None),
            some if some > 0 => Self::OnFailure(Some(some.unsigned_abs())),
            _ => Self::No,
        }
    }
}

/// A text that is no restart policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no restart policy; expected `no`, `always`, `on-failure`, `on-failure:N` or \
     `unless-stopped`"
)]
pub struct RestartPolicyError {
    /// The text.
    pub text: String,
}

impl FromStr for RestartPolicy {
    type Err = RestartPolicyError;

    fn from_str(text: &str) -> Result<Self, RestartPolicyError> {
        let wrong = || RestartPolicyError {
            text: text.to_owned(),
        };
        Ok(match text {
            "no" => Self::No,
            "always" => Self::Always,
            "on-failure" => Self::OnFailure(None),
            "unless-stopped" => Self::UnlessStopped,
            _ => {
                let most = text.strip_prefix("on-failure:").ok_or_else(wrong)?;
                let most: u32 = most.parse().map_err(|_| wrong())?;
                // The engine takes 0 for no bound.
                Self::OnFailure((most > 0).then_some(most))
            }
        })
    }
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::Always => f.write_str("always"),
            Self::OnFailure(None) => f.write_str("on-failure"),
            Self::OnFailure(Some(most)) => write!(f, "on-failure:{most}"),
            Self::UnlessStopped => f.write_str("unless-stopped"),
        }
    }
}

/// The restarts of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    policy: RestartPolicy,
    delay: Option<Duration>,
    count: u32,
}

impl Restarts {
    /// A container that was not started again yet.
    pub const fn new(policy: RestartPolicy) -> Self {
        Self {
            policy,
            delay: None,
            count: 0,
        }
    }

    /// Number of restarts so far.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The container ended with a code after it ran for a time: the delay before it is started again,
    /// if it is.
    pub fn ended(&mut self, code: i32, ran: Duration) -> Option<Duration> {
        let known = self.delay.filter(|_| ran < FORGOTTEN);
        let delay = known.map_or(GROWTH.first(), |delay| GROWTH.next(delay));
        self.delay = Some(delay);
        let restarts = match self.policy {
            RestartPolicy::No => false,
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure(most) => {
                code != 0 && most.is_none_or(|most| self.count < most)
            }
        };
        if !restarts {
            return None;
        }
        self.count += 1;
        Some(delay)
    }

    /// Whether the container is started again when its host is back up.
    pub const fn survives_reboot(&self) -> bool {
        !matches!(self.policy, RestartPolicy::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_they_are_written() {
        for text in [
            "no",
            "always",
            "on-failure",
            "on-failure:3",
            "unless-stopped",
        ] {
            let policy: RestartPolicy = text.parse().expect("a policy");
            assert_eq!(policy.to_string(), text);
        }
        for text in ["", "on-failure:", "on-failure:x", "on_failure", "yes"] {
            assert!(text.parse::<RestartPolicy>().is_err(), "{text}");
        }
    }

    #[test]
    fn delays_double_up_to_a_minute_and_are_forgotten_after_ten_seconds() {
        let mut restarts = Restarts::new(RestartPolicy::Always);
        let runs = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 10, 9];
        let delays = runs.map(|secs| restarts.ended(0, Duration::from_secs(secs)));
        let expected = [
            100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000, 100,
            200,
        ];
        assert_eq!(delays, expected.map(|ms| Some(Duration::from_millis(ms))));
    }

    #[test]
    fn failures_are_repeated_as_often_as_the_policy_says() {
        let second = Duration::from_secs(1);
        let mut restarts = Restarts::new(RestartPolicy::OnFailure(Some(2)));
        let again: Vec<bool> = (0..4)
            .map(|_| restarts.ended(1, second).is_some())
            .collect();
        assert_eq!(again, [true, true, false, false]);
        assert_eq!(restarts.count(), 2);
        let mut done = Restarts::new(RestartPolicy::OnFailure(None));
        assert_eq!(done.ended(0, second), None);
        assert_eq!(Restarts::new(RestartPolicy::No).ended(1, second), None);
    }
}

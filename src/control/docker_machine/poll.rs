//! The waiting rule: test, else sleep, at most a number of times (docker/machine
//! `libmachine/mcnutils/utils.go`, `WaitForSpecificOrError`).

use units::Duration;

/// A condition that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Time between two tests.
    pub interval: Duration,
    /// Number of tests.
    pub attempts: u32,
}

impl Poll {
    /// Waiting for a state of the host, for SSH, and for the lock of the package manager.
    pub const HOST: Self = Self {
        interval: Duration::from_secs(3),
        attempts: 60,
    };

    /// Waiting for the engine's port.
    pub const ENGINE: Self = Self {
        interval: Duration::from_secs(3),
        attempts: 10,
    };

    /// Time at which a condition that holds from `after` on is seen; `None` if the last test comes
    /// before it.
    pub fn seen(self, after: Duration) -> Option<Duration> {
        let (nanos, interval) = (after.as_nanos().max(0), self.interval.as_nanos().max(1));
        let sleeps = nanos / interval + i64::from(nanos % interval > 0);
        let seen = Duration::from_nanos(sleeps.checked_mul(interval)?);
        (sleeps < i64::from(self.attempts)).then_some(seen)
    }

    /// Time at which waiting is given up.
    pub fn given_up(self) -> Duration {
        let all = self.interval.checked_mul(i64::from(self.attempts));
        all.unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_seen_at_the_next_test_or_never() {
        let seen = |secs| Poll::HOST.seen(Duration::from_secs(secs));
        let secs = |secs| Some(Duration::from_secs(secs));
        for (after, expected) in [
            (0, secs(0)),
            (1, secs(3)),
            (3, secs(3)),
            (25, secs(27)),
            (177, secs(177)),
            (178, None),
            (200, None),
        ] {
            assert_eq!(seen(after), expected, "{after}");
        }
        assert_eq!(Poll::HOST.given_up(), Duration::from_secs(180));
        assert_eq!(Poll::ENGINE.given_up(), Duration::from_secs(30));
    }
}

//! Health checks: when an instance that fails them is killed (spec: orchestrators-b.md section 2.5;
//! marathon `core/health`).

use units::{Duration, Instant};

/// A health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Time for which failures of an instance that never passed are ignored.
    pub grace_period: Duration,
    /// Between two checks.
    pub interval: Duration,
    /// Time that a check may take.
    pub timeout: Duration,
    /// Number of failures in a row after which an instance is killed; 0 is never.
    pub max_consecutive_failures: u32,
    /// Failure at which the instance is killed: that very one, or the next, as the original's own
    /// counter has it.
    pub kills_at: KillsAt,
}

/// Failure at which an instance is killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KillsAt {
    /// The failure after as many have failed before (`max + 1` in all).
    #[default]
    FailureAfterMax,
    /// At the last of so many.
    Max,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            grace_period: Duration::from_secs(300),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(20),
            max_consecutive_failures: 3,
            kills_at: KillsAt::FailureAfterMax,
        }
    }
}

/// The health of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    started: Instant,
    failures: u32,
    has_passed: bool,
}

impl Health {
    /// An instance that started.
    pub fn new(started: Instant) -> Self {
        Self {
            started,
            failures: 0,
            has_passed: false,
        }
    }

    /// `true` if the instance counts as healthy: it passed, and has not failed since.
    pub fn is_healthy(&self) -> bool {
        self.has_passed && self.failures == 0
    }

    /// A check passed.
    pub fn passed(&mut self) {
        self.has_passed = true;
        self.failures = 0;
    }

    /// A check failed. Whether the instance is killed; one that can't be reached never is, and one
    /// that does not run yet is not counted.
    pub fn failed(
        &mut self,
        now: Instant,
        check: &HealthCheck,
        is_running: bool,
        is_reachable: bool,
    ) -> bool {
        let is_young = !self.has_passed && now.since(self.started) < check.grace_period;
        if !is_running || is_young {
            return false;
        }
        let before = self.failures;
        self.failures += 1;
        let counted = match check.kills_at {
            KillsAt::FailureAfterMax => before,
            KillsAt::Max => self.failures,
        };
        let most = check.max_consecutive_failures;
        is_reachable && most > 0 && counted >= most
    }
}

//! The circuit breaker of a deployment: it counts tasks that fail, and gives the deployment up at a
//! threshold (spec: orchestrators-a.md section 7.2; `deployment-circuit-breaker.md`).

use serde::{Deserialize, Serialize};

/// Smallest and greatest threshold.
const THRESHOLDS: (u64, u64) = (10, 200);

/// Number of failures at which a deployment of so many tasks is given up.
pub fn threshold(desired: u64) -> u64 {
    desired.div_ceil(2).clamp(THRESHOLDS.0, THRESHOLDS.1)
}

/// The breaker of one deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    threshold: u64,
    failures: u64,
    has_run: bool,
}

impl CircuitBreaker {
    /// The breaker of a deployment of so many tasks, none of which has failed.
    pub fn new(desired: u64) -> Self {
        Self {
            threshold: threshold(desired),
            failures: 0,
            has_run: false,
        }
    }

    /// A task of the deployment runs: from now on failed health checks are counted instead of tasks
    /// that never ran.
    pub fn task_runs(&mut self) {
        if !self.has_run {
            (self.has_run, self.failures) = (true, 0);
        }
    }

    /// Whether tasks that never ran are counted: none of the deployment has run yet.
    pub const fn counts_starts(&self) -> bool {
        !self.has_run
    }

    /// A task stopped before it ran, or no instance took one. `true` if the deployment is given up.
    pub fn task_never_ran(&mut self) -> bool {
        self.failures += u64::from(!self.has_run);
        self.is_open()
    }

    /// A task's health check failed. `true` if the deployment is given up.
    pub fn health_check_failed(&mut self) -> bool {
        self.failures += u64::from(self.has_run);
        self.is_open()
    }

    /// `true` if the deployment is given up.
    pub const fn is_open(&self) -> bool {
        self.failures >= self.threshold
    }
}

//! The service scheduler's bounds: the tasks that must stay healthy and the tasks that there may be,
//! and the tasks that may be stopped and started within them (spec: orchestrators-a.md section 7.2;
//! `deployment-type-ecs.md`, `service_definition_parameters.md`).

use serde::{Deserialize, Serialize};
use units::{Duration, Instant};

/// Shares of a service's desired tasks, in per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthyPercent {
    /// Share that stays running and healthy (`minimumHealthyPercent`).
    pub minimum: u64,
    /// Share that there may be, starting and stopping ones included (`maximumPercent`).
    pub maximum: u64,
}

impl HealthyPercent {
    /// Shares of replicas.
    pub const REPLICA: Self = Self {
        minimum: 100,
        maximum: 200,
    };
    /// Shares of daemons.
    pub const DAEMON: Self = Self {
        minimum: 0,
        maximum: 100,
    };

    /// The bounds of a service with so many desired tasks.
    pub const fn bounds(self, desired: u64) -> Bounds {
        Bounds {
            min_running: desired.saturating_mul(self.minimum).div_ceil(100),
            max_total: desired.saturating_mul(self.maximum) / 100,
        }
    }
}

/// Bounds of a service's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Tasks that must be running and healthy.
    pub min_running: u64,
    /// Tasks that there may be.
    pub max_total: u64,
}

/// Tasks of a service while a deployment replaces old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Old tasks that run and are healthy.
    pub old_healthy: u64,
    /// Old tasks that start, or run and are not healthy.
    pub old_unhealthy: u64,
    /// New tasks that run and are healthy.
    pub new_healthy: u64,
    /// New tasks that start, or run and are not healthy yet.
    pub new_unhealthy: u64,
    /// Tasks that are stopping.
    pub stopping: u64,
}

/// Tasks to stop and to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Old tasks to stop; those that are not healthy go first.
    pub stop: u64,
    /// New tasks to start.
    pub start: u64,
}

impl Bounds {
    /// The moves that the bounds allow, towards so many desired new tasks. Old tasks that are not
    /// healthy hold up nothing and are stopped at once.
    pub fn moves(self, desired: u64, tasks: Tasks) -> Moves {
        let healthy = tasks.old_healthy + tasks.new_healthy;
        let spare = healthy.saturating_sub(self.min_running);
        let stop_healthy = tasks.old_healthy.min(spare);
        let total = healthy + tasks.old_unhealthy + tasks.new_unhealthy + tasks.stopping;
        let missing = desired.saturating_sub(tasks.new_healthy + tasks.new_unhealthy);
        Moves {
            stop: tasks.old_unhealthy + stop_healthy,
            start: missing.min(self.max_total.saturating_sub(total)),
        }
    }

    /// `true` if a deployment with so many old tasks, all healthy, can neither stop nor start one.
    pub fn is_stuck(self, desired: u64) -> bool {
        let tasks = Tasks {
            old_healthy: desired,
            ..Tasks::default()
        };
        desired > 0 && self.moves(desired, tasks) == Moves::default()
    }
}

/// Time after which a running task without health check and balancer counts as healthy.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(40);

/// First delay of a service whose tasks don't start.
const FIRST_DELAY: Duration = Duration::from_secs(10);
/// Greatest delay of a service whose tasks don't start.
const MOST_DELAY: Duration = Duration::from_secs(15 * 60);

/// Least time from the start of a task that ends to that of the task in its place.
pub const TASK_START: Duration = Duration::from_secs(1);

/// Throttle of a service whose tasks stop before they run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// Number of tries that failed.
    failures: u32,
    /// Number of the newest task at the last failure: tasks up to it are of tries that have failed.
    counted: u64,
    until: Option<Instant>,
}

impl Throttle {
    /// A task stopped before it ran, when `newest` was the newest task: the next try waits twice as long as
    /// the last one. `false` if another task of the same try has stopped so before.
    pub fn task_never_ran(&mut self, now: Instant, task: u64, newest: u64) -> bool {
        if task <= self.counted {
            return false;
        }
        self.counted = newest;
        self.failed(now);
        true
    }

    /// A try has failed: the instant of the next one, for which it waits twice as long as the last one did.
    pub fn failed(&mut self, now: Instant) -> Instant {
        let factor = 1_i64 << self.failures.min(20);
        let delay = FIRST_DELAY.checked_mul(factor).unwrap_or(MOST_DELAY);
        self.failures += 1;
        self.rest(now.saturating_add(delay.min(MOST_DELAY)))
    }

    /// Puts the next try off until an instant, if it would come before.
    pub fn rest(&mut self, until: Instant) -> Instant {
        let until = self.until.map_or(until, |before| before.max(until));
        self.until = Some(until);
        until
    }

    /// A new task definition starts afresh.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Instant before which no task is started.
    pub const fn until(&self) -> Option<Instant> {
        self.until
    }
}

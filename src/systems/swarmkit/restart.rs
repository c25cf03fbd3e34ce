//! Restarts: whether an ended task is replaced, and when its replacement may start
//! (spec: orchestrators-a.md section 2.6; swarmkit `manager/orchestrator/restart/restart.go`).

use schemars::JsonSchema;

use serde::{Deserialize, Serialize};
use units::{Duration, Instant};

/// Condition under which an ended task is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "RestartCondition")]
pub enum Condition {
    /// Tasks are replaced whenever they end.
    #[default]
    Any,
    /// Tasks are replaced unless they succeeded.
    OnFailure,
    /// Tasks are never replaced.
    None,
}

/// Restart policy for ended tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "ServiceRestart")]
pub struct RestartPolicy {
    /// Condition under which an ended task is replaced; default `any`. Tasks of jobs are replaced
    /// only if they failed.
    pub condition: Condition,
    /// Delay before the replacement starts; default `5s`.
    pub delay: Duration,
    /// Maximum number of restarts, within `window` if given; 0 is unlimited. Default 0.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_attempts: u32,
    /// Time span over which restarts count towards `maxAttempts`; default unlimited.
    pub window: Option<Duration>,
}

/// Longest time for which a replacement waits for the task that it replaces.
pub const OLD_TASK_TIMEOUT: Duration = Duration::from_secs(60);

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            condition: Condition::Any,
            delay: Duration::from_secs(5),
            max_attempts: 0,
            window: None,
        }
    }
}

/// The restarts of one slot under one version of its specification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    restarts: Vec<Instant>,
}

impl History {
    /// The restarts that have been.
    pub fn new(restarts: Vec<Instant>) -> Self {
        Self { restarts }
    }

    /// A replacement was made.
    pub fn record(&mut self, now: Instant) {
        self.restarts.push(now);
    }

    /// Whether a task that ended at `ended`, well or not, is replaced.
    pub fn allows(&self, policy: &RestartPolicy, ended: Instant, is_success: bool) -> bool {
        let is_wanted = match policy.condition {
            Condition::Any => true,
            Condition::OnFailure => !is_success,
            Condition::None => false,
        };
        is_wanted
            && (policy.max_attempts == 0
                || self.count(policy, ended) < policy.max_attempts as usize)
    }

    fn count(&self, policy: &RestartPolicy, ended: Instant) -> usize {
        let window = policy.window.filter(|own| *own > Duration::ZERO);
        let Some(window) = window else {
            return self.restarts.len();
        };
        let counts = |at: &&Instant| **at < ended && ended.since(**at) < window;
        self.restarts.iter().filter(counts).count()
    }
}

/// A replacement on its way: it is made at once, to be prepared, and starts when its delay has
/// passed and the task that it replaces has stopped or has been waited for long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    delayed_until: Instant,
    /// Instant until which the old task is waited for; `None` once it has stopped.
    waits_until: Option<Instant>,
}

/// Facts about the replaced task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldTask {
    /// It may still run.
    MayRun,
    /// It has ended, or its node is down: nobody waits for it.
    Gone,
}

impl Replacement {
    /// A replacement made now; on a drained node there is no delay.
    pub fn new(now: Instant, policy: &RestartPolicy, is_drained: bool, old: OldTask) -> Self {
        let delay = if is_drained {
            Duration::ZERO
        } else {
            policy.delay
        };
        Self {
            delayed_until: now.saturating_add(delay),
            ..Self::without_delay(now, old)
        }
    }

    /// A task made now that waits for nothing but the one whose place it takes.
    pub fn without_delay(now: Instant, old: OldTask) -> Self {
        Self {
            delayed_until: now,
            waits_until: (old == OldTask::MayRun).then(|| now.saturating_add(OLD_TASK_TIMEOUT)),
        }
    }

    /// The task that is replaced has stopped.
    pub fn old_stopped(&mut self) {
        self.waits_until = None;
    }

    /// Instant from which the task is to run, as known now.
    pub fn starts(&self) -> Instant {
        self.waits_until
            .map_or(self.delayed_until, |until| until.max(self.delayed_until))
    }
}

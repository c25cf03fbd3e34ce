//! Launch back-off of an application and version: failures delay the next launch
//! (spec: orchestrators-b.md section 2.2; marathon `RateLimiter.scala`,
//! `NotifyRateLimiterStepImpl.scala`).

use crate::parts::delay::Growth;
use serde::{Deserialize, Serialize};
use units::{Duration, Instant};

/// Time between two sweeps of the entries.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// The original's defaults.
pub const DEFAULT_GROWTH: Growth = Growth {
    first: Duration::from_secs(1),
    factor: 1.15,
    most: Duration::from_secs(300),
};

/// Status of a task in the terms of Mesos and Marathon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// A launch is decided.
    Provisioned,
    /// The agent has it.
    Staging,
    /// It starts.
    Starting,
    /// It runs.
    Running,
    /// It ended well, which a long-running one should not.
    Finished,
    /// It ended badly.
    Failed,
    /// It was killed as ordered.
    Killed,
    /// It could not be described.
    Error,
    /// It is lost.
    Lost,
    /// It never reached its agent.
    Dropped,
    /// It is gone with its agent.
    Gone,
    /// The task's agent can't be reached.
    Unreachable,
}

impl TaskStatus {
    /// The status of a name such as `FAILED` or `TASK_FAILED`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("TASK_").unwrap_or(name) {
            "PROVISIONED" => Self::Provisioned,
            "STAGING" => Self::Staging,
            "STARTING" => Self::Starting,
            "RUNNING" => Self::Running,
            "FINISHED" => Self::Finished,
            "FAILED" => Self::Failed,
            "KILLED" => Self::Killed,
            "ERROR" => Self::Error,
            "LOST" => Self::Lost,
            "DROPPED" => Self::Dropped,
            "GONE" => Self::Gone,
            "UNREACHABLE" => Self::Unreachable,
            _ => return None,
        })
    }

    /// `true` if the status delays the next launch.
    pub fn is_bad(self) -> bool {
        matches!(
            self,
            Self::Dropped | Self::Error | Self::Failed | Self::Gone | Self::Finished
        )
    }

    /// Whether a task is on its way, or there.
    fn is_progress(self) -> bool {
        matches!(
            self,
            Self::Provisioned | Self::Staging | Self::Starting | Self::Running
        )
    }
}

/// The delay of an application and version.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchBackoff {
    growth: Growth,
    entry: Option<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    delay: Duration,
    reference: Instant,
}

impl LaunchBackoff {
    /// No delay.
    pub fn new(growth: Growth) -> Self {
        Self {
            growth,
            entry: None,
        }
    }

    /// Delays grow like this from now on.
    pub fn set_growth(&mut self, growth: Growth) {
        self.growth = growth;
    }

    /// The status of a task changed.
    pub fn changed(&mut self, now: Instant, status: TaskStatus) {
        if status.is_bad() {
            let delay = match self.entry {
                None => self.growth.first(),
                Some(entry) => self.growth.next(entry.delay),
            };
            let reference = now;
            self.entry = Some(Entry { delay, reference });
        } else if status.is_progress()
            && let Some(entry) = &mut self.entry
        {
            entry.reference = now;
        }
    }

    /// A new deployment, or an agent that drains: no delay.
    pub fn reset(&mut self) {
        self.entry = None;
    }

    /// Drops a delay whose time is long over.
    pub fn sweep(&mut self, now: Instant) {
        let most = self.growth.most;
        self.entry = self
            .entry
            .filter(|entry| now <= entry.reference.saturating_add(most));
    }

    /// The delay.
    pub fn delay(&self) -> Option<Duration> {
        self.entry.map(|entry| entry.delay)
    }

    /// Before when nothing is launched.
    pub fn deadline(&self) -> Option<Instant> {
        self.entry
            .map(|entry| entry.reference.saturating_add(entry.delay))
    }
}

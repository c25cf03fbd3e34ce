//! A repeating job: what happens when it is due, when its run ends, when it fails
//! (spec: orchestrators-b.md section 3; chronos `JobScheduler.scala`, `TaskManager.scala`).

use super::calendar::DateTime;
use super::schedule::Schedule;
use serde::{Deserialize, Serialize};

/// Options of a job's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// Longest delay of a run's start, in seconds; later ones are missed. `None` is without limit, as
    /// Chronos 3.0.2 compares nothing when it launches.
    pub epsilon: Option<i64>,
    /// Whether a run may start while another one goes on.
    pub is_concurrent: bool,
    /// Number of further tries of a failed run.
    pub retries: u32,
    /// Time after which a failed run is tried again, in seconds.
    pub retry_after: i64,
    /// Number of failures since the last success from which the job is disabled; 0 is never.
    pub disable_after_failures: u32,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            epsilon: None,
            is_concurrent: false,
            retries: 2,
            retry_after: 60,
            disable_after_failures: 0,
        }
    }
}

/// Result of a due run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launch {
    /// It starts; it was due then.
    Run(DateTime),
    /// It is too late and is left out; it was due then.
    Missed(DateTime),
}

/// Action after a failed run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is tried again then.
    Retry(DateTime),
    /// It is not.
    GiveUp,
    /// It is not, and the job is disabled.
    Disable,
}

/// A job and its runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Options of the job's runs.
    pub options: JobOptions,
    /// Schedule of the job.
    pub schedule: Schedule,
    running: u32,
    is_disabled: bool,
    last_success: Option<DateTime>,
    last_error: Option<DateTime>,
    errors_since_success: u32,
}

impl Job {
    /// A job that has not run yet.
    pub fn new(options: JobOptions, schedule: Schedule) -> Self {
        Self {
            options,
            schedule,
            running: 0,
            is_disabled: false,
            last_success: None,
            last_error: None,
            errors_since_success: 0,
        }
    }

    /// `true` if the job is disabled.
    pub fn is_disabled(&self) -> bool {
        self.is_disabled
    }

    /// `true` if the job waits for an offer now: it is due, and no run stands in its way.
    pub fn wants_offer(&self, now: DateTime) -> bool {
        let is_free = self.options.is_concurrent || self.running == 0;
        !self.is_disabled && is_free && self.schedule.is_due(now)
    }

    /// An offer is there for a due run: it starts, or is missed if it is too late. Either way the
    /// schedule moves on, and periods that passed meanwhile are merged into this run.
    pub fn offered(&mut self, now: DateTime) -> Option<Launch> {
        if !self.wants_offer(now) {
            return None;
        }
        let due = self.schedule.start;
        self.schedule.advance(now);
        let is_late = |epsilon| now.0 - due.0 > epsilon;
        if self.options.epsilon.is_some_and(is_late) {
            return Some(Launch::Missed(due));
        }
        self.running += 1;
        Some(Launch::Run(due))
    }

    /// `true` if a run that waits for an offer is dropped: another one goes on.
    pub fn drops(&self) -> bool {
        !self.options.is_concurrent && self.running > 0
    }

    /// A run starts that the clock did not ask for: one that failed is tried again, or jobs before it
    /// have finished.
    pub fn started(&mut self) {
        self.running += 1;
    }

    /// A failed run of a job with a schedule is tried again: it goes on now, and the schedule moves on
    /// as at every launch (`MesosJobFramework.launchTasks`).
    pub fn retried(&mut self, now: DateTime) {
        self.started();
        self.schedule.advance(now);
    }

    /// A run was killed, which is neither a success nor a failure (`handleKilledTask`).
    pub fn killed(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// A run ended well; a job without runs left is disabled.
    pub fn finished(&mut self, now: DateTime) {
        self.running = self.running.saturating_sub(1);
        self.last_success = Some(now);
        self.errors_since_success = 0;
        self.is_disabled |= self.schedule.repeat == Some(0);
    }

    /// A run failed in its `attempt`, from 0. It is tried again only while the job has no error on
    /// record, or none newer than its last success.
    pub fn failed(&mut self, now: DateTime, attempt: u32) -> AfterFailure {
        self.running = self.running.saturating_sub(1);
        let is_clean = self.last_error.is_none_or(|error| {
            let success = self.last_success;
            success.is_some_and(|success| success >= error)
        });
        if attempt < self.options.retries && is_clean {
            return AfterFailure::Retry(DateTime(now.0 + self.options.retry_after));
        }
        self.last_error = Some(now);
        self.errors_since_success += 1;
        let most = self.options.disable_after_failures;
        if most > 0 && self.errors_since_success >= most {
            self.is_disabled = true;
            return AfterFailure::Disable;
        }
        AfterFailure::GiveUp
    }
}

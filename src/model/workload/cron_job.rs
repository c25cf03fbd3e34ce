//! Cron jobs: jobs by the clock.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::Job;
use crate::Text;
use units::{Duration, Instant};

/// A `CronJob` (spec: kubernetes.md 2.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CronJob {
    /// The cron job's namespace.
    pub namespace: Text,
    /// The cron job's name.
    pub name: Text,
    /// The cron job's schedule in five fields, or a word such as `@hourly`.
    pub schedule: Text,
    /// The time zone of the schedule; `None` is that of the controller, UTC here.
    pub time_zone: Option<Text>,
    /// Longest delay of a job's start; `None` is any time.
    pub starting_deadline: Option<Duration>,
    /// Policy for a job that is due while another runs.
    pub concurrency: ConcurrencyPolicy,
    /// Marks a cron job that is suspended.
    pub suspend: bool,
    /// Number of succeeded jobs that are kept; `None` is all.
    pub successful_history: Option<i32>,
    /// Number of failed jobs that are kept; `None` is all.
    pub failed_history: Option<i32>,
    /// Template of the jobs.
    pub template: Arc<Job>,
    /// Last reported status.
    pub status: CronStatus,
}

/// Reported status of a cron job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CronStatus {
    /// Names of its jobs that run.
    pub active: Vec<Text>,
    /// The start time that last led to a job.
    pub last_schedule: Option<Instant>,
    /// Instant at which one of the jobs last succeeded.
    pub last_success: Option<Instant>,
}

/// Policy for a job that is due while another runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConcurrencyPolicy {
    /// Both run.
    #[default]
    Allow,
    /// The new one is not started.
    Forbid,
    /// The old one is deleted.
    Replace,
}

impl Default for CronJob {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            name: "".into(),
            schedule: "".into(),
            time_zone: None,
            starting_deadline: None,
            concurrency: ConcurrencyPolicy::default(),
            suspend: false,
            successful_history: Some(3),
            failed_history: Some(1),
            template: Arc::default(),
            status: CronStatus::default(),
        }
    }
}

//! Options of a Chronos framework as experiment files state them, and what they come to.

use options::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use model::Text;
use units::{Duration, Instant, SortedMap};

use super::calendar::DateTime;
use super::graph::{CycleError, JobGraph};
use super::job::JobOptions;
use super::schedule::Schedule;

/// Options of the Chronos framework.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Chronos {
    /// Job options by workload name.
    pub jobs: SortedMap<String, ChronosJob>,
}

/// Options of a Chronos job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ChronosJob {
    /// Schedule of the job, as `R[n]/START/PERIOD`; default as the workload states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Parent jobs after which the job runs, in place of a schedule.
    pub parents: Vec<String>,
    /// Soft errors (`softError`): `true` lets dependent jobs run after a failure as after a
    /// success. Default `false`.
    pub soft_error: bool,
    /// Maximum delay of a run's start, after which the run is missed; default none, as Chronos 3.0.2
    /// starts a late run with the next offer. Whole seconds, also as an ISO 8601 period such as `PT10M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<Period>,
    /// Concurrent runs of the job are allowed if `true`; default `false`.
    pub concurrent: bool,
    /// Maximum number of retries of a failed run, each after 60 s; default 2.
    pub retries: u32,
    /// Number of failures since the last success after which the job is disabled
    /// (`--disable_after_failures`); 0 is never. Default 0.
    pub disable_after_failures: u32,
}

impl Default for ChronosJob {
    fn default() -> Self {
        Self {
            schedule: None,
            parents: Vec::new(),
            soft_error: false,
            epsilon: None,
            concurrent: false,
            retries: 2,
            disable_after_failures: 0,
        }
    }
}

/// Chronos framework.
#[derive(Clone, Debug, Default)]
pub struct ChronosFramework {
    /// Options of jobs, by name; other jobs have the defaults.
    pub jobs: SortedMap<String, ChronosJob>,
    /// Date of the run's zero, in seconds since 1970-01-01T00:00:00Z.
    pub zero_unix_secs: i64,
}

impl ChronosFramework {
    /// Framework with these options, in a run that begins at a second since 1970.
    ///
    /// # Errors
    /// A schedule is none, or jobs wait for each other; the message begins with the field.
    pub fn new(stated: &Chronos, zero_unix_secs: i64) -> Result<Self, String> {
        for (name, job) in &stated.jobs {
            let checked = job.check(DateTime(zero_unix_secs));
            checked.map_err(|why| format!("jobs.{name}{why}"))?;
        }
        let own = Self {
            jobs: stated.jobs.clone(),
            zero_unix_secs,
        };
        own.graph().map_err(|why| format!("jobs: {why}"))?;
        Ok(own)
    }

    /// Date of the first run of a job that has a schedule among the options.
    pub fn first_due(&self, job: &str) -> Option<DateTime> {
        let text = self.jobs.get(job)?.schedule.as_ref()?;
        let schedule = Schedule::parse(text, DateTime(self.zero_unix_secs)).ok()?;
        Some(schedule.start)
    }

    /// Instant of a date in a run.
    pub fn instant(&self, date: DateTime) -> Instant {
        let seconds = date.0.saturating_sub(self.zero_unix_secs);
        let since = Duration::checked_from_secs(seconds).unwrap_or(Duration::MAX);
        Instant::ZERO.saturating_add(since)
    }

    /// Jobs that run after others.
    ///
    /// # Errors
    /// Jobs wait for each other.
    pub fn graph(&self) -> Result<JobGraph, CycleError> {
        let jobs = self
            .jobs
            .iter()
            .map(|(name, job)| (Text::from(&**name), job));
        let parents = jobs.clone().filter(|(_, job)| !job.parents.is_empty());
        let parents = parents.map(|(name, job)| {
            let parents = job.parents.iter().map(|own| Text::from(&**own));
            (name, parents.collect())
        });
        let soft = jobs.filter(|(_, job)| job.soft_error);
        JobGraph::new(parents, soft.map(|(name, _)| name))
    }
}

impl ChronosJob {
    /// Options of the job's runs.
    pub fn runs(&self) -> JobOptions {
        JobOptions {
            epsilon: self.epsilon.map(|longest| longest.seconds),
            is_concurrent: self.concurrent,
            retries: self.retries,
            disable_after_failures: self.disable_after_failures,
            ..JobOptions::default()
        }
    }

    /// Refuses a schedule that is none, that is over, or that stands beside parents.
    fn check(&self, zero: DateTime) -> Result<(), String> {
        let Some(text) = &self.schedule else {
            return Ok(());
        };
        if !self.parents.is_empty() {
            return Err(": a job has a schedule or parents, not both".to_owned());
        }
        let schedule = Schedule::parse(text, zero).map_err(|why| format!(".schedule: {why}"))?;
        // A schedule without a start began a second ago, and is due.
        match { schedule.ends() }.filter(|ends| ends.0 < zero.0 - 1) {
            None => Ok(()),
            Some(ends) => Err(format!(
                ".schedule: `{text}` ends in the past: its last run is due at {ends}, before the run begins at \
                 {zero}; see `startDate`"
            )),
        }
    }
}

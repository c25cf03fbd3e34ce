//! Workloads of manifests in Mesos: cron schedules as repeating intervals.

use thiserror::Error;

use model::workload::CronSchedule;

use super::chronos::calendar::DateTime;
use super::chronos::schedule::{Schedule, ScheduleError};

/// Reason a cron schedule is nothing that Chronos can keep.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CronError {
    /// It is no schedule at all.
    #[error("`{0}` is not a cron schedule")]
    Unknown(String),
    /// The schedule's times are not evenly apart.
    #[error(
        "the times of `{0}` are not evenly apart, and Chronos repeats at a fixed interval: state \
         its schedule as `R/START/PERIOD` under `jobs`"
    )]
    Uneven(String),
    /// The schedule's times can't be written as an interval.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// Number of times of a cron schedule that are compared.
const LOOKED_AT: usize = 64;

/// A cron schedule as Chronos keeps one.
///
/// # Errors
/// It is none, or its times are not evenly apart.
pub fn schedule_of(cron: &str, zone: Option<&str>, now: DateTime) -> Result<Schedule, CronError> {
    let unknown = || CronError::Unknown(cron.to_owned());
    let parsed = CronSchedule::parse(cron, zone).map_err(|_| unknown())?;
    let first = parsed.next(now.0).ok_or_else(unknown)?;
    let second = parsed.next(first).ok_or_else(unknown)?;
    let (period, mut last) = (second - first, second);
    for _ in 0..LOOKED_AT {
        let next = parsed.next(last).ok_or_else(unknown)?;
        if next - last != period {
            return Err(CronError::Uneven(cron.to_owned()));
        }
        last = next;
    }
    let text = format!("R/{}/PT{period}S", DateTime(first));
    Ok(Schedule::parse(&text, now)?)
}

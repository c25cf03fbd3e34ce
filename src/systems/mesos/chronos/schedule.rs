//! Schedules `R[n]/start/period`: when a job is due, and how its schedule moves on
//! (spec: orchestrators-b.md section 3; chronos `JobUtils.scala`, `Iso8601Expressions.scala`).

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::calendar::{DateTime, Period};

/// A schedule as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Runs that are left; `None` is for ever.
    pub repeat: Option<u64>,
    /// Time of the next run.
    pub start: DateTime,
    /// Time from one run to the next.
    pub period: Period,
    /// The period as it was written.
    written: String,
}

/// Reason a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// A part is missing or wrong.
    #[error(
        "`{text}` is not a schedule: expected {expected}, as in \
        `R5/2024-01-01T00:00:00Z/PT1H`"
    )]
    Part {
        /// Text as written.
        text: String,
        /// Form that would do.
        expected: &'static str,
    },
    /// The schedule's runs never get past the moment at which it begins.
    #[error(
        "`{text}` never ends in the past: with a period of no length its next run is always due; \
         expected a period above 0"
    )]
    NeverEnds {
        /// Text as written.
        text: String,
    },
}

/// Whether a date has a part of a second other than none.
fn has_fraction(date: &str) -> bool {
    let (_, rest) = date.split_once('.').unwrap_or_default();
    let mut digits = rest.chars().take_while(char::is_ascii_digit);
    digits.any(|digit| digit != '0')
}

/// Number of periods that counts as without end.
const LONGEST: i64 = 1 << 20;

impl Schedule {
    /// Reads a schedule; an empty start is one second before `now`.
    ///
    /// # Errors
    /// A part is missing or wrong, or the period has no length.
    pub fn parse(text: &str, now: DateTime) -> Result<Self, ScheduleError> {
        let wrong = |expected| ScheduleError::Part {
            text: text.to_owned(),
            expected,
        };
        let parts: Vec<&str> = text.split('/').collect();
        let [repeat, start, written] = parts[..] else {
            return Err(wrong("three parts separated by `/`"));
        };
        let repeat = repeat
            .strip_prefix('R')
            .ok_or_else(|| wrong("`R`, optionally with a number, first"))?;
        let repeat = match repeat {
            "" => None,
            number => Some(
                number
                    .parse()
                    .map_err(|_| wrong("a whole number after `R`"))?,
            ),
        };
        let start = match start {
            "" => DateTime(now.0 - 1),
            start => DateTime::parse(start)
                .filter(|_| !has_fraction(start))
                .ok_or_else(|| wrong("a date and time in whole seconds second"))?,
        };
        let period = Period::parse(written)
            .ok_or_else(|| wrong("a period in whole seconds, such as `PT1H`, third"))?;
        if period.months <= 0 && period.seconds <= 0 {
            return Err(ScheduleError::NeverEnds {
                text: text.to_owned(),
            });
        }
        Ok(Self {
            repeat,
            start,
            period,
            written: written.to_owned(),
        })
    }

    /// Time of the schedule's last run; `None` if it never ends, or has no runs.
    pub fn ends(&self) -> Option<DateTime> {
        let last = self.repeat?.checked_sub(1)?;
        let times = i64::try_from(last).unwrap_or(i64::MAX).min(LONGEST);
        Some(self.start.plus(&self.period, times))
    }

    /// Whether a run is due.
    pub fn is_due(&self, now: DateTime) -> bool {
        self.repeat != Some(0) && self.start <= now
    }

    /// A run was launched, or missed: the schedule moves past now, and counts one run whatever the
    /// number of periods it skips. How many it skips.
    ///
    /// Runs that are left are not kept from falling below none, as retries count, too: the original
    /// then writes `R-1`, which it reads as without end.
    pub fn advance(&mut self, now: DateTime) -> i64 {
        let skips = if self.start <= now {
            // A period with months is as long as it would be from now.
            let length = now.plus(&self.period, 1).0 - now.0;
            (now.0 - self.start.0) / length.max(1) + 1
        } else {
            0
        };
        self.start = self.start.plus(&self.period, skips);
        self.repeat = self.repeat.and_then(|left| left.checked_sub(1));
        skips
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeat = self.repeat.map(|left| left.to_string()).unwrap_or_default();
        write!(f, "R{repeat}/{}/{}", self.start, self.written)
    }
}

//! Dates and periods as ISO 8601 writes them, on the proleptic Gregorian calendar in UTC; seconds
//! are whole (spec: orchestrators-b.md section 3).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A point in time: seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DateTime(pub i64);

/// A length of time: months, whose length depends on where they are, and seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Months; a year is twelve.
    pub months: i64,
    /// Seconds; a day is 86,400.
    pub seconds: i64,
}

/// Days since 1970-01-01 of a date.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the day that may be missing is the last one.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of days since 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days_of(next_year, next_month, 1) - days_of(year, month, 1)
}

impl DateTime {
    /// Reads `2024-01-01T03:20:30Z`; parts of seconds are dropped, an offset such as `+02:00` is
    /// taken off, a time without either is UTC.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('T')?;
        let (year, month, day) = parse_date(date)?;
        let (clock, offset) = split_offset(time)?;
        let clock = clock.split('.').next()?;
        let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok());
        let (hour, minute) = (parts.next()??, parts.next()??);
        let second = parts.next().unwrap_or(Some(0))?;
        let is_valid =
            (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        let seconds = hour * 3_600 + minute * 60 + second - offset;
        is_valid.then(|| Self(days_of(year, month, day) * DAY + seconds))
    }

    /// Moment moved by a number of periods: months first, with the day cut to the month's length.
    pub fn plus(self, period: &Period, times: i64) -> Self {
        let (year, month, day) = date_of(self.0.div_euclid(DAY));
        let months = year * 12 + month - 1 + period.months * times;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let day = day.min(days_in_month(year, month));
        let clock = self.0.rem_euclid(DAY);
        Self(days_of(year, month, day) * DAY + clock + period.seconds * times)
    }
}

fn parse_date(date: &str) -> Option<(i64, i64, i64)> {
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let is_valid = parts.next().is_none()
        && (1..=12).contains(&month)
        && (1..=9_999).contains(&year)
        && (1..=days_in_month(year, month)).contains(&day);
    is_valid.then_some((year, month, day))
}

/// The clock and the offset from UTC in seconds.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (clock, offset) = time.split_at(at);
    let digits: String = offset[1..].chars().filter(|&one| one != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i64>().ok()?, 0),
        4 => (
            digits[..2].parse::<i64>().ok()?,
            digits[2..].parse::<i64>().ok()?,
        ),
        _ => return None,
    };
    let seconds = hours * 3_600 + minutes * 60;
    Some((
        clock,
        if offset.starts_with('-') {
            -seconds
        } else {
            seconds
        },
    ))
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.0.div_euclid(DAY));
        let clock = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z"
        )
    }
}

impl Period {
    /// Reads `P1DT12H`, `PT10M`, `P1W`, `P1M` and the like; numbers are whole.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('P')?;
        let (date, time) = rest.split_once('T').unwrap_or((rest, ""));
        let mut period = Self {
            months: 0,
            seconds: 0,
        };
        for (number, unit) in parts_of(date)? {
            match unit {
                'Y' => period.months += number.checked_mul(12)?,
                'M' => period.months += number,
                'W' => period.seconds += number.checked_mul(7 * DAY)?,
                'D' => period.seconds += number.checked_mul(DAY)?,
                _ => return None,
            }
        }
        for (number, unit) in parts_of(time)? {
            match unit {
                'H' => period.seconds += number.checked_mul(3_600)?,
                'M' => period.seconds += number.checked_mul(60)?,
                'S' => period.seconds += number,
                _ => return None,
            }
        }
        let has_parts = !date.is_empty() || !time.is_empty();
        has_parts.then_some(period)
    }
}

fn parts_of(text: &str) -> Option<Vec<(i64, char)>> {
    let mut parts = Vec::new();
    let mut digits = String::new();
    for one in text.chars() {
        if one.is_ascii_digit() {
            digits.push(one);
        } else {
            parts.push((digits.parse().ok()?, one));
            digits.clear();
        }
    }
    digits.is_empty().then_some(parts)
}

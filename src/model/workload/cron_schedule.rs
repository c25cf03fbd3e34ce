//! Schedules of cron jobs: five fields, the words `@daily` … and `@every 90m`, read in a time zone
//! (spec: kubernetes.md 2.6). Follows the parser and the walk of robfig/cron 3, the library that
//! Kubernetes uses, at the changes of clocks too: each field is searched from the largest down, an
//! hour is added as absolute time, so what falls into a gap is passed over and what falls into a
//! repeated hour starts twice.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use thiserror::Error;

use units::Duration;

/// Seconds since 1970 in UTC. Schedules live on the calendar; a run's zero is a date that its
/// owner knows.
pub type UnixSeconds = i64;

/// Marks a field that was written with a star.
const STAR: u64 = 1 << 63;

/// A schedule that can say when it is due next.
#[derive(Clone, Debug, PartialEq)]
pub struct CronSchedule {
    rule: Rule,
    zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// Minutes, hours, days of the month, months, days of the week, as bit sets.
    Fields(Fields),
    /// A fixed number of seconds after the previous time.
    Every(i64),
}

#[derive(Clone, Debug, PartialEq)]
struct Fields {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
}

/// A problem of a schedule. The texts are those of the original.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CronError {
    /// Not five fields.
    #[error("expected exactly 5 fields, found {found}: [{text}]")]
    FieldCount {
        /// Number of fields found.
        found: usize,
        /// The schedule.
        text: String,
    },
    /// The schedule is empty.
    #[error("empty spec string")]
    Empty,
    /// A word after `@` that isn't known.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    /// A duration after `@every` that can't be read.
    #[error("failed to parse duration {0}")]
    Every(String),
    /// A number that can't be read.
    #[error("failed to parse int from {0}")]
    Number(String),
    /// A number below zero.
    #[error("negative number ({number}) not allowed: {number}")]
    Negative {
        /// The number.
        number: i64,
    },
    /// `a-b-c`.
    #[error("too many hyphens: {0}")]
    Hyphens(String),
    /// `a/b/c`.
    #[error("too many slashes: {0}")]
    Slashes(String),
    /// Below what the field allows.
    #[error("beginning of range ({start}) below minimum ({least}): {text}")]
    Below {
        /// The first value.
        start: u32,
        /// The least the field allows.
        least: u32,
        /// The part.
        text: String,
    },
    /// Above what the field allows.
    #[error("end of range ({end}) above maximum ({most}): {text}")]
    Above {
        /// The last value.
        end: u32,
        /// The most the field allows.
        most: u32,
        /// The part.
        text: String,
    },
    /// The end before the start.
    #[error("beginning of range ({start}) beyond end of range ({end}): {text}")]
    Backwards {
        /// The first value.
        start: u32,
        /// The last value.
        end: u32,
        /// The part.
        text: String,
    },
    /// `/0`.
    #[error("step of range should be a positive number: {0}")]
    Step(String),
    /// A time zone that isn't known.
    #[error("unknown time zone {0}")]
    Zone(String),
}

struct Bounds {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds {
    least: 0,
    most: 59,
    names: &[],
};
const HOURS: Bounds = Bounds {
    least: 0,
    most: 23,
    names: &[],
};
const DAYS: Bounds = Bounds {
    least: 1,
    most: 31,
    names: &[],
};
const MONTHS: Bounds = Bounds {
    least: 1,
    most: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
const WEEKDAYS: Bounds = Bounds {
    least: 0,
    most: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

impl CronSchedule {
    /// Reads a schedule; `zone` is a name of the tz database, `None` or empty is UTC.
    pub fn parse(text: &str, zone: Option<&str>) -> Result<Self, CronError> {
        let zone = match zone.filter(|name| !name.is_empty()) {
            None => TimeZone::UTC,
            Some(name) => TimeZoneDatabase::bundled()
                .get(name)
                .map_err(|_| CronError::Zone(name.to_owned()))?,
        };
        let rule = parse_rule(text)?;
        Ok(Self { rule, zone })
    }

    /// The first time after `after` at which it is due; `None` if there is none within five years.
    pub fn next(&self, after: UnixSeconds) -> Option<UnixSeconds> {
        match &self.rule {
            Rule::Every(seconds) => after.checked_add(*seconds),
            Rule::Fields(fields) => Walk::new(&self.zone, after + 1)?.find(fields),
        }
    }
}

fn parse_rule(text: &str) -> Result<Rule, CronError> {
    if text.is_empty() {
        return Err(CronError::Empty);
    }
    let fields: Vec<&str> = match text {
        "@yearly" | "@annually" => vec!["0", "0", "1", "1", "*"],
        "@monthly" => vec!["0", "0", "1", "*", "*"],
        "@weekly" => vec!["0", "0", "*", "*", "0"],
        "@daily" | "@midnight" => vec!["0", "0", "*", "*", "*"],
        "@hourly" => vec!["0", "*", "*", "*", "*"],
        _ if text.starts_with('@') => {
            let Some(span) = text.strip_prefix("@every ") else {
                return Err(CronError::Descriptor(text.to_owned()));
            };
            let span: Duration = span
                .parse()
                .map_err(|_| CronError::Every(text.to_owned()))?;
            let seconds = span.as_nanos() / Duration::from_secs(1).as_nanos();
            return Ok(Rule::Every(seconds.max(1)));
        }
        _ => text.split_whitespace().collect(),
    };
    let [minute, hour, day, month, weekday] = fields[..] else {
        return Err(CronError::FieldCount {
            found: fields.len(),
            text: fields.join(" "),
        });
    };
    Ok(Rule::Fields(Fields {
        minute: field(minute, &MINUTES)?,
        hour: field(hour, &HOURS)?,
        day: field(day, &DAYS)?,
        month: field(month, &MONTHS)?,
        weekday: field(weekday, &WEEKDAYS)?,
    }))
}

fn field(text: &str, bounds: &Bounds) -> Result<u64, CronError> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| range(part, bounds))
        .try_fold(0, |all, part| Ok(all | part?))
}

fn range(text: &str, bounds: &Bounds) -> Result<u64, CronError> {
    let pieces: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = pieces[0].split('-').collect();
    let is_star = matches!(ends[0], "*" | "?");
    let (start, mut end) = if is_star {
        (bounds.least, bounds.most)
    } else {
        let start = number(ends[0], bounds)?;
        match ends[..] {
            [_] => (start, start),
            [_, end] => (start, number(end, bounds)?),
            _ => return Err(CronError::Hyphens(text.to_owned())),
        }
    };
    let step = match pieces[..] {
        [_] => 1,
        [_, step] => {
            if ends.len() == 1 {
                end = bounds.most;
            }
            plain_number(step)?
        }
        _ => return Err(CronError::Slashes(text.to_owned())),
    };
    let text = || text.to_owned();
    if start < bounds.least {
        let least = bounds.least;
        return Err(CronError::Below {
            start,
            least,
            text: text(),
        });
    }
    if end > bounds.most {
        let most = bounds.most;
        return Err(CronError::Above {
            end,
            most,
            text: text(),
        });
    }
    if start > end {
        return Err(CronError::Backwards {
            start,
            end,
            text: text(),
        });
    }
    if step == 0 {
        return Err(CronError::Step(text()));
    }
    let bits = (start..=end)
        .step_by(step as usize)
        .fold(0, |bits, value| bits | 1_u64 << value);
    // A star with a step restricts the day like any list.
    Ok(if is_star && step == 1 {
        bits | STAR
    } else {
        bits
    })
}

fn number(text: &str, bounds: &Bounds) -> Result<u32, CronError> {
    let lower = text.to_lowercase();
    match bounds.names.iter().position(|name| *name == lower) {
        Some(place) => Ok(bounds.least + place as u32),
        None => plain_number(text),
    }
}

fn plain_number(text: &str) -> Result<u32, CronError> {
    let number: i64 = text
        .parse()
        .map_err(|_| CronError::Number(text.to_owned()))?;
    if number < 0 {
        return Err(CronError::Negative { number });
    }
    u32::try_from(number).map_err(|_| CronError::Number(text.to_owned()))
}

/// The search for the next time: an instant, and what clocks of the zone show then.
struct Walk<'a> {
    zone: &'a TimeZone,
    unix: UnixSeconds,
    local: DateTime,
}

impl<'a> Walk<'a> {
    fn new(zone: &'a TimeZone, unix: UnixSeconds) -> Option<Self> {
        let local = shown(zone, unix)?;
        Some(Self { zone, unix, local })
    }

    fn set(&mut self, unix: UnixSeconds) -> Option<()> {
        self.unix = unix;
        self.local = shown(self.zone, unix)?;
        Some(())
    }

    /// Goes to a local time. Of a time that clocks skip or show twice, the original takes the one
    /// that its offset at `local as if UTC` leads to.
    fn set_local(&mut self, local: DateTime) -> Option<()> {
        let as_utc = Offset::UTC.to_timestamp(local).ok()?.as_second();
        let offset = offset(self.zone, as_utc)?;
        let unix = if offset == 0 {
            as_utc
        } else {
            as_utc - self::offset(self.zone, as_utc - offset)?
        };
        self.set(unix)
    }

    fn find(&mut self, fields: &Fields) -> Option<UnixSeconds> {
        let last_year = self.local.year() + 5;
        // Whether a field was moved: then all below it begin at their first value.
        let mut moved = false;
        // The seconds of a due time are 0; the time looked at first may not be.
        'wrap: loop {
            if self.local.year() > last_year {
                return None;
            }
            while !has(fields.month, self.local.month()) {
                if !moved {
                    moved = true;
                    self.set_local(midnight(self.local.date().first_of_month()))?;
                }
                self.set_local(self.local.checked_add(1.month()).ok()?)?;
                if self.local.month() == 1 {
                    continue 'wrap;
                }
            }
            while !fields.admits_day(self.local.date()) {
                if !moved {
                    moved = true;
                    self.set_local(midnight(self.local.date()))?;
                }
                self.next_day()?;
                if self.local.day() == 1 {
                    continue 'wrap;
                }
            }
            while !has(fields.hour, self.local.hour()) {
                if !moved {
                    moved = true;
                    self.set_local(self.local.date().at(self.local.hour(), 0, 0, 0))?;
                }
                self.set(self.unix + 3_600)?;
                if self.local.hour() == 0 {
                    continue 'wrap;
                }
            }
            while !has(fields.minute, self.local.minute()) {
                if !moved {
                    moved = true;
                    self.set(self.unix - self.unix.rem_euclid(60))?;
                }
                self.set(self.unix + 60)?;
                if self.local.minute() == 0 {
                    continue 'wrap;
                }
            }
            if self.local.second() == 0 {
                return Some(self.unix);
            }
            moved = true;
            let to_minute = 60 - i64::from(self.local.second());
            self.set(self.unix + to_minute)?;
        }
    }

    /// The next midnight; where clocks skip it, the original goes by the hour that they show.
    fn next_day(&mut self) -> Option<()> {
        self.set_local(self.local.checked_add(1.day()).ok()?)?;
        let hour = i64::from(self.local.hour());
        match hour {
            0 => Some(()),
            13.. => self.set(self.unix + (24 - hour) * 3_600),
            _ => self.set(self.unix - hour * 3_600),
        }
    }
}

impl Fields {
    /// Days of the month and of the week: both must match if either is a star, else one.
    fn admits_day(&self, date: Date) -> bool {
        let day = has(self.day, date.day());
        let weekday = has(self.weekday, date.weekday().to_sunday_zero_offset());
        if (self.day | self.weekday) & STAR != 0 {
            day && weekday
        } else {
            day || weekday
        }
    }
}

fn midnight(date: Date) -> DateTime {
    date.at(0, 0, 0, 0)
}

fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}

fn offset(zone: &TimeZone, unix: UnixSeconds) -> Option<i64> {
    let at = Timestamp::from_second(unix).ok()?;
    Some(i64::from(zone.to_offset(at).seconds()))
}

fn shown(zone: &TimeZone, unix: UnixSeconds) -> Option<DateTime> {
    let at = Timestamp::from_second(unix).ok()?;
    Some(zone.to_offset(at).to_datetime(at))
}

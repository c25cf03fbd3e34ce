//! Usage of a pod once it runs, as a text states it: annotations of a pod template
//! `windtunnel.dev/cpu-usage` and `windtunnel.dev/memory-usage`, or `models.usage` of an
//! experiment.
//!
//! - `250m`, `300Mi`: always so much; `60%`: that share of what the pod requests;
//! - `sine(MEAN, AMPLITUDE, PERIOD[, PEAK])`: up and down with the time of the run, highest at `PEAK`;
//! - `ramp(FROM, RISE, PER[, MOST])`: a rise from the start of the pod's processes, as a leak has it;
//! - `steps(0s: 100m, 1h: 400m)`: from each time of the run on;
//! - `recorded(0s: 100m, 1h: 400m)`: from each time on after the start of the pod's processes, as traces
//!   record it;
//! - `trace(NAME)`: a series that `models.usage.traces` names;
//! - `shared(…)`: the use of the whole workload, which its serving pods share evenly.
//!
//! A pattern becomes a [`Curve`] of integers (milli-cores, bytes): a value is computed for any
//! instant, nothing is stepped.

mod sample_hold;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Text;
use units::{Duration, Instant, Quantity};

/// Number of steps in which a period of a sine is taken: a day in minutes.
const SINE_STEPS: i64 = 1440;

/// Nano units in a unit of each of the two scales.
const NANOS_PER_MILLI: i128 = 1_000_000;
const NANOS_PER_UNIT: i128 = 1_000_000_000;

/// An amount: absolute, or a share of the request in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// An absolute amount.
    Absolute(Quantity),
    /// Millionths of the request.
    Share(i64),
}

/// Usage over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Always the same.
    Constant(Amount),
    /// Up and down with the time of the run.
    Sine {
        /// Around this.
        mean: Amount,
        /// By this.
        amplitude: Amount,
        /// Length of a whole turn.
        period: Duration,
        /// Time of the peak.
        peak: Duration,
    },
    /// Up from the start of the processes.
    Ramp {
        /// At their start.
        from: Amount,
        /// By this.
        rise: Amount,
        /// In this time.
        per: Duration,
        /// Up to this.
        most: Option<Amount>,
    },
    /// From each time of the run on.
    Steps(Vec<(Duration, Amount)>),
    /// From each time on after the start of the processes: the use that a trace recorded.
    Recorded(Vec<(Duration, Amount)>),
    /// A series by name.
    Trace(Text),
    /// Usage of a whole workload, shared by its pods.
    Shared(Box<Self>),
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((name, rest)) = text.split_once('(') else {
            return Ok(Self::Constant(amount(text)?));
        };
        let inner = rest.strip_suffix(')');
        let inner = inner.ok_or_else(|| format!("`{text}` lacks its closing bracket"))?;
        let arguments: Vec<&str> = inner.split(',').map(str::trim).collect();
        match (name.trim(), arguments.as_slice()) {
            ("shared", _) => match inner.parse()? {
                Self::Shared(_) => Err("`shared` is given twice".to_owned()),
                pattern => Ok(Self::Shared(Box::new(pattern))),
            },
            ("trace", [name]) if !name.is_empty() => Ok(Self::Trace((*name).into())),
            ("sine", [mean, amplitude, period, rest @ ..]) if rest.len() < 2 => Ok(Self::Sine {
                mean: amount(mean)?,
                amplitude: amount(amplitude)?,
                period: span(period)?,
                peak: match rest.first() {
                    None => Duration::ZERO,
                    Some(peak) => peak.parse().map_err(|_| no_duration(peak))?,
                },
            }),
            ("ramp", [from, rise, per, rest @ ..]) if rest.len() < 2 => Ok(Self::Ramp {
                from: amount(from)?,
                rise: amount(rise)?,
                per: span(per)?,
                most: rest.first().map(|most| amount(most)).transpose()?,
            }),
            ("steps", _) => Ok(Self::Steps(steps("steps", &arguments)?)),
            ("recorded", _) => Ok(Self::Recorded(steps("recorded", &arguments)?)),
            ("sine", _) => {
                Err("expected `sine(MEAN, AMPLITUDE, PERIOD)`, optionally with a `PEAK`".into())
            }
            ("ramp", _) => Err("expected `ramp(FROM, RISE, PER)` or `MOST` besides".into()),
            ("trace", _) => Err("expected `trace(NAME)`".into()),
            (other, _) => Err(format!(
                "`{other}` is unknown; expected an amount, a share of the request such as `60%`, \
                 or one of `sine`, `ramp`, `steps`, `recorded`, `trace`, `shared`"
            )),
        }
    }
}

fn steps(kind: &str, arguments: &[&str]) -> Result<Vec<(Duration, Amount)>, String> {
    let mut steps: Vec<(Duration, Amount)> = Vec::new();
    for step in arguments {
        let (at, value) = step
            .split_once(':')
            .ok_or_else(|| format!("`{step}` is not a step; expected one such as `1h: 400m`"))?;
        let at: Duration = at.trim().parse().map_err(|_| no_duration(at.trim()))?;
        if at < Duration::ZERO || steps.last().is_some_and(|&(last, _)| at <= last) {
            return Err(format!(
                "the times of `{kind}` must increase from 0s, and `{step}` does not"
            ));
        }
        steps.push((at, amount(value.trim())?));
    }
    Ok(steps)
}

fn no_duration(text: &str) -> String {
    format!("`{text}` is not a duration such as `24h`")
}

fn span(text: &str) -> Result<Duration, String> {
    let span: Duration = text.parse().map_err(|_| no_duration(text))?;
    if span > Duration::ZERO {
        Ok(span)
    } else {
        Err(format!("`{text}` is not a time; expected more than 0s"))
    }
}

fn amount(text: &str) -> Result<Amount, String> {
    let negative = || format!("`{text}` is negative; usage can't be below 0");
    if let Some(percent) = text.strip_suffix('%') {
        let share: Result<Quantity, _> = percent.trim().parse();
        let share = share.map_err(|_| format!("`{text}` is not a share such as `60%`"))?;
        if share.is_negative() {
            return Err(negative());
        }
        let millionths = i64::try_from(share.nanos() / 100_000);
        return millionths
            .ok()
            .filter(|&millionths| millionths <= 1_000_000_000)
            .map(Amount::Share)
            .ok_or_else(|| format!("`{text}` is more than a thousand times the request"));
    }
    let quantity: Quantity = text.parse().map_err(|_| {
        format!("`{text}` is neither an amount such as `250m` nor a share such as `60%`")
    })?;
    if quantity.is_negative() {
        return Err(negative());
    }
    Ok(Amount::Absolute(quantity))
}

impl Pattern {
    /// The series that it names, if it names one.
    pub fn trace(&self) -> Option<&Text> {
        match self {
            Self::Trace(name) => Some(name),
            Self::Shared(pattern) => pattern.trace(),
            _ => None,
        }
    }
}

/// Unit of amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Milli-cores.
    Cpu,
    /// Bytes.
    Memory,
}

impl Scale {
    /// An amount, rounded up; what does not fit is as much as fits.
    pub fn of(self, quantity: Quantity) -> i64 {
        let unit = match self {
            Self::Cpu => NANOS_PER_MILLI,
            Self::Memory => NANOS_PER_UNIT,
        };
        let nanos = quantity.nanos();
        let up = nanos / unit + i128::from(nanos % unit > 0);
        i64::try_from(up).unwrap_or(i64::MAX)
    }
}

/// Measured usage.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ResourceUsage {
    /// Milli-cores.
    pub cpu_milli: i64,
    /// Bytes.
    pub memory_bytes: i64,
}

/// A series: from each time on a value, in order of time.
pub type Series = Arc<[(Instant, i64)]>;

/// A pattern in integers of one scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Always the same.
    Constant(i64),
    /// Up and down in `SINE_STEPS` steps a period.
    Sine {
        /// Around this.
        mean: i64,
        /// By this.
        amplitude: i64,
        /// Length of a whole turn.
        period: Duration,
        /// Time of the peak.
        peak: Duration,
    },
    /// Up from the start of the processes.
    Ramp {
        /// At their start.
        from: i64,
        /// By this.
        rise: i64,
        /// In this time.
        per: Duration,
        /// Up to this.
        most: i64,
    },
    /// From each time on; before the first, its value.
    Steps(Series),
    /// A series whose zero is the start of the processes.
    Recorded(Series),
}

impl Curve {
    /// A pattern for a pod that requests so much, and whether pods share it; `None` if a series is
    /// not known.
    pub fn of(
        pattern: &Pattern,
        request: i64,
        scale: Scale,
        traces: &dyn Fn(&str) -> Option<Series>,
    ) -> Option<(Self, bool)> {
        let of = |amount: Amount| match amount {
            Amount::Absolute(quantity) => scale.of(quantity),
            Amount::Share(millionths) => {
                let part = i128::from(request) * i128::from(millionths) / 1_000_000;
                i64::try_from(part).unwrap_or(i64::MAX)
            }
        };
        let curve = match pattern {
            Pattern::Constant(amount) => Self::Constant(of(*amount)),
            Pattern::Sine {
                mean,
                amplitude,
                period,
                peak,
            } => Self::Sine {
                mean: of(*mean),
                amplitude: of(*amplitude),
                period: *period,
                peak: *peak,
            },
            Pattern::Ramp {
                from,
                rise,
                per,
                most,
            } => Self::Ramp {
                from: of(*from),
                rise: of(*rise),
                per: *per,
                most: most.map_or(i64::MAX, of),
            },
            Pattern::Steps(steps) => Self::Steps(series(steps, of)),
            Pattern::Recorded(steps) => Self::Recorded(series(steps, of)),
            Pattern::Trace(name) => Self::Steps(traces(name)?),
            Pattern::Shared(pattern) => {
                let (curve, _) = Self::of(pattern, request, scale, traces)?;
                return Some((curve, true));
            }
        };
        Some((curve, false))
    }

    /// The value at an instant, of processes that are up since `since`. What is recorded goes on where it
    /// was if their work does: its time counts from `since` as well, which then lies before their start.
    pub fn at(&self, now: Instant, since: Instant) -> i64 {
        match self {
            Self::Constant(value) => *value,
            Self::Sine {
                mean,
                amplitude,
                period,
                peak,
            } => sine(*mean, *amplitude, *period, now.since(Instant::ZERO), *peak),
            Self::Ramp {
                from,
                rise,
                per,
                most,
            } => {
                let passed = i128::from(now.since(since).as_nanos().max(0));
                let grown = i128::from(*rise) * passed / i128::from(per.as_nanos());
                let value = i64::try_from(i128::from(*from) + grown).unwrap_or(i64::MAX);
                value.min(*most)
            }
            Self::Steps(series) => step_at(series, now),
            Self::Recorded(series) => step_at(series, passed(now, since)),
        }
    }

    /// The instant of the next step after `now`, of a curve in steps that has one.
    pub fn next_step(&self, now: Instant, since: Instant) -> Option<Instant> {
        let (series, clock, zero) = match self {
            Self::Steps(series) => (series, now, Instant::ZERO),
            Self::Recorded(series) => (series, passed(now, since), since),
            Self::Constant(_) | Self::Sine { .. } | Self::Ramp { .. } => return None,
        };
        let place = series.partition_point(|&(at, _)| at <= clock);
        let &(at, _) = series.get(place)?;
        Some(zero.saturating_add(at.since(Instant::ZERO)))
    }

    /// The first instant from `now` on at which it is `level` or more, if there is one within what
    /// the curve says; of a sine within its period.
    pub fn reaches(&self, level: i64, now: Instant, since: Instant) -> Option<Instant> {
        if self.at(now, since) >= level {
            return Some(now);
        }
        match self {
            Self::Constant(_) => None,
            Self::Sine { period, .. } => {
                let step = period.as_nanos() / SINE_STEPS;
                let passed = now.since(Instant::ZERO).as_nanos();
                let first = Instant::from_nanos(passed - passed.rem_euclid(step.max(1)));
                let steps = (1..=SINE_STEPS).map(|n| {
                    let span = step.max(1).checked_mul(n).unwrap_or(i64::MAX);
                    first.saturating_add(Duration::from_nanos(span))
                });
                let mut steps = steps.filter(|&at| at > now);
                steps.find(|&at| self.at(at, since) >= level)
            }
            Self::Ramp {
                from,
                rise,
                per,
                most,
            } => {
                if *rise <= 0 || level > *most {
                    return None;
                }
                let missing = i128::from(level) - i128::from(*from);
                let nanos = missing * i128::from(per.as_nanos());
                let rise = i128::from(*rise);
                let nanos = nanos / rise + i128::from(nanos % rise > 0);
                let span = Duration::from_nanos(i64::try_from(nanos).ok()?);
                since.checked_add(span)
            }
            Self::Steps(series) => {
                let mut later = series.iter().filter(|&&(at, _)| at > now);
                later.find(|&&(_, value)| value >= level).map(|&(at, _)| at)
            }
            Self::Recorded(series) => {
                let clock = passed(now, since);
                let mut later = series.iter().filter(|&&(at, _)| at > clock);
                let &(at, _) = later.find(|&&(_, value)| value >= level)?;
                Some(since.saturating_add(at.since(Instant::ZERO)))
            }
        }
    }
}

/// The series of steps.
fn series(steps: &[(Duration, Amount)], of: impl Fn(Amount) -> i64) -> Series {
    let steps = steps.iter();
    let steps = steps.map(|&(at, amount)| (Instant::ZERO.saturating_add(at), of(amount)));
    steps.collect()
}

/// The value of a series at an instant; before its first, the value of that.
fn step_at(series: &[(Instant, i64)], at: Instant) -> i64 {
    let next = series.partition_point(|&(from, _)| from <= at);
    let step = series.get(next.saturating_sub(1));
    step.map_or(0, |&(_, value)| value)
}

/// The time since an instant, on a clock of its own.
fn passed(now: Instant, since: Instant) -> Instant {
    Instant::ZERO.saturating_add(now.since(since))
}

/// A sine whose value holds for a step of its period; never less than nothing.
fn sine(mean: i64, amplitude: i64, period: Duration, passed: Duration, peak: Duration) -> i64 {
    let step = (period.as_nanos() / SINE_STEPS).max(1);
    let grid = passed.as_nanos() - passed.as_nanos().rem_euclid(step);
    let turn =
        (i128::from(grid) - i128::from(peak.as_nanos())).rem_euclid(i128::from(period.as_nanos()));
    let angle = turn as f64 / period.as_nanos() as f64 * std::f64::consts::TAU;
    let swing = libm::rint(amplitude as f64 * libm::cos(angle)) as i64;
    mean.saturating_add(swing).max(0)
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        })
    }
}

#[cfg(test)]
mod tests;

//! Simulated time: integer nanoseconds since the scenario's zero, and the small duration grammar
//! of experiment files (`1d`, `2h30m`, `1.5s`, `250ms`). Overflow is an error, never a wrap.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A point in simulated time, in nanoseconds since the scenario's zero.
///
/// ```
/// use units::{Duration, Instant};
///
/// let start = Instant::from_secs(90);
/// let end = start + Duration::from_secs(30);
/// assert_eq!(end.since(start), Duration::from_secs(30));
/// assert_eq!(end.as_nanos(), 120_000_000_000);
/// assert_eq!(Instant::MAX.checked_add(Duration::from_secs(1)), None);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Instant(Nanos);

/// A span of simulated time, in nanoseconds; the difference of two instants may be negative.
///
/// ```
/// use units::Duration;
///
/// let span: Duration = "2h30m".parse()?;
/// assert_eq!(span, Duration::from_secs(9_000));
/// assert_eq!("1.5s".parse::<Duration>()?, Duration::from_millis(1_500));
/// assert!("soon".parse::<Duration>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(Nanos);

/// A number of nanoseconds above the least of 64 bits, so that an optional time takes no more memory than
/// a time: arrivals, pods and events have several of them. It is kept as its distance from that least
/// number, which has the order of the number itself and is never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
struct Nanos(NonZeroU64);

impl Nanos {
    const SIGN: u64 = 1 << 63;

    /// The number; the least of 64 bits is taken for the one above it.
    #[inline]
    const fn of(nanos: i64) -> Self {
        match NonZeroU64::new(nanos as u64 ^ Self::SIGN) {
            Some(distance) => Self(distance),
            None => Self(NonZeroU64::MIN),
        }
    }

    #[inline]
    const fn get(self) -> i64 {
        (self.0.get() ^ Self::SIGN) as i64
    }
}

impl From<i64> for Nanos {
    fn from(nanos: i64) -> Self {
        Self::of(nanos)
    }
}

impl From<Nanos> for i64 {
    fn from(nanos: Nanos) -> Self {
        nanos.get()
    }
}

/// Of the number itself, which digests are made of.
impl Hash for Nanos {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.get().hash(state);
    }
}

impl Default for Nanos {
    fn default() -> Self {
        Self::of(0)
    }
}

impl fmt::Debug for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Nanoseconds in one second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl Instant {
    /// The scenario's zero.
    pub const ZERO: Self = Self(Nanos::of(0));
    /// Later than anything that can happen.
    pub const MAX: Self = Self(Nanos::of(i64::MAX));

    /// The instant this many nanoseconds after zero.
    #[inline]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(Nanos::of(nanos))
    }

    /// The instant this many whole seconds after zero.
    ///
    /// # Panics
    /// Beyond 292 years.
    #[inline]
    pub const fn from_secs(secs: i64) -> Self {
        Self(Nanos::of(
            secs.checked_mul(NANOS_PER_SECOND)
                .expect("time beyond 292 years"),
        ))
    }

    /// Nanoseconds since zero.
    #[inline]
    pub const fn as_nanos(self) -> i64 {
        self.0.get()
    }

    /// The whole second that the instant is in: what an API timestamp keeps of it.
    ///
    /// ```
    /// use units::{Duration, Instant};
    ///
    /// let at = Instant::from_secs(7) + Duration::from_millis(999);
    /// assert_eq!(at.whole_second(), Instant::from_secs(7));
    /// ```
    #[must_use]
    pub const fn whole_second(self) -> Self {
        Self(Nanos::of(
            self.0.get() - self.0.get().rem_euclid(NANOS_PER_SECOND),
        ))
    }

    /// Seconds since zero, rounded to the nearest binary64.
    pub fn as_secs_f64(self) -> f64 {
        self.0.get() as f64 / 1e9
    }

    /// Time since `earlier`; negative when `earlier` is later.
    #[inline]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(Nanos::of(self.0.get().saturating_sub(earlier.0.get())))
    }

    /// Instant moved by `duration`, or `None` beyond 292 years.
    #[inline]
    pub const fn checked_add(self, duration: Duration) -> Option<Self> {
        match self.0.get().checked_add(duration.0.get()) {
            Some(nanos) => Some(Self(Nanos::of(nanos))),
            None => None,
        }
    }

    /// Instant moved by `duration`; at [`Instant::MAX`] time stands still.
    #[inline]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(Nanos::of(self.0.get().saturating_add(duration.0.get())))
    }
}

impl Duration {
    /// No time.
    pub const ZERO: Self = Self(Nanos::of(0));
    /// Longer than any run.
    pub const MAX: Self = Self(Nanos::of(i64::MAX));

    /// A span of nanoseconds.
    #[inline]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(Nanos::of(nanos))
    }

    /// A span of milliseconds.
    ///
    /// # Panics
    /// Beyond 292 years.
    pub const fn from_millis(millis: i64) -> Self {
        Self(Nanos::of(
            millis
                .checked_mul(1_000_000)
                .expect("duration beyond 292 years"),
        ))
    }

    /// A span of milliseconds, at most the longest one there is.
    #[must_use]
    pub const fn saturating_from_millis(millis: i64) -> Self {
        Self(Nanos::of(millis.saturating_mul(1_000_000)))
    }

    /// A span of whole seconds.
    ///
    /// # Panics
    /// Beyond 292 years; user input goes through [`Duration::checked_from_secs`].
    #[inline]
    pub const fn from_secs(secs: i64) -> Self {
        Self(Nanos::of(
            secs.checked_mul(NANOS_PER_SECOND)
                .expect("duration beyond 292 years"),
        ))
    }

    /// A span of whole seconds, or `None` beyond 292 years.
    #[inline]
    pub const fn checked_from_secs(secs: i64) -> Option<Self> {
        match secs.checked_mul(NANOS_PER_SECOND) {
            Some(nanos) => Some(Self(Nanos::of(nanos))),
            None => None,
        }
    }

    /// The span nearest to `secs` seconds, or `None` if it is not finite or beyond 292 years.
    #[inline]
    pub fn checked_from_secs_f64(secs: f64) -> Option<Self> {
        let nanos = libm::rint(secs * 1e9);
        // 2^63 as a float; the largest i64 itself is not a float.
        (nanos.is_finite() && nanos.abs() < 9_223_372_036_854_775_808.0)
            .then_some(Self(Nanos::of(nanos as i64)))
    }

    /// Nanoseconds of this span.
    #[inline]
    pub const fn as_nanos(self) -> i64 {
        self.0.get()
    }

    /// Seconds of this span, rounded to the nearest binary64.
    pub fn as_secs_f64(self) -> f64 {
        self.0.get() as f64 / 1e9
    }

    /// The sum, or `None` on overflow.
    #[inline]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.get().checked_add(other.0.get()) {
            Some(nanos) => Some(Self(Nanos::of(nanos))),
            None => None,
        }
    }

    /// The sum; one beyond 292 years is the longest span there is.
    #[must_use]
    #[inline]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(Nanos::of(self.0.get().saturating_add(other.0.get())))
    }

    /// The product with a count, or `None` on overflow.
    pub const fn checked_mul(self, count: i64) -> Option<Self> {
        match self.0.get().checked_mul(count) {
            Some(nanos) => Some(Self(Nanos::of(nanos))),
            None => None,
        }
    }
}

/// Time stands still at its end: spans of a user's choice may reach beyond it.
impl Add<Duration> for Instant {
    type Output = Self;

    #[inline]
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl AddAssign<Duration> for Instant {
    #[inline]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    #[inline]
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl Add for Duration {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

/// Error of a text that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DurationError {
    /// Nothing to read.
    #[error("a duration is expected, such as `90s`, `1.5h` or `2d12h`")]
    Empty,
    /// A number without one of the known units.
    #[error("unknown unit `{0}`: expected one of ns us ms s m h d w")]
    Unit(String),
    /// Not a decimal number.
    #[error("`{0}` is not a number followed by a unit, such as `90s`")]
    Number(String),
    /// Beyond 292 years.
    #[error("longer than 292 years")]
    Overflow,
}

/// Known units and their length in nanoseconds.
const DURATION_UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("d", 86_400 * NANOS_PER_SECOND),
    ("w", 7 * 86_400 * NANOS_PER_SECOND),
];

impl std::str::FromStr for Duration {
    type Err = DurationError;

    /// Reads one or more `NUMBER UNIT` pairs without blanks, such as `2h30m`; `0` needs no unit.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let text = text.trim();
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        if rest.is_empty() {
            return Err(DurationError::Empty);
        }
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let unit_end = tail
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let scale = DURATION_UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|&(_, scale)| scale)
                .ok_or_else(|| match (number.is_empty(), unit.is_empty()) {
                    (false, false) => DurationError::Unit(unit.to_owned()),
                    _ => DurationError::Number(text.to_owned()),
                })?;
            let nanos = scaled_decimal(number, scale)
                .ok_or_else(|| DurationError::Number(text.to_owned()))?
                .map_err(|()| DurationError::Overflow)?;
            total = total.checked_add(nanos).ok_or(DurationError::Overflow)?;
            rest = tail;
        }
        Ok(Self(Nanos::of(sign * total)))
    }
}

/// `number × scale` rounded down to a whole nanosecond; `None` if `number` is no decimal number.
fn scaled_decimal(number: &str, scale: i64) -> Option<Result<i64, ()>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 30 {
        return None;
    }
    let digits = |text: &str| -> Option<i128> {
        if text.is_empty() {
            Some(0)
        } else {
            text.parse().ok()
        }
    };
    // 18 digits of a fraction of the longest unit (a week, 6e14 ns) are below a nanosecond.
    let fraction = &fraction[..fraction.len().min(18)];
    let denominator = 10_i128.pow(fraction.len() as u32);
    let value = (digits(whole)?
        .checked_mul(denominator)?
        .checked_add(digits(fraction)?)?)
    .checked_mul(i128::from(scale))?
        / denominator;
    Some(i64::try_from(value).map_err(|_| ()))
}

impl fmt::Display for Duration {
    /// The shortest exact form in the duration grammar, such as `2h30m` or `1.5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.get() == 0 {
            return f.write_str("0s");
        }
        if self.0.get() < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.get().unsigned_abs();
        for (unit, scale) in [("d", 86_400_u64), ("h", 3_600), ("m", 60)] {
            let scale = scale * NANOS_PER_SECOND as u64;
            if rest >= scale {
                write!(f, "{}{unit}", rest / scale)?;
                rest %= scale;
            }
        }
        let (unit, scale) = match rest {
            0 => return Ok(()),
            1..1_000 => ("ns", 1),
            1_000..1_000_000 => ("us", 1_000),
            1_000_000..1_000_000_000 => ("ms", 1_000_000),
            _ => ("s", NANOS_PER_SECOND as u64),
        };
        let digits = format!("{:0width$}", rest % scale, width = scale.ilog10() as usize);
        let fraction = digits.trim_end_matches('0');
        match (scale, fraction) {
            (1, _) | (_, "") => write!(f, "{}{unit}", rest / scale),
            _ => write!(f, "{}.{fraction}{unit}", rest / scale),
        }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_the_same_grammar() {
        for (text, nanos, printed) in [
            ("0", 0, "0s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1.5h", 5_400_000_000_000, "1h30m"),
            ("2d12h", 216_000_000_000_000, "2d12h"),
            ("250ms", 250_000_000, "250ms"),
            ("1.25s", 1_250_000_000, "1.25s"),
            ("-3us", -3_000, "-3us"),
            ("1w", 604_800_000_000_000, "7d"),
            ("7ns", 7, "7ns"),
            ("1d7ns", 86_400_000_000_007, "1d7ns"),
        ] {
            let duration: Duration = text.parse().expect(text);
            assert_eq!(duration.as_nanos(), nanos, "{text}");
            assert_eq!(duration.to_string(), printed, "{text}");
            assert_eq!(printed.parse::<Duration>(), Ok(duration), "{printed}");
        }
    }

    #[test]
    fn wrong_durations_say_what_is_wrong() {
        for (text, message) in [
            (
                "",
                "a duration is expected, such as `90s`, `1.5h` or `2d12h`",
            ),
            ("5", "`5` is not a number followed by a unit, such as `90s`"),
            (
                "5parsec",
                "unknown unit `parsec`: expected one of ns us ms s m h d w",
            ),
            (
                "1..5s",
                "`1..5s` is not a number followed by a unit, such as `90s`",
            ),
            ("300000w", "longer than 292 years"),
            (
                ".s",
                "`.s` is not a number followed by a unit, such as `90s`",
            ),
        ] {
            let error = text.parse::<Duration>().expect_err(text);
            assert_eq!(error.to_string(), message, "{text}");
        }
    }
}

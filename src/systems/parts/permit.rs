//! Permits that come at a steady rate: removals of agents in Mesos, registrations in `SwarmKit`.

use thiserror::Error;

use units::{Duration, Instant};

/// Number of permits in a span, spaced evenly; the first is free at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Time between two permits.
    pub spacing: Duration,
}

/// Error of a text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not a rate, expected permits per duration, such as `1/10mins` or `3/8secs`")]
pub struct RateError {
    /// The text as written.
    pub text: String,
}

/// Units of a span, by the words that are understood, in nanoseconds.
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("secs", 1_000_000_000),
    ("mins", 60_000_000_000),
    ("hrs", 3_600_000_000_000),
    ("days", 86_400_000_000_000),
    ("weeks", 604_800_000_000_000),
];

impl std::str::FromStr for Rate {
    type Err = RateError;

    /// Reads `permits/span`, as Mesos' flags write it.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError {
            text: text.to_owned(),
        };
        let (permits, span) = text.split_once('/').ok_or_else(wrong)?;
        let permits: i64 = permits.trim().parse().map_err(|_| wrong())?;
        let span = span.trim();
        let split = span
            .find(|one: char| !one.is_ascii_digit())
            .ok_or_else(wrong)?;
        let count: i64 = span[..split].parse().map_err(|_| wrong())?;
        let unit = &span[split..];
        let &(_, nanos) = UNITS
            .iter()
            .find(|(name, _)| *name == unit || name.strip_suffix('s') == Some(unit))
            .ok_or_else(wrong)?;
        let total = count.checked_mul(nanos).ok_or_else(wrong)?;
        if permits <= 0 || total <= 0 {
            return Err(wrong());
        }
        Ok(Self {
            spacing: Duration::from_nanos(total / permits),
        })
    }
}

/// Hands out permits one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permits {
    rate: Option<Rate>,
    next: Option<Instant>,
}

impl Permits {
    /// Permits at a rate; without one there is always a permit.
    pub fn new(rate: Option<Rate>) -> Self {
        Self { rate, next: None }
    }

    /// Instant at which the next permit is free, now at the earliest.
    pub fn free_at(&self, now: Instant) -> Instant {
        self.next.map_or(now, |next| next.max(now))
    }

    /// Takes a permit if one is free.
    pub fn take(&mut self, now: Instant) -> bool {
        if self.free_at(now) > now {
            return false;
        }
        self.next = self.rate.map(|rate| now.saturating_add(rate.spacing));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_spaced_and_not_saved_up() {
        let rate: Rate = "2/5mins".parse().expect("a rate");
        assert_eq!(rate.spacing, Duration::from_secs(150));
        let mut permits = Permits::new(Some(rate));
        let at = Instant::from_secs;
        assert!(permits.take(at(10)) && !permits.take(at(159)));
        assert_eq!(permits.free_at(at(20)), at(160));
        assert!(permits.take(at(1_000)) && !permits.take(at(1_000)));
        let mut always = Permits::new(None);
        assert!(always.take(at(0)) && always.take(at(0)));
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in ["", "1", "1/", "0/1mins", "1/0secs", "x/1mins", "1/5parsecs"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}

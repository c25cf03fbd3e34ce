//! The limiter of a zone: a bucket of one token. Its arithmetic is that of the original (golang.org's
//! `time/rate` over a 32-bit rate), as rounding decides at which tick a token is there.

use units::{Duration, Instant};

/// A limiter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Limiter {
    /// The limiter admits nothing.
    Never,
    /// One at a time, at a rate.
    Bucket(Bucket),
}

/// A bucket of at most one token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bucket {
    rate: f32,
    tokens: f64,
    last: Instant,
}

impl Limiter {
    /// A full bucket that refills at so many tokens a second; none at all passes at 0.
    pub(super) fn new(rate: f32, now: Instant) -> Self {
        if rate <= 0.0 {
            return Self::Never;
        }
        Self::Bucket(Bucket {
            rate,
            tokens: 1.0,
            last: now,
        })
    }

    /// Takes a token if one is there.
    pub(super) fn try_take(&mut self, now: Instant) -> bool {
        match self {
            Self::Never => false,
            Self::Bucket(bucket) => bucket.try_take(now),
        }
    }

    /// Earliest instant of the next token, rounded down to the millisecond; `None` is never.
    pub(super) fn earliest(&self) -> Option<Instant> {
        match self {
            Self::Never => None,
            Self::Bucket(bucket) => {
                let wait = 1e3 * (1.0 - bucket.tokens).max(0.0) / f64::from(bucket.rate);
                let wait = Duration::from_millis((wait as i64 - 1).max(0));
                Some(bucket.last.saturating_add(wait))
            }
        }
    }

    /// Changes the rate: another rate is a new bucket, emptied if the old one had no token.
    pub(super) fn swap(&mut self, rate: f32, now: Instant) {
        let is_same =
            matches!(self, Self::Bucket(bucket) if bucket.rate.to_bits() == rate.to_bits());
        if is_same {
            return;
        }
        let mut new = Self::new(rate, now);
        if !self.try_take(now) {
            new.try_take(now);
        }
        *self = new;
    }
}

impl Bucket {
    fn try_take(&mut self, now: Instant) -> bool {
        let rate = f64::from(self.rate);
        let elapsed = seconds(now.since(self.last));
        let tokens = (self.tokens + elapsed * rate).min(1.0) - 1.0;
        // What is missing counts only from a whole nanosecond of waiting on.
        let wait = if tokens < 0.0 {
            (1e9 * (-tokens / rate)) as i64
        } else {
            0
        };
        if wait > 0 {
            return false;
        }
        (self.tokens, self.last) = (tokens, now);
        true
    }
}

/// Seconds as the original makes them: whole ones and the fraction apart.
fn seconds(span: Duration) -> f64 {
    let nanos = span.as_nanos();
    let second = Duration::from_secs(1).as_nanos();
    (nanos / second) as f64 + (nanos % second) as f64 / 1e9
}

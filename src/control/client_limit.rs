//! Limits of the clients by which the control plane and its nodes talk to the API server: a bucket of
//! tokens, one for each request (client-go `flowcontrol.NewTokenBucketRateLimiter`).

use units::{Duration, Instant};

/// The limit of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimit {
    /// Requests per second in the long run, at least 1.
    pub per_second: u32,
    /// Requests at once after a pause, at least 1.
    pub burst: u32,
}

impl ClientLimit {
    /// The time that one token takes to come back.
    fn interval(self) -> Duration {
        Duration::from_nanos(1_000_000_000 / i64::from(self.per_second.max(1)))
    }
}

/// A bucket of tokens, full at first.
///
/// ```
/// use control::client_limit::{ClientLimit, TokenBucket};
/// use units::Instant;
///
/// let limit = ClientLimit { per_second: 20, burst: 30 };
/// let mut bucket = TokenBucket::new(limit);
/// let now = Instant::from_secs(5);
/// let grants: Vec<Instant> = (0..50).map(|_| bucket.reserve(now)).collect();
/// assert_eq!(grants[29], now);
/// assert_eq!(grants[49], Instant::from_secs(6));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    limit: ClientLimit,
    /// When the token after the last one taken comes, were the bucket empty.
    next: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub const fn new(limit: ClientLimit) -> Self {
        Self {
            limit,
            next: Instant::from_nanos(i64::MIN / 2),
        }
    }

    /// When a token is there that a request takes now.
    pub fn next(&self, now: Instant) -> Instant {
        self.token(now).max(now)
    }

    /// Takes a token for a request; returns when the request may be sent.
    pub fn reserve(&mut self, now: Instant) -> Instant {
        self.next = self.token(now);
        self.next.max(now)
    }

    /// The instant of the next token: a full bucket holds those of the time before.
    fn token(&self, now: Instant) -> Instant {
        let interval = self.limit.interval();
        let whole = interval.as_nanos() * i64::from(self.limit.burst.max(1));
        let full = Instant::from_nanos(now.as_nanos() - whole);
        self.next.max(full).saturating_add(interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_fills_the_bucket_again() {
        let limit = ClientLimit {
            per_second: 10,
            burst: 3,
        };
        let mut bucket = TokenBucket::new(limit);
        let at = |millis: i64| Instant::ZERO.saturating_add(Duration::from_millis(millis));
        let grants = [0, 0, 0, 0, 0].map(|millis| bucket.reserve(at(millis)));
        assert_eq!(grants, [0, 0, 0, 100, 200].map(at));
        assert_eq!(bucket.next(at(200)), at(300));
        assert_eq!(bucket.reserve(at(350)), at(350));
        let later = [10_000, 10_000, 10_000, 10_000].map(|millis| bucket.reserve(at(millis)));
        assert_eq!(later, [10_000, 10_000, 10_000, 10_100].map(at));
    }
}

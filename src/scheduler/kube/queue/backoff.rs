//! Back-off: the time for which a pod is kept back after failed attempts.

use super::{BACKOFF_FLUSH, KubeProfile, QueuedPod};
use model::Change;
use units::time::NANOS_PER_SECOND;
use units::{Duration, Instant};

/// Back-off bounds. The time doubles with every failure from the first bound to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Time after the first failure.
    pub initial: Duration,
    /// Longest time.
    pub most: Duration,
}

impl Default for Backoff {
    /// 1 s and 10 s.
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            most: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// The time after the `count`-th failure in a row.
    pub fn after(self, count: u32) -> Duration {
        let Some(shift) = count.checked_sub(1) else {
            return Duration::ZERO;
        };
        let (initial, most) = (self.initial.as_nanos(), self.most.as_nanos());
        if initial == 0 {
            return Duration::ZERO;
        }
        if initial > most.checked_shr(shift).unwrap_or(0) {
            return self.most;
        }
        Duration::from_nanos(initial << shift)
    }

    /// End of a pod's back-off; `None` means no back-off. Computed once per failure.
    pub(super) fn expiry(self, pod: &mut QueuedPod, timing: BackoffRule) -> Option<Instant> {
        if pod.expiry.is_none() {
            let count = match pod.consecutive_errors {
                0 => pod.unschedulable_count,
                errors => errors,
            };
            let duration = self.after(count);
            if duration > Duration::ZERO {
                let end = pod.timestamp.saturating_add(duration);
                pod.expiry = Some(match timing {
                    BackoffRule::Early => whole_second(end),
                    BackoffRule::Late => end,
                });
            }
        }
        pod.expiry
    }
}

/// The whole second that an instant is in.
pub(super) fn whole_second(at: Instant) -> Instant {
    let nanos = at.as_nanos();
    Instant::from_nanos(nanos - nanos.rem_euclid(NANOS_PER_SECOND))
}

/// Rule by which back-offs end (spec: kubernetes-releases.md B).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BackoffRule {
    /// When no other pod waits, or after the whole second that they end in.
    Early,
    /// When they are over.
    Late,
}

impl BackoffRule {
    /// Rule of the release that profiles follow.
    pub(super) fn of(profiles: &[KubeProfile]) -> Self {
        let changes = profiles.first().map(|profile| profile.changes);
        if changes.unwrap_or_default().has(Change::PopFromBackoff) {
            Self::Early
        } else {
            Self::Late
        }
    }

    /// Whether a back-off until `expiry` is not over.
    pub(super) fn is_backing_off(self, expiry: Instant, now: Instant) -> bool {
        match self {
            Self::Early => expiry >= whole_second(now),
            Self::Late => expiry > now,
        }
    }

    /// Earliest instant at which a flush lets go a pod with a back-off until `expiry`, if flushes
    /// are at whole seconds.
    pub(super) fn let_go(self, expiry: Instant) -> Instant {
        match self {
            Self::Early => expiry + BACKOFF_FLUSH,
            Self::Late => match whole_second(expiry) {
                whole if whole == expiry => expiry,
                whole => whole + BACKOFF_FLUSH,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_doubles_up_to_the_bound() {
        let secs = |bounds: (i64, i64)| {
            let backoff = Backoff {
                initial: Duration::from_secs(bounds.0),
                most: Duration::from_secs(bounds.1),
            };
            [0, 1, 2, 3, 4, 5, 6, 64, 200]
                .map(|count| backoff.after(count).as_nanos() / NANOS_PER_SECOND)
        };
        assert_eq!(secs((1, 10)), [0, 1, 2, 4, 8, 10, 10, 10, 10]);
        assert_eq!(secs((5, 3)), [0, 3, 3, 3, 3, 3, 3, 3, 3]);
        assert_eq!(secs((0, 3)), [0; 9]);
    }
}

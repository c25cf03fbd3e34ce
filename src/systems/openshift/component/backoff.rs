//! Back-off of pods that fit nowhere: the scheduler tries each again after a second, then after twice as long each
//! time, up to a minute (Kubernetes 1.11, `pod_backoff.go`). Attempts at which nothing has changed since the
//! last one fail as that did, so that they are only reckoned.

use units::{Duration, Instant, SortedMap};

use crate::parts::timers::Timers;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A pod between two attempts.
#[derive(Clone, Copy, Debug)]
struct Rest {
    next: Instant,
    wait: Duration,
}

/// Pods that fit nowhere, by their numbers in the order of creation.
#[derive(Clone, Debug, Default)]
pub(super) struct BackOff {
    resting: SortedMap<u64, Rest>,
    /// Those of which no attempt is due, as nothing has changed.
    idle: Vec<u64>,
    /// Last waits of pods whose next attempt is being made.
    waits: SortedMap<u64, Duration>,
    timers: Timers<u64>,
}

/// Wait after one more attempt that failed.
fn longer(wait: Duration) -> Duration {
    let twice = wait.saturating_add(wait);
    twice.clamp(FIRST, LONGEST)
}

impl BackOff {
    /// An attempt to place a pod has failed.
    pub(super) fn failed(&mut self, now: Instant, number: u64) {
        let wait = longer(self.waits.remove(&number).unwrap_or(Duration::ZERO));
        let next = now.saturating_add(wait);
        self.resting.insert(number, Rest { next, wait });
        self.idle.push(number);
    }

    /// Something has changed: each pod is tried at the end of its wait.
    pub(super) fn changed(&mut self, now: Instant) {
        for number in std::mem::take(&mut self.idle) {
            let Some(rest) = self.resting.get_mut(&number) else {
                continue;
            };
            while rest.next < now {
                rest.wait = longer(rest.wait);
                let behind = now.since(rest.next);
                let whole = if rest.wait == LONGEST {
                    (behind.as_nanos() - 1) / LONGEST.as_nanos()
                } else {
                    0
                };
                let skipped = LONGEST.checked_mul(whole).unwrap_or(Duration::MAX);
                rest.next = rest.next.saturating_add(skipped).saturating_add(rest.wait);
            }
            self.timers.push(rest.next, number);
        }
    }

    /// The next pod that is to be tried by now.
    pub(super) fn pop(&mut self, now: Instant) -> Option<u64> {
        while let Some((at, number)) = self.timers.pop(now) {
            let rest = self.resting.get(&number);
            if let Some(rest) = rest.filter(|own| own.next == at) {
                self.waits.insert(number, rest.wait);
                self.resting.remove(&number);
                return Some(number);
            }
        }
        None
    }

    /// The instant of the next attempt.
    pub(super) fn next(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// A pod is placed or gone.
    pub(super) fn forget(&mut self, number: u64) {
        self.resting.remove(&number);
        self.waits.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Instant {
        Instant::from_secs(secs)
    }

    /// Instants at which a pod is tried that always fails, if something changes at some times.
    fn tries(changes: &[i64]) -> Vec<i64> {
        let mut own = BackOff::default();
        let mut tries = vec![0];
        own.failed(at(0), 1);
        for (place, &change) in changes.iter().enumerate() {
            own.changed(at(change));
            let until = changes
                .get(place + 1)
                .copied()
                .unwrap_or(i64::MAX / 2_000_000_000);
            while let Some(next) = own.next().filter(|&next| next < at(until)) {
                if own.pop(next).is_some() {
                    own.failed(next, 1);
                    tries.push(next.since(Instant::ZERO).as_nanos() / 1_000_000_000);
                }
            }
        }
        tries
    }

    #[test]
    fn waits_double_up_to_a_minute_whether_or_not_anything_changes() {
        // Attempts at 1, 3, 7, 15, 31, 63, 123, 183 …, of which those are made that a change went before.
        assert_eq!(tries(&[0]), [0, 1]);
        assert_eq!(tries(&[0, 2, 4]), [0, 1, 3, 7]);
        assert_eq!(tries(&[16]), [0, 31]);
        assert_eq!(tries(&[31]), [0, 31]);
        assert_eq!(tries(&[32, 124]), [0, 63, 183]);
        assert_eq!(tries(&[1_000]), [0, 1_023]);
        assert_eq!(tries(&[1_023]), [0, 1_023]);
    }
}

//! The clock of a daemon: it is never set, and runs at the pace that the control server states.

use std::time::Duration as WallDuration;

use units::{Duration, Instant};

use crate::runtime::clock::boot_ns;

/// A clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Time at the last change of pace.
    base: Instant,
    /// Real time at the last change of pace.
    began_ns: i64,
    /// Seconds that pass in a real second.
    pace: i64,
}

impl Clock {
    /// A clock that runs at the pace of real time.
    pub(super) fn new() -> Self {
        Self {
            base: Instant::ZERO,
            began_ns: boot_ns(),
            pace: 1,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.at(boot_ns())
    }

    fn at(&self, real_ns: i64) -> Instant {
        let passed = real_ns.saturating_sub(self.began_ns);
        let passed = Duration::from_nanos(passed.saturating_mul(self.pace));
        self.base.saturating_add(passed)
    }

    /// Runs at another pace from now on.
    pub(super) fn set_pace(&mut self, pace: u32) {
        let pace = i64::from(pace.max(1));
        if pace != self.pace {
            let real_ns = boot_ns();
            *self = Self {
                base: self.at(real_ns),
                began_ns: real_ns,
                pace,
            };
        }
    }

    /// Real time of a span.
    pub(super) fn real(&self, span: Duration) -> WallDuration {
        let nanos = span.as_nanos().max(0) / self.pace;
        WallDuration::from_nanos(nanos.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_evenly_when_the_pace_changes() {
        let mut clock = Clock {
            base: Instant::from_secs(7),
            began_ns: 1_000_000_000,
            pace: 1,
        };
        assert_eq!(clock.at(3_000_000_000), Instant::from_secs(9));
        let before = clock.now();
        clock.set_pace(50);
        assert!(clock.now() >= before);
        assert_eq!(
            clock.real(Duration::from_secs(10)),
            WallDuration::from_millis(200)
        );
        assert_eq!(
            clock.at(clock.began_ns + 1_000_000_000),
            clock.base.saturating_add(Duration::from_secs(50))
        );
    }
}

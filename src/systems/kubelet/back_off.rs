//! The crash-loop back-off: the first restart is immediate, then 10 s, 20 s, 40 s … up to 300 s
//! after the exit; forgotten when an exit comes more than ten minutes after the last restart
//! (spec: kubernetes.md part 4).

use units::{Duration, Instant};

/// The first delay that is one.
const FIRST: Duration = Duration::from_secs(10);

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(300);

/// Time after which a restart is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// The back-off of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrashLoop {
    /// The delay of the next restart, and when the last one was decided; `None` before the first.
    last: Option<(Duration, Instant)>,
}

impl CrashLoop {
    /// The back-off of a container that was started again so often and ended once more, and when it is
    /// started next.
    pub(super) fn found(restarts: u32, exit: Instant) -> (Self, Instant) {
        let at = exit.saturating_add(delay(restarts));
        let last = (delay(restarts.saturating_add(1)), at);
        (Self { last: Some(last) }, at)
    }

    /// The back-off of a container that was last started again at an instant, for the so-manieth time.
    pub(super) fn restarted(restarts: u32, at: Instant) -> Self {
        Self {
            last: Some((delay(restarts), at)),
        }
    }

    /// A container ended: when it is started again.
    pub fn restart_at(&mut self, exit: Instant) -> Instant {
        let known = self.last.filter(|&(_, at)| exit.since(at) <= FORGOTTEN);
        let (delay, next) = match known {
            None => (Duration::ZERO, FIRST),
            Some((delay, _)) => {
                let doubled = delay.checked_mul(2).unwrap_or(LONGEST);
                (delay, doubled.min(LONGEST))
            }
        };
        let at = exit.saturating_add(delay);
        self.last = Some((next, at));
        at
    }
}

/// The delay of the next restart after so many that followed each other closely.
fn delay(restarts: u32) -> Duration {
    match restarts {
        0 => Duration::ZERO,
        more => {
            let factor = 1 << (more - 1).min(5);
            FIRST.checked_mul(factor).unwrap_or(LONGEST).min(LONGEST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exits so many seconds after each start, and the delays before the next one.
    fn check(runs: &[i64], expected: &[i64]) {
        let mut back_off = CrashLoop::default();
        let mut start = Instant::ZERO;
        let delays: Vec<i64> = (runs.iter())
            .map(|&run| {
                let exit = start.saturating_add(Duration::from_secs(run));
                start = back_off.restart_at(exit);
                start.since(exit).as_nanos() / 1_000_000_000
            })
            .collect();
        assert_eq!(delays, expected, "{runs:?}");
    }

    #[test]
    fn a_loop_that_was_found_goes_on_as_it_would_have() {
        let start = Instant::from_secs(1_000);
        let mut followed = CrashLoop::default();
        let mut exit = start;
        for restarts in 0..9 {
            let at = followed.restart_at(exit);
            assert_eq!(CrashLoop::found(restarts, exit), (followed, at));
            assert_eq!(CrashLoop::restarted(restarts + 1, at), followed);
            exit = at.saturating_add(Duration::from_secs(3));
        }
    }

    #[test]
    fn delays_double_and_are_forgotten() {
        check(&[0; 9], &[0, 10, 20, 40, 80, 160, 300, 300, 300]);
        check(&[1, 1, 600, 1], &[0, 10, 20, 40]);
        check(&[1, 1, 601, 1], &[0, 10, 0, 10]);
    }
}

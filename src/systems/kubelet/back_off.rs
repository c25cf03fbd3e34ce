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
    fn delays_double_and_are_forgotten() {
        check(&[0; 9], &[0, 10, 20, 40, 80, 160, 300, 300, 300]);
        check(&[1, 1, 600, 1], &[0, 10, 20, 40]);
        check(&[1, 1, 601, 1], &[0, 10, 0, 10]);
    }
}

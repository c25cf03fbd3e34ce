//! The creation of a host: its phases in order, each done or failed at an instant (docker/machine
//! `libmachine/libmachine.go`, `provision/utils.go`). A failure leaves a half-made machine, which has
//! to be removed; nothing is tried again.

use std::fmt;

use super::poll::Poll;
use units::{Duration, Instant};

/// Phase of a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The driver's check before anything is made.
    PreCheck,
    /// The driver's call, which returns before the host runs.
    DriverCreate,
    /// The host's start, until its state is `Running`.
    Boot,
    /// The host's answer by SSH.
    Ssh,
    /// The detection of the system.
    Detect,
    /// The installation of packages and of the engine.
    Install,
    /// The engine's answer on its port.
    Engine,
    /// The last check.
    Check,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::PreCheck,
        Self::DriverCreate,
        Self::Boot,
        Self::Ssh,
        Self::Detect,
        Self::Install,
        Self::Engine,
        Self::Check,
    ];

    /// The phase in a user's words.
    const fn words(self) -> &'static str {
        match self {
            Self::PreCheck => "the driver's check failed",
            Self::DriverCreate => "the driver's call failed",
            Self::Boot => "the host did not start",
            Self::Ssh => "the host did not answer by SSH",
            Self::Detect => "the system of the host was not recognised",
            Self::Install => "the engine could not be installed",
            Self::Engine => "the engine did not answer",
            Self::Check => "the last check failed",
        }
    }

    /// Waiting rule of a phase whose end is polled for.
    const fn poll(self) -> Option<Poll> {
        match self {
            Self::Boot | Self::Ssh => Some(Poll::HOST),
            Self::Engine => Some(Poll::ENGINE),
            _ => None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// Times that the phases of a creation take, in the order of [`Phase::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times(pub [Duration; 8]);

/// Step of a creation: a phase that ended, and the instant at which its end was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The phase.
    pub phase: Phase,
    /// Instant of the end.
    pub at: Instant,
    /// Whether the phase failed, with which the creation ends.
    pub has_failed: bool,
}

/// A creation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creation {
    times: Times,
    fails_in: Option<Phase>,
    /// Number of phases that ended.
    done: usize,
    now: Instant,
    has_failed: bool,
}

impl Creation {
    /// A creation that begins at an instant; `fails_in` is the phase whose own work fails.
    pub const fn new(begun: Instant, times: Times, fails_in: Option<Phase>) -> Self {
        Self {
            times,
            fails_in,
            done: 0,
            now: begun,
            has_failed: false,
        }
    }

    /// The next step; `None` once the host is ready or the creation has failed. A driver that makes
    /// no host (`none`) ends after [`Phase::DriverCreate`], which is its caller's to see.
    pub fn next_step(&mut self) -> Option<Step> {
        let phase = *Phase::ALL.get(self.done).filter(|_| !self.has_failed)?;
        let takes = self.times.0[self.done];
        let seen = match phase.poll() {
            None => Some(takes),
            Some(poll) => poll.seen(takes),
        };
        // What never comes true is waited for until the last test.
        let own_failure = self.fails_in == Some(phase);
        let gives_up = phase.poll().filter(|_| own_failure || seen.is_none());
        let lasts = match gives_up {
            Some(poll) => poll.given_up(),
            None => seen.unwrap_or(takes),
        };
        self.has_failed = own_failure || seen.is_none();
        self.now = self.now.saturating_add(lasts);
        self.done += 1;
        Some(Step {
            phase,
            at: self.now,
            has_failed: self.has_failed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: [i64; 8] = [1, 20, 25, 4, 1, 40, 5, 1];

    fn ends(times: [i64; 8], fails_in: Option<Phase>) -> Vec<(i64, bool)> {
        let times = Times(times.map(Duration::from_secs));
        let mut creation = Creation::new(Instant::ZERO, times, fails_in);
        let steps = std::iter::from_fn(|| creation.next_step());
        let ends = steps.map(|step| (step.at.as_nanos() / 1_000_000_000, step.has_failed));
        ends.collect()
    }

    #[test]
    fn worked_creation_of_a_host() {
        let at: Vec<i64> = ends(TIMES, None).into_iter().map(|(at, _)| at).collect();
        assert_eq!(at, [1, 21, 48, 54, 55, 95, 101, 102]);
    }

    #[test]
    fn a_failed_phase_ends_the_creation() {
        assert_eq!(ends(TIMES, Some(Phase::PreCheck)), [(1, true)]);
        // The state is waited for to the end.
        let failed = ends(TIMES, Some(Phase::Boot));
        assert_eq!(failed.last(), Some(&(201, true)));
        let mut slow = TIMES;
        slow[6] = 28;
        assert_eq!(ends(slow, None).last(), Some(&(125, true)));
        slow[6] = 27;
        assert_eq!(ends(slow, None).last(), Some(&(123, false)));
    }
}

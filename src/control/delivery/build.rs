//! Builds of one build configuration and the policies by which they take turns
//! (openshift-controller-manager `pkg/build/controller/policy`).

use units::{Duration, Instant};

/// Order in which builds run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuildPolicy {
    /// One at a time, in the order in which they were asked for.
    #[default]
    Serial,
    /// One at a time; a new build cancels all that have not begun.
    SerialLatestOnly,
    /// All side by side.
    Parallel,
}

/// State of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildState {
    /// It waits for its turn.
    New,
    /// It runs.
    Running,
    /// It made its image.
    Complete,
    /// It failed.
    Failed,
    /// It was cancelled before it began.
    Cancelled,
}

/// A build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// State of the build.
    pub state: BuildState,
    /// Instant at which the build began.
    pub started: Option<Instant>,
    /// Instant of its end, or at which it was cancelled.
    pub ended: Option<Instant>,
}

/// The builds of a configuration, in the order in which they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builds {
    policy: BuildPolicy,
    builds: Vec<Build>,
}

/// Longest delay of a retry of an image trigger.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Delay before the n-th retry of an image trigger, from 0: 2^n s, at most 30 s.
pub fn retry_delay(retry: u32) -> Duration {
    let secs = 1_i64.checked_shl(retry).filter(|_| retry < 62);
    let delay = secs.and_then(Duration::checked_from_secs);
    delay.map_or(LONGEST_RETRY, |delay| delay.min(LONGEST_RETRY))
}

impl Builds {
    /// No builds yet.
    pub const fn new(policy: BuildPolicy) -> Self {
        Self {
            policy,
            builds: Vec::new(),
        }
    }

    /// All builds so far.
    pub fn builds(&self) -> &[Build] {
        &self.builds
    }

    /// A build is asked for: the numbers of those that begin.
    pub fn request(&mut self, now: Instant) -> Vec<usize> {
        if self.policy == BuildPolicy::SerialLatestOnly {
            for build in self
                .builds
                .iter_mut()
                .filter(|build| build.state == BuildState::New)
            {
                (build.state, build.ended) = (BuildState::Cancelled, Some(now));
            }
        }
        self.builds.push(Build {
            state: BuildState::New,
            started: None,
            ended: None,
        });
        self.begin(now)
    }

    /// A build has ended: the numbers of those that begin.
    pub fn ended(&mut self, now: Instant, number: usize, success: bool) -> Vec<usize> {
        let build = self.builds.get_mut(number);
        let Some(build) = build.filter(|own| own.state == BuildState::Running) else {
            return Vec::new();
        };
        build.ended = Some(now);
        build.state = if success {
            BuildState::Complete
        } else {
            BuildState::Failed
        };
        self.begin(now)
    }

    fn begin(&mut self, now: Instant) -> Vec<usize> {
        let mut begun = Vec::new();
        let mut is_running = self
            .builds
            .iter()
            .any(|build| build.state == BuildState::Running);
        for (number, build) in self.builds.iter_mut().enumerate() {
            if build.state != BuildState::New {
                continue;
            }
            if is_running && self.policy != BuildPolicy::Parallel {
                break;
            }
            (build.state, build.started) = (BuildState::Running, Some(now));
            is_running = true;
            begun.push(number);
        }
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(at: Option<Instant>) -> Option<i64> {
        at.map(|at| at.as_nanos() / 1_000_000_000)
    }

    /// Builds of 100 s, asked for at given seconds: start and end of each.
    fn times(policy: BuildPolicy, asked: &[i64]) -> Vec<(Option<i64>, Option<i64>)> {
        let mut builds = Builds::new(policy);
        let mut ends: Vec<(i64, usize)> = Vec::new();
        let mut asked = asked.iter().copied().peekable();
        loop {
            let end = ends.iter().min().copied();
            let is_asked = asked
                .peek()
                .filter(|at| end.is_none_or(|(end, _)| **at < end));
            let (now, begun) = match (is_asked.copied(), end) {
                (Some(at), _) => {
                    asked.next();
                    (at, builds.request(Instant::from_secs(at)))
                }
                (None, Some((at, number))) => {
                    ends.retain(|end| *end != (at, number));
                    (at, builds.ended(Instant::from_secs(at), number, true))
                }
                (None, None) => break,
            };
            ends.extend(begun.into_iter().map(|number| (now + 100, number)));
        }
        let builds = builds.builds().iter();
        builds
            .map(|own| (secs(own.started), secs(own.ended)))
            .collect()
    }

    #[test]
    fn worked_builds_of_each_policy() {
        let asked = [0, 10, 20, 30, 250];
        let latest = times(BuildPolicy::SerialLatestOnly, &asked);
        let expected = [
            (Some(0), Some(100)),
            (None, Some(20)),
            (None, Some(30)),
            (Some(100), Some(200)),
            (Some(250), Some(350)),
        ];
        assert_eq!(latest, expected);
        let serial = times(BuildPolicy::Serial, &asked);
        let starts: Vec<Option<i64>> = serial.iter().map(|own| own.0).collect();
        assert_eq!(starts, [0, 100, 200, 300, 400].map(Some));
        let parallel = times(BuildPolicy::Parallel, &asked);
        let starts: Vec<Option<i64>> = parallel.iter().map(|own| own.0).collect();
        assert_eq!(starts, asked.map(Some));
    }

    #[test]
    fn retries_wait_longer_up_to_half_a_minute() {
        let delays = [0, 1, 4, 5, 80].map(retry_delay);
        assert_eq!(delays, [1, 2, 16, 30, 30].map(Duration::from_secs));
    }
}

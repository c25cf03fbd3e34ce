//! Arrivals of a trace: rates by hour and day, sessions of users, and the gaps between these.

use rng::agreement::serial;
use units::SortedMap;

use super::columns::Columns;
use super::marginals::normal_score;
use crate::generate::mix::Pace;

/// Longest time between two submissions of a session, nanoseconds: 20 minutes.
const THINKING: i64 = 1_200_000_000_000;

const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

/// Arrivals by one reading of what a session is.
pub(super) struct Grouping {
    /// Gaps between sessions at the mean rate, nanoseconds.
    pub(super) gaps: Vec<i64>,
    /// Correlation of the normal scores of each gap and the next.
    pub(super) autocorrelation: f64,
    pub(super) hours: Option<[f64; 24]>,
    pub(super) days: Option<[f64; 7]>,
    /// Numbers of jobs of the sessions, and gaps within them; none where each job is a session of its own.
    pub(super) sessions: Option<(Vec<i64>, Vec<i64>)>,
}

impl Grouping {
    /// Each job is a session.
    pub(super) fn alone(columns: &Columns) -> Self {
        let submits: Vec<i64> = columns.jobs.iter().map(|job| job.submit).collect();
        Self::of(&submits, None)
    }

    /// Submissions of one user within 20 minutes are a session; `None` where all jobs are of one user, or
    /// no session has two.
    pub(super) fn sessions(columns: &Columns) -> Option<Self> {
        let mut begins: Vec<i64> = Vec::new();
        let mut sizes: Vec<i64> = Vec::new();
        let mut gaps: Vec<i64> = Vec::new();
        // By user: the last submission, and the place of its session.
        let mut last: SortedMap<u32, (i64, usize)> = SortedMap::new();
        for job in &columns.jobs {
            let at = job.submit;
            let place = match last.get(&job.tenant) {
                Some(&(before, place)) if at - before <= THINKING => {
                    gaps.push(at - before);
                    sizes[place] += 1;
                    place
                }
                _ => {
                    begins.push(at);
                    sizes.push(1);
                    begins.len() - 1
                }
            };
            last.insert(job.tenant, (at, place));
        }
        let is_none = last.len() < 2 || gaps.is_empty() || begins.len() < 3;
        (!is_none).then(|| Self::of(&begins, Some((sizes, gaps))))
    }

    fn of(begins: &[i64], sessions: Option<(Vec<i64>, Vec<i64>)>) -> Self {
        let seconds: Vec<f64> = begins.iter().map(|&at| at as f64 / 1e9).collect();
        let span = seconds.last().copied().unwrap_or(0.0);
        let hours = (span >= 2.0 * DAY).then(|| factors::<24>(&seconds, HOUR, span));
        let days = (span >= 14.0 * DAY).then(|| factors::<7>(&seconds, DAY, span));
        let pace = Pace::new(
            &hours.unwrap_or([1.0; 24]),
            &days.unwrap_or([1.0; 7]),
            Vec::new(),
        );
        let pairs = seconds.windows(2);
        let gaps = pairs.map(|two| match &pace {
            Some(pace) => (pace.between(two[0], two[1]) * 1e9) as i64,
            None => ((two[1] - two[0]) * 1e9) as i64,
        });
        let gaps: Vec<i64> = gaps.collect();
        Self {
            autocorrelation: serial(&gaps).map_or(0.0, normal_score),
            gaps,
            hours,
            days,
            sessions,
        }
    }
}

/// Rates of the parts of a cycle beside their mean, to three digits.
fn factors<const PARTS: usize>(seconds: &[f64], part: f64, span: f64) -> [f64; PARTS] {
    let of = |at: f64| (at / part) as usize % PARTS;
    let mut counts = [0.0; PARTS];
    for &at in seconds {
        counts[of(at)] += 1.0;
    }
    // The trace may end in the middle of a cycle.
    let mut times = [0.0; PARTS];
    let whole = (span / part) as usize;
    for place in 0..whole {
        times[place % PARTS] += part;
    }
    times[whole % PARTS] += span - whole as f64 * part;
    let mean = seconds.len() as f64 / span;
    std::array::from_fn(|place| {
        let rate = if times[place] > 0.0 {
            counts[place] / times[place]
        } else {
            mean
        };
        rng::math::round_half_even(rate / mean * 1e3) / 1e3
    })
}

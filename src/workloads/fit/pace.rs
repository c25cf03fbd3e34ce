//! Arrivals of a trace: rates by hour and day, sessions of users, and the gaps between these.

use rng::agreement::serial;
use units::{Duration, SortedMap, SortedSet};

use super::columns::{Columns, Job};
use super::course::Course;
use super::marginals::normal_score;
use crate::generate::mix::{After, Pace};

/// The most autocorrelation that is written: gaps of which each follows from the one before are no law of chance.
const MOST_AUTOCORRELATION: f64 = 0.999;

/// Longest time between two jobs of a session, nanoseconds: 20 minutes.
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
    /// Parts of the trace with rates of their own.
    pub(super) course: Option<Course>,
    /// First and last end of a job that starts at once, nanoseconds, where jobs keep to them.
    pub(super) ends: Option<[i64; 2]>,
    /// Sessions; none where each job is a session of its own.
    pub(super) sessions: Option<Sessions>,
}

/// Sessions of a trace.
pub(super) struct Sessions {
    /// Places of the jobs of each session, in order of submission.
    pub(super) jobs: Vec<Vec<usize>>,
    /// Instant from which the time to the next job counts.
    pub(super) after: After,
}

impl Sessions {
    /// Each job as a session.
    fn alone(columns: &Columns) -> Self {
        Self {
            jobs: (0..columns.jobs.len()).map(|place| vec![place]).collect(),
            after: After::Submission,
        }
    }

    /// Sessions of a trace: jobs of one user and one kind (priority; whether they end), each within 20 minutes
    /// of the instant `after` of the one before. `None` where all jobs are of one user, or no session has two.
    fn of(columns: &Columns, after: After) -> Option<Self> {
        let mut sessions: Vec<Vec<usize>> = Vec::new();
        // By user and kind: the instant from which the time to the next job counts, and the place of the session.
        let mut last: SortedMap<(u32, i32, bool), (i64, usize)> = SortedMap::new();
        let mut users = SortedSet::new();
        for (number, job) in columns.jobs.iter().enumerate() {
            let key = (job.tenant, job.shape.priority, job.run_time.is_some());
            let place = match last.get(&key) {
                Some(&(before, place)) if continues(job.submit.saturating_sub(before), after) => {
                    sessions[place].push(number);
                    place
                }
                _ => {
                    sessions.push(vec![number]);
                    sessions.len() - 1
                }
            };
            users.insert(job.tenant);
            last.insert(key, (job.submit.saturating_add(work(job, after)), place));
        }
        let is_none = users.len() < 2 || sessions.len() < 3;
        let is_none = is_none || sessions.iter().all(|own| own.len() < 2);
        (!is_none).then_some(Self {
            jobs: sessions,
            after,
        })
    }

    /// Times to the next job within some sessions, nanoseconds.
    pub(super) fn gaps<'a>(
        &self,
        columns: &Columns,
        sessions: impl IntoIterator<Item = &'a Vec<usize>>,
    ) -> Vec<i64> {
        let pairs = sessions.into_iter().flat_map(|own| own.windows(2));
        let gaps = pairs.map(|two| {
            let [before, next] = [two[0], two[1]].map(|place| &columns.jobs[place]);
            let passed = next.submit - before.submit;
            passed.saturating_sub(work(before, self.after))
        });
        gaps.collect()
    }
}

/// Whether a job continues a session after a time from the instant that counts. Ends are those that jobs have
/// which start at once, so that a job submitted before such an end is of another session.
fn continues(time: i64, after: After) -> bool {
    match after {
        After::Submission => time <= THINKING,
        After::End => (0..=THINKING).contains(&time),
    }
}

/// Time from a job's submission to the instant from which the time to the next one counts.
fn work(job: &Job, after: After) -> i64 {
    match after {
        After::Submission => 0,
        After::End => job.run_time.unwrap_or(0),
    }
}

impl Grouping {
    /// Each job is a session.
    pub(super) fn alone(columns: &Columns) -> Self {
        let submits: Vec<i64> = columns.jobs.iter().map(|job| job.submit).collect();
        Self::of(&submits, None, None)
    }

    /// Jobs of one user within 20 minutes are a session; `None` where there are no sessions.
    pub(super) fn sessions(columns: &Columns, after: After) -> Option<Self> {
        let sessions = Sessions::of(columns, after)?;
        let begins = sessions.jobs.iter();
        let begins: Vec<i64> = begins.map(|own| columns.jobs[own[0]].submit).collect();
        Some(Self::of(&begins, Some(sessions), None))
    }

    /// Each job is a session, and what jobs come how often changes from one part of the trace to the next.
    pub(super) fn in_parts(columns: &Columns, part: Duration) -> Self {
        let submits: Vec<i64> = columns.jobs.iter().map(|job| job.submit).collect();
        Self {
            ends: columns.ends(),
            ..Self::of(&submits, Some(Sessions::alone(columns)), Some(part))
        }
    }

    /// The same, of which nothing about sessions is written.
    pub(super) fn without_sessions(self) -> Self {
        Self {
            sessions: None,
            ..self
        }
    }

    fn of(begins: &[i64], sessions: Option<Sessions>, part: Option<Duration>) -> Self {
        let seconds: Vec<f64> = begins.iter().map(|&at| at as f64 / 1e9).collect();
        let span = seconds.last().copied().unwrap_or(0.0);
        // Parts that are shorter than a cycle have it in themselves.
        let covers = |cycle: f64| part.is_none_or(|part| part.as_secs_f64() >= cycle);
        let has_hours = span >= 2.0 * DAY && covers(DAY);
        let has_days = span >= 14.0 * DAY && covers(7.0 * DAY);
        let hours = has_hours.then(|| factors::<24>(&seconds, HOUR, span));
        let days = has_days.then(|| factors::<7>(&seconds, DAY, span));
        let pace = Pace::new(
            &hours.unwrap_or([1.0; 24]),
            &days.unwrap_or([1.0; 7]),
            Vec::new(),
        );
        let course =
            { part.zip(pace.as_ref()) }.map(|(part, pace)| Course::of(&seconds, part, pace));
        let pace = match (&course, pace) {
            (Some(course), Some(pace)) => pace.with_course(course.part, &course.factors),
            (_, pace) => pace,
        };
        let pairs = seconds.windows(2);
        let gaps = pairs.map(|two| match &pace {
            Some(pace) => (pace.between(two[0], two[1]) * 1e9) as i64,
            None => ((two[1] - two[0]) * 1e9) as i64,
        });
        let gaps: Vec<i64> = gaps.collect();
        Self {
            autocorrelation: serial(&gaps)
                .map_or(0.0, normal_score)
                .clamp(-MOST_AUTOCORRELATION, MOST_AUTOCORRELATION),
            gaps,
            hours,
            days,
            course,
            ends: None,
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

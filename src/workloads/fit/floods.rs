//! Templates of sessions with similar work. Few sessions hold most of a log's work: floods of one user's long
//! jobs, which alone fill a machine for a day. So the sessions with the most work are templates of a few
//! sessions each, and those with less of ever more; jobs within a session are alike, to the degree that they
//! are in the trace.

use rng::agreement::spearman;
use units::SortedMap;

use super::columns::{Columns, Job};
use super::course::Course;
use super::marginals::{Bounds, Fitted, OwnSessions, TEMPLATES_MAX, fitted, normal_score};
use super::pace::{Grouping, Sessions};
use crate::generate::mix::{FIELDS, size};

/// Least number of sessions of a template, where there are as many.
const SESSIONS_MIN: usize = 4;

/// Sizes of the templates of one kind of jobs.
#[derive(Clone, Copy)]
pub(super) struct Bands {
    /// Factor by which a template has more sessions than the one before, whose sessions have more work.
    growth: usize,
    /// Most templates.
    most: usize,
    /// Whether jobs have no less and no more work than those of their template in the trace.
    is_bounded: bool,
    /// Whether requests come together.
    has_sorts: bool,
}

impl Bands {
    /// Bands of sessions.
    pub(super) const OF_SESSIONS: Self = Self {
        growth: 3,
        most: 8,
        is_bounded: false,
        has_sorts: false,
    };
    /// Bands of single jobs. In narrower ones their work is closer to that of the trace.
    pub(super) const OF_JOBS: Self = Self {
        growth: 2,
        most: 10,
        is_bounded: false,
        has_sorts: true,
    };
    /// The same, of which jobs keep to the work of their band: their times differ a little more from those of the trace.
    pub(super) const OF_BOUNDED_JOBS: Self = Self {
        is_bounded: true,
        ..Self::OF_JOBS
    };

    /// Whether jobs keep to the work of their band.
    pub(super) const fn has_bounds(self) -> bool {
        self.is_bounded
    }
}

/// Greatest likeness that is written: at 1 all jobs of a session would be equal to the nanosecond.
const LIKENESS_MAX: f64 = 0.99;

/// Priority of the jobs of a session, and whether they end.
type Kind = (i32, bool);

/// The templates of a trace whose jobs come in sessions: by priority, apart for jobs that stay, and by the work of
/// the session.
pub(super) fn templates(columns: &Columns, grouping: &Grouping, bands: Bands) -> Vec<Fitted> {
    let Some(sessions) = &grouping.sessions else {
        return Vec::new();
    };
    let mut kinds: SortedMap<Kind, Vec<&Vec<usize>>> = SortedMap::new();
    for own in &sessions.jobs {
        let first = &columns.jobs[own[0]];
        let kind = (first.shape.priority, first.run_time.is_some());
        kinds.entry(kind).or_default().push(own);
    }
    let mut kinds: Vec<(Kind, Vec<&Vec<usize>>)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(kind, own)| (std::cmp::Reverse(own.len()), *kind));
    // The sessions of rarer priorities count with those of the most frequent one.
    let rare = kinds.split_off(kinds.len().min(TEMPLATES_MAX));
    let rare = rare.into_iter().flat_map(|(_, own)| own);
    if let Some((_, most)) = kinds.first_mut() {
        most.extend(rare);
    }
    let bands = Bands {
        most: (TEMPLATES_MAX / kinds.len().max(1)).clamp(1, bands.most),
        ..bands
    };
    let course = grouping.course.as_ref();
    let mut templates = Vec::new();
    for ((priority, _), mut own) in kinds {
        // Equal work keeps the order of the trace.
        own.sort_by(|one, other| work(columns, other).total_cmp(&work(columns, one)));
        let mut rest = own.as_slice();
        for size in parts(rest.len(), bands) {
            let (part, others) = rest.split_at(size);
            let bounds = Bounds {
                work: bands.is_bounded.then(|| work_of(columns, part)).flatten(),
                ends: grouping.ends,
                has_sorts: bands.has_sorts,
            };
            templates.push(Fitted {
                course: course.map(|course| counts(columns, course, part)),
                ..template(columns, sessions, priority, bounds, part)
            });
            rest = others;
        }
    }
    templates
}

/// Numbers of the sessions that begin in each part of a course.
fn counts(columns: &Columns, course: &Course, sessions: &[&Vec<usize>]) -> Vec<u64> {
    let mut counts = vec![0; course.numbers.len()];
    for own in sessions {
        let at = columns.jobs[own[0]].submit / course.part.as_nanos();
        counts[(at as usize).min(course.numbers.len() - 1)] += 1;
    }
    counts
}

/// Numbers of sessions of each template, growing.
fn parts(sessions: usize, bands: Bands) -> Vec<usize> {
    let Bands { growth, most, .. } = bands;
    let mut sizes = Vec::new();
    // As many as leave the last a factor above the one before.
    let shares: usize = (0..most as u32).map(|part| growth.pow(part)).sum();
    let mut size = (sessions / shares).max(SESSIONS_MIN);
    let mut left = sessions;
    while left > 0 {
        let is_last = sizes.len() + 1 == most || left < 2 * size;
        let own = if is_last { left } else { size.min(left) };
        sizes.push(own);
        left -= own;
        size *= growth;
    }
    sizes
}

/// Time that a session's jobs take on the units that they ask for.
fn work(columns: &Columns, session: &[usize]) -> f64 {
    let jobs = session.iter().map(|&place| &columns.jobs[place]);
    jobs.map(|job| exact(job).unwrap_or(1) as f64).sum()
}

/// Work of a job that ends: thousandths of units times nanoseconds.
fn exact(job: &Job) -> Option<i128> {
    let size = size(job.shape.cpu, job.shape.gpus, job.pods);
    Some(i128::from(job.run_time?) * i128::from(size))
}

/// Least and most work of the jobs of sessions that have one job each and end.
fn work_of(columns: &Columns, sessions: &[&Vec<usize>]) -> Option<[i128; 2]> {
    let works = sessions.iter().map(|own| match own.as_slice() {
        [only] => exact(&columns.jobs[*only]),
        _ => None,
    });
    let works: Vec<i128> = works.collect::<Option<_>>()?;
    Some([*works.iter().min()?, *works.iter().max()?])
}

fn template(
    columns: &Columns,
    all: &Sessions,
    priority: i32,
    bounds: Bounds,
    sessions: &[&Vec<usize>],
) -> Fitted {
    let places = sessions.iter().flat_map(|own| own.iter());
    let own = Columns::of(places.map(|&place| columns.jobs[place]).collect());
    let mut sizes: Vec<i64> = sessions.iter().map(|own| own.len() as i64).collect();
    sizes.sort_unstable();
    let gaps = all.gaps(columns, sessions.iter().copied());
    Fitted {
        weight: sessions.len() as u64,
        sessions: (!gaps.is_empty()).then(|| OwnSessions {
            likeness: likeness(columns, sessions),
            sizes,
            gaps,
        }),
        ..fitted(priority, &own, bounds)
    }
}

/// Correlation of the normal scores of a job and the next of its session: the mean over fields.
fn likeness(columns: &Columns, sessions: &[&Vec<usize>]) -> f64 {
    let pairs = || sessions.iter().flat_map(|own| own.windows(2));
    let of = |field| {
        let both = pairs().filter_map(|two| {
            let [one, other] = [two[0], two[1]].map(|place| columns.jobs[place].field(field));
            Some((one?, other?))
        });
        let (one, other): (Vec<i64>, Vec<i64>) = both.unzip();
        spearman(&one, &other).map(normal_score)
    };
    let known: Vec<f64> = FIELDS.into_iter().filter_map(of).collect();
    if known.is_empty() {
        return 0.0;
    }
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    mean.clamp(0.0, LIKENESS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_and_hold_all_sessions() {
        for (sessions, most, expected) in [
            (3, 8, vec![3]),
            (7, 8, vec![7]),
            (16, 8, vec![4, 12]),
            (60, 8, vec![4, 12, 44]),
            (13_120, 8, vec![4, 12, 36, 108, 324, 972, 2_916, 8_748]),
            (100, 1, vec![100]),
        ] {
            let found = parts(
                sessions,
                Bands {
                    most,
                    ..Bands::OF_SESSIONS
                },
            );
            assert_eq!(found, expected, "{sessions}");
            assert_eq!(found.iter().sum::<usize>(), sessions);
        }
    }
}

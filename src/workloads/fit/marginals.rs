//! Marginal distributions of a trace's jobs, and the correlation between them, template by template.

use rng::math;
use units::SortedMap;

use super::columns::{Columns, Job};
use super::correlations::correlations;
use super::goodness::values;
use super::means;
use super::requests::Sorts;
use crate::generate::mix::{FIELDS, Field};

/// Greatest number of templates; the jobs of rarer priorities count with those of the most frequent one.
pub(super) const TEMPLATES_MAX: usize = 20;

/// Greatest number of different amounts; more are gathered into as many of equal weight.
const AMOUNTS_MAX: usize = 64;

/// Percentages of the quantiles of times.
const PERCENTS: [f64; 45] = [
    0.0, 1.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 17.5, 20.0, 22.5, 25.0, 27.5, 30.0, 32.5, 35.0,
    37.5, 40.0, 42.5, 45.0, 47.5, 50.0, 52.5, 55.0, 57.5, 60.0, 62.5, 65.0, 67.5, 70.0, 72.5, 75.0,
    77.5, 80.0, 82.5, 85.0, 87.5, 90.0, 92.5, 95.0, 97.5, 99.0, 99.5, 99.9, 100.0,
];

/// Share of the jobs from which on one value of a time gets quantiles of its own.
const SPIKE: f64 = 0.01;

/// Percentages and nanoseconds of a time.
pub(super) type Quantiles = Vec<(f64, i64)>;

/// Amounts and their numbers of jobs, ascending.
pub(super) type Amounts = Vec<(i64, u64)>;

/// Jobs of one kind.
pub(super) struct Fitted {
    /// Number of the jobs, or of their sessions.
    pub(super) weight: u64,
    /// The same for each part of the course of the arrivals, where they have one.
    pub(super) course: Option<Vec<u64>>,
    /// Sessions of the jobs, where the kind has its own.
    pub(super) sessions: Option<OwnSessions>,
    pub(super) priority: i32,
    /// Quantiles of the times that the jobs have.
    pub(super) times: SortedMap<Field, Quantiles>,
    /// Amounts that are not the usual ones (no devices, one pod).
    pub(super) amounts: SortedMap<Field, Amounts>,
    /// Sorts of requests, where they come together; their numbers of jobs are an amount.
    pub(super) sorts: Option<Sorts>,
    pub(super) bounds: Bounds,
    /// Correlations of the normal scores.
    pub(super) correlations: Vec<(Field, Field, f64)>,
}

/// The rules that the jobs of a kind keep to beside the distributions of their fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    /// Least and most work of a job, thousandths of units times nanoseconds.
    pub(super) work: Option<[i128; 2]>,
    /// First and last end of any job that starts at once, nanoseconds; known where fields may be correlated with the
    /// submission.
    pub(super) ends: Option<[i64; 2]>,
    /// Whether requests come together.
    pub(super) has_sorts: bool,
}

/// Sessions of jobs of one kind.
pub(super) struct OwnSessions {
    /// Numbers of jobs, ascending.
    pub(super) sizes: Vec<i64>,
    /// Times to the next job, nanoseconds.
    pub(super) gaps: Vec<i64>,
    /// Correlation of the normal scores of two jobs of a session.
    pub(super) likeness: f64,
}

/// The templates of a trace: by priority, and apart for jobs that stay.
pub(super) fn templates(columns: &Columns) -> Vec<Fitted> {
    let key = |job: &Job| (job.shape.priority, job.run_time.is_some());
    let mut counts: SortedMap<(i32, bool), u64> = SortedMap::new();
    for job in &columns.jobs {
        *counts.entry(key(job)).or_default() += 1;
    }
    let mut keys: Vec<((i32, bool), u64)> = counts.into_iter().collect();
    keys.sort_by_key(|&(key, count)| (std::cmp::Reverse(count), key));
    keys.truncate(TEMPLATES_MAX);
    let first = keys[0].0;
    let mut parts: SortedMap<(i32, bool), Vec<Job>> = SortedMap::new();
    for job in &columns.jobs {
        let own = key(job);
        let is_kept = keys.iter().any(|(kept, _)| *kept == own);
        parts
            .entry(if is_kept { own } else { first })
            .or_default()
            .push(*job);
    }
    let parts = keys
        .into_iter()
        .filter_map(|(key, _)| Some((key, parts.remove(&key)?)));
    let fitted =
        parts.map(|((priority, _), jobs)| fitted(priority, &Columns::of(jobs), Bounds::default()));
    fitted.collect()
}

/// Jobs of one priority as a template.
pub(super) fn fitted(priority: i32, columns: &Columns, bounds: Bounds) -> Fitted {
    let mut times = SortedMap::new();
    let mut amounts = SortedMap::new();
    let sorts = Sorts::of(columns).filter(|_| bounds.has_sorts);
    for field in FIELDS {
        let mut own = values(columns, field);
        own.sort_unstable();
        let usual = i64::from(field == Field::Pods);
        match field {
            _ if own.is_empty() => {}
            Field::RunTime | Field::TimeLimit => {
                times.insert(field, quantiles(&own));
            }
            _ if sorts.is_some() || own.iter().all(|value| *value == usual) => {}
            _ => {
                amounts.insert(field, gathered(&own));
            }
        }
    }
    if let Some(sorts) = &sorts {
        amounts.insert(Field::Requests, sorts.jobs.clone());
    }
    let mut fitted = Fitted {
        weight: columns.jobs.len() as u64,
        course: None,
        sessions: None,
        priority,
        times,
        amounts,
        sorts,
        bounds,
        correlations: Vec::new(),
    };
    fitted.correlations = correlations(columns, &mut fitted);
    fitted
}

/// Quantiles of ascending times, with both ends of every value that many jobs have, and the mean of the times.
pub(super) fn quantiles(sorted: &[i64]) -> Quantiles {
    let count = sorted.len() as f64;
    let at = |percent: f64| {
        let place = (percent / 100.0 * count) as usize;
        sorted[place.min(sorted.len() - 1)]
    };
    let mut points: Vec<(f64, i64)> = PERCENTS.iter().map(|&own| (own, at(own))).collect();
    for run in sorted.chunk_by(|one, other| one == other) {
        if run.len() as f64 / count < SPIKE {
            continue;
        }
        let below = sorted.partition_point(|value| *value < run[0]);
        for place in [below, below + run.len()] {
            // To hundredths of a percent, inwards.
            let percent = place as f64 / count * 1e4;
            let percent = if place == below {
                percent.ceil()
            } else {
                percent.floor()
            };
            points.push((percent / 100.0, run[0]));
        }
    }
    points.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    points.dedup_by(|later, kept| later.0 <= kept.0);
    // A value in the middle of others that are equal says nothing.
    let mut plain: Quantiles = Vec::new();
    for (place, &point) in points.iter().enumerate() {
        let before = plain.last().is_some_and(|last| last.1 == point.1);
        let after = points.get(place + 1).is_some_and(|next| next.1 == point.1);
        if !(before && after) {
            plain.push(point);
        }
    }
    means::kept(&plain, sorted)
}

/// Ascending amounts with their numbers of jobs.
pub(super) fn gathered(sorted: &[i64]) -> Amounts {
    let runs = sorted.chunk_by(|one, other| one == other);
    let all: Amounts = runs.map(|run| (run[0], run.len() as u64)).collect();
    if all.len() <= AMOUNTS_MAX {
        return all;
    }
    // The middle of each of as many equal parts.
    let parts = (0..AMOUNTS_MAX).map(|part| {
        let [from, to] = [part, part + 1].map(|own| own * sorted.len() / AMOUNTS_MAX);
        (sorted[from.midpoint(to)], (to - from) as u64)
    });
    let mut kept: Amounts = Vec::new();
    for (value, jobs) in parts {
        match kept.last_mut() {
            Some(last) if last.0 == value => last.1 += jobs,
            _ => kept.push((value, jobs)),
        }
    }
    kept
}

/// Correlation of the normal scores of two fields of a Gaussian copula by that of their ranks; exact for
/// fields without equal values.
pub(super) fn normal_score(ranks: f64) -> f64 {
    2.0 * math::sin(std::f64::consts::PI * ranks / 6.0)
}

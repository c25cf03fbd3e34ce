//! Requests that come together: pods are of few sorts, whose amounts no correlation reproduces. Sorts are ordered by the
//! run times of their jobs, so that one correlation says which of them run long.

use units::SortedMap;

use super::columns::{Asked, Columns, Job};
use super::marginals::Amounts;
use crate::generate::mix::{FIELDS, Field};

/// Most sorts of requests of a template; amounts of more are drawn one by one.
const MOST: usize = 128;

/// Sorts of requests, in the order in which they are written.
pub(super) struct Sorts {
    pub(super) all: Vec<Asked>,
    /// Numbers of jobs of each, by its place.
    pub(super) jobs: Amounts,
}

/// Sums of the run times of a sort.
#[derive(Clone, Copy, Default)]
struct Sums {
    jobs: u64,
    ranks: u64,
}

impl Sorts {
    /// The sorts of some jobs; `None` of those that ask for one amount of all but one resource, and of too many sorts.
    pub(super) fn of(columns: &Columns) -> Option<Self> {
        if !come_together(columns) {
            return None;
        }
        let mut times: Vec<i64> = columns.jobs.iter().map(run_time).collect();
        times.sort_unstable();
        let mut sums: SortedMap<Asked, Sums> = SortedMap::new();
        for job in &columns.jobs {
            let own = sums.entry(job.request()).or_default();
            own.jobs += 1;
            let time = run_time(job);
            let below = times.partition_point(|other| *other < time);
            own.ranks += (below + times.partition_point(|other| *other <= time)) as u64;
            if sums.len() > MOST {
                return None;
            }
        }
        let mut sorted: Vec<(Asked, Sums)> = sums.into_iter().collect();
        let mean = |own: &Sums| own.ranks as f64 / own.jobs as f64;
        sorted.sort_by(|one, other| mean(&one.1).total_cmp(&mean(&other.1)));
        let jobs = (0..).zip(&sorted).map(|(place, own)| (place, own.1.jobs));
        Some(Self {
            jobs: jobs.collect(),
            all: sorted.into_iter().map(|own| own.0).collect(),
        })
    }

    /// Places of the sorts of some jobs.
    pub(super) fn places(&self, columns: &Columns) -> Vec<i64> {
        let known: SortedMap<Asked, i64> = self.all.iter().copied().zip(0..).collect();
        let jobs = columns.jobs.iter();
        jobs.map(|job| known.get(&job.request()).copied().unwrap_or(0))
            .collect()
    }
}

fn run_time(job: &Job) -> i64 {
    job.run_time.unwrap_or(0)
}

/// Whether two or more amounts vary.
pub(super) fn come_together(columns: &Columns) -> bool {
    let amounts = FIELDS.into_iter();
    let amounts = amounts.filter(|own| !matches!(own, Field::RunTime | Field::TimeLimit));
    amounts
        .filter(|own| super::goodness::varies(columns, *own))
        .count()
        > 1
}

/// Distance between what two sets of jobs ask for, all amounts of a job together: half the sum of the differences between
/// the shares of each sort (total variation). `None` where fewer than two amounts vary, or sorts have few jobs each.
pub(super) fn distance(trace: &Columns, mix: &Columns) -> Option<f64> {
    const JOBS_MIN: usize = 10;
    if !come_together(trace) {
        return None;
    }
    let mut shares: SortedMap<Asked, f64> = SortedMap::new();
    let each = |columns: &Columns| 1.0 / columns.jobs.len().max(1) as f64;
    for job in &trace.jobs {
        *shares.entry(job.request()).or_default() += each(trace);
    }
    if shares.len() * JOBS_MIN > trace.jobs.len() {
        return None;
    }
    for job in &mix.jobs {
        *shares.entry(job.request()).or_default() -= each(mix);
    }
    Some(shares.values().map(|own| own.abs()).sum::<f64>() / 2.0)
}

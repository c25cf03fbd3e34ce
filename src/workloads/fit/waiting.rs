//! Waits that the jobs of a trace and those of a mix have on the same machine: a pool of processors, or of GPUs
//! where jobs have any, which takes jobs first come, first served. Its size is that at which the trace's work
//! fills a stated share of it, so the measure needs no cluster and means the same for every trace.
//!
//! Where the two differ, what of the trace a mix lacks shows in waits of the trace's own jobs with one property
//! exchanged: their order by a random one, their submissions by those of the mix.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::Serialize;

use super::columns::{Columns, Job};
use rng::Stream;

/// Share of the pool that the work of the trace fills.
const LOAD: f64 = 0.7;

/// Means of the jobs on a pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Mean wait of a job of the trace, in seconds.
    pub trace_seconds: f64,
    /// Mean wait of a job of the mix, in seconds: the middle one of three seeds.
    pub mix_seconds: f64,
    /// Least of the three.
    pub mix_least_seconds: f64,
    /// Greatest of the three.
    pub mix_most_seconds: f64,
    /// Mean wait of the trace's jobs in a random order, at the submissions of the trace.
    pub shuffled_seconds: f64,
    /// Mean wait of the trace's jobs in their order, at the submissions of the mix.
    pub moved_seconds: f64,
    /// Mean work of a job of the trace: seconds times processors, or times GPUs where jobs have any.
    pub trace_work: f64,
    /// Mean work of a job of the mix.
    pub mix_work: f64,
    /// Share of the trace's work that the largest hundredth of its jobs does.
    pub largest_share: f64,
    /// Share of the pool in use from the first submission to the last end, for the trace.
    pub trace_in_use: f64,
    /// Share of the pool in use by the jobs of the mix.
    pub mix_in_use: f64,
}

impl Waiting {
    /// Waits of the jobs of a trace, beside the means of several draws of a mix on its pool and the jobs of the first;
    /// `None` where no job ends.
    pub(super) fn of(trace: &Columns, first: &Columns, mut means: Vec<Mean>) -> Option<Self> {
        let pool = Pool::of(trace)?;
        let own = pool.mean(&trace.jobs);
        means.sort_by(|one, other| one.wait.total_cmp(&other.wait));
        let middle = means.get(means.len() / 2)?;
        let shuffled = pool.mean(&at(trace, &shuffled(&trace.jobs))).wait;
        let moved = pool.mean(&at(first, &trace.jobs)).wait;
        Some(Self {
            trace_seconds: own.wait,
            mix_seconds: middle.wait,
            mix_least_seconds: means.first()?.wait,
            mix_most_seconds: means.last()?.wait,
            shuffled_seconds: shuffled,
            moved_seconds: moved,
            trace_work: own.work,
            mix_work: middle.work,
            largest_share: pool.largest_share(trace),
            trace_in_use: own.in_use,
            mix_in_use: middle.in_use,
        })
    }

    /// Difference of the waits, 0 to 1: a third for a factor of e. Waits below a minute are alike.
    pub(super) fn distance(&self) -> f64 {
        const ALIKE: f64 = 60.0;
        let [one, other] = [self.trace_seconds, self.mix_seconds].map(|own| own + ALIKE);
        (rng::math::ln(one / other).abs() / 3.0).min(1.0)
    }
}

/// Thousandths of processors of the machine on which the jobs of a trace started as they were submitted: on the pool
/// of [`Waiting`] they hardly wait, and in random order they do. `None` where that is not so, or jobs take GPUs.
pub(super) fn room(trace: &Columns) -> Option<i64> {
    const HARDLY: f64 = 60.0;
    let pool = Pool::of(trace)?;
    let starts = pool.mean(&trace.jobs).wait < HARDLY;
    let decides = || pool.mean(&shuffled(&trace.jobs)).wait > 10.0 * HARDLY;
    (matches!(pool.unit, Unit::Processors) && starts && decides()).then_some(pool.units)
}

/// Resource of which jobs take parts.
#[derive(Clone, Copy)]
enum Unit {
    Gpus,
    Processors,
    Pods,
}

/// A number of equal units.
pub(super) struct Pool {
    unit: Unit,
    units: i64,
}

/// Means of the jobs that end.
pub(super) struct Mean {
    /// In seconds.
    pub(super) wait: f64,
    in_use: f64,
    /// Work of a job: seconds times whole units.
    work: f64,
}

/// Jobs in a random order.
fn shuffled(jobs: &[Job]) -> Vec<Job> {
    let mut jobs = jobs.to_vec();
    Stream::new(0, "fit/order", 0).shuffle(&mut jobs);
    jobs
}

/// Jobs at the submissions of others, as many as there are of both.
pub(super) fn at(times: &Columns, jobs: &[Job]) -> Vec<Job> {
    let pairs = times.jobs.iter().zip(jobs);
    let moved = pairs.map(|(time, job)| Job {
        submit: time.submit,
        ..*job
    });
    moved.collect()
}

impl Pool {
    pub(super) fn of(trace: &Columns) -> Option<Self> {
        let of_gpus = |job: &Job| job.shape.gpus > 0;
        let of_processors = |job: &Job| job.shape.cpu > 0;
        let unit = if trace.jobs.iter().any(of_gpus) {
            Unit::Gpus
        } else if trace.jobs.iter().any(of_processors) {
            Unit::Processors
        } else {
            Unit::Pods
        };
        let work: f64 = trace.jobs.iter().map(|job| work(job, unit)).sum();
        let span = trace.jobs.last()?.submit - trace.jobs.first()?.submit;
        let largest = trace.jobs.iter().map(|job| size(job, unit)).max()?;
        let units = work / (span as f64 * LOAD);
        (work > 0.0 && span > 0 && units < 1e15).then(|| Self {
            unit,
            units: (units as i64).max(largest),
        })
    }

    /// Mean wait and use of jobs that end; the largest of a mix may be larger than any of the trace.
    pub(super) fn mean(&self, all: &[Job]) -> Mean {
        let mut running: BinaryHeap<Reverse<(i64, i64)>> = BinaryHeap::new();
        let mut free = self.units;
        let (mut now, mut end, mut waits, mut jobs) = (0, 0, 0.0, 0_u64);
        let mut done = 0.0;
        for job in all {
            let Some(run_time) = job.run_time else {
                continue;
            };
            let size = size(job, self.unit).min(self.units);
            now = job.submit.max(now);
            while let Some(&Reverse((at, units))) = running.peek()
                && (at <= now || free < size)
            {
                running.pop();
                now = now.max(at);
                free += units;
            }
            free -= size;
            let until = now.saturating_add(run_time);
            running.push(Reverse((until, size)));
            end = end.max(until);
            waits += (now - job.submit) as f64 / 1e9;
            done += size as f64 * run_time as f64;
            jobs += 1;
        }
        let first = all.first().map_or(0, |job| job.submit);
        let span = (end - first).max(1) as f64;
        Mean {
            wait: waits / jobs.max(1) as f64,
            in_use: done / (span * self.units as f64),
            work: done / jobs.max(1) as f64 / self.unit.whole() / 1e9,
        }
    }

    /// Share of the work that the largest hundredth of the jobs does.
    fn largest_share(&self, trace: &Columns) -> f64 {
        let works = trace.jobs.iter().map(|job| work(job, self.unit));
        let mut works: Vec<f64> = works.collect();
        works.sort_by(|one, other| other.total_cmp(one));
        let sum: f64 = works.iter().sum();
        let largest = works.len().div_ceil(100);
        works[..largest].iter().sum::<f64>() / sum
    }
}

impl Unit {
    /// Parts of a whole unit in which sizes are counted.
    fn whole(self) -> f64 {
        match self {
            Self::Gpus | Self::Processors => 1e3,
            Self::Pods => 1.0,
        }
    }
}

fn work(job: &Job, unit: Unit) -> f64 {
    size(job, unit) as f64 * job.run_time.unwrap_or(0) as f64
}

fn size(job: &Job, unit: Unit) -> i64 {
    let each = match unit {
        Unit::Gpus => job.shape.gpus,
        Unit::Processors => job.shape.cpu,
        Unit::Pods => 1,
    };
    each.saturating_mul(job.pods)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrivals::read_options::ReadOptions;
    use formats::readers::csv::CsvSource;
    use intake::Input;

    fn columns(text: &str) -> Columns {
        let input = Input::bytes("jobs.csv", text.as_bytes().to_vec());
        let mut source = CsvSource::open(&input, &ReadOptions::default()).expect("a table");
        Columns::read(&mut source, 99).expect("good rows")
    }

    #[test]
    fn jobs_wait_for_those_before_them() {
        // 24 s of processors in 10 s are 70 % of 3.4 processors.
        let trace = columns("submit,run_time,cpu\n0,10,1\n1,5,1\n2,4,2\n10,1,1\n");
        let pool = Pool::of(&trace).expect("jobs that end");
        assert_eq!(pool.units, 3_428);
        let pool = Pool {
            units: 2_000,
            ..pool
        };
        // The third waits from 2 to 10; the last one, first come, first served, until 14.
        let mean = pool.mean(&trace.jobs);
        assert!((mean.wait - 12.0 / 4.0).abs() < 1e-9, "{}", mean.wait);
        assert!((mean.in_use - 24.0 / 30.0).abs() < 1e-9, "{}", mean.in_use);
        assert!((mean.work - 24.0 / 4.0).abs() < 1e-9, "{}", mean.work);
        let largest = pool.largest_share(&trace);
        assert!((largest - 10.0 / 24.0).abs() < 1e-9, "{largest}");
    }

    #[test]
    fn jobs_that_stay_wait_for_nothing() {
        let stay = columns("submit,cpu\n0,1\n5,1\n");
        assert!(Waiting::of(&stay, &stay, Vec::new()).is_none());
    }
}

//! Finish-time fairness (Themis, NSDI'20, as a policy of Gavel; spec: orchestrators-b.md section 8.2): the
//! job goes first whose end is latest beside the end that it would have with its equal share of the
//! devices to itself. Where GPU models differ in speed, the greatest of these ratios is as small as can
//! be.

use super::allocation::{Demand, greatest};
use super::{SharingEntry, demands, even_throughput};
use scheduler::batch::Score;
use scheduler::sharing::{HeterogeneousJob, SharedJob, SharingRule};
use units::{Duration, Instant};

/// The registry's entry.
pub const ENTRY: SharingEntry = SharingEntry {
    name: "finish-time",
    summary: "Finish-time fairness: the job first that sharing delays most.",
    uses_estimates: true,
    build: |_| Box::new(FinishTime),
};

/// The rule. A job that does not request a run time counts as one that requests what it ran.
#[derive(Clone, Copy, Debug)]
pub struct FinishTime;

impl FinishTime {
    /// The time from submission to the end if the job ran on from now, over that with an equal share.
    pub fn ratio(job: &SharedJob, now: Instant, jobs: usize) -> f64 {
        let (work, left) = Self::work(job);
        let shared = seconds(now.since(job.submitted)) + left;
        let alone = work.max(1e-9) * jobs.max(1) as f64;
        shared / alone
    }

    /// The work of a job and what is left of it, in seconds on the reference model.
    fn work(job: &SharedJob) -> (f64, f64) {
        let work = if job.requested == Duration::MAX {
            job.done
        } else {
            job.requested
        };
        let left = (seconds(work) - seconds(job.done)).max(0.0);
        (seconds(work), left)
    }
}

fn seconds(span: Duration) -> f64 {
    span.as_nanos() as f64 / 1e9
}

/// Least work in seconds that a job has left while it lives.
const LEAST_LEFT: f64 = 60.0;

/// A job beside its equal share of the devices. One that does not request a run time, or ran longer than
/// it requested, has as much left as it has done.
struct EqualShare {
    /// Time since its submission.
    waited: f64,
    /// Work that is left of the job.
    left: f64,
    /// Time from submission to its end with an equal share.
    alone: f64,
}

impl EqualShare {
    fn of(
        own: &HeterogeneousJob,
        demand: &Demand,
        devices: &[f64],
        now: Instant,
        jobs: usize,
    ) -> Self {
        let (mut work, mut left) = FinishTime::work(&own.job);
        if left <= 0.0 {
            left = seconds(own.job.done).max(LEAST_LEFT);
            work = seconds(own.job.done) + left;
        }
        let all: f64 = devices.iter().sum();
        let share = (all / (jobs.max(1) as f64 * demand.devices)).min(1.0);
        let throughput = even_throughput(demand, devices) * share;
        Self {
            waited: seconds(now.since(own.job.submitted)),
            left,
            alone: work / throughput.max(1e-9),
        }
    }

    /// The throughput from now on with which it ends at a ratio to its end with an equal share.
    fn required(&self, ratio: f64) -> f64 {
        let time = ratio * self.alone - self.waited;
        if time <= 0.0 {
            f64::INFINITY
        } else {
            self.left / time
        }
    }
}

impl SharingRule for FinishTime {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &SharedJob, now: Instant, jobs: usize) -> Score {
        Score::float(-Self::ratio(job, now, jobs))
    }

    fn shares(
        &self,
        jobs: &[HeterogeneousJob],
        devices: &[f64],
        now: Instant,
    ) -> Option<Vec<Vec<f64>>> {
        let demands = demands(jobs, devices);
        let each = jobs.iter().zip(&demands);
        let shared: Vec<EqualShare> = each
            .map(|(own, demand)| EqualShare::of(own, demand, devices, now, jobs.len()))
            .collect();
        // Levels are the inverse of ratios: a greater one requires more of each job. At the least ratio
        // that any job can have all run as fast as they can.
        let least = |(own, demand): (&EqualShare, &Demand)| {
            let fastest = demand.greatest();
            let ratio = (own.waited + own.left / fastest) / own.alone;
            (fastest > 0.0).then_some(ratio)
        };
        let each = shared.iter().zip(&demands).filter_map(least);
        let most = 1.0 / each.fold(f64::INFINITY, f64::min).max(1e-12);
        Some(greatest(&demands, devices, most, |place, level| {
            shared[place].required(1.0 / level.max(1e-12))
        }))
    }

    fn clone_rule(&self) -> Box<dyn SharingRule> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{job, unlike};
    use super::*;

    #[test]
    fn the_job_goes_first_that_sharing_delays_most() {
        // Of 100 s it ran 40 s in 60 s: it would end after 120 s, with half of the devices after 200 s.
        let ratio = FinishTime::ratio(&job(40, None), Instant::from_secs(60), 2);
        assert!((ratio - 0.6).abs() < 1e-12, "{ratio}");
        let score = |ran| FinishTime.score(&job(ran, None), Instant::from_secs(60), 2);
        assert!(score(10) < score(40));
    }

    #[test]
    fn ratios_of_jobs_on_unlike_models_are_made_equal() {
        // Each job of 100 s would take 100 s / (1.25 / 2) = 160 s with its even split of one fast
        // device and one of a quarter of the speed; both end after that if they take turns.
        let mut jobs = [unlike(0, &[1.0, 0.25]), unlike(1, &[1.0, 0.25])];
        let shares = |jobs: &[HeterogeneousJob]| {
            let shares = FinishTime.shares(jobs, &[1.0, 1.0], Instant::from_secs(0));
            shares.expect("shares")
        };
        let even = shares(&jobs);
        assert!((even[0][0] - 0.5).abs() < 1e-6, "{even:?}");
        // The one with half of its work done needs less of the fast device.
        jobs[0].job.done = Duration::from_secs(50);
        let uneven = shares(&jobs);
        let throughput = |own: &[f64]| own[0] + own[1] * 0.25;
        let ends = [
            50.0 / throughput(&uneven[0]),
            100.0 / throughput(&uneven[1]),
        ];
        assert!((ends[0] - ends[1]).abs() < 1e-3, "{ends:?}");
        assert!(uneven[1][0] > 0.6, "{uneven:?}");
        // One that does not say how long it runs, and one that runs beyond its time, have shares as well.
        jobs[0].job.requested = Duration::MAX;
        jobs[1].job.done = Duration::from_secs(150);
        for own in shares(&jobs) {
            assert!(throughput(&own) > 0.1, "{own:?}");
        }
    }
}

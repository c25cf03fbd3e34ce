//! Gavel's max-min fairness (OSDI'20; spec: orchestrators-b.md section 8.2): all jobs have equal claims,
//! so that on devices of one kind the one goes first that received least device-time. Where GPU models
//! differ in speed, the least of all throughputs is as great as can be, each beside that of an even split of the
//! job's time over all devices, times the devices of the job.

use super::allocation::greatest;
use super::{SharingEntry, demands, even_throughput};
use scheduler::batch::Score;
use scheduler::sharing::{HeterogeneousJob, SharedJob, SharingRule};
use units::Instant;

/// The registry's entry.
pub const ENTRY: SharingEntry = SharingEntry {
    name: "max-min",
    summary: "Gavel's max-min fairness: the job first that received least device-time.",
    uses_estimates: false,
    build: |_| Box::new(MaxMin),
};

/// The rule.
#[derive(Clone, Copy, Debug)]
pub struct MaxMin;

impl SharingRule for MaxMin {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &SharedJob, _now: Instant, _jobs: usize) -> Score {
        let received = job.ran.as_nanos().saturating_mul(i64::from(job.devices));
        Score::pair(received, job.submitted.as_nanos())
    }

    fn shares(
        &self,
        jobs: &[HeterogeneousJob],
        devices: &[f64],
        _now: Instant,
    ) -> Option<Vec<Vec<f64>>> {
        let demands = demands(jobs, devices);
        let claims: Vec<f64> = { demands.iter() }
            .map(|own| even_throughput(own, devices) / own.devices)
            .collect();
        let most = { demands.iter().zip(&claims) }
            .filter(|(_, claim)| **claim > 0.0)
            .map(|(own, claim)| own.greatest() / claim)
            .fold(0.0, f64::max);
        Some(greatest(&demands, devices, most, |place, level| {
            level * claims[place]
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
    fn the_job_that_ran_least_goes_first() {
        let score = |ran, waits| MaxMin.score(&job(ran, waits), Instant::from_secs(60), 2);
        assert!(score(5, None) < score(6, Some(10)));
        let wide = SharedJob {
            devices: 4,
            ..job(2, None)
        };
        assert!(score(6, None) < MaxMin.score(&wide, Instant::from_secs(60), 2));
    }

    #[test]
    fn unlike_models_are_shared_as_in_the_worked_example() {
        // Speeds beside a V100, which the first job has 4 times as fast as a K80.
        let jobs = [unlike(0, &[1.0, 0.25]), unlike(1, &[1.0, 10.0 / 12.0])];
        let shares = MaxMin.shares(&jobs, &[1.0, 1.0], Instant::ZERO);
        for (job, own) in jobs.iter().zip(shares.expect("shares")) {
            assert!((own[0] - 0.5).abs() < 1e-6, "{}: {own:?}", job.number);
            assert!((own[1] - 0.5).abs() < 1e-6, "{}: {own:?}", job.number);
        }
        // With room for both each has the model that it is fastest on, and one that is too wide none.
        let mut jobs = vec![unlike(0, &[1.0, 0.25]), unlike(1, &[0.25, 1.0])];
        jobs.push(unlike(2, &[1.0, 1.0]));
        jobs[2].width = 8.0;
        let shares = MaxMin.shares(&jobs, &[4.0, 4.0], Instant::ZERO);
        let expected = [vec![1.0, 0.0], vec![0.0, 1.0], vec![0.0, 0.0]];
        assert_eq!(shares, Some(expected.to_vec()));
    }
}

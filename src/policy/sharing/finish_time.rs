//! Finish-time fairness (Themis, NSDI'20, as a policy of Gavel; spec: orchestrators-b.md section 8.2): the
//! job goes first whose end is latest beside the end that it would have with its equal share of the
//! devices to itself.

use super::SharingEntry;
use scheduler::batch::Score;
use scheduler::sharing::{SharedJob, SharingRule};
use units::{Duration, Instant};

/// The registry's entry.
pub const ENTRY: SharingEntry = SharingEntry {
    name: "finish-time",
    summary: "Finish-time fairness: the job first that sharing delays most.",
    build: |_| Box::new(FinishTime),
};

/// The rule. A job that does not request a run time counts as one that requests what it ran.
#[derive(Clone, Copy, Debug)]
pub struct FinishTime;

impl FinishTime {
    /// The time from submission to the end if the job ran on from now, over that with an equal share.
    pub fn ratio(job: &SharedJob, now: Instant, jobs: usize) -> f64 {
        let seconds = |span: Duration| span.as_nanos() as f64 / 1e9;
        let work = if job.requested == Duration::MAX {
            job.ran
        } else {
            job.requested
        };
        let left = (seconds(work) - seconds(job.ran)).max(0.0);
        let shared = seconds(now.since(job.submitted)) + left;
        let alone = seconds(work).max(1e-9) * jobs.max(1) as f64;
        shared / alone
    }
}

impl SharingRule for FinishTime {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &SharedJob, now: Instant, jobs: usize) -> Score {
        Score::float(-Self::ratio(job, now, jobs))
    }

    fn clone_rule(&self) -> Box<dyn SharingRule> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::job;
    use super::*;

    #[test]
    fn the_job_goes_first_that_sharing_delays_most() {
        // Of 100 s it ran 40 s in 60 s: it would end after 120 s, with half of the devices after 200 s.
        let ratio = FinishTime::ratio(&job(40, None), Instant::from_secs(60), 2);
        assert!((ratio - 0.6).abs() < 1e-12, "{ratio}");
        let score = |ran| FinishTime.score(&job(ran, None), Instant::from_secs(60), 2);
        assert!(score(10) < score(40));
    }
}

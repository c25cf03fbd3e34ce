//! Tiresias (NSDI'19; spec: orchestrators-b.md section 8.2): the queue of a job follows from the service
//! that it attained since its last promotion; jobs of a queue go first come, first served. A job that waits
//! too long is promoted to the first queue.

use super::{SharingEntry, SharingOptions};
use crate::las::Queues;
use scheduler::batch::Score;
use scheduler::sharing::{SharedJob, SharingRule};
use units::Instant;

/// The registry's entry.
pub const ENTRY: SharingEntry = SharingEntry {
    name: "tiresias",
    summary: "Tiresias: jobs that used fewer device-hours first, in queues.",
    uses_estimates: false,
    build: |options| Box::new(Tiresias::new(options)),
};

/// The rule.
#[derive(Clone, Debug)]
pub struct Tiresias {
    queues: Queues,
    promote: f64,
}

impl Tiresias {
    /// A rule with the thresholds of its queues.
    pub fn new(options: &SharingOptions) -> Self {
        Self {
            queues: Queues::new(options.thresholds.iter().copied()),
            promote: options.promote,
        }
    }

    /// The queue of a job, from 1.
    fn queue(&self, job: &SharedJob) -> usize {
        let attained = Queues::attained(job.devices, job.ran_since_promotion);
        self.queues.queue(attained)
    }
}

impl SharingRule for Tiresias {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &SharedJob, _now: Instant, _jobs: usize) -> Score {
        Score::pair(self.queue(job) as i64, job.submitted.as_nanos())
    }

    fn promotes(&self, job: &SharedJob, now: Instant) -> bool {
        let Some(since) = job.waits_since else {
            return false;
        };
        let waited = now.since(since).as_nanos() as f64;
        let patience = self.promote * job.last_run.as_nanos() as f64;
        patience > 0.0 && waited > patience && self.queue(job) > 1
    }

    fn clone_rule(&self) -> Box<dyn SharingRule> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::job;
    use super::*;

    #[test]
    fn a_job_goes_down_with_its_service_and_up_when_it_waits_long() {
        let options = SharingOptions {
            promote: 2.0,
            ..SharingOptions::default()
        };
        let rule = Tiresias::new(&options);
        let score = |ran, waits, now| rule.score(&job(ran, waits), Instant::from_secs(now), 2);
        assert!(score(100, Some(0), 10) < score(3_600, None, 10));
        assert!(score(3_600, None, 10) < score(36_000, None, 10));
        let promotes = |ran, waits, now| rule.promotes(&job(ran, waits), Instant::from_secs(now));
        assert!(promotes(3_600, Some(0), 7_201) && !promotes(3_600, Some(0), 7_200));
        // It is in the first queue already, or it runs.
        assert!(!promotes(3_599, Some(0), 7_201) && !promotes(3_600, None, 7_201));
        let mut promoted = job(3_700, None);
        promoted.ran_since_promotion = units::Duration::from_secs(100);
        let now = Instant::from_secs(10);
        assert_eq!(rule.score(&promoted, now, 2), score(100, None, 10));
    }
}

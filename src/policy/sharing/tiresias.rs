//! Tiresias (NSDI'19; spec: orchestrators-b.md section 8.2): the queue of a job follows from the service
//! that it attained; jobs of a queue go first come, first served.

use super::{SharingEntry, SharingOptions};
use crate::las::Queues;
use scheduler::batch::Score;
use scheduler::sharing::{SharedJob, SharingRule};
use units::Instant;

/// The registry's entry.
pub const ENTRY: SharingEntry = SharingEntry {
    name: "tiresias",
    summary: "Tiresias: jobs that used fewer device-hours first, in queues.",
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
}

impl SharingRule for Tiresias {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &SharedJob, now: Instant, _jobs: usize) -> Score {
        let waited = job
            .waits_since
            .map_or(0, |since| now.since(since).as_nanos());
        let patience = self.promote * job.last_run.as_nanos() as f64;
        let is_promoted = patience > 0.0 && waited as f64 > patience;
        let queue = if is_promoted {
            1
        } else {
            self.queues.queue(Queues::attained(job.devices, job.ran))
        };
        Score::pair(queue as i64, job.submitted.as_nanos())
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
        assert_eq!(score(3_600, Some(0), 7_201), score(0, Some(0), 0));
    }
}

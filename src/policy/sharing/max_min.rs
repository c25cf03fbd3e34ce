//! Gavel's max-min fairness on devices of one kind (OSDI'20; spec: orchestrators-b.md section 8.2): all
//! jobs have equal claims, so that the one goes first that received least.

use super::SharingEntry;
use scheduler::batch::Score;
use scheduler::sharing::{SharedJob, SharingRule};
use units::Instant;

/// The registry's entry.
pub const ENTRY: SharingEntry = SharingEntry {
    name: "max-min",
    summary: "Gavel's max-min fairness: the job first that received least time.",
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
        Score::pair(job.ran.as_nanos(), job.submitted.as_nanos())
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
    fn the_job_that_ran_least_goes_first() {
        let score = |ran, waits| MaxMin.score(&job(ran, waits), Instant::from_secs(60), 2);
        assert!(score(5, None) < score(6, Some(10)));
    }
}

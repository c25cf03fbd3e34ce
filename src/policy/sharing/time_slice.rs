//! Gandiva's time slices (OSDI'18; spec: orchestrators-b.md section 8.2): jobs take turns, the one that has
//! waited longest first; the one whose time slice began longest ago is the first to give its devices up.

use super::SharingEntry;
use scheduler::batch::Score;
use scheduler::sharing::{SharedJob, SharingRule};
use units::Instant;

/// The registry's entry.
pub const ENTRY: SharingEntry = SharingEntry {
    name: "time-slice",
    summary: "Gandiva's time slices: jobs take turns, a round each.",
    uses_estimates: false,
    build: |_| Box::new(TimeSlice),
};

/// The rule.
#[derive(Clone, Copy, Debug)]
pub struct TimeSlice;

impl SharingRule for TimeSlice {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &SharedJob, _now: Instant, _jobs: usize) -> Score {
        match job.waits_since {
            Some(since) => Score::pair(0, since.as_nanos()),
            None => Score::pair(1, -job.started.unwrap_or(job.submitted).as_nanos()),
        }
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
    fn waiting_jobs_have_their_turn_before_those_that_run() {
        let score = |ran, waits| TimeSlice.score(&job(ran, waits), Instant::from_secs(60), 2);
        assert!(score(5, Some(10)) < score(5, Some(20)));
        assert!(score(5, Some(50)) < score(5, None));
        // Equal ones go in the order of submission, whatever they have run for.
        assert_eq!(score(5, Some(10)), score(7, Some(10)));
        let began = |seconds| {
            let own = SharedJob {
                started: Some(Instant::from_secs(seconds)),
                ..job(5, None)
            };
            TimeSlice.score(&own, Instant::from_secs(60), 2)
        };
        assert!(began(50) < began(40));
    }
}

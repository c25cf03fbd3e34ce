//! First come, first served.

use scheduler::batch::{JobFacts, JobOrder, Score};
use units::Instant;

use super::JobOrderEntry;

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "fcfs",
    summary: "First come, first served.",
    uses_estimates: false,
    build: |_| Box::new(Fcfs),
};

/// The submit time.
#[derive(Clone, Copy, Debug)]
pub struct Fcfs;

impl JobOrder for Fcfs {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &JobFacts, _now: Instant) -> Score {
        Score::whole(job.submitted.as_nanos())
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(*self)
    }
}

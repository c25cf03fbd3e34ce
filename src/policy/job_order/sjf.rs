//! Shortest job first, by requested time; of equal ones the one submitted first.

use scheduler::batch::{JobFacts, JobOrder, Score};
use units::Instant;

use super::JobOrderEntry;

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "sjf",
    summary: "Shortest requested time first.",
    uses_estimates: true,
    build: |_| Box::new(Sjf),
};

/// The requested time, then the submit time.
#[derive(Clone, Copy, Debug)]
pub struct Sjf;

impl JobOrder for Sjf {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &JobFacts, _now: Instant) -> Score {
        Score::pair(job.requested.as_nanos(), job.submitted.as_nanos())
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(*self)
    }
}

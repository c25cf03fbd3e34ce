//! UNICEP as `RLScheduler`'s published baseline evaluates it: every wait is -1 minus the submit time, a
//! defect that ranks jobs by an almost constant negative wait. For reproducing those tables only.

use scheduler::batch::{JobFacts, JobOrder, Score};
use units::Instant;

use super::JobOrderEntry;

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "unicep-published",
    summary: "UNICEP with the defect of a published baseline: the wait is -1 - submitted.",
    uses_estimates: true,
    build: |_| Box::new(UnicepPublished),
};

/// -(-1 - submitted + 1e-15)/(log2(processors + 1e-15)·requested).
#[derive(Clone, Copy, Debug)]
pub struct UnicepPublished;

impl JobOrder for UnicepPublished {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &JobFacts, _now: Instant) -> Score {
        super::unicep::score(job, super::published_wait(job.submitted))
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(*self)
    }
}

//! WFP3 as `RLScheduler`'s published baseline evaluates it: every wait is -1 minus the submit time, a
//! defect that ranks jobs by an almost constant negative wait. For reproducing those tables only.

use scheduler::batch::{JobFacts, JobOrder, Score};
use units::Instant;

use super::JobOrderEntry;

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "wfp3-published",
    summary: "WFP3 with the defect of a published baseline: the wait is -1 - submitted.",
    uses_estimates: true,
    build: |_| Box::new(Wfp3Published),
};

/// -((-1 - submitted)/requested)^3·processors.
#[derive(Clone, Copy, Debug)]
pub struct Wfp3Published;

impl JobOrder for Wfp3Published {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &JobFacts, _now: Instant) -> Score {
        super::wfp3::score(job, super::published_wait(job.submitted))
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(*self)
    }
}

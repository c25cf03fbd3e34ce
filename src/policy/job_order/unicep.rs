//! UNICEP (Tang and others, Blue Gene/P): favours long waits, few processors and short requested
//! times. The tiny constants keep single processors and fresh jobs apart, as in `RLScheduler`.

use rng::math::log2;
use scheduler::batch::{JobFacts, JobOrder, Score};
use units::Instant;

use super::JobOrderEntry;

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "unicep",
    summary: "Long waits, few processors and short requested times first: -waited/(log2(processors)·requested).",
    uses_estimates: true,
    build: |_| Box::new(Unicep),
};

/// -(waited + 1e-15)/(log2(processors + 1e-15)·requested).
#[derive(Clone, Copy, Debug)]
pub struct Unicep;

impl JobOrder for Unicep {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &JobFacts, now: Instant) -> Score {
        score(job, super::waited(job.submitted, now))
    }

    fn ages(&self) -> bool {
        true
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(*self)
    }
}

/// Offset that keeps a logarithm and a wait from being 0.
const TINY: f64 = 1e-15;

/// The score of a job that has waited so many seconds.
pub(super) fn score(job: &JobFacts, waited: f64) -> Score {
    let width = log2(job.processors as f64 + TINY);
    Score::float(-(waited + TINY) / (width * super::seconds(job.requested)))
}

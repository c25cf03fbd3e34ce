//! WFP3 (Tang and others, Blue Gene/P): favours jobs that waited long for the time they ask for, and
//! large ones. A requested time of 0 counts as an endless wait once a job has waited at all.

use rng::math::pow;
use scheduler::batch::{JobFacts, JobOrder, Score};
use units::Instant;

use super::JobOrderEntry;

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "wfp3",
    summary: "Long waits relative to the requested time, and many processors, first: -(waited/requested)^3·processors.",
    uses_estimates: true,
    build: |_| Box::new(Wfp3),
};

/// -(waited/requested)^3·processors.
#[derive(Clone, Copy, Debug)]
pub struct Wfp3;

impl JobOrder for Wfp3 {
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

/// The score of a job that has waited so many seconds.
pub(super) fn score(job: &JobFacts, waited: f64) -> Score {
    Score::float(-pow(waited / super::seconds(job.requested), 3.0) * job.processors as f64)
}

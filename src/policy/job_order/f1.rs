//! F1 of Carastan-Santos and de Camargo (SC'17), a score fitted by regression over simulations, as
//! `RLScheduler` (SC'20) evaluates it: the logarithm of a time that is not positive is that of 0.1.

use rng::math::log10;
use scheduler::batch::{JobFacts, JobOrder, Score};
use units::Instant;

use super::JobOrderEntry;

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "f1",
    summary: "Small areas and early submit times first: log10(requested)·processors + 870·log10(submitted).",
    uses_estimates: true,
    build: |_| Box::new(F1),
};

/// log10(requested)·processors + 870·log10(submitted), in seconds since the log's zero.
#[derive(Clone, Copy, Debug)]
pub struct F1;

impl JobOrder for F1 {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &JobFacts, _now: Instant) -> Score {
        let requested = positive(super::seconds(job.requested));
        let submitted = positive(job.submitted.as_secs_f64());
        let area = log10(requested) * job.processors as f64;
        Score::float(area + 870.0 * log10(submitted))
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(*self)
    }
}

/// Replacement of times without a logarithm in the published code, in seconds.
const LEAST: f64 = 0.1;

fn positive(seconds: f64) -> f64 {
    if seconds > 0.0 { seconds } else { LEAST }
}

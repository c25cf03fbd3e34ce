//! No backfilling: no job starts before the chosen one.

use scheduler::batch::{Backfill, JobFacts};
use units::Instant;

use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "none",
    summary: "No job starts before the chosen job.",
    uses_estimates: false,
    rule: RuleKind::Events(|| Box::new(NoBackfill)),
};

/// Lets no job pass.
#[derive(Clone, Copy, Debug)]
pub struct NoBackfill;

impl Backfill for NoBackfill {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn is_active(&self) -> bool {
        false
    }

    fn admits(&self, _now: Instant, _job: &JobFacts) -> bool {
        false
    }

    fn clone_backfill(&self) -> Box<dyn Backfill> {
        Box::new(*self)
    }
}

//! Skipping: whatever fits starts, in the order of the queue, and a job that does not fit holds
//! no other job up (spec: orchestrators-b.md section 7.1). Wide jobs may wait for ever.

use scheduler::batch::{Bounds, Pass, PassRule, Start};
use units::Duration;

use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "skip",
    summary: "Starts every job that fits, in the order of the queue, without reservations.",
    uses_estimates: false,
    rule: RuleKind::Passes(|_, _| Box::new(Skip)),
};

/// Starts what fits.
#[derive(Clone, Copy, Debug)]
pub struct Skip;

impl PassRule for Skip {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let mut candidate = pass.first()?;
        loop {
            if let Some(start) = pass.start(&candidate) {
                return Some(start);
            }
            let bounds = if pass.is_interchangeable() {
                Bounds {
                    members: pass.room(&candidate),
                    longest: Duration::MAX,
                    spare: 0,
                }
            } else {
                Bounds::ANY
            };
            candidate = pass.after(&candidate, &bounds)?;
        }
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(*self)
    }
}

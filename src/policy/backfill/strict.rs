//! A strict queue: the head starts while it fits, and nobody starts before it (spec:
//! orchestrators-b.md section 7.1). The head is looked for in every pass, so a job that the order puts
//! first passes those that wait.

use scheduler::batch::{Pass, PassRule, Start};

use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "strict",
    summary: "Starts the head of the queue while it fits, once an instant.",
    rule: RuleKind::Passes(|_| Box::new(Strict)),
};

/// Starts the head alone.
#[derive(Clone, Copy, Debug)]
pub struct Strict;

impl PassRule for Strict {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let head = pass.first()?;
        pass.start(&head)
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(*self)
    }
}

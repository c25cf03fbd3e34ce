//! EASY backfilling over concrete hosts, as Batsim's scheduler has it (spec: published-results.md
//! section 3): the head that does not fit reserves the lowest hosts that are free from its earliest
//! start to its requested end; a job behind it starts if it finds hosts now that are free beside that
//! reservation for all the time it asks for.
//!
//! Counting places instead gives other starts: a job may find as many hosts as it needs, but not the
//! same ones for all its time.

use scheduler::batch::{Bounds, Pass, PassRule, Start};

use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "easy-hosts",
    summary: "EASY as Batsim has it: the head of the queue reserves concrete hosts.",
    rule: RuleKind::Passes(|_, _| Box::new(EasyHosts)),
};

/// One reservation of concrete hosts, for the head.
#[derive(Clone, Copy, Debug)]
pub struct EasyHosts;

impl PassRule for EasyHosts {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let head = pass.first()?;
        if let Some(start) = pass.start(&head) {
            return Some(start);
        }
        let mut table = pass.timetable();
        if let Some(slot) = table.first_fit(&head) {
            table.reserve(&slot);
        }
        let mut candidate = head;
        loop {
            candidate = pass.after(&candidate, &Bounds::ANY)?;
            // Most jobs find no room at all, which is found sooner.
            if pass.start(&candidate).is_some()
                && let Some(start) = table.fit_now(&candidate)
            {
                return Some(start);
            }
        }
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(*self)
    }
}

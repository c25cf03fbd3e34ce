//! Backfilling rules of the batch planner, one file each.

pub mod greedy_once;
pub mod none;

use scheduler::batch::Backfill;

/// A backfilling rule in the registry.
#[derive(Clone, Copy, Debug)]
pub struct BackfillEntry {
    /// The rule's name.
    pub name: &'static str,
    /// Description of the rule in one sentence.
    pub summary: &'static str,
    /// Makes one.
    pub build: fn() -> Box<dyn Backfill>,
}

/// Every rule, in the order of the manual.
pub const BACKFILLS: &[BackfillEntry] = &[none::ENTRY, greedy_once::ENTRY];

/// The rule of a name.
pub fn backfill(name: &str) -> Option<&'static BackfillEntry> {
    BACKFILLS.iter().find(|entry| entry.name == name)
}

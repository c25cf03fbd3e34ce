//! Backfilling rules of the batch planners, one file each.

pub mod conservative;
pub mod conservative_hosts;
pub mod easy;
pub mod easy_hosts;
pub mod greedy_once;
mod head_reservation;
pub mod none;
mod reservation_bounds;
pub mod shutdown;
pub mod skip;
pub mod slurm;
pub mod strict;

use scheduler::batch::{Backfill, Bounds, PassRule};
use scheduler::pipeline::evaluate::Form;

use units::Duration;

use self::shutdown::ShutdownOptions;
use self::slurm::LoopOptions;

/// A backfilling rule in the registry.
#[derive(Clone, Copy, Debug)]
pub struct BackfillEntry {
    /// The rule's name.
    pub name: &'static str,
    /// Description of the rule in one sentence.
    pub summary: &'static str,
    /// `true` if it looks at the estimates of jobs' run times.
    pub uses_estimates: bool,
    /// The maker of the rule.
    pub rule: RuleKind,
}

/// The planner that a rule belongs to, with the maker of the rule.
#[derive(Clone, Copy, Debug)]
pub enum RuleKind {
    /// The planner that decides after every single event and keeps to the job it chose.
    Events(fn() -> Box<dyn Backfill>),
    /// The planner of passes over the whole queue, once an instant.
    Passes(fn(Form, &RuleOptions) -> Box<dyn PassRule>),
    /// The planner of passes, under a rule that switches hosts off and on.
    Switches(fn(&RuleOptions) -> Box<dyn PassRule>),
}

/// Options of the rules that have any.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RuleOptions {
    /// Options of the rules that switch hosts off and on.
    pub shutdown: ShutdownOptions,
    /// Intervals and limits of Slurm's loops.
    pub slurm: LoopOptions,
}

/// Every rule, in the order of the manual.
pub const BACKFILLS: &[BackfillEntry] = &[
    none::ENTRY,
    greedy_once::ENTRY,
    strict::ENTRY,
    skip::ENTRY,
    easy::ENTRY,
    easy_hosts::ENTRY,
    conservative::ENTRY,
    conservative_hosts::ENTRY,
    slurm::ENTRY,
    shutdown::INERTIAL,
    shutdown::OPPORTUNISTIC,
];

/// The rule of a name.
pub fn backfill(name: &str) -> Option<&'static BackfillEntry> {
    BACKFILLS.iter().find(|entry| entry.name == name)
}

/// Bounds of jobs with so many members at most.
const fn narrow(members: u64) -> Bounds {
    Bounds {
        members,
        longest: Duration::MAX,
        spare: 0,
    }
}

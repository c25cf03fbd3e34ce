//! A strict queue: the head starts while it fits, and no job starts before it (spec:
//! orchestrators-b.md section 7.1). The head is looked for in every pass, so a job that the order puts
//! first passes those that wait.
//!
//! Each partition has a head of its own, as in the main loop of Slurm (section 7.5): the first job that
//! cannot start stops its partition, and jobs of others keep off the nodes that it could be on
//! (SchedMD/slurm: `src/slurmctld/job_scheduler.c`, `_schedule`).

use scheduler::batch::{Bounds, Candidate, Pass, PassRule, Start};
use smallvec::SmallVec;

use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "strict",
    summary: "Starts the head of the queue (of each partition) while it fits, once an instant.",
    uses_estimates: false,
    rule: RuleKind::Passes(|_, _| Box::new(Strict)),
};

/// Starts heads alone.
#[derive(Clone, Copy, Debug)]
pub struct Strict;

impl PassRule for Strict {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let mut candidate = pass.first()?;
        let mut heads: SmallVec<[Candidate; 4]> = SmallVec::new();
        loop {
            let partition = candidate.facts.partition;
            if heads.iter().all(|head| head.facts.partition != partition) {
                if let Some(start) = pass.start_apart(&candidate, &heads) {
                    return Some(start);
                }
                heads.push(candidate);
            }
            if heads.len() >= pass.partitions() {
                return None;
            }
            candidate = pass.after(&candidate, &Bounds::ANY)?;
        }
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(*self)
    }
}

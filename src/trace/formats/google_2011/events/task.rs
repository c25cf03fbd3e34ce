//! Tasks that are alive, and the ends of their demands.

use crate::error::TraceError;
use crate::job_fields::Outcome;
use crate::ledger::{Action, Journal};
use crate::links::Links;
use crate::origin::Origin;
use crate::resizes::Resizes;
use units::{Duration, Instant};

/// A task that is alive.
#[derive(Debug)]
pub(super) struct Task {
    /// The instant of the submission of its demand.
    pub(super) submit: Instant,
    /// The place of the event that opened the demand.
    pub(super) origin: Origin,
    /// The start of its first attempt.
    pub(super) start: Option<Instant>,
    /// The instant from which it runs; `None` while it is pending.
    pub(super) began: Option<Instant>,
    /// Instant of a SUBMIT that came before the end of the demand before it.
    pub(super) early: Option<Instant>,
    /// The place of the spec that it asks for now.
    pub(super) asked: u32,
    /// The place of the spec with which it arrives.
    pub(super) first: u32,
    /// The class of its demand, or the place of its spec until that is known.
    pub(super) class: u32,
    /// The number of its user.
    pub(super) tenant: u32,
    /// The links of its job.
    pub(super) links: Option<Box<Links>>,
    /// Its resizes since it began to run.
    pub(super) resizes: Resizes,
}

/// The end of a demand; by default, it is not within the trace.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    /// The time from the start of its last attempt to its end.
    pub(super) run_time: Option<Duration>,
    /// The outcome, if it is known.
    pub(super) outcome: Option<Outcome>,
    /// Whether the demand is left out.
    pub(super) is_left_out: bool,
}

impl Task {
    /// The task begins to run.
    pub(super) fn schedule(
        &mut self,
        journal: &mut Journal,
        line: u64,
        time: Instant,
    ) -> Result<(), TraceError> {
        if self.began.is_some() {
            let kind = "scheduled twice without an end; the first counts as lost";
            journal.dirt(kind, Action::Repair, line)?;
        }
        if !self.resizes.is_empty() {
            let kind = "requests changed in an attempt before the last; the first request stands";
            journal.dirt(kind, Action::Keep, line)?;
            self.resizes = Resizes::default();
        }
        self.start.get_or_insert(time);
        self.began = Some(time);
        Ok(())
    }
}

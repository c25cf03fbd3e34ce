//! Jobs whose places the API refused: they keep their turn, and are tried again once the view shows
//! something new, or after a while.

use super::job::{Job, JobNumber};
use super::{BatchPlanner, ChosenJob};
use crate::retry::Retry;

/// Members of a job that were refused their places.
#[derive(Clone, Debug)]
pub(super) struct RefusedMembers {
    pub(super) number: JobNumber,
    pub(super) job: Job,
}

impl BatchPlanner {
    /// The members that were refused their places wait again.
    pub(super) fn take_back_refused(&mut self) {
        if self.refused.is_empty() {
            return;
        }
        self.retry = Retry::default();
        if self.chosen.is_none() {
            let first = self.refused.first();
            self.chosen = first.map(|refused| ChosenJob::of(refused.number));
        }
        for RefusedMembers { number, job } in std::mem::take(&mut self.refused) {
            let submitted = job.facts.submitted;
            self.waiting.add(number, job, &*self.order, submitted);
        }
        if let Some(chosen) = &mut self.chosen {
            chosen.asked = None;
        }
    }
}

//! Gangs of which an edit leaves members out: the rest of each starts together, which is told.

use std::sync::Arc;

use arrivals::stream::Arrival;
use intake::ledger::{Action, Ledger};

/// The note about a gang that an edit cuts.
pub(crate) const CUT: &str =
    "gang of which an edit left members out; the others start together without them";

/// The gang that an edit is at, and what it did to those before.
#[derive(Clone, Debug, Default)]
pub(crate) struct CutGangs {
    /// The last arrival if it is a member of a gang, as it came.
    last: Option<Arrival>,
    /// Whether that was kept.
    is_last_kept: bool,
    /// Whether members of its gang were kept, and whether some were left out.
    has: [bool; 2],
    notes: Ledger,
}

impl CutGangs {
    /// Whether the last arrival was kept, if another is a member of its gang.
    pub(crate) fn kept_mate(&self, arrival: &Arrival) -> Option<bool> {
        let is_mate = { self.last.as_ref() }.is_some_and(|last| arrival.is_mate_of(last));
        is_mate.then_some(self.is_last_kept)
    }

    /// Takes an arrival of these files as it came, which is kept or left out.
    pub(crate) fn take(&mut self, arrival: &Arrival, is_kept: bool, files: &[Arc<str>]) {
        if self.kept_mate(arrival).is_none() {
            self.has = [false; 2];
        }
        let was_cut = self.has == [true; 2];
        self.has[usize::from(!is_kept)] = true;
        if self.has == [true; 2] && !was_cut {
            let (file, line) = arrival.origin.place(files, &"workload".into());
            self.notes.note(CUT, Action::Keep, &file, line);
        }
        self.last = arrival.gang().is_some().then(|| arrival.clone());
        self.is_last_kept = is_kept;
    }

    /// The ledger of a source of which all arrivals were taken; `None` if no gang was cut.
    pub(crate) fn told(&self, ledger: &Ledger) -> Option<Ledger> {
        (!self.notes.is_empty()).then(|| {
            let mut all = ledger.clone();
            all.merge(&self.notes);
            all
        })
    }
}

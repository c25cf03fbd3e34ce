//! Tasks that do not come: who waits for one is not held back. Whether a task comes is known once a table was read to its
//! end, so a table in which rows wait for others is read once before.

use rustc_hash::FxHashSet;

use super::{TaskHash, WaitFault, hash_of_task};
use crate::spill::{FixedSort, each_joined};
use crate::stream::{Arrival, ArrivalSource};
use intake::TraceError;
use intake::ledger::Ledger;

/// A source whose arrivals wait for none but tasks that come; the source itself if nothing waits, or all come.
///
/// # Errors
/// The source can't be read.
pub fn without_unknown(
    source: Box<dyn ArrivalSource>,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    if !source.may_wait() {
        return Ok(source);
    }
    let mut before = source.fork()?;
    let (mut tasks, mut targets) = (FixedSort::<2>::default(), FixedSort::<2>::default());
    while let Some(arrival) = before.next()? {
        tasks.push(hash_of_task(arrival.part, arrival.task()));
        for other in arrival.after() {
            targets.push(hash_of_task(arrival.part, other));
        }
    }
    let mut unknown: FxHashSet<TaskHash> = FxHashSet::default();
    each_joined(tasks, targets, |target, task| {
        if task.is_none() {
            unknown.insert(target);
        }
    })?;
    if unknown.is_empty() {
        return Ok(source);
    }
    Ok(Box::new(AbsentTaskFilter {
        source,
        unknown,
        found: Ledger::EMPTY,
        ledger: Ledger::EMPTY,
    }))
}

/// Filter of a source that takes absent tasks out of what its arrivals wait for.
struct AbsentTaskFilter {
    source: Box<dyn ArrivalSource>,
    unknown: FxHashSet<TaskHash>,
    /// Findings about arrivals that wait for unknown tasks.
    found: Ledger,
    /// These findings and those of the source.
    ledger: Ledger,
}

impl AbsentTaskFilter {
    fn free(&mut self, arrival: &mut Arrival) {
        let (part, unknown) = (arrival.part, &self.unknown);
        if !arrival.wait_only_for(|task| !unknown.contains(&hash_of_task(part, task))) {
            return;
        }
        let (kind, action) = (WaitFault::ForUnknown.kind(), WaitFault::ForUnknown.action());
        let files = self.source.files();
        if let Some(first) = files.first() {
            let (file, line) = arrival.origin.place(files, first);
            self.found.note(kind, action, &file, line);
        }
    }

    /// Brings the ledger up to date, if there is anything new in it.
    fn tell(&mut self) {
        let own = self.source.ledger();
        if own.total() + self.found.total() != self.ledger.total() {
            self.ledger = own.clone();
            self.ledger.merge(&self.found);
        }
    }
}

impl ArrivalSource for AbsentTaskFilter {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let mut next = self.source.next()?;
        if let Some(arrival) = &mut next {
            self.free(arrival);
        }
        self.tell();
        Ok(next)
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.source)
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            source: self.source.fork()?,
            unknown: self.unknown.clone(),
            found: self.found.clone(),
            ledger: self.ledger.clone(),
        }))
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

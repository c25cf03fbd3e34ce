//! Arrivals that wait only for tasks that their trace has: an edge to any other is left out, and told.
//! A trace is read to its end before that is known, so the tasks and those that are waited for are kept as hashes,
//! which are sorted on disk where there are many; what stays in memory are those that the trace does not have.

use std::sync::Arc;

use super::error::TraceError;
use super::ledger::{Action, Ledger};
use super::links::Links;
use super::spill::{FixedSort, each_joined};
use super::stream::{Arrival, ArrivalSource, Classes};
use super::waits::{TaskHash, hash_of_task};
use model::PodName;

/// Tasks of a trace, and those that others wait for.
#[derive(Debug, Default)]
pub(crate) struct KnownTasks {
    known: FixedSort<2>,
    wanted: FixedSort<2>,
    last: Option<TaskHash>,
    last_wanted: Option<TaskHash>,
}

impl KnownTasks {
    /// Adds a task without parts.
    pub(crate) fn add(&mut self, name: &PodName) {
        self.known.push(hash_of_task(0, name));
    }

    /// Adds the task of which links make their arrival a part.
    pub(crate) fn add_task(&mut self, links: Option<&Links>) {
        let Some(name) = links.and_then(|own| own.part_of.as_ref()) else {
            return;
        };
        let own = hash_of_task(0, name);
        // The parts of a task stand one below the other.
        if self.last.replace(own) != Some(own) {
            self.known.push(own);
        }
    }

    /// Adds the tasks that links make an arrival wait for.
    pub(crate) fn want(&mut self, links: Option<&Links>) {
        for other in links.map_or(&[][..], |own| &own.after) {
            let other = hash_of_task(0, other);
            // So do those that its parts wait for.
            if self.last_wanted.replace(other) != Some(other) {
                self.wanted.push(other);
            }
        }
    }

    /// The arrivals of a trace that has been read, without the edges to tasks that it does not have.
    ///
    /// # Errors
    /// The temporary file of the hashes can't be read.
    pub(crate) fn only(
        self,
        inner: Box<dyn ArrivalSource>,
        file: &Arc<str>,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let unknown = self.unknown()?;
        if unknown.is_empty() {
            return Ok(inner);
        }
        Ok(Box::new(OnlyKnown {
            ledger: inner.ledger().clone(),
            inner,
            unknown: unknown.into(),
            file: file.clone(),
        }))
    }

    /// The tasks that are waited for and not there, in the order of their hashes.
    fn unknown(self) -> Result<Vec<TaskHash>, TraceError> {
        let mut unknown: Vec<TaskHash> = Vec::new();
        each_joined(self.known, self.wanted, |other, own| {
            if own.is_none() && unknown.last() != Some(&other) {
                unknown.push(other);
            }
        })?;
        Ok(unknown)
    }
}

struct OnlyKnown {
    inner: Box<dyn ArrivalSource>,
    unknown: Arc<[TaskHash]>,
    file: Arc<str>,
    ledger: Ledger,
}

impl ArrivalSource for OnlyKnown {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(mut arrival) = self.inner.next()? else {
            return Ok(None);
        };
        let unknown = &self.unknown;
        let is_known = |name: &PodName| unknown.binary_search(&hash_of_task(0, name)).is_err();
        if arrival.wait_only_for(is_known) {
            let kind = "waits for a task that is not in the trace; not waited for";
            let (file, line) = arrival.origin.place(self.inner.files(), &self.file);
            self.ledger.note(kind, Action::Repair, &file, line);
        }
        Ok(Some(arrival))
    }

    fn classes(&self) -> &Classes {
        self.inner.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            unknown: Arc::clone(&self.unknown),
            file: self.file.clone(),
            ledger: self.ledger.clone(),
        }))
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}

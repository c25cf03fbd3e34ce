//! Arrivals that wait only for tasks that their trace has: an edge to any other is left out, and told.
//! A trace is read to its end before that is known, so the tasks are kept as hashes, 16 bytes each.

use std::sync::Arc;

use super::error::TraceError;
use super::header_record::HeaderRecord;
use super::ledger::{Action, Ledger};
use super::links::Links;
use super::stream::{Arrival, ArrivalSource, Classes};
use model::{PodName, Text};

/// Tasks of a trace that others may wait for.
#[derive(Debug, Default)]
pub(crate) struct KnownTasks(Vec<[u8; 16]>);

fn hash(name: &PodName) -> [u8; 16] {
    let whole = blake3::hash(name.to_string().as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&whole.as_bytes()[..16]);
    short
}

impl KnownTasks {
    /// Adds a task.
    pub(crate) fn add(&mut self, name: &PodName) {
        self.0.push(hash(name));
    }

    /// Adds the task of which links make their arrival a part.
    pub(crate) fn add_task(&mut self, links: Option<&Links>) {
        let Some(name) = links.and_then(|own| own.part_of.as_ref()) else {
            return;
        };
        let own = hash(name);
        // The parts of a task stand one below the other.
        if self.0.last() != Some(&own) {
            self.0.push(own);
        }
    }

    /// The arrivals of a trace that has been read, without the edges to tasks that it does not have.
    pub(crate) fn only(
        mut self,
        inner: Box<dyn ArrivalSource>,
        file: &Arc<str>,
    ) -> Box<dyn ArrivalSource> {
        self.0.sort_unstable();
        Box::new(OnlyKnown {
            ledger: inner.ledger().clone(),
            inner,
            known: self.0.into(),
            file: file.clone(),
        })
    }
}

struct OnlyKnown {
    inner: Box<dyn ArrivalSource>,
    known: Arc<[[u8; 16]]>,
    file: Arc<str>,
    ledger: Ledger,
}

impl ArrivalSource for OnlyKnown {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(mut arrival) = self.inner.next()? else {
            return Ok(None);
        };
        let known = &self.known;
        let is_known = |name: &PodName| known.binary_search(&hash(name)).is_ok();
        if arrival.wait_only_for(is_known) {
            let kind = "waits for a task that is not in the trace; not waited for";
            let (file, line) = arrival.origin.place(self.inner.files(), &self.file);
            self.ledger.note(kind, Action::Repair, &file, line);
        }
        Ok(Some(arrival))
    }

    fn may_wait(&self) -> bool {
        self.inner.may_wait()
    }

    fn header(&self) -> &HeaderRecord {
        self.inner.header()
    }

    fn classes(&self) -> &Classes {
        self.inner.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            known: Arc::clone(&self.known),
            file: self.file.clone(),
            ledger: self.ledger.clone(),
        }))
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.inner.progress()
    }

    fn files(&self) -> &[Arc<str>] {
        self.inner.files()
    }

    fn tenants(&self) -> &[Text] {
        self.inner.tenants()
    }
}

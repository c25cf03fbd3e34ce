//! Faults of a graph of precedence, whatever the format: a task that waits for itself, alone or through
//! others, and one that waits for a task that is not there. A trace is read to its end before that
//! is known, so tasks and edges are kept as hashes, which are sorted on disk where there are many.

use std::sync::Arc;

use model::PodName;
use smallvec::SmallVec;

use crate::spill::key_of;
use crate::stream::{Arrival, ArrivalSource};
use intake::TraceError;
use intake::ledger::{Action, Ledger};

mod absent_tasks;
mod edges;

pub use absent_tasks::without_unknown;
use edges::Edges;

/// A fault in what an arrival waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFault {
    /// It waits for the task that it is.
    ForItself,
    /// It waits for a task that does not come.
    ForUnknown,
    /// It waits for tasks that wait for its own.
    InCircle,
}

impl WaitFault {
    /// The kind in a ledger.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::ForItself => "waits for itself; not held back for that",
            Self::ForUnknown => {
                "waits for a task that is not in the workload; not held back for that"
            }
            Self::InCircle => {
                "waits for tasks that wait for it, a circle; never submitted, nor what waits for it"
            }
        }
    }

    /// The treatment in a run.
    pub const fn action(self) -> Action {
        match self {
            Self::ForItself | Self::ForUnknown => Action::Repair,
            Self::InCircle => Action::Drop,
        }
    }
}

/// A source that tells at its end what can't be about its tasks; the source itself if nothing waits. A fork of it tells
/// nothing.
pub fn told(source: Box<dyn ArrivalSource>, file: &Arc<str>) -> Box<dyn ArrivalSource> {
    if !source.may_wait() {
        return source;
    }
    Box::new(Told {
        ledger: source.ledger().clone(),
        source,
        file: file.clone(),
        edges: Some(Edges::default()),
    })
}

/// A task, by the hash of its name.
pub type TaskHash = [u64; 2];

/// The hash of the name of a task in a part of the workload.
pub fn hash_of_task(part: u16, name: &PodName) -> TaskHash {
    let mut all: SmallVec<[u8; 64]> = SmallVec::new();
    all.extend_from_slice(&part.to_le_bytes());
    match name {
        PodName::Text(text) => all.extend_from_slice(text.as_bytes()),
        other => all.extend_from_slice(other.to_string().as_bytes()),
    }
    key_of(&all)
}

struct Told {
    source: Box<dyn ArrivalSource>,
    file: Arc<str>,
    /// The edges up to now; `None` once the end was reached.
    edges: Option<Edges>,
    ledger: Ledger,
}

impl Told {
    fn end(&mut self, edges: Edges) -> Result<(), TraceError> {
        self.ledger = self.source.ledger().clone();
        let mut faults = edges.faults()?;
        while let Some(fault) = faults.next()? {
            let (file, line) = fault.origin.place(self.source.files(), &self.file);
            for _ in 0..fault.arrivals {
                let (kind, action) = (fault.kind.kind(), fault.kind.action());
                self.ledger.note(kind, action, &file, line);
            }
        }
        Ok(())
    }
}

impl ArrivalSource for Told {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let next = self.source.next()?;
        match (&next, &mut self.edges) {
            (Some(arrival), Some(edges)) => edges.take(arrival),
            (None, edges) => {
                if let Some(edges) = edges.take() {
                    self.end(edges)?;
                }
            }
            (Some(_), None) => {}
        }
        Ok(next)
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.source)
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.source.fork()
    }

    fn ledger(&self) -> &Ledger {
        match self.edges {
            None => &self.ledger,
            Some(_) => self.source.ledger(),
        }
    }
}

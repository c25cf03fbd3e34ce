//! A source whose arrivals are all in memory and shared between its forks; for traces that are
//! small or that must be sorted as a whole.

use std::sync::Arc;

use crate::header_record::HeaderRecord;
use crate::stream::{Arrival, ArrivalSource, Classes};
use intake::TraceError;
use intake::ledger::Ledger;
use model::{PodSpec, Text};

/// Everything that a small trace holds. Two are equal if they say the same, whatever files they are from.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Arrivals in order of submission.
    pub arrivals: Vec<Arrival>,
    /// Classes in order of first appearance.
    pub classes: Vec<Arc<PodSpec>>,
    /// Names of the tenants.
    pub tenants: Vec<Text>,
    /// Ledger of irregularities found while reading.
    pub ledger: Ledger,
    /// Names of the files that origins refer to.
    pub files: Vec<Arc<str>>,
    /// Header of the trace.
    pub header: HeaderRecord,
}

impl PartialEq for Recorded {
    fn eq(&self, other: &Self) -> bool {
        self.arrivals == other.arrivals
            && self.classes == other.classes
            && self.tenants == other.tenants
            && self.ledger == other.ledger
    }
}

impl Eq for Recorded {}

impl Recorded {
    /// Reads a source to its end.
    pub fn collect(source: &mut dyn ArrivalSource) -> Result<Self, TraceError> {
        let mut arrivals = Vec::new();
        while let Some(arrival) = source.next()? {
            arrivals.push(arrival);
        }
        Ok(Self {
            arrivals,
            classes: source.classes().to_vec()?,
            tenants: source.tenants().to_vec(),
            ledger: source.ledger().clone(),
            files: source.files().to_vec(),
            header: source.header().clone(),
        })
    }
}

/// A stream over a [`Recorded`] trace.
#[derive(Clone, Debug)]
pub struct MemorySource {
    recorded: Arc<Recorded>,
    classes: Classes,
    position: usize,
}

impl MemorySource {
    /// A stream from the first arrival.
    pub fn new(recorded: impl Into<Arc<Recorded>>) -> Self {
        let recorded = recorded.into();
        let classes = Classes::from(recorded.classes.clone());
        Self::with_classes(recorded, classes)
    }

    /// A stream from the first arrival, the classes of which are these.
    pub fn with_classes(recorded: impl Into<Arc<Recorded>>, classes: Classes) -> Self {
        Self {
            recorded: recorded.into(),
            classes,
            position: 0,
        }
    }
}

impl ArrivalSource for MemorySource {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let arrival = self.recorded.arrivals.get(self.position).cloned();
        self.position += usize::from(arrival.is_some());
        Ok(arrival)
    }

    fn may_wait(&self) -> bool {
        let mut arrivals = self.recorded.arrivals.iter();
        arrivals.any(Arrival::has_precedence)
    }

    fn has_gangs(&self) -> bool {
        let mut arrivals = self.recorded.arrivals.iter();
        arrivals.any(|arrival| arrival.gang().is_some())
    }

    fn header(&self) -> &HeaderRecord {
        &self.recorded.header
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(self.clone()))
    }

    fn ledger(&self) -> &Ledger {
        &self.recorded.ledger
    }

    fn files(&self) -> &[Arc<str>] {
        &self.recorded.files
    }

    fn tenants(&self) -> &[Text] {
        &self.recorded.tenants
    }

    fn progress(&self) -> Option<(u64, u64)> {
        Some((self.position as u64, self.recorded.arrivals.len() as u64))
    }
}

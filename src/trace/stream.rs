//! The uniform stream that every trace format is read into (spec: traces.md, section 0). Nothing
//! downstream knows where an arrival came from.

use std::sync::Arc;

use model::{PodName, PodSpec, Text};
use units::{Duration, Instant};

use super::error::TraceError;
use super::ledger::Ledger;

/// One job or pod that arrives: `members` pods of one class that start together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it is submitted, since the trace's zero.
    pub submit: Instant,
    /// Name of the pod: [`PodName::Text`] or [`PodName::Job`].
    pub name: PodName,
    /// The pod's class: an index into the source's [`Classes`].
    pub class: u32,
    /// Gang size: how many pods of the class start together; at least 1.
    pub members: u32,
    /// Tenant: the user in the origin, numbered in order of appearance.
    pub tenant: u32,
    /// How long it runs once started; `None` runs until the end of the run.
    pub run_time: Option<Duration>,
    /// How long it says it may run at most (requested wall time).
    pub time_limit: Option<Duration>,
    /// When it started in the origin; never imposed on a simulated scheduler.
    pub historic_start: Option<Instant>,
}

/// The pod classes of a source, in order of first appearance; grows as the source is read.
pub type Classes = Vec<Arc<PodSpec>>;

/// Total amount of a class in a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassTotal {
    /// Pod template.
    pub spec: Arc<PodSpec>,
    /// How many arrivals are of the class.
    pub arrivals: u64,
    /// How many pods they bring.
    pub pods: u64,
}

/// A stream of arrivals in order of submission (equal times: in the origin's order).
///
/// Whatever of the origin can be decoded late is decoded late: memory follows what the reader
/// holds, not the length of the trace.
pub trait ArrivalSource: Send {
    /// The next arrival, or `None` at the end.
    fn next(&mut self) -> Result<Option<Arrival>, TraceError>;

    /// The classes seen up to now; indexes stay valid.
    fn classes(&self) -> &Classes;

    /// A source at the same position that can be read on its own.
    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError>;

    /// Totals by class in order of first appearance, if known without reading the source.
    fn class_totals(&self) -> Option<Vec<ClassTotal>> {
        None
    }

    /// Ledger of the irregularities in the rows read so far.
    fn ledger(&self) -> &Ledger {
        static NOTHING: Ledger = Ledger::EMPTY;
        &NOTHING
    }

    /// How much of the origin was read, and how much there is, in a unit of the source's own.
    fn progress(&self) -> Option<(u64, u64)> {
        None
    }

    /// The names of the tenants seen up to now, by number; empty if the source has none.
    fn tenants(&self) -> &[Text] {
        &[]
    }
}

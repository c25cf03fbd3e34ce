//! The uniform stream that every trace format is read into (spec: traces.md, section 0). Nothing
//! downstream knows where an arrival came from.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use model::{PodName, PodSpec, Text};
use units::{Duration, Instant, SortedSet};

use crate::class_columns::ClassColumns;
pub use crate::classes::Classes;
use crate::header_record::HeaderRecord;
use crate::links::Links;
use intake::TraceError;
use intake::ledger::Ledger;
use intake::origin::Origin;

/// The tenant of arrivals that name none.
pub const UNNAMED: &str = "default";

/// One job or pod that arrives: `members` pods of one class that start together or not at all, alone or with the
/// pods of other arrivals ([`Links::gang`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The instant of submission, from the zero of the trace.
    pub submit: Instant,
    /// The name: [`PodName::Text`] or [`PodName::Job`].
    pub name: PodName,
    /// The class of its pods: an index into the source's [`Classes`].
    pub class: u32,
    /// The gang size: the number of pods that start together, at least 1.
    pub members: u32,
    /// The tenant: the user in the original trace, numbered by first appearance.
    pub tenant: u32,
    /// The run time once started; `None` runs until the end of the run.
    pub run_time: Option<Duration>,
    /// The time limit that the user declared (requested wall time).
    pub time_limit: Option<Duration>,
    /// The start in the original trace, which is never imposed on a simulated scheduler.
    pub historic_start: Option<Instant>,
    /// The place among other arrivals; `None` waits for nothing, and is no member of a gang.
    pub links: Option<Box<Links>>,
    /// The part of the workload that it comes from: names in links are those of its own part.
    pub part: u16,
    /// The place in the trace that it was read from.
    pub origin: Origin,
}

impl Arrival {
    /// Creates an arrival of one pod of the first class, of which nothing else is known.
    pub const fn new(submit: Instant, name: PodName) -> Self {
        Self {
            submit,
            name,
            class: 0,
            members: 1,
            tenant: 0,
            run_time: None,
            time_limit: None,
            historic_start: None,
            links: None,
            part: 0,
            origin: Origin::NONE,
        }
    }

    /// Returns the task of the arrival, by the name that others wait for.
    pub fn task(&self) -> &PodName {
        let links = self.links.as_deref();
        let part_of = links.and_then(|links| links.part_of.as_ref());
        part_of.unwrap_or(&self.name)
    }

    /// Returns whether the run time is all of the time limit, as of a job that is killed then.
    pub fn ends_at_limit(&self) -> bool {
        self.run_time.is_some() && self.run_time == self.time_limit
    }

    /// Returns whether it is killed at its time limit, as jobs of some parts of a workload are.
    pub fn is_killed(&self, limited_parts: &SortedSet<u16>) -> bool {
        self.ends_at_limit() && limited_parts.contains(&self.part)
    }

    /// Returns the tasks that the arrival waits for.
    pub fn after(&self) -> &[PodName] {
        self.links.as_deref().map_or(&[], |links| &links.after)
    }

    /// Returns the gang that the arrival is a member of, with others.
    pub fn gang(&self) -> Option<&PodName> {
        self.links.as_deref()?.gang.as_ref()
    }

    /// Returns whether two arrivals, one after the other in a stream, are members of one gang.
    pub fn is_mate_of(&self, other: &Self) -> bool {
        self.gang().is_some()
            && self.gang() == other.gang()
            && (self.part, self.submit) == (other.part, other.submit)
    }

    /// Returns whether the arrival has a place in a graph of precedence.
    pub fn has_precedence(&self) -> bool {
        self.links.as_deref().is_some_and(Links::has_precedence)
    }

    /// Makes the arrival a member of a gang.
    pub fn join(&mut self, gang: PodName) {
        match &mut self.links {
            Some(links) => links.gang = Some(gang),
            none => *none = Some(Links::of_gang(gang)),
        }
    }

    /// Takes the arrival out of the gang that it is a member of, if it is of one.
    pub fn leave_gang(&mut self) {
        self.links = self.links.take().filter(|links| links.has_precedence());
        if let Some(links) = &mut self.links {
            links.gang = None;
        }
    }

    /// Keeps those of the tasks waited for that pass a test; returns whether one was left out.
    pub fn wait_only_for(&mut self, mut is_kept: impl FnMut(&PodName) -> bool) -> bool {
        let Some(links) = &mut self.links else {
            return false;
        };
        let before = links.after.len();
        links.after.retain(|task| is_kept(task));
        let is_cut = links.after.len() < before;
        if !links.has_precedence() && links.gang.is_none() {
            self.links = None;
        }
        is_cut
    }
}

/// The share of one class in a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassTotal {
    /// The spec of its pods.
    pub spec: Arc<PodSpec>,
    /// The number of arrivals of the class.
    pub arrivals: u64,
    /// The number of pods in these arrivals.
    pub pods: u64,
    /// The number of arrivals that wait for others.
    pub waiting: u64,
    /// The number of arrivals that are members of gangs of several.
    pub ganged: u64,
    /// The number of arrivals with a run time and without a time limit.
    pub unlimited: u64,
    /// The number of arrivals whose run time is all of their time limit.
    pub at_limit: u64,
}

/// A stream of arrivals in the order of submission; equal times keep the order of the trace.
///
/// A source decodes as late as it can, so memory depends on the rows in its window and not on the
/// length of the trace.
pub trait ArrivalSource: Send {
    /// Returns the next arrival, or `None` at the end.
    ///
    /// # Errors
    /// A row can't be read, and the policy for bad rows stops at it.
    fn next(&mut self) -> Result<Option<Arrival>, TraceError>;

    /// Appends the next arrivals to a buffer, until it holds `most` or the ledger has changed: a change
    /// belongs to the last arrival that was appended, or follows all of them at the end. Returns whether
    /// the source goes on: then at least one arrival was appended.
    ///
    /// # Errors
    /// As for [`Self::next`], behind the arrivals that were appended.
    fn append_to(
        &mut self,
        buffer: &mut VecDeque<Arrival>,
        most: usize,
    ) -> Result<bool, TraceError> {
        debug_assert!(buffer.len() < most, "a buffer with room");
        let next = self.next()?;
        let goes_on = next.is_some();
        buffer.extend(next);
        Ok(goes_on)
    }

    /// Returns the classes seen up to now; indexes stay valid.
    fn classes(&self) -> &Classes {
        static NOTHING: LazyLock<Classes> = LazyLock::new(Classes::default);
        self.inner().map_or(&NOTHING, |inner| inner.classes())
    }

    /// Returns a source at the same position that is read independently.
    ///
    /// # Errors
    /// The origin can't be opened again.
    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError>;

    /// Returns the source of which this one changes or leaves out arrivals, if there is such a source. Classes, waits, gangs, header, columns,
    /// ledger, progress, files and tenants are by default those of that source; the totals of classes are not.
    fn inner(&self) -> Option<&dyn ArrivalSource> {
        None
    }

    /// Returns the totals of the whole source by class, in the order of first appearance; `None`
    /// where only reading the source would tell.
    fn class_totals(&self) -> Option<Vec<ClassTotal>> {
        None
    }

    /// Returns whether arrivals of the source may wait for others; `false` says that none does.
    fn may_wait(&self) -> bool {
        self.inner().is_some_and(ArrivalSource::may_wait)
    }

    /// Returns whether arrivals of the source may be members of gangs of several; `false` says that none is.
    fn has_gangs(&self) -> bool {
        self.inner().is_some_and(ArrivalSource::has_gangs)
    }

    /// Returns the columns that the classes of the source need in a table; one that is absent is needed by none.
    fn class_columns(&self) -> ClassColumns {
        let inner = self.inner().map(ArrivalSource::class_columns);
        self.classes().columns().or(inner.unwrap_or_default())
    }

    /// Returns what the trace says of itself.
    fn header(&self) -> &HeaderRecord {
        static NOTHING: HeaderRecord = HeaderRecord::EMPTY;
        self.inner().map_or(&NOTHING, |inner| inner.header())
    }

    /// Returns the ledger of all irregularities up to now, and of their treatment.
    fn ledger(&self) -> &Ledger {
        static NOTHING: Ledger = Ledger::EMPTY;
        self.inner().map_or(&NOTHING, |inner| inner.ledger())
    }

    /// Returns the part of the origin that was read and its whole size, in a unit of the source.
    fn progress(&self) -> Option<(u64, u64)> {
        self.inner()?.progress()
    }

    /// Returns the files that origins refer to, by number; empty if all is of the trace itself.
    fn files(&self) -> &[Arc<str>] {
        self.inner().map_or(&[], |inner| inner.files())
    }

    /// Returns the names of the tenants seen up to now, by number; empty if the source has none.
    fn tenants(&self) -> &[Text] {
        self.inner().map_or(&[], |inner| inner.tenants())
    }
}

//! Events of tasks that are not in order of time, as exports of a database write them: they are sorted first, on disk
//! where there are many. Events of one instant stay in the order of their files.

use std::sync::Arc;

use super::events::{Asked, TaskEvent, Tasks};
use crate::error::TraceError;
use crate::intern::NameTable;
use crate::ledger::{Action, Journal};
use crate::memory::Recorded;
use crate::options::ReadOptions;
use crate::rows::{Refused, heed};
use crate::spill::{Merged, Order, Spill};
use crate::stream::{Arrival, ArrivalSource};
use crate::timed::OUT_OF_ORDER;
use model::{PodName, PodSpec};
use units::{Duration, Instant};

/// Events that are held in memory; beyond them, they are sorted on disk.
const MOST_HELD: usize = 1 << 20;

/// Events up to now, each as an arrival that stands for it, because those are what is sorted on disk.
pub(crate) struct Unsorted {
    held: Vec<Arrival>,
    most_held: usize,
    spill: Option<Spill>,
    users: NameTable,
    latest: Instant,
}

impl Unsorted {
    /// No events yet; a number of them is held in memory.
    pub(super) fn holding(most_held: usize) -> Self {
        Self {
            held: Vec::new(),
            most_held,
            spill: None,
            users: NameTable::default(),
            latest: Instant::ZERO,
        }
    }

    /// Adds an event at which a task asks for the spec of a place.
    fn push(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        request: Request<'_>,
    ) -> Result<(), TraceError> {
        if event.time < self.latest {
            journal.dirt(OUT_OF_ORDER, Action::Repair, line)?;
        }
        self.latest = self.latest.max(event.time);
        if self.held.len() >= self.most_held
            && !Spill::take_out(&mut self.spill, Order::Place, &mut self.held)
        {
            self.most_held = usize::MAX;
        }
        let (job, index) = event.key;
        self.held.push(Arrival {
            submit: event.time,
            name: PodName::Job(0),
            class: request.place,
            members: event.kind as u32,
            tenant: self.users.number_of(request.user.as_bytes()),
            run_time: Some(Duration::from_nanos(job)),
            time_limit: Some(Duration::from_nanos(index)),
            historic_start: None,
            links: None,
            part: request.dirt,
            origin: journal.origin(line),
        });
        Ok(())
    }

    /// The events in order of time.
    fn sorted(mut held: Vec<Arrival>, spill: Option<Spill>) -> Sorted {
        let Some(spill) = spill else {
            Order::Place.sort(&mut held);
            return Sorted::Held(held.into_iter());
        };
        let rest = Recorded {
            arrivals: held,
            ..Recorded::default()
        };
        Sorted::Merged(Box::new(Merged::new(spill, rest, Duration::ZERO)))
    }
}

/// What is odd about a demand that an event opens, by the places of the kinds in
/// [`super::events::OPENING_DIRT`] as bits.
pub(super) type Dirt = u16;

/// What an event asks for.
#[derive(Clone, Copy)]
struct Request<'a> {
    /// The place of its spec.
    place: u32,
    user: &'a str,
    dirt: Dirt,
}

/// Events in order.
enum Sorted {
    Held(std::vec::IntoIter<Arrival>),
    Merged(Box<Merged>),
}

impl Sorted {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        match self {
            Self::Held(events) => Ok(events.next()),
            Self::Merged(events) => events.next(),
        }
    }
}

impl Tasks {
    /// Takes an event of a log that is not in order.
    pub(super) fn set_aside(
        &mut self,
        mut unsorted: Box<Unsorted>,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        asked: Asked<'_, impl FnOnce() -> PodSpec>,
    ) -> Result<(), Refused> {
        let (user, dirt) = (asked.user, asked.dirt);
        let place = self.place(asked);
        let pushed = unsorted.push(journal, line, event, Request { place, user, dirt });
        self.unsorted = Some(unsorted);
        Ok(pushed?)
    }

    /// Takes the events that were set aside, in order of time.
    pub(super) fn take_sorted(&mut self, journal: &mut Journal) -> Result<(), TraceError> {
        let Some(unsorted) = self.unsorted.take() else {
            return Ok(());
        };
        let Unsorted {
            held, spill, users, ..
        } = *unsorted;
        let files = journal.files.names().to_vec();
        let mut events = Unsorted::sorted(held, spill);
        while let Some(own) = events.next()? {
            let nanos = |own: Option<Duration>| own.map_or(0, Duration::as_nanos);
            let event = TaskEvent {
                key: (nanos(own.run_time), nanos(own.time_limit)),
                kind: i64::from(own.members),
                time: own.submit,
            };
            if let Some(file) = files.get(usize::from(own.origin.file)) {
                journal.file = file.clone();
            }
            let spec = Arc::clone(&self.specs.classes()[own.class as usize]);
            let asked = Asked {
                user: &users.names()[own.tenant as usize],
                plain: None,
                dirt: own.part,
                spec: || PodSpec::clone(&spec),
            };
            heed(journal, |journal| {
                self.happen(journal, own.origin.line.into(), event, asked)
            })?;
        }
        Ok(())
    }
}

/// The demands of a log whose events are taken by `read`. It is read once if they are in order of time; else it is read again,
/// to be sorted.
pub(crate) fn demands(
    mut first: Tasks,
    mut journal: Journal,
    options: &ReadOptions,
    mut read: impl FnMut(&mut Tasks, &mut Journal) -> Result<(), TraceError>,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut found = journal.clone();
    match read(&mut first, &mut found) {
        Ok(()) => return first.finish(found),
        Err(error) if !first.went_back => return Err(error),
        Err(_) => {}
    }
    let mut again = Tasks::new(options);
    again.links = first.links;
    again.unsorted = Some(Box::new(Unsorted::holding(MOST_HELD)));
    read(&mut again, &mut journal)?;
    again.take_sorted(&mut journal)?;
    again.finish(journal)
}

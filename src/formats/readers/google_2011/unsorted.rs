//! Events of tasks that are not in order of time, as exports of a database write them: they are sorted first.

use serde::{Deserialize, Serialize};

use super::events::{Asked, EVICT, Key, LOST, TaskEvent, Tasks, UPDATE_PENDING};
use crate::parts::timeline::Event;
use crate::readers::prelude::*;
use arrivals::intern::NameTable;

/// Events up to now, with the users who caused them.
#[derive(Default)]
pub(crate) struct Unsorted {
    events: Timed<Request>,
    users: NameTable,
}

/// What is odd about a demand that an event opens, by the places of the kinds in
/// [`super::events::OPENING_DIRT`] as bits.
pub(super) type Dirt = u16;

/// An event with what its task asks for.
#[derive(Serialize, Deserialize)]
struct Request {
    event: TaskEvent,
    /// The place of its spec.
    place: u32,
    /// The number of its user.
    user: u32,
    dirt: Dirt,
}

impl Event for Request {
    type Object = Key;

    fn object(&self) -> Key {
        self.event.key
    }

    fn rank(&self) -> Rank {
        match self.event.kind {
            EVICT..=LOST => Rank::Ends,
            UPDATE_PENDING.. => Rank::Resizes,
            _ => Rank::Arrives,
        }
    }
}

impl Unsorted {
    /// No events yet; a number of them is held in memory.
    #[cfg(test)]
    pub(super) fn holding(most_held: usize) -> Self {
        Self {
            events: Timed::holding(most_held),
            users: NameTable::default(),
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
        asked: Asked<'_, impl FnOnce() -> Result<PodSpec, TraceError>>,
    ) -> Result<(), Refused> {
        // Files are numbered in the order in which they are read.
        journal.origin(line);
        let (user, dirt) = (asked.user, asked.dirt);
        let request = Request {
            event,
            place: self.place(asked)?,
            user: unsorted.users.number_of(user),
            dirt,
        };
        let time = Some(event.time);
        let pushed = unsorted.events.push(journal, line, time, request);
        self.unsorted = Some(unsorted);
        Ok(pushed?)
    }

    /// Takes the events that were set aside, in order of time.
    pub(super) fn take_sorted(&mut self, journal: &mut Journal) -> Result<(), TraceError> {
        let Some(unsorted) = self.unsorted.take() else {
            return Ok(());
        };
        let Unsorted { events, users } = *unsorted;
        events.each(journal, |journal, line, own| {
            let spec = self.specs.classes().get(own.place)?;
            let asked = Asked {
                user: users.names()[own.user as usize].as_bytes(),
                plain: None,
                dirt: own.dirt,
                spec: || Ok(PodSpec::clone(&spec)),
            };
            self.happen(journal, line, own.event, asked)
        })
    }
}

/// The demands of a log whose events are taken by `read`. It is read once if they are in order of time; else it is read again,
/// to be sorted. A log that can be read only once is sorted at once, whatever its order.
pub(crate) fn demands(
    mut first: Tasks,
    mut journal: Journal,
    options: &ReadOptions,
    events: &[Input],
    mut read: impl FnMut(&mut Tasks, &mut Journal) -> Result<(), TraceError>,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    if !events.iter().any(Input::is_read_once) {
        let mut found = journal.clone();
        match read(&mut first, &mut found) {
            Ok(()) => return first.finish(found),
            Err(error) if !first.went_back => return Err(error),
            Err(_) => {}
        }
    }
    let mut again = Tasks::new(options).with_usage(first.usage);
    again.links = first.links;
    again.unsorted = Some(Box::default());
    read(&mut again, &mut journal)?;
    again.take_sorted(&mut journal)?;
    again.finish(journal)
}

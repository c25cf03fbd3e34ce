//! Events of tasks put together to demands. Only tasks that are alive are in memory; demands that have ended are sorted, on
//! disk where there are many, and those of a task that comes back are numbered then.

mod names;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::attributes::APART_WAIVED;
use super::presence::SCHEDULE;
use super::unsorted::{Dirt, Unsorted};
use super::usage::Usage;
use crate::by_class::{ByClass, Lately};
use crate::error::TraceError;
use crate::gather::Gather;
use crate::intern::ClassTable;
use crate::job_fields::{Outcome, outcome_alone};
use crate::ledger::{Action, Journal};
use crate::links::LinksOfJobs;
use crate::numbered::Numbered;
use crate::options::ReadOptions;
use crate::origin::Origin;
use crate::resizes::{Changed, Resizes, Standing};
use crate::rows::Refused;
use crate::spill::Order;
use crate::stream::{Arrival, ArrivalSource};
use crate::timed::OUT_OF_ORDER;
use model::PodSpec;
use names::{numbered, provisional};
use units::Instant;

/// Job and index of a task.
pub(crate) type Key = (i64, i64);

/// An event of a task.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct TaskEvent {
    /// Job and index of the task.
    pub(crate) key: Key,
    /// The kind of the event, by its number.
    pub(crate) kind: i64,
    /// The instant.
    pub(crate) time: Instant,
}

/// The request of a task at an event.
pub(crate) struct Asked<'a, F> {
    /// The user, in UTF-8.
    pub(crate) user: &'a [u8],
    /// The priority, cores and memory, if nothing else tells the specs of tasks apart.
    pub(crate) plain: Option<Plain>,
    /// Irregularities of an event that opens a demand: kinds of [`OPENING_DIRT`].
    pub(crate) dirt: Dirt,
    /// The spec.
    pub(crate) spec: F,
}

/// Kinds of what is odd about a demand with what is done about each, which is a bit by its place.
pub(crate) const OPENING_DIRT: [(&str, Action); 4] = [
    ("no request; counted as 0", Action::Keep),
    (APART_WAIVED, Action::Waive),
    (
        "constraint on attributes, not enforced without `constraints`",
        Action::Waive,
    ),
    ("dedicated machine, not enforced", Action::Waive),
];

/// The bits of those of [`OPENING_DIRT`] that are so.
pub(crate) fn opening_dirt(is_so: [bool; OPENING_DIRT.len()]) -> Dirt {
    let bit = |(place, is_so): (usize, bool)| Dirt::from(is_so) << place;
    is_so.into_iter().enumerate().map(bit).sum()
}

/// Priority, 1/1000 cores and bytes.
pub(crate) type Plain = (i32, Option<i64>, Option<i64>);

/// The tasks met up to now.
pub(crate) struct Tasks {
    pub(super) gather: Gather,
    ended: Numbered,
    ran_only: bool,
    /// Whether demands keep the outcome of their task.
    keeps_outcomes: bool,
    /// The request that stands of a task that asks for several.
    stands: Standing,
    /// Tasks that are alive.
    alive: IndexMap<Key, Task, FxBuildHasher>,
    /// The specs that tasks ask for.
    pub(super) specs: ClassTable,
    /// The places of specs that nothing but these amounts tells apart.
    plain: Lately<Plain, u32>,
    /// The classes of specs by their places, of those with which a demand was opened.
    classes: ByClass<u32>,
    /// The classes of specs by their places and outcomes, if nothing else tells them apart.
    ended_classes: Lately<(u32, Option<Outcome>), u32>,
    /// What tasks used; each demand has what was measured from its start to its end.
    pub(super) usage: Usage,
    /// Links of the tasks of jobs, if any have some.
    pub(crate) links: Option<std::rc::Rc<dyn LinksOfJobs>>,
    /// The latest event.
    latest: Instant,
    /// Whether an event was earlier than one before it, so that they have to be sorted.
    pub(super) went_back: bool,
    /// Events that are still to be sorted.
    pub(super) unsorted: Option<Box<Unsorted>>,
}

/// A task that is alive.
#[derive(Debug)]
struct Task {
    /// Its demand.
    arrival: Arrival,
    /// The instant from which it runs; `None` while it is pending.
    began: Option<Instant>,
    /// Instant of a SUBMIT that came before the end of the demand before it.
    early: Option<Instant>,
    /// The place of the spec that it asks for now.
    asked: u32,
    /// The place of the spec with which it arrives.
    first: u32,
    /// Its end, if it is over.
    outcome: Option<Outcome>,
    /// Its resizes since it began to run.
    resizes: Resizes,
}

const SUBMIT: i64 = 0;
pub(super) const EVICT: i64 = 2;
const FAIL: i64 = 3;
pub(super) const LOST: i64 = 6;
pub(super) const UPDATE_PENDING: i64 = 7;

impl Tasks {
    pub(crate) fn new(options: &ReadOptions) -> Self {
        let mut gather = Gather::default().in_order(Order::Place);
        gather.header.fields = outcome_alone(options);
        Self {
            gather,
            ended: Numbered::default(),
            ran_only: options.ran_only,
            keeps_outcomes: options.keeps_outcomes(),
            stands: Standing::of(options),
            alive: IndexMap::default(),
            specs: ClassTable::default(),
            plain: Lately::default(),
            classes: ByClass::default(),
            ended_classes: Lately::default(),
            usage: Usage::default(),
            links: None,
            latest: Instant::ZERO,
            went_back: false,
            unsorted: None,
        }
    }

    /// Whether an event opens a demand.
    fn opens(&self, event: TaskEvent) -> bool {
        let is_end = (EVICT..=LOST).contains(&event.kind);
        event.kind == SUBMIT || !is_end && !self.alive.contains_key(&event.key)
    }

    /// Takes an event of a task. An event that is earlier than one before it is refused, unless events are to be sorted.
    pub(crate) fn take(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        asked: Asked<'_, impl FnOnce() -> PodSpec>,
    ) -> Result<(), Refused> {
        if let Some(unsorted) = self.unsorted.take() {
            return self.set_aside(unsorted, journal, line, event, asked);
        }
        if event.time < self.latest {
            self.went_back = true;
            return Err(Refused::Trace(TraceError::Format {
                file: journal.file.to_string(),
                reason: format!("line {line}: {OUT_OF_ORDER}"),
            }));
        }
        self.latest = event.time;
        self.happen(journal, line, event, asked)
    }

    /// An event of a task happens, after all that are earlier.
    pub(super) fn happen(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        asked: Asked<'_, impl FnOnce() -> PodSpec>,
    ) -> Result<(), Refused> {
        let TaskEvent { key, kind, time } = event;
        if asked.dirt != 0 && self.opens(event) {
            for (place, (kind, action)) in OPENING_DIRT.into_iter().enumerate() {
                if asked.dirt >> place & 1 == 1 {
                    journal.dirt(kind, action, line)?;
                }
            }
        }
        let task = self.alive.get_mut(&key);
        match (kind, task) {
            (SUBMIT, None) => self.open(journal.origin(line), event, asked)?,
            (SUBMIT, Some(task)) => task.early = Some(time),
            // What ends or is evicted without having begun says nothing.
            (EVICT..=LOST, None) => {
                journal.dirt("end of a task that is not alive", Action::Drop, line)?;
            }
            (_, None) => {
                let without = "task without SUBMIT; arrives at its first event";
                journal.dirt(without, Action::Repair, line)?;
                self.open(journal.origin(line), event, asked)?;
                if kind == SCHEDULE {
                    self.schedule(journal, line, event)?;
                }
            }
            (SCHEDULE, _) => self.schedule(journal, line, event)?,
            (EVICT, Some(task)) => {
                // A SUBMIT after it goes on with the same demand.
                task.early = None;
                task.began = None;
            }
            (FAIL..=LOST, _) => self.end(journal, line, event)?,
            _ => {
                let asked = self.place(asked);
                self.resize(journal, line, event, asked)?;
            }
        }
        Ok(())
    }

    /// The place of the spec of what a task asks for.
    pub(super) fn place(&mut self, asked: Asked<'_, impl FnOnce() -> PodSpec>) -> u32 {
        let Some(plain) = asked.plain else {
            return self.specs.class_of((asked.spec)());
        };
        if let Some(&place) = self.plain.get(&plain) {
            return place;
        }
        let place = self.specs.class_of((asked.spec)());
        self.plain.insert(plain, place);
        place
    }

    /// Whether the class of a demand is known only once it is over: its use counts from its start, and its outcome is
    /// that of its end.
    fn is_known_late(&self) -> bool {
        self.keeps_outcomes || !self.usage.is_empty()
    }

    /// The class of a spec, as that of a demand. Where that is known late, the place of the spec stands for it until
    /// then.
    fn class(&mut self, asked: u32) -> Result<u32, TraceError> {
        if self.is_known_late() {
            return Ok(asked);
        }
        if let Some(&class) = self.classes.get(asked) {
            return Ok(class);
        }
        let spec = self.specs.classes().get(asked)?;
        let class = self.gather.class_of_shared(&spec);
        self.classes.put(asked, class);
        Ok(class)
    }

    /// Opens a demand.
    fn open(
        &mut self,
        origin: Origin,
        event: TaskEvent,
        asked: Asked<'_, impl FnOnce() -> PodSpec>,
    ) -> Result<(), TraceError> {
        let tenant = self.gather.tenant_of(asked.user);
        let asked = self.place(asked);
        self.open_as(origin, event, asked, tenant)
    }

    /// Opens a demand for a spec by its place.
    fn open_as(
        &mut self,
        origin: Origin,
        event: TaskEvent,
        asked: u32,
        tenant: u32,
    ) -> Result<(), TraceError> {
        let links = { self.links.as_ref() }.map(|own| own.of_job(event.key.0));
        let arrival = Arrival {
            submit: event.time,
            name: provisional(event.key),
            class: self.class(asked)?,
            members: 1,
            tenant,
            run_time: None,
            time_limit: None,
            historic_start: None,
            links: links.transpose()?.flatten(),
            part: 0,
            origin,
        };
        let task = Task {
            arrival,
            began: None,
            early: None,
            asked,
            first: asked,
            outcome: None,
            resizes: Resizes::default(),
        };
        self.alive.insert(event.key, task);
        Ok(())
    }

    /// A task that is alive begins to run.
    fn schedule(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
    ) -> Result<(), TraceError> {
        let Some(task) = self.alive.get_mut(&event.key) else {
            return Ok(());
        };
        if task.began.is_some() {
            let kind = "scheduled twice without an end; the first counts as lost";
            journal.dirt(kind, Action::Repair, line)?;
        }
        if !task.resizes.is_empty() {
            let kind = "requests changed in an attempt before the last; the first request stands";
            journal.dirt(kind, Action::Keep, line)?;
            task.resizes = Resizes::default();
        }
        task.arrival.historic_start.get_or_insert(event.time);
        task.began = Some(event.time);
        Ok(())
    }

    /// The demand of a task ends.
    fn end(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
    ) -> Result<(), TraceError> {
        let Some(mut task) = self.alive.swap_remove(&event.key) else {
            return Ok(());
        };
        let (arrival, time) = (&mut task.arrival, event.time);
        let mut is_left_out = false;
        let began = match task.began {
            Some(began) => began,
            None if arrival.historic_start.is_some() => time,
            None => {
                is_left_out = self.ran_only;
                let (kind, action) = if is_left_out {
                    ("task never ran", Action::Drop)
                } else {
                    let kind = "task never ran; stays as long as it waited";
                    (kind, Action::Keep)
                };
                journal.dirt(kind, action, line)?;
                arrival.submit
            }
        };
        if time < began {
            journal.dirt("end before its start; run time 0", Action::Repair, line)?;
        }
        arrival.run_time = Some(time.max(began).since(began));
        let (early, asked, tenant) = (task.early, task.asked, arrival.tenant);
        task.outcome = super::outcome(event.kind);
        // One that is left out has its number all the same.
        if is_left_out {
            arrival.members = 0;
        }
        let arrival = self.demand(event.key, task)?;
        if early == Some(time) {
            let kind = "end after the SUBMIT of its instant; put before it";
            journal.dirt(kind, Action::Repair, line)?;
            self.open_as(journal.origin(line), event, asked, tenant)?;
        }
        self.ended.push(&arrival);
        Ok(())
    }

    /// Takes an update of a task that is alive.
    fn resize(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        asked: u32,
    ) -> Result<(), TraceError> {
        let TaskEvent { key, time, .. } = event;
        let Some(task) = self.alive.get(&key) else {
            return Ok(());
        };
        if asked == task.asked {
            return journal.dirt("update that changes nothing", Action::Keep, line);
        }
        let (specs, began) = (self.specs.classes(), task.began);
        let [before, after] = [specs.get(task.asked)?, specs.get(asked)?];
        let changed = Changed {
            before: &before,
            after: &after,
            when: match began {
                Some(_) => "while it ran",
                None => "while it waited",
            },
            stands: match (self.stands, began) {
                (Standing::Latest, None) => Standing::First,
                (stands, _) => stands,
            },
        };
        let largest = changed.note(journal, line)?;
        let (mut asked, mut class) = (asked, task.arrival.class);
        if self.stands == Standing::Largest {
            asked = self.specs.class_of(largest);
            class = self.class(asked)?;
        }
        let specs = self.specs.classes();
        if let Some(task) = self.alive.get_mut(&key) {
            if let (Standing::Latest, Some(began)) = (self.stands, began) {
                let [first, spec] = [specs.get(task.first)?, specs.get(asked)?];
                task.resizes.add(time.since(began), &first, &spec);
            }
            task.asked = asked;
            task.arrival.class = class;
        }
        Ok(())
    }

    /// The demand of a task that is over, or is not within the trace, with its resizes and what it used.
    fn demand(&mut self, key: Key, task: Task) -> Result<Arrival, TraceError> {
        let mut arrival = task.arrival;
        let specs = self.specs.classes();
        let resized = if task.resizes.is_empty() {
            None
        } else {
            { task.resizes }.spec(&*specs.get(task.first)?, arrival.run_time)
        };
        if !self.is_known_late() {
            if let Some(spec) = resized {
                arrival.class = self.gather.class_of(spec);
            }
            return Ok(arrival);
        }
        let is_plain = resized.is_none() && self.usage.is_empty();
        let kind = (arrival.class, task.outcome);
        if let Some(&class) = self.ended_classes.get(&kind).filter(|_| is_plain) {
            arrival.class = class;
            return Ok(arrival);
        }
        let mut spec = match resized {
            Some(spec) => spec,
            None => PodSpec::clone(&*specs.get(arrival.class)?),
        };
        if !self.usage.is_empty() {
            spec = self.usage.measured(spec, &arrival, key, task.began)?;
        }
        if self.keeps_outcomes {
            Outcome::state(task.outcome, &mut spec.labels);
        }
        arrival.class = self.gather.class_of(spec);
        if is_plain {
            self.ended_classes.insert(kind, arrival.class);
        }
        Ok(arrival)
    }

    /// The demands by submission.
    pub(crate) fn finish(mut self, journal: Journal) -> Result<Box<dyn ArrivalSource>, TraceError> {
        for (key, task) in std::mem::take(&mut self.alive) {
            let arrival = self.demand(key, task)?;
            self.ended.push(&arrival);
        }
        let Self {
            mut gather,
            ended,
            specs,
            plain,
            ..
        } = self;
        // What finds specs is needed no more.
        drop((specs, plain));
        ended.deliver(numbered, |arrival| {
            if arrival.members > 0 {
                gather.add(&arrival);
            }
        })?;
        gather.finish(journal)
    }
}

#[cfg(test)]
mod tests;

//! Events of tasks put together to demands. Of tasks that are alive, a number is in memory and more of them are on disk; demands
//! that have ended are sorted, on disk where there are many, and those of a task that comes back are numbered as they are
//! delivered.

mod names;
mod task;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::attributes::APART_WAIVED;
use super::presence::SCHEDULE;
use super::tell_unit;
use super::unsorted::{Dirt, Unsorted};
use super::usage::Usage;
use crate::parts::numbering::{Names, Numbered};
use crate::parts::resizes::{Changed, Resizes, Standing};
use crate::parts::timeline::OUT_OF_ORDER;
use crate::readers::prelude::*;
use arrivals::class_cache::{ByClass, Lately};
use arrivals::intern::ClassTable;
use arrivals::links::LinksOfJobs;
use arrivals::spill::{Alive, Flat, Order};
use names::{numbered, provisional};
use task::{End, Task, WORDS};

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
pub(crate) const OPENING_DIRT: [(&str, Action); 5] = [
    ("no request; counted as 0", Action::Keep),
    (APART_WAIVED, Action::Waive),
    (
        "constraint on attributes, not enforced without `constraints`",
        Action::Waive,
    ),
    ("dedicated machine, not enforced", Action::Waive),
    (
        "disk space, not requested: the table of machines states none",
        Action::Waive,
    ),
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
    /// The names of the demands that have ended.
    names: Names,
    ran_only: bool,
    /// Whether demands keep the outcome of their task.
    keeps_outcomes: bool,
    /// The request that stands of a task that asks for several.
    stands: Standing,
    /// Tasks that are alive.
    alive: Alive<Key, Task, WORDS>,
    /// The resizes of those that have some since they began to run.
    resizes: IndexMap<Key, Resizes, FxBuildHasher>,
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
            names: Names::default(),
            ran_only: options.ran_only,
            keeps_outcomes: options.keeps_outcomes(),
            stands: Standing::of(options),
            alive: Alive::default(),
            resizes: IndexMap::default(),
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

    /// Takes an event of a task. An event that is earlier than one before it is refused, unless events are to be sorted.
    pub(crate) fn take(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        asked: Asked<'_, impl FnOnce() -> Result<PodSpec, TraceError>>,
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
        self.happen(journal, line, event, asked)
    }

    /// An event of a task happens, after all that are earlier.
    pub(super) fn happen(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        asked: Asked<'_, impl FnOnce() -> Result<PodSpec, TraceError>>,
    ) -> Result<(), Refused> {
        let TaskEvent { key, kind, time } = event;
        self.latest = time;
        let found = self.alive.find(key)?;
        let is_end = (EVICT..=LOST).contains(&kind);
        let opens = kind == SUBMIT || !is_end && found.is_none();
        if asked.dirt != 0 && opens {
            for (place, (kind, action)) in OPENING_DIRT.into_iter().enumerate() {
                if asked.dirt >> place & 1 == 1 {
                    journal.dirt(kind, action, line)?;
                }
            }
        }
        match (kind, found) {
            (SUBMIT, None) => {
                self.open(journal.origin(line), event, asked)?;
            }
            (SUBMIT, Some(at)) => self.alive[at].early = Some(time),
            // What ends or is evicted without having begun says nothing.
            (EVICT..=LOST, None) => {
                journal.dirt("end of a task that is not alive", Action::Drop, line)?;
            }
            (_, None) => {
                let without = "task without SUBMIT; arrives at its first event";
                journal.dirt(without, Action::Repair, line)?;
                let at = self.open(journal.origin(line), event, asked)?;
                if kind == SCHEDULE {
                    self.alive[at].schedule(journal, line, time)?;
                }
            }
            (SCHEDULE, Some(at)) => self.schedule(journal, line, time, at)?,
            (EVICT, Some(at)) => {
                let task = &mut self.alive[at];
                // A SUBMIT after it goes on with the same demand.
                task.early = None;
                task.began = None;
            }
            (FAIL..=LOST, Some(at)) => self.end(journal, line, event, at)?,
            (_, Some(at)) => {
                let asked = self.place(asked)?;
                self.resize(journal, line, time, at, asked)?;
            }
        }
        Ok(())
    }

    /// The place of the spec of what a task asks for.
    pub(super) fn place(
        &mut self,
        asked: Asked<'_, impl FnOnce() -> Result<PodSpec, TraceError>>,
    ) -> Result<u32, TraceError> {
        let Some(plain) = asked.plain else {
            return Ok(self.specs.class_of((asked.spec)()?));
        };
        if let Some(&place) = self.plain.get(&plain) {
            return Ok(place);
        }
        let place = self.specs.class_of((asked.spec)()?);
        self.plain.insert(plain, place);
        Ok(place)
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

    /// A task that is alive begins to run.
    fn schedule(
        &mut self,
        journal: &mut Journal,
        line: u64,
        time: Instant,
        at: usize,
    ) -> Result<(), TraceError> {
        let task = &mut self.alive[at];
        task.schedule(journal, line, time)?;
        // Few tasks have resizes, and no trace has some without the option.
        if !self.resizes.is_empty() && self.resizes.swap_remove(&task.key).is_some() {
            let kind = "requests changed in an attempt before the last; the first request stands";
            journal.dirt(kind, Action::Keep, line)?;
        }
        Ok(())
    }

    /// Opens a demand; its index.
    fn open(
        &mut self,
        origin: Origin,
        event: TaskEvent,
        asked: Asked<'_, impl FnOnce() -> Result<PodSpec, TraceError>>,
    ) -> Result<usize, TraceError> {
        let tenant = self.gather.tenant_of(asked.user);
        let asked = self.place(asked)?;
        self.open_as(origin, event, asked, tenant)
    }

    /// Opens a demand for a spec by its place; its index.
    fn open_as(
        &mut self,
        origin: Origin,
        event: TaskEvent,
        asked: u32,
        tenant: u32,
    ) -> Result<usize, TraceError> {
        let task = Task {
            key: event.key,
            submit: event.time,
            origin,
            start: None,
            began: None,
            early: None,
            asked,
            first: asked,
            class: self.class(asked)?,
            tenant,
        };
        self.alive.add(event.key, task)
    }

    /// The demand of a task that is alive ends.
    fn end(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        at: usize,
    ) -> Result<(), TraceError> {
        let Some(task) = self.alive.remove(at) else {
            return Ok(());
        };
        let time = event.time;
        let mut is_left_out = false;
        let began = match task.began {
            Some(began) => began,
            None if task.start.is_some() => time,
            None => {
                is_left_out = self.ran_only;
                let (kind, action) = if is_left_out {
                    ("task never ran", Action::Drop)
                } else {
                    let kind = "task never ran; stays as long as it waited";
                    (kind, Action::Keep)
                };
                journal.dirt(kind, action, line)?;
                task.submit
            }
        };
        journal.repair_if(time < began, "end before its start; run time 0", line)?;
        let end = End {
            run_time: Some(time.max(began).since(began)),
            outcome: super::outcome(event.kind),
            is_left_out,
        };
        let (early, asked, tenant) = (task.early, task.asked, task.tenant);
        self.deliver(&task, end)?;
        if early == Some(time) {
            let kind = "end after the SUBMIT of its instant; put before it";
            journal.dirt(kind, Action::Repair, line)?;
            self.open_as(journal.origin(line), event, asked, tenant)?;
        }
        Ok(())
    }

    /// Takes an update of a task that is alive.
    fn resize(
        &mut self,
        journal: &mut Journal,
        line: u64,
        time: Instant,
        at: usize,
        asked: u32,
    ) -> Result<(), TraceError> {
        let task = &self.alive[at];
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
        let (mut asked, mut class) = (asked, task.class);
        if self.stands == Standing::Largest {
            asked = self.specs.class_of(largest);
            class = self.class(asked)?;
        }
        let specs = self.specs.classes();
        let task = &mut self.alive[at];
        if let (Standing::Latest, Some(began)) = (self.stands, began) {
            let [first, spec] = [specs.get(task.first)?, specs.get(asked)?];
            let (after, own) = (time.since(began), self.resizes.entry(task.key));
            own.or_default().add(after, &first, &spec);
        }
        task.asked = asked;
        task.class = class;
        Ok(())
    }

    /// Delivers the demand of a task that is over, or that does not end within the trace.
    fn deliver(&mut self, task: &Task, end: End) -> Result<(), TraceError> {
        let resizes = if self.resizes.is_empty() {
            Resizes::default()
        } else {
            self.resizes.swap_remove(&task.key).unwrap_or_default()
        };
        let class = self.class_at_end(task, resizes, end)?;
        let links = { self.links.as_ref() }.map(|own| own.of_job(task.key.0));
        let links = links.transpose()?.flatten();
        let name = provisional(task.key);
        let demand = Flat {
            submit: task.submit,
            name: (&name).into(),
            class,
            // One that is left out has its number all the same.
            members: (!end.is_left_out).into(),
            tenant: task.tenant,
            run_time: end.run_time,
            time_limit: None,
            historic_start: task.start,
            links: links.as_deref().map(Into::into),
            part: 0,
            origin: task.origin,
        };
        self.names.push(demand.name);
        self.gather.add_flat(&demand);
        Ok(())
    }

    /// The class of a demand with its resizes and what it used.
    fn class_at_end(&mut self, task: &Task, resizes: Resizes, end: End) -> Result<u32, TraceError> {
        let specs = self.specs.classes();
        let resized = if resizes.is_empty() {
            None
        } else {
            resizes.spec(&*specs.get(task.first)?, end.run_time)
        };
        if !self.is_known_late() {
            return Ok(match resized {
                Some(spec) => self.gather.class_of(spec),
                None => task.class,
            });
        }
        let is_plain = resized.is_none() && self.usage.is_empty();
        let kind = (task.class, end.outcome);
        if let Some(&class) = self.ended_classes.get(&kind).filter(|_| is_plain) {
            return Ok(class);
        }
        let mut spec = match resized {
            Some(spec) => spec,
            None => PodSpec::clone(&*specs.get(task.class)?),
        };
        if !self.usage.is_empty() {
            let start = task.began.or(task.start).unwrap_or(task.submit);
            spec = self.usage.measured(spec, task.key, start, end.run_time)?;
        }
        if self.keeps_outcomes {
            Outcome::state(end.outcome, &mut spec.labels);
        }
        let class = self.gather.class_of(spec);
        if is_plain {
            self.ended_classes.insert(kind, class);
        }
        Ok(class)
    }

    /// The demands by submission.
    pub(crate) fn finish(
        mut self,
        mut journal: Journal,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        tell_unit(self.latest, &mut journal)?;
        let alive = std::mem::take(&mut self.alive);
        alive.each(|task| self.deliver(&task, End::default()))?;
        let Self {
            gather,
            names,
            specs,
            plain,
            ..
        } = self;
        // What finds specs is needed no more.
        drop((specs, plain));
        let numbered = Numbered::of(gather.finish(journal)?, names, numbered)?;
        Ok(Box::new(numbered))
    }
}

#[cfg(test)]
mod tests;

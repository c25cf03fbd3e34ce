//! Events of tasks put together to demands.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::error::TraceError;
use crate::gather::{Demand, Gather};
use crate::ledger::{Action, Journal};
use crate::links::Links;
use crate::options::ReadOptions;
use crate::origin::Origin;
use crate::resizes::Resize;
use crate::rows::Refused;
use crate::stream::ArrivalSource;
use model::{PodName, PodSpec};
use units::Instant;

/// Job and index of a task.
pub(crate) type Key = (i64, i64);

/// An event of a task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskEvent {
    /// Job and index of the task.
    pub(crate) key: Key,
    /// The kind of the event, by its number.
    pub(crate) kind: i64,
    /// The instant.
    pub(crate) time: Instant,
}

/// The tasks met up to now.
pub(crate) struct Tasks {
    gather: Gather,
    ran_only: bool,
    largest_request: bool,
    /// Places of arrivals that are left out.
    left_out: Vec<usize>,
    known: IndexMap<Key, Task, FxBuildHasher>,
    /// Links of the tasks of a job, by job.
    pub(crate) links: IndexMap<i64, Box<Links>, FxBuildHasher>,
}

/// A task that was met.
#[derive(Debug)]
struct Task {
    /// Place of its present or last arrival.
    place: usize,
    state: State,
    /// Number of its arrivals.
    arrivals: u32,
    /// Instant of a SUBMIT that came before the end of the demand before it.
    early: Option<Instant>,
    spec: PodSpec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    Running(Instant),
    Dead,
}

const SUBMIT: i64 = 0;
const SCHEDULE: i64 = 1;
const EVICT: i64 = 2;
const FAIL: i64 = 3;
const LOST: i64 = 6;

impl Tasks {
    pub(crate) fn new(options: &ReadOptions) -> Self {
        Self {
            gather: Gather::in_memory(),
            ran_only: options.ran_only,
            largest_request: options.largest_request,
            left_out: Vec::new(),
            known: IndexMap::default(),
            links: IndexMap::default(),
        }
    }

    /// Whether an event opens a demand.
    pub(crate) fn opens(&self, event: TaskEvent) -> bool {
        let is_dead = |task: &Task| task.state == State::Dead;
        let is_end = (EVICT..=LOST).contains(&event.kind);
        event.kind == SUBMIT || !is_end && self.known.get(&event.key).is_none_or(is_dead)
    }

    /// Takes an event of a task.
    pub(crate) fn take(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        user: &str,
        spec: impl FnOnce() -> PodSpec,
    ) -> Result<(), Refused> {
        let TaskEvent { key, kind, time } = event;
        let state = self.known.get(&key).map_or(State::Dead, |task| task.state);
        match (kind, state) {
            (SUBMIT, State::Dead) => self.open(journal.origin(line), event, user, spec()),
            (SUBMIT, _) => {
                if let Some(task) = self.known.get_mut(&key) {
                    task.early = Some(time);
                }
            }
            // What ends or is evicted without having begun says nothing.
            (EVICT..=LOST, State::Dead) => {
                journal.dirt("end of a task that is not alive", Action::Drop, line)?;
            }
            (_, State::Dead) => {
                let kind = "task without SUBMIT; arrives at its first event";
                journal.dirt(kind, Action::Repair, line)?;
                self.open(journal.origin(line), event, user, spec());
                self.go_on(journal, line, event, PodSpec::default)?;
            }
            _ => self.go_on(journal, line, event, spec)?,
        }
        Ok(())
    }

    /// Opens a demand.
    fn open(&mut self, origin: Origin, event: TaskEvent, user: &str, spec: PodSpec) {
        let (key, submit) = (event.key, event.time);
        let arrivals = self.known.get(&key).map_or(0, |task| task.arrivals) + 1;
        let (job, index) = key;
        let name = match arrivals {
            1 => format!("{job}-{index}"),
            _ => format!("{job}-{index}-{arrivals}"),
        };
        let demand = Demand {
            submit,
            name: PodName::Text(name.into()),
            tenant: user.into(),
            spec: spec.clone(),
            links: self.links.get(&job).cloned(),
            ..Demand::default()
        };
        let place = self.gather.push(origin, demand);
        let task = Task {
            place,
            state: State::Pending,
            arrivals,
            early: None,
            spec,
        };
        self.known.insert(key, task);
    }

    /// Takes an event of a task that is alive.
    fn go_on(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: TaskEvent,
        spec: impl FnOnce() -> PodSpec,
    ) -> Result<(), TraceError> {
        let TaskEvent { key, kind, time } = event;
        let Some(task) = self.known.get_mut(&key) else {
            return Ok(());
        };
        let arrival = &mut self.gather.arrivals[task.place];
        match kind {
            SCHEDULE => {
                if matches!(task.state, State::Running(_)) {
                    let kind = "scheduled twice without an end; the first counts as lost";
                    journal.dirt(kind, Action::Repair, line)?;
                }
                arrival.historic_start.get_or_insert(time);
                task.state = State::Running(time);
            }
            EVICT => {
                // A SUBMIT after it goes on with the same demand.
                task.early = None;
                task.state = State::Pending;
            }
            FAIL..=LOST => {
                let began = match task.state {
                    State::Running(began) => began,
                    _ if arrival.historic_start.is_some() => time,
                    _ => {
                        let (kind, action) = if self.ran_only {
                            self.left_out.push(task.place);
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
                task.state = State::Dead;
                if task.early.take() == Some(time) {
                    let kind = "end after the SUBMIT of its instant; put before it";
                    journal.dirt(kind, Action::Repair, line)?;
                    let tenant = arrival.tenant;
                    let spec = task.spec.clone();
                    self.open(journal.origin(line), event, "", spec);
                    if let Some(opened) = self.gather.arrivals.last_mut() {
                        opened.tenant = tenant;
                    }
                }
            }
            _ => self.resize(journal, line, key, spec())?,
        }
        Ok(())
    }

    /// Takes an update of a task that is alive.
    fn resize(
        &mut self,
        journal: &mut Journal,
        line: u64,
        key: Key,
        spec: PodSpec,
    ) -> Result<(), TraceError> {
        let Some(task) = self.known.get_mut(&key) else {
            return Ok(());
        };
        if spec == task.spec || spec == PodSpec::default() {
            return Ok(());
        }
        let resize = Resize {
            before: &task.spec,
            after: &spec,
            when: match task.state {
                State::Running(_) => "while it ran",
                State::Pending | State::Dead => "while it waited",
            },
            is_largest_kept: self.largest_request,
        };
        let largest = resize.note(journal, line)?;
        if self.largest_request {
            self.gather.declare(task.place, largest.clone());
            task.spec = largest;
        } else {
            task.spec = spec;
        }
        Ok(())
    }

    /// The demands by submission.
    pub(crate) fn finish(mut self, journal: Journal) -> Box<dyn ArrivalSource> {
        self.left_out.sort_unstable();
        let mut place = 0;
        self.gather.arrivals.retain(|_| {
            place += 1;
            self.left_out.binary_search(&(place - 1)).is_err()
        });
        self.gather.finish(journal)
    }
}

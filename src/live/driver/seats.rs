//! Components in their places: which of them are due, and when they asked to wake.

use cluster::{Conflict, Store, UsageSamples};
use control::admission::Creation;
use control::provider::{MachineOrder, OrderFailure, ProviderRequest};
use control::{Component, Memory, Outbox, Progress, Write};
use model::Text;
use serde::{Deserialize, Serialize};
use units::{Instant, Revision, SortedSet};

/// The components of a control plane.
pub(super) struct Seats {
    list: Vec<Seat>,
    /// Components that have seen nothing, for those that take over.
    blank: Vec<Box<dyn Component>>,
    wakes: SortedSet<(Instant, usize)>,
}

/// What a component knows beside the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Remembered {
    /// Name of the component.
    pub(super) component: String,
    memory: String,
}

/// A reason that components can't go on from what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forgetful {
    /// A component can't say what it knows.
    Lost(String),
    /// A component can't go on from what it is given: its name, and why.
    Failed(String, String),
}

struct Seat {
    component: Box<dyn Component>,
    is_due: bool,
    outbox: Outbox,
}

/// Changes that a component wants after a step, in order.
pub(super) struct Batch {
    pub(super) writes: Vec<Write>,
    pub(super) creations: Vec<Creation>,
    pub(super) requests: Vec<ProviderRequest>,
    /// Reason why the component can't go on.
    pub(super) failure: Option<Text>,
}

impl Seats {
    /// Components that have seen nothing.
    pub(super) fn new(components: Vec<Box<dyn Component>>) -> Self {
        let blank = components.clone();
        let seats = components.into_iter().map(|component| Seat {
            component,
            is_due: true,
            outbox: Outbox::default(),
        });
        Self {
            list: seats.collect(),
            blank,
            wakes: SortedSet::new(),
        }
    }

    /// What the components know beside the store, in order.
    pub(super) fn memories(&self) -> Result<Vec<Remembered>, Forgetful> {
        let mut memories = Vec::new();
        for seat in &self.list {
            let component = seat.component.name().to_owned();
            match seat.component.memory() {
                Memory::Store => {}
                Memory::Text(memory) => memories.push(Remembered { component, memory }),
                Memory::Lost => return Err(Forgetful::Lost(component)),
            }
        }
        Ok(memories)
    }

    /// Components that take over from these at an instant, with what they knew.
    pub(super) fn successors(
        &self,
        now: Instant,
        memories: &[Remembered],
        store: &Store,
    ) -> Result<Self, Forgetful> {
        let mut successors = Self::new(self.blank.clone());
        successors.recall(now, memories, store)?;
        Ok(successors)
    }

    /// Components that have seen nothing take up at an instant what others of their names knew.
    pub(super) fn recall(
        &mut self,
        now: Instant,
        memories: &[Remembered],
        store: &Store,
    ) -> Result<(), Forgetful> {
        for seat in &mut self.list {
            let name = seat.component.name().to_owned();
            match seat.component.memory() {
                Memory::Store => {}
                Memory::Lost => return Err(Forgetful::Lost(name)),
                Memory::Text(_) => {
                    let mut known = memories.iter();
                    let known = known.find(|known| known.component == name);
                    let Some(known) = known else {
                        return Err(Forgetful::Lost(name));
                    };
                    let recalled = seat.component.recall(now, &known.memory, store);
                    recalled.map_err(|why| Forgetful::Failed(name, why))?;
                }
            }
        }
        self.restart(now);
        Ok(())
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is a component of a name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|seat| seat.component.name() == name)
    }

    /// Instant of the next wake-up.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.wakes.first().map(|&(at, _)| at)
    }

    /// Makes the components due that asked to wake by now; returns whether any did.
    pub(super) fn wake(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(&(at, index)) = self.wakes.first()
            && at <= now
        {
            self.wakes.pop_first();
            self.list[index].is_due = true;
            any = true;
        }
        any
    }

    /// Has a component make a step if it has anything to do.
    pub(super) fn step(
        &mut self,
        now: Instant,
        store: &Store,
        usage: &dyn UsageSamples,
        index: usize,
    ) -> Option<Batch> {
        let seat = &mut self.list[index];
        if !seat.is_due && seat.component.cursor() >= store.revision() {
            return None;
        }
        seat.outbox.clear();
        if seat.component.reads_metrics(now) {
            seat.component.metrics(now, store, usage);
        }
        let progress = seat.component.step(now, store, &mut seat.outbox);
        seat.is_due = progress == Progress::More;
        // A wake-up that no run goes on for is one like the others: real time always goes on.
        let asked = [seat.outbox.wake, seat.outbox.wake_idle];
        for at in asked.into_iter().flatten() {
            self.wakes.insert((at.max(now), index));
        }
        Some(Batch {
            writes: std::mem::take(&mut seat.outbox.writes),
            creations: std::mem::take(&mut seat.outbox.creations),
            requests: std::mem::take(&mut seat.outbox.requests),
            failure: seat.outbox.failure.take(),
        })
    }

    /// Whether a component reads measured usage at an instant.
    pub(super) fn read_usage(&self, now: Instant) -> bool {
        let mut seats = self.list.iter();
        seats.any(|seat| seat.component.reads_metrics(now))
    }

    /// Components take over at an instant.
    pub(super) fn restart(&mut self, now: Instant) {
        for seat in &mut self.list {
            seat.component.restarted(now);
        }
    }

    /// Components that take over learn of the machines that were ordered and have yet to join.
    pub(super) fn await_machines(&mut self, now: Instant, orders: &[MachineOrder]) {
        for seat in &mut self.list {
            for order in orders {
                seat.component.awaits(now, order);
            }
        }
    }

    /// A component learns that its write was refused.
    pub(super) fn refuse(&mut self, index: usize, write: &Write, conflict: &Conflict) {
        let seat = &mut self.list[index];
        seat.component.refused(write, conflict);
        seat.is_due = true;
    }

    /// A component learns that what it wanted to create was refused.
    pub(super) fn decline(&mut self, index: usize, creation: &Creation, conflict: &Conflict) {
        let seat = &mut self.list[index];
        seat.component.declined(creation, conflict);
        seat.is_due = true;
    }

    /// A component learns that a machine which it ordered will not come.
    pub(super) fn order_failed(&mut self, now: Instant, index: usize, failed: &OrderFailure) {
        let seat = &mut self.list[index];
        seat.component.order_failed(now, failed);
        seat.is_due = true;
    }

    /// Revision up to which every component has read the log.
    pub(super) fn read(&self, head: Revision) -> Revision {
        let cursors = self.list.iter().map(|seat| seat.component.cursor());
        cursors.min().map_or(head, |read| read.min(head))
    }

    /// Names of the components that have something to do.
    pub(super) fn busy(&self, store: &Store) -> String {
        let busy = |seat: &&Seat| seat.is_due || seat.component.cursor() < store.revision();
        let names = self.list.iter().filter(busy);
        let names: Vec<String> = names
            .map(|seat| format!("`{}`", seat.component.name()))
            .collect();
        names.join(", ")
    }

    /// Components learn what is around nodes and pods from now on.
    pub(super) fn surround(&mut self, now: Instant, objects: &model::ClusterObjects) {
        for seat in &mut self.list {
            seat.component.surrounded(now, objects);
            seat.is_due = true;
        }
    }

    /// Reason why a pod waits for a node, as the components last said.
    pub(super) fn waiting_message(&self, pod: model::PodRef) -> Option<model::Text> {
        let mut seats = self.list.iter();
        seats.find_map(|seat| seat.component.waiting_message(pod))
    }
}

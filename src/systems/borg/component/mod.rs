//! The master of a cell at work, as one component (spec: orchestrators-b.md section 5).
//!
//! The master decides on its own books: a task takes its room when it is placed, and gives it back when
//! its end is read. Tasks that are killed for another one come back to the queue by themselves; the
//! other one is bound once all of them have ended. Tasks are in `tasks.rs`, jobs of workloads in
//! `jobs.rs`, allocs in `allocs.rs`, machines in `machines.rs`, estimates of reservations in `reclaim.rs`.

mod allocs;
mod jobs;
mod machines;
mod reclaim;
mod tasks;

use std::collections::VecDeque;

use cluster::{Conflict, Store, UsageSamples};
use control::admission::Creation;
use control::{Component, Outbox, Progress, Write};
use model::{Event, NodeContact, ObjectChange, PodOwner, PodRef, Text};
use rng::Stream;
use scheduler::pipeline::evaluate::Form;
use units::{ClassId, Instant, NodeId, ObjectId, Revision, SortedMap, SortedSet};

use super::allocs::Allocs;
use super::cell::Cell;
use super::machine::{Demand, Holder};
use super::options::BorgOptions;
use super::pending::Pending;
use super::quota::Ledger;
use crate::parts::permit::Permits;
use crate::parts::timers::Timers;
use crate::parts::turn::Turn;

use jobs::Job;
use machines::Contact;
use reclaim::Estimates;
use tasks::{Nomination, Returning, TaskState};

/// Something that is due.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// A machine has been silent for so long that it is marked down.
    Down(NodeId),
    /// A task of a job starts again.
    Restart(ObjectId, i32),
}

/// The master.
#[derive(Clone)]
pub(super) struct Borgmaster {
    options: BorgOptions,
    cursor: Revision,
    random: Stream,
    cell: Cell,
    contacts: Vec<Contact>,
    /// By class; `None` of one that can't be expressed.
    demands: Vec<Option<Demand>>,
    /// By slot.
    tasks: Vec<Option<TaskState>>,
    /// Number of tasks without a machine.
    waiting: usize,
    pending: Pending,
    allocs: Allocs,
    /// Tasks and allocs that got their place by killing others, in order.
    nominations: Vec<Nomination>,
    ledger: Ledger,
    returning: Vec<Returning>,
    /// Words on workloads that were beyond their quota.
    over_quota: SortedMap<ObjectId, String>,
    jobs: SortedMap<ObjectId, Job>,
    /// Machines on which the present version of each task of a workload crashed.
    crashed: SortedMap<PodOwner, SortedSet<NodeId>>,
    /// Jobs to look at.
    dirty: SortedSet<ObjectId>,
    /// Tasks of machines that are down, in the order in which they find new places.
    lost: VecDeque<(NodeId, PodRef)>,
    permits: Permits,
    estimates: Estimates,
    timers: Timers<Due>,
    /// Instant at which pods are asked for again that are not created now.
    next_try: Instant,
}

impl Borgmaster {
    /// A master that knows nothing yet; `seed` is the run's.
    pub(super) fn new(options: BorgOptions, form: Form, seed: u64) -> Self {
        let cell = Cell::new(options.score, form, options.candidates);
        let mut master = Self {
            cursor: Revision::default(),
            random: Stream::new(seed, "borg.candidates", 0),
            cell: cell.with_wishes(options.wishes.clone()),
            contacts: Vec::new(),
            demands: Vec::new(),
            tasks: Vec::new(),
            waiting: 0,
            pending: Pending::default(),
            allocs: Allocs::new(&options.allocs),
            nominations: Vec::new(),
            ledger: Ledger::new(options.quotas.clone()),
            returning: Vec::new(),
            over_quota: SortedMap::new(),
            jobs: SortedMap::new(),
            crashed: SortedMap::new(),
            dirty: SortedSet::new(),
            lost: VecDeque::new(),
            permits: Permits::new(options.reschedule),
            estimates: Estimates::default(),
            timers: Timers::default(),
            next_try: Instant::ZERO,
            options,
        };
        let all: Vec<_> = master.allocs.all().collect();
        for alloc in all {
            master.queue_alloc(alloc);
        }
        master
    }

    fn read(&mut self, turn: &mut Turn<'_>) {
        let mut arrived = Vec::new();
        for entry in turn.store.log().since(self.cursor) {
            let at = entry.at;
            match &entry.event {
                Event::NodeAdded { node, object } => self.joined(*node, object, turn.store),
                Event::NodeUpdated { node, object } => self.updated(*node, object, turn.store),
                Event::NodeContact { node, contact } => match contact {
                    NodeContact::Silent { .. } => self.silent(at, *node),
                    NodeContact::Steady => self.heard(*node, turn),
                    NodeContact::Heard => {}
                },
                Event::NodeReadiness { node, ready } => self.declared_ready(*node, *ready),
                Event::NodeRemoved { node } => self.removed(*node),
                Event::PodCreated(created) => arrived.extend(self.created(created, turn.store)),
                Event::PodBound { pod, node, .. } => self.bound(*pod, *node),
                Event::PodRunning { pod } => self.runs(at, *pod),
                Event::PodEnded { pod, reason } => self.ended(*pod, *reason, turn),
                Event::Object(change) => {
                    let (ObjectChange::Created { id, .. }
                    | ObjectChange::Updated { id, .. }
                    | ObjectChange::Terminating { id }
                    | ObjectChange::Orphaned { id }
                    | ObjectChange::Deleted { id }) = change;
                    self.declared(*id, turn);
                }
                _ => {}
            }
        }
        self.cursor = turn.store.revision();
        self.release_returning();
        self.admit(&arrived, turn);
    }

    fn due(&mut self, due: Due, turn: &mut Turn<'_>) {
        match due {
            Due::Down(node) => self.down(node, turn),
            Due::Restart(job, index) => self.restart(job, index),
        }
    }
}

impl Component for Borgmaster {
    fn name(&self) -> &'static str {
        "borgmaster"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.next_try = now.saturating_add(self.options.restart_delay);
        self.read(turn);
        while let Some((_, due)) = self.timers.pop(now) {
            self.due(due, turn);
        }
        while let Some(job) = self.dirty.pop_first() {
            self.look_at(job, turn);
        }
        self.relieve(turn);
        self.reschedule(turn);
        self.bind_nominated(turn);
        let progress = self.pass(turn);
        if let Some(at) = self.timers.next() {
            turn.out.wake_at(at);
        }
        if let Some((at, options)) = self.next_estimate().zip(self.options.reclamation) {
            if self.estimates.go_on(self.waiting, &options) {
                turn.out.wake_at(at);
            } else {
                turn.out.wake_idle_at(at);
            }
        }
        progress
    }

    fn reads_metrics(&self, now: Instant) -> bool {
        self.next_estimate().is_some_and(|at| at <= now)
    }

    fn metrics(&mut self, now: Instant, view: &Store, usage: &dyn UsageSamples) {
        self.estimate(now, view, usage);
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        if let Event::PodBound { pod, .. } = write.event {
            self.not_bound(pod);
        }
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        match creation {
            Creation::Replacement { pod, .. } => self.not_replaced(*pod),
            Creation::Pod(pod) => self.not_created(pod.owner),
            _ => {}
        }
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn backlog(&self) -> usize {
        self.waiting
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        self.why_it_waits(pod)
    }

    fn remarks(&self) -> Vec<String> {
        self.over_quota.values().cloned().collect()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

impl Borgmaster {
    /// The demand of a class; `None` of one that the system can't express.
    fn demand(&self, store: &Store, class: ClassId) -> Option<Demand> {
        let own = store.class(class);
        let is_refused = crate::mapping::refusal(super::entry::CAPABILITIES, &own.spec).is_some();
        (!is_refused).then(|| Demand {
            class,
            spec: own.spec.clone(),
            limit: own.requests.clone(),
            set: self.allocs.set_of(&own.spec),
            job: None,
        })
    }
}

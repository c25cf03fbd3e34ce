//! The master of a cluster at work: it reads the log, observes agents, offers what is free and
//! launches what frameworks accept (spec: orchestrators-b.md section 1).
//!
//! An offer to a framework that takes time to answer is a hold in the store, so that nobody else has
//! what it offers meanwhile. One that is answered at once changes nothing but what is launched, and is
//! not written.

mod absences;
mod agents;
pub mod drf_tasks;
mod masters;
mod memory;
mod offers;
mod oversubscription;
mod read;
mod rivals;
mod waking;

use crate::parts::turn::Turn;
use std::collections::VecDeque;

use cluster::{Conflict, Store, UsageSamples};
use control::{Component, Memory, Outbox, Progress, Write};
use model::{DeviceSet, Event, PodRef, Text};
use serde::{Deserialize, Serialize};
use units::{
    ClassId, ComponentId, Duration, Instant, NodeId, ObjectId, Revision, SortedMap, SortedSet,
};

use super::columns::{Columns, GPUS};
use super::fast::amounts::{Amounts, Bundle};
use super::fast::{Capabilities, FastAllocator, FastOffer, FastOptions, FastQuota};
use super::framework::Framework;
use super::framework::batch::Batch;
use super::framework::chronos::Chronos;
use super::framework::marathon::Marathon;
use super::master::Masters;
use super::observer::Removals;
use super::options::{FrameworkKind, FrameworkOptions, MesosOptions};

use agents::AgentState;
use offers::Standing;
use oversubscription::Reports;
use rivals::Rivals;

/// The component that frameworks' offers are held by.
const OWNER: ComponentId = ComponentId(0);

/// A framework in its place.
#[derive(Clone)]
struct Seat {
    framework: Box<dyn Framework>,
    clients: Vec<u32>,
    is_served: bool,
    /// Whether something happened to it since it acted last.
    is_touched: bool,
    last_revival: Option<Instant>,
    /// Instant at which the framework asks for offers again, having asked too often.
    revives_at: Option<Instant>,
    /// Instant at which the framework repeats its last revival, for declined offers may have come after it.
    repeats_at: Option<Instant>,
    /// Instant before which the framework does not ask for offers, as it has just lost a task.
    waits_until: Option<Instant>,
    /// Instant at which the framework wants to act by itself.
    wakes: Option<Instant>,
    /// `true` if the framework is away itself: it answers no offer, and hears of its tasks when it
    /// is back.
    is_away: bool,
}

/// A pod of a framework.
#[derive(Clone, Debug)]
struct Held {
    pod: PodRef,
    framework: usize,
    task: Option<Task>,
    class: ClassId,
    stop: Stop,
    wants_gpus: bool,
}

/// Kill of a task by its agent, as its status told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stop {
    /// Nothing.
    #[default]
    Nothing,
    /// It was killed for want of memory.
    Memory,
    /// It was sent a signal: a health check failed.
    Signal,
}

/// A launched pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Task {
    client: u32,
    node: NodeId,
    taken: Bundle,
}

/// The component.
#[derive(Clone)]
pub struct MesosMaster {
    options: MesosOptions,
    cursor: Revision,
    now: Instant,
    columns: Columns,
    allocator: FastAllocator,
    seats: Vec<Seat>,
    /// Batch frameworks, to which pods without a workload are dealt by [`MesosDeal`](super::section::MesosDeal), by
    /// the namespace that they take.
    dealt: SortedMap<Text, Vec<usize>>,
    /// By slot.
    held: Vec<Option<Held>>,
    objects: SortedMap<ObjectId, usize>,
    /// By node.
    agents: Vec<AgentState>,
    /// Instants at which silent agents are to be given up.
    overdue: SortedSet<(Instant, NodeId)>,
    /// Instants at which agents register.
    registering: SortedSet<(Instant, NodeId)>,
    removals: Removals,
    /// Offers by when they are answered.
    standing: SortedMap<(Instant, u64), Standing>,
    /// Offers that are answered at once, in the order in which they were made.
    due: VecDeque<(FastOffer, DeviceSet)>,
    next_offer: u64,
    made: Vec<FastOffer>,
    /// Instants at which refusals end.
    expiries: SortedSet<Instant>,
    /// The end that was noted last.
    last_expiry: Option<Instant>,
    /// Up to this end, a framework might take what it had refused: a run goes on for it.
    awaited: Option<Instant>,
    /// Whether the next run over all agents can offer something.
    needs_batch: bool,
    /// Whether agents have gathered for a run at once.
    is_requested: bool,
    last_batch: Option<Instant>,
    masters: Masters,
    /// While nobody leads: when the masters campaign next.
    campaigns: Option<Instant>,
    /// Number of masters that are away from now on, if that has just changed.
    masters_away: Option<usize>,
    /// Frameworks that have just gone away or are back, by number.
    absences: Vec<(usize, bool)>,
    /// Instants at which the tasks of frameworks that are away end with them.
    lapses: SortedSet<(Instant, usize)>,
    /// Pods whose launch was refused.
    undone: Vec<PodRef>,
    reports: Reports,
    /// Resources that agents offer a second time, by node; `None` of those that never reported.
    revocable: Vec<Option<Amounts>>,
    /// The framework of a task that was evicted, and its row, where the one in its place will be.
    replaced: Option<(usize, usize)>,
    rivals: Rivals,
    is_open: bool,
}

impl MesosMaster {
    /// A master that has seen nothing.
    pub fn new(options: MesosOptions) -> Self {
        let seats = options.frameworks.iter().enumerate();
        let seats = seats.map(|(number, own)| Seat {
            framework: build(own, options.seed.wrapping_add(number as u64)),
            clients: Vec::new(),
            is_served: true,
            is_touched: true,
            last_revival: None,
            revives_at: None,
            repeats_at: None,
            waits_until: None,
            wakes: None,
            is_away: false,
        });
        let mut masters = Masters::new(options.stated.masters as usize);
        masters.beat(Instant::ZERO);
        Self {
            seats: seats.collect(),
            dealt: SortedMap::new(),
            removals: Removals::new(options.observer.removal_limit),
            masters,
            masters_away: None,
            absences: Vec::new(),
            lapses: SortedSet::new(),
            cursor: Revision::default(),
            now: Instant::ZERO,
            columns: Columns::default(),
            allocator: FastAllocator::new(fast_options(&options, Columns::default(), &[])),
            held: Vec::new(),
            objects: SortedMap::new(),
            agents: Vec::new(),
            overdue: SortedSet::new(),
            registering: SortedSet::new(),
            standing: SortedMap::new(),
            due: VecDeque::new(),
            next_offer: 0,
            made: Vec::new(),
            expiries: SortedSet::new(),
            last_expiry: None,
            awaited: None,
            needs_batch: false,
            is_requested: false,
            last_batch: None,
            campaigns: None,
            undone: Vec::new(),
            reports: Reports::default(),
            revocable: Vec::new(),
            replaced: None,
            rivals: Rivals::default(),
            is_open: false,
            options,
        }
    }

    /// The columns are those of the nodes that are there at first.
    fn open(&mut self, store: &Store) {
        if self.is_open {
            return;
        }
        self.is_open = true;
        self.columns = Columns::of(store);
        self.restart(store);
    }

    /// An allocator that knows the frameworks and nobody else.
    fn restart(&mut self, store: &Store) {
        let names = self.columns.names(store);
        let options = fast_options(&self.options, self.columns, &names);
        self.allocator = FastAllocator::new(options);
        for (name, own) in &self.options.stated.roles {
            let role = Text::from(name.as_str());
            self.allocator.set_weight(&role, own.weight);
            if own.has_quota() {
                let quota = FastQuota {
                    guarantee: self.columns.stated(&own.guarantee),
                    limit: self.columns.bounds(&own.limit),
                };
                self.allocator.set_quota(&role, quota);
            }
        }
        for (seat, own) in self.seats.iter_mut().zip(&self.options.frameworks) {
            let able = Capabilities {
                gpu_resources: own.gpu_resources,
                revocable_resources: own.revocable_resources,
            };
            seat.clients = self.allocator.add_framework(&own.name, &own.roles, able);
            (seat.is_served, seat.is_touched) = (!seat.is_away, true);
        }
        for (place, seat) in self.seats.iter().enumerate() {
            if seat.is_away {
                self.allocator.suppress(place as u32);
            }
        }
        // A new master does not know since when a framework is away.
        self.lapses.clear();
        self.is_requested = true;
    }

    /// Frameworks to which something happened act, and say whether they want offers.
    fn act(&mut self, turn: &mut Turn<'_>) {
        let now = self.now;
        for place in 0..self.seats.len() {
            let seat = &mut self.seats[place];
            let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            if seat.is_away {
                continue;
            }
            let dues = [seat.wakes, seat.revives_at, seat.repeats_at];
            if !seat.is_touched && !dues.into_iter().any(is_due) {
                continue;
            }
            seat.is_touched = false;
            seat.framework.act(now, turn.store, turn.out);
            if seat.framework.has_relaxed() {
                self.awaited = self.awaited.max(self.expiries.last().copied());
            }
            self.revive(place);
            let seat = &mut self.seats[place];
            seat.wakes = seat.framework.wakes(now).filter(|&at| at > now);
        }
    }

    fn revive(&mut self, place: usize) {
        let own = &self.options.frameworks[place];
        let seat = &mut self.seats[place];
        let number = place as u32;
        let is_repeat = seat.repeats_at.take_if(|at| *at <= self.now).is_some();
        if !seat.framework.wants_offers(self.now) {
            seat.revives_at = None;
            if own.suppresses && seat.is_served {
                seat.is_served = false;
                self.allocator.suppress(number);
            }
            return;
        }
        let has_news = seat.framework.has_news();
        let is_asked = !seat.is_served || has_news || seat.revives_at.is_some();
        if !is_asked && !is_repeat {
            return;
        }
        let free = seat
            .last_revival
            .map(|last| last.saturating_add(own.revive_interval))
            .max(seat.waits_until);
        if let Some(free) = free.filter(|&free| is_asked && free > self.now) {
            seat.revives_at = Some(free);
        } else {
            if is_asked {
                (seat.revives_at, seat.last_revival) = (None, Some(self.now));
                seat.repeats_at = own.repetition(self.now);
            }
            seat.is_served = true;
            self.allocator.revive(number);
            self.is_requested = true;
        }
    }

    /// Puts pods back whose launch was refused.
    fn undo(&mut self, store: &Store) {
        for pod in std::mem::take(&mut self.undone) {
            let held = self.held.get_mut(pod.slot.index()).and_then(Option::as_mut);
            let Some(held) = held.filter(|held| held.pod == pod) else {
                continue;
            };
            if let Some(task) = held.task.take() {
                self.allocator
                    .give_back(task.client, task.node.0, &task.taken);
                self.needs_batch = true;
            }
            let seat = &mut self.seats[held.framework];
            seat.framework.waits(self.now, pod, store);
            seat.is_touched = true;
        }
    }
}

fn build(own: &FrameworkOptions, seed: u64) -> Box<dyn Framework> {
    match &own.kind {
        FrameworkKind::Batch(options) => Box::new(Batch::new(*options, seed)),
        FrameworkKind::Marathon(options) => Box::new(Marathon::new((**options).clone())),
        FrameworkKind::Chronos(options) => Box::new(Chronos::new(options.clone())),
    }
}

fn fast_options(options: &MesosOptions, columns: Columns, names: &[String]) -> FastOptions {
    let stated = &options.stated;
    let least = |column: usize, amount: Option<i64>| {
        let mut amounts = Amounts::from_elem(0, columns.count());
        amounts[column] = amount.unwrap_or(i64::MAX);
        amounts
    };
    let is_excluded = |name: &String| {
        let mut excluded = stated.fair_sharing_excluded.iter();
        name == "pods" || excluded.any(|own| **own == **name)
    };
    let mut excluded: Vec<bool> = names.iter().map(is_excluded).collect();
    excluded.resize(columns.count(), true);
    FastOptions {
        interval: stated.allocation_interval,
        order: stated.sorter,
        walk: stated.agent_order,
        min_allocatable: vec![
            least(super::columns::CPUS, stated.min_allocatable.cpu_milli()),
            least(super::columns::MEM, stated.min_allocatable.memory_bytes()),
        ],
        gpu_column: stated.filter_gpu_resources.then_some(GPUS),
        is_excluded: excluded,
        seed: options.seed,
    }
}

impl Component for MesosMaster {
    fn name(&self) -> &'static str {
        "mesos-master"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.now = now;
        self.open(view);
        self.read(turn);
        self.undo(view);
        if self.report_attempts(turn) {
            return Progress::More;
        }
        if !self.lead(turn) {
            return Progress::Idle;
        }
        self.attend(turn);
        self.oversubscribe(turn);
        self.watch(turn);
        self.act(turn);
        if !self.answer(turn) {
            self.allocate(turn);
        }
        self.wakes(turn.out);
        let is_due = |((at, _), _): (&(Instant, u64), &Standing)| *at <= now;
        let is_due = !self.due.is_empty() || self.standing.iter().next().is_some_and(is_due);
        let is_touched = (self.seats.iter()).any(|seat| seat.is_touched && !seat.is_away);
        if is_touched || self.is_requested || is_due {
            Progress::More
        } else {
            Progress::Idle
        }
    }

    fn reads_metrics(&self, now: Instant) -> bool {
        self.is_reporting(now)
    }

    fn metrics(&mut self, now: Instant, view: &Store, usage: &dyn UsageSamples) {
        self.report(now, view, usage);
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        match &write.event {
            Event::PodBound { pod, .. } => {
                self.undone.push(*pod);
                self.rivals.refused(*pod, conflict);
            }
            Event::HoldPlaced(hold) => self.drop_hold(hold.number),
            _ => {}
        }
    }

    fn watch_delay(&self) -> Duration {
        self.own_delays().0
    }

    fn decision_time(&self) -> Duration {
        self.own_delays().1
    }

    fn managers_away(&mut self, _now: Instant, away: u32) {
        self.masters_away = Some(away as usize);
    }

    fn framework(&mut self, _now: Instant, framework: u32, is_up: bool) {
        self.absences.push((framework as usize, is_up));
    }

    fn backlog(&self) -> usize {
        self.seats.iter().map(|seat| seat.framework.backlog()).sum()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let held = self.held.get(pod.slot.index()).and_then(Option::as_ref);
        let Some(held) = held.filter(|held| held.pod == pod) else {
            let why = "no framework takes the pods of its namespace";
            return (!self.has_rivals()).then(|| why.into());
        };
        let own = &self.options.frameworks[held.framework];
        held.task.is_none().then(|| {
            let name = &own.name;
            if held.wants_gpus && !own.gpu_resources {
                format!(
                    "the framework `{name}` is offered no agent with GPUs; `gpuResources: true` is the \
                     capability for it"
                )
                .into()
            } else if let Some(why) =
                self.seats[held.framework].framework.why_waiting(self.now, pod)
            {
                why
            } else {
                format!("no offer to the framework `{name}` with room for it so far").into()
            }
        })
    }

    fn memory(&self) -> Memory {
        self.remembered()
    }

    fn recall(&mut self, now: Instant, memory: &str, view: &Store) -> Result<(), String> {
        self.taken_up(now, memory, view)
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

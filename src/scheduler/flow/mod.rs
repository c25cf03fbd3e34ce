//! Scheduling as a flow: the placement of all waiting tasks at once is the cheapest flow through a
//! network, found again whenever something changes (Quincy, SOSP'09; Firmament, OSDI'16; spec:
//! orchestrators-b.md section 6.4).
//!
//! [`network`] keeps the cheapest flow of any network, [`graph`] makes a network of tasks and nodes,
//! and a [`CostModel`] says what places and waiting cost. Tasks that run stay where they are, or, if
//! options say so, lose their nodes to others or move (`moves`).

mod cost_model;
pub mod graph;
mod input;
mod moves;
pub mod network;

use cluster::{Conflict, Store};
use control::{Component, Memory, Outbox, Progress, Write};
use model::{DeviceSet, EndReason, Event, PodCreated, PodRef, Text};
use units::{ClassId, Duration, Identity, Instant, NodeId, Revision, SortedMap, SortedSet};

use self::graph::Graph;
use self::moves::EvictedTasks;
use crate::batch::room::Rooms;
use crate::pipeline::evaluate::Form;
use crate::retry::Retry;

pub use self::cost_model::{Block, CostModel, Goal, Racks, TaskFacts, UNIT};
pub use self::input::InputOptions;

/// Options of the flow scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowOptions {
    /// Number of tasks that a node takes; `None` is its capacity of pods, at most [`MOST_SLOTS`].
    pub slots: Option<u32>,
    /// Label whose values are the racks.
    pub rack_label: Text,
    /// Shortest time between two looks at a task while waiting grows dearer.
    pub interval: Duration,
    /// Input of tasks; `None` is none.
    pub input: Option<InputOptions>,
    /// `true` if tasks lose their nodes where that is cheaper, to wait or to go on on other nodes.
    pub preemption: bool,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            slots: None,
            rack_label: model::node::ZONE_LABEL.into(),
            interval: Duration::from_secs(1),
            input: None,
            preemption: false,
        }
    }
}

/// Slots that a node has at most unless options say more.
pub const MOST_SLOTS: u32 = 1_000;

/// A task as the scheduler knows it.
#[derive(Clone, Copy, Debug)]
struct TaskRecord {
    pod: PodRef,
    class: ClassId,
    submitted: Instant,
    requested: Duration,
    waits: bool,
    /// The next instant at which waiting may be dearer than a place.
    due: Option<Instant>,
}

/// The scheduler, as a component.
#[derive(Clone)]
pub struct Flow {
    options: FlowOptions,
    form: Form,
    /// The first difference between the forms.
    flaw: Option<String>,
    graph: Graph,
    rooms: Rooms,
    /// Tasks that wait or have a node, by slot of their pods.
    tasks: Vec<Option<TaskRecord>>,
    /// Nodes that are there, in order.
    nodes: Vec<NodeId>,
    racks: SortedMap<Text, u32>,
    /// Instants at which waiting may be dearer than a place, with the tasks.
    due: SortedSet<(Instant, u64)>,
    /// Tasks that have not been through a round.
    untried: Vec<PodRef>,
    /// Revision as of which the room of nodes is known.
    seen: Revision,
    cursor: Revision,
    backlog: usize,
    /// Whether something happened since the last round.
    is_news: bool,
    refused: Vec<PodRef>,
    retry: Retry,
    absent: EvictedTasks,
}

impl Flow {
    /// A scheduler without tasks under a cost model. In the plain form it solves every round from
    /// nothing, too, and compares the costs.
    pub fn new(options: FlowOptions, model: Box<dyn CostModel>, form: Form) -> Self {
        let graph = Graph::new(model).with_preemption(options.preemption);
        Self {
            options,
            form,
            flaw: None,
            graph,
            rooms: Rooms::default(),
            tasks: Vec::new(),
            nodes: Vec::new(),
            racks: SortedMap::new(),
            due: SortedSet::new(),
            untried: Vec::new(),
            seen: Revision::default(),
            cursor: Revision::default(),
            backlog: 0,
            is_news: false,
            refused: Vec::new(),
            retry: Retry::default(),
            absent: EvictedTasks::default(),
        }
    }

    fn read(&mut self, now: Instant, store: &Store) {
        let mut fresh = Vec::new();
        if self.cursor < store.revision() || self.retry.is_due(now) {
            if self.options.preemption && self.retry.is_due(now) {
                self.absent.tell_again();
                self.is_news = true;
            }
            self.retry = Retry::default();
            fresh.append(&mut self.refused);
        }
        for entry in store.log().since(self.cursor) {
            // What tasks with nodes do until they end changes no place.
            self.is_news |= matches!(
                entry.event,
                Event::PodEnded { .. }
                    | Event::NodeAdded { .. }
                    | Event::NodeUpdated { .. }
                    | Event::NodeReadiness { .. }
                    | Event::NodeRemoved { .. }
                    | Event::HoldReleased { .. }
            );
            match &entry.event {
                Event::PodCreated(created) => {
                    self.created(entry.at, created);
                    fresh.push(created.pod);
                }
                Event::PodBound { pod, node, .. } => {
                    self.wait_no_longer(*pod);
                    if self.known(*pod).is_some() {
                        self.graph.put(number(*pod), *node, entry.at);
                    }
                }
                Event::PodEnded { pod, reason } => self.ended(*pod, *reason, entry.at),
                Event::NodeAdded { node, .. } | Event::NodeUpdated { node, .. } => {
                    self.declare(*node, store);
                }
                Event::NodeRemoved { node } => self.removed(*node),
                _ => {}
            }
        }
        self.is_news |= !fresh.is_empty();
        self.cursor = store.revision();
        self.look_at_rooms(store);
        for pod in fresh {
            self.enter(pod, now, store);
        }
        while let Some(&(at, number)) = self.due.first()
            && at <= now
        {
            self.due.remove(&(at, number));
            self.is_news = true;
            self.ask_again(number, now);
        }
    }

    fn known(&self, pod: PodRef) -> Option<TaskRecord> {
        (*self.tasks.get(pod.slot.index())?).filter(|known| known.pod == pod)
    }

    fn task_of(&self, number: u64) -> Option<TaskRecord> {
        self.tasks.get(number as usize).copied().flatten()
    }

    fn created(&mut self, at: Instant, created: &PodCreated) {
        let slot = created.pod.slot.index();
        if self.options.preemption {
            self.absent.created(number(created.pod), &created.name);
        }
        if self.tasks.len() <= slot {
            self.tasks.resize(slot + 1, None);
        }
        self.tasks[slot] = Some(TaskRecord {
            pod: created.pod,
            class: created.class,
            submitted: at,
            requested: created.expected_run_time(),
            waits: true,
            due: None,
        });
        self.backlog += 1;
    }

    /// Adds a pod to the network, unless it has ended meanwhile.
    fn enter(&mut self, pod: PodRef, now: Instant, store: &Store) {
        let Some(known) = self.known(pod) else {
            return;
        };
        let class = known.class;
        if !self.graph.open_class(class) {
            for &node in &self.nodes {
                let room = self.rooms.here(store, class, node);
                self.graph.set_room(class, node, room);
            }
        }
        let facts = self.facts(pod, known, now, store);
        self.graph.remove_task(number(pod));
        self.graph.add_task(number(pod), class, facts, now);
        let record = store.pods().get(pod);
        if let Some(node) = record.and_then(model::Pod::node) {
            self.wait_no_longer(pod);
            self.graph.put(number(pod), node, now);
            return;
        }
        self.untried.push(pod);
        if let Some(Some(known)) = self.tasks.get_mut(pod.slot.index()) {
            self.backlog += usize::from(!known.waits);
            known.waits = true;
        }
        self.ask_again(number(pod), now);
    }

    /// Facts about a pod: what it was before it lost its node, or what it is as a new one.
    fn facts(&mut self, pod: PodRef, known: TaskRecord, now: Instant, store: &Store) -> TaskFacts {
        if self.options.preemption {
            let earlier = self.absent.take(pod, number(pod));
            if let Some(facts) = earlier.or_else(|| self.graph.facts_at(number(pod), now)) {
                return facts;
            }
        }
        let identity = store.identity_of(pod);
        let identity = identity.unwrap_or_else(|| Identity::of("pod").nth(u64::from(pod.id.0)));
        let input = self.options.input.as_ref();
        TaskFacts {
            submitted: known.submitted,
            requested: known.requested,
            ran: Duration::ZERO,
            input: input.map_or_else(Vec::new, |input| input.draw(identity, &self.nodes)),
        }
    }

    /// A task looks again when waiting has become dearer than a place that it did not take, but not
    /// more often than options say.
    fn ask_again(&mut self, number: u64, now: Instant) {
        let known = self.tasks.get_mut(number as usize).and_then(Option::as_mut);
        let Some(known) = known else { return };
        let interval = self.options.interval.as_nanos().max(1);
        let mut next = self.graph.next_due(number, now);
        if self.options.preemption && self.graph.model().outgrows_runs() {
            next = Some(now);
        }
        let next = next.map(|at| {
            let intervals = at.since(known.submitted).as_nanos().div_euclid(interval) + 1;
            let after = Duration::from_nanos(intervals.saturating_mul(interval));
            known.submitted.saturating_add(after)
        });
        known.due = next;
        self.due.extend(next.map(|next| (next, number)));
    }

    fn wait_no_longer(&mut self, pod: PodRef) {
        let known = self
            .tasks
            .get_mut(pod.slot.index())
            .and_then(Option::as_mut);
        if let Some(known) = known.filter(|known| known.pod == pod && known.waits) {
            known.waits = false;
            self.backlog -= 1;
            if let Some(at) = known.due.take() {
                self.due.remove(&(at, number(pod)));
            }
        }
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason, at: Instant) {
        self.wait_no_longer(pod);
        if self.known(pod).is_some() {
            if self.options.preemption {
                let facts = self.graph.facts_at(number(pod), at);
                self.absent.ended(number(pod), facts, reason);
            }
            self.graph.remove_task(number(pod));
            self.tasks[pod.slot.index()] = None;
        }
    }

    fn removed(&mut self, node: NodeId) {
        let rack = self.graph.racks().of(node);
        self.graph.set_machine(node, rack, 0);
        self.nodes.retain(|&other| other != node);
    }

    /// Gives a node its rack and its slots.
    fn declare(&mut self, node: NodeId, store: &Store) {
        let nodes = store.nodes();
        let Some(object) = nodes.object(node) else {
            return;
        };
        if let Err(place) = self.nodes.binary_search(&node) {
            self.nodes.insert(place, node);
        }
        let rack = object.labels.get(&self.options.rack_label).cloned();
        let next = self.racks.len() as u32;
        let rack = *self.racks.entry(rack.unwrap_or_default()).or_insert(next);
        let pods = nodes.allocatable().row(node).pods;
        let most = u32::try_from(pods.max(0)).map_or(MOST_SLOTS, |pods| pods.min(MOST_SLOTS));
        let slots = self.options.slots.unwrap_or(most);
        self.graph.set_machine(node, rack, slots);
    }

    /// Brings the room of changed nodes up to date, for every class in the network.
    fn look_at_rooms(&mut self, store: &Store) {
        let head = store.revision();
        if self.seen == head {
            return;
        }
        let changed: Vec<NodeId> = match store.ring().since(self.seen) {
            Some(changed) => changed.collect(),
            None => store.nodes().ids().collect(),
        };
        self.seen = head;
        let classes: Vec<ClassId> = self.graph.open_classes().collect();
        for class in classes {
            for &node in &changed {
                let room = self.rooms.here(store, class, node);
                self.graph.set_room(class, node, room);
            }
        }
    }

    /// Places all tasks that the cheapest flow leads to nodes; `true` if there were any.
    fn round(&mut self, now: Instant, store: &Store, out: &mut Outbox) -> bool {
        if !self.graph.has_slot() {
            return false;
        }
        // Every task can wait, so there is a flow.
        let found = self.graph.solve(now).unwrap_or_default();
        if self.form == Form::Plain && self.flaw.is_none() {
            let difference = self.graph.check(now).err();
            self.flaw = difference.map(|own| format!("in the flow of {now}, {own}"));
        }
        if self.options.preemption && self.take_off(&found, store, out) {
            return true;
        }
        // A node may have room for either of two classes, and not for both: one of them goes first.
        let mut places: SortedMap<NodeId, (ClassId, Vec<DeviceSet>)> = SortedMap::new();
        let mut placed = 0;
        for (number, node) in found {
            let known = self.task_of(number);
            let Some(TaskRecord { pod, class, .. }) = known.filter(|known| known.waits) else {
                continue;
            };
            let (taken, devices) = places
                .entry(node)
                .or_insert_with(|| (class, self.rooms.devices(store, class, node)));
            let Some(devices) = devices.pop().filter(|_| *taken == class) else {
                self.is_news = true;
                continue;
            };
            self.wait_no_longer(pod);
            self.graph.put(number, node, now);
            out.write(store, Event::PodBound { pod, node, devices });
            placed += 1;
        }
        out.decided_pods += placed;
        out.decided_jobs += placed;
        placed > 0
    }

    /// Reports the tasks that wait after their first round.
    fn report(&mut self, store: &Store, out: &mut Outbox) {
        for pod in std::mem::take(&mut self.untried) {
            if self.known(pod).is_some_and(|known| known.waits) {
                out.write(store, Event::PodUnschedulable { pod });
            }
        }
    }
}

/// A pod's number in the network.
fn number(pod: PodRef) -> u64 {
    pod.slot.index() as u64
}

impl Component for Flow {
    fn name(&self) -> &'static str {
        "flow"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(now, view);
        self.retry.ask(now, out);
        if self.go_on(now, view, out) {
            return Progress::More;
        }
        let is_placed = std::mem::take(&mut self.is_news) && self.round(now, view, out);
        if let Some(&(at, _)) = self.due.first() {
            out.wake_at(at);
        }
        if is_placed {
            return Progress::More;
        }
        self.report(view, out);
        Progress::Idle
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
    }

    fn resumes_pods(&self) -> bool {
        self.options.preemption
    }

    fn memory(&self) -> Memory {
        if self.options.preemption {
            Memory::Lost
        } else {
            Memory::Store
        }
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        self.retry.refused(conflict);
        if let Event::PodEnded { pod, .. } = write.event {
            self.absent.refused(number(pod));
        }
        if let Event::PodBound { pod, .. } = write.event
            && self.known(pod).is_some()
        {
            self.refused.push(pod);
        }
    }

    fn backlog(&self) -> usize {
        self.backlog + self.refused.len()
    }

    fn flaw(&self) -> Option<String> {
        self.flaw.clone()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

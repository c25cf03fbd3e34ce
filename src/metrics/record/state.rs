//! State that many metrics share, kept once: the cluster's totals and counts at every instant.

mod resize;

use cluster::Store;
use model::{Event, Pod, PodChange, PodPhase};
use units::{ClassId, NodeId, Revision};

use crate::record::areas::{self, Areas};
use crate::record::change_batch::{ChangeBatch, Kind, pod_of};
use crate::record::fragments::FragmentTracker;
use crate::record::gpus;
use crate::record::node_rows::{allocatable_at, free_at, offered};

pub use crate::record::amounts::{Amounts, RESOURCES, Resource, Row};
pub use crate::record::node_rows::{Devices, NodeChange, NodeRow};

/// Parts of a node's row to refresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum StaleParts {
    /// Nothing to refresh.
    #[default]
    Nothing,
    /// Allocation of the node, and accordingly its free amounts.
    Pods,
    /// Free amounts of the node as well.
    Free,
    /// Everything, what it offers included.
    Offer,
}

/// State of a node besides its row.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    behind: StaleParts,
    has_devices: bool,
    /// The mark's place among the unreported ones, counted from 1; 0 if it is none of
    /// them.
    untold: u32,
}

/// Totals that have changed since measured time last advanced.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each total moves by itself")]
struct TotalsChange {
    allocated: bool,
    starting: bool,
    wanted: bool,
    room: bool,
    /// Capacity of nodes.
    offers: bool,
}

/// Nodes without devices that change alike, one after the other.
#[derive(Clone, Debug, Default)]
struct NodeBatch {
    nodes: Vec<NodeId>,
    before: NodeRow,
    now: NodeRow,
}

/// A pod, and the amounts that it reserves.
#[derive(Clone, Copy, Debug)]
pub struct Reservation<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The amounts.
    pub requests: &'a Row,
}

/// The cluster's totals and counts.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    /// Requests of all pods that hold a node: bound, starting or running. Holds are not in it.
    pub allocated: Amounts,
    /// The part of `allocated` that does not run yet.
    pub starting: Amounts,
    /// Requests of all pods without a node.
    pub wanted: Amounts,
    /// Capacity of the existing machines, reserved parts included.
    pub nominal: Amounts,
    /// Allocatable amounts of the nodes that are there, up or not.
    pub allocatable: Amounts,
    /// Allocatable amounts of the nodes that are up (cordoned ones included).
    pub capacity: Amounts,
    /// Allocatable amounts of the nodes that take new pods.
    pub schedulable: Amounts,
    /// Nodes that are there.
    pub nodes_present: u64,
    /// Nodes that are up.
    pub nodes_up: u64,
    /// Pods created and not bound.
    pub pending: u64,
    /// Pods that hold a node.
    pub holding: u64,
    /// Pods that run.
    pub running: u64,
    /// Fragments of idle GPU, where a workload to measure against is known; brought up to date by
    /// [`ClusterState::refresh`].
    pub fragments: Option<FragmentTracker>,
    /// Room for new pods on all nodes; updated by [`ClusterState::refresh`].
    pub room: Amounts,
    /// Integrals of all of these over the measured time.
    pub areas: Areas,
    rows: Vec<NodeRow>,
    /// Allocation of each node, ahead of `rows` within an instant.
    taken: Vec<Row>,
    /// Nodes whose row is behind.
    behind: Vec<NodeId>,
    marks: Vec<Mark>,
    /// Class of the newest pod of each slot.
    classes: Vec<Option<ClassId>>,
    /// Changes being reported; boxed, because it is taken out meanwhile.
    alike: Option<Box<NodeBatch>>,
    /// Nodes without devices whose change is unreported, and what was allocated and free when
    /// they were last reported. One that does not have this place any more was reported since.
    untold: Vec<(NodeId, [Row; 2])>,
    moved: TotalsChange,
}

impl ClusterState {
    /// The state of an empty cluster.
    pub fn new(fragments: Option<FragmentTracker>) -> Self {
        Self {
            fragments,
            ..Self::default()
        }
    }

    /// Follows a change that was just applied to the store, totals included.
    pub fn apply(&mut self, event: &Event, ended: Option<&Pod>, store: &Store) {
        let Some(pod) = pod_of(event, ended, store) else {
            self.follow(event, None, store);
            return;
        };
        let mut deeds = ChangeBatch::of(Kind::of(pod, true), requests(store, pod));
        deeds.add(event, pod);
        let requests = &deeds.requests;
        self.follow(event, Some(Reservation { pod, requests }), store);
        self.take_in(&deeds);
    }

    /// Follows a change that was just applied to the store, with the pod that it is about and what
    /// that one reserves; totals wait for [`ClusterState::take_in`].
    pub(crate) fn follow(&mut self, event: &Event, about: Option<Reservation<'_>>, store: &Store) {
        match event {
            Event::NodeAdded { node, .. }
            | Event::NodeUpdated { node, .. }
            | Event::NodeReadiness { node, .. }
            | Event::NodeRemoved { node } => self.touch(*node, StaleParts::Offer),
            Event::PodCreated(created) => {
                self.pending += 1;
                self.note_class(created.pod.slot.index(), created.class);
            }
            Event::PodChanged {
                pod,
                change: PodChange::Declared { class },
            } => self.declare(pod.slot.index(), *class, store),
            Event::PodChanged {
                pod,
                change: PodChange::Resized { before, class },
            } => self.resize(*pod, [*before, *class], store),
            Event::PodBound { node, .. } => {
                if let Some(Reservation { requests, .. }) = about {
                    self.take(*node, requests, 1);
                }
                self.pending -= 1;
                self.holding += 1;
            }
            Event::PodRunning { .. } => self.running += 1,
            Event::PodEnded { .. } => {
                if let Some(Reservation { pod, requests }) = about {
                    self.end(pod, requests);
                }
            }
            Event::HoldPlaced(hold) => self.touch(hold.node, StaleParts::Free),
            Event::HoldReleased { .. } => self.touch_changed(store),
            Event::ClassAdded { .. }
            | Event::NodeContact { .. }
            | Event::PodChanged { .. }
            | Event::Object(_)
            | Event::PriceChanged(_)
            | Event::Decided(_)
            | Event::Delivery(_)
            | Event::Rollout { .. }
            | Event::Volume(_)
            | Event::ServiceLevels(_)
            | Event::MachineFailed(_)
            | Event::PodUnschedulable { .. }
            | Event::PodStarting { .. } => {}
        }
    }

    /// Takes what alike pods did into the totals.
    pub(crate) fn take_in(&mut self, deeds: &ChangeBatch) {
        let (holding, starting, waiting) = (deeds.holding(), deeds.starting(), deeds.waiting());
        if holding != 0 {
            self.allocated.add(&deeds.requests, holding);
            self.moved.allocated = true;
        }
        if starting != 0 {
            self.starting.add(&deeds.requests, starting);
            self.moved.starting = true;
        }
        if waiting != 0 {
            self.wanted.add(&deeds.requests, waiting);
            self.moved.wanted = true;
        }
    }

    /// Notes the class of a pod by its slot; returns that before.
    fn note_class(&mut self, slot: usize, class: ClassId) -> Option<ClassId> {
        if self.classes.len() <= slot {
            self.classes.resize(slot + 1, None);
        }
        self.classes[slot].replace(class)
    }

    /// A pod without a node wants what its new class reserves from now on.
    fn declare(&mut self, slot: usize, class: ClassId, store: &Store) {
        let Some(before) = self.note_class(slot, class) else {
            return;
        };
        self.wanted.add(&class_requests(store, before), -1);
        self.wanted.add(&class_requests(store, class), 1);
        self.moved.wanted = true;
    }

    fn end(&mut self, pod: &Pod, requests: &Row) {
        let Some(node) = pod.node().filter(|_| pod.phase.holds_node()) else {
            self.pending -= 1;
            return;
        };
        self.holding -= 1;
        self.take(node, requests, -1);
        self.running -= u64::from(pod.phase == PodPhase::Running);
    }

    /// Brings what follows from single nodes up to date with the store; `tell` hears of what nodes
    /// offer and of nodes with devices, the others wait for [`ClusterState::catch_up`]. Returns
    /// whether any node is not as it was.
    pub fn refresh(&mut self, store: &Store, mut tell: impl FnMut(&NodeChange<'_>)) -> bool {
        if let Some(fragments) = &mut self.fragments {
            fragments.refresh(store);
        }
        if self.behind.is_empty() {
            return false;
        }
        let mut is_changed = false;
        let mut alike = self.alike.take().unwrap_or_default();
        while let Some(node) = self.behind.pop() {
            let index = node.index();
            let behind = std::mem::take(&mut self.marks[index].behind);
            let (row, taken) = (&mut self.rows[index], self.taken[index]);
            let looks_anew = behind == StaleParts::Offer || !row.present;
            if looks_anew {
                self.marks[index].has_devices = !store.nodes().gpu_room(node).is_empty();
            }
            let has_devices = self.marks[index].has_devices;
            let now = if looks_anew {
                offered(store, node, taken)
            } else {
                let free = match behind {
                    StaleParts::Pods => row.free_with(&taken),
                    _ => free_at(store, node),
                };
                if (free, taken) == (row.free, row.allocated) {
                    continue;
                }
                if !has_devices {
                    is_changed = true;
                    let mark = &mut self.marks[index];
                    if mark.untold == 0 {
                        self.untold.push((node, [row.allocated, row.free]));
                        mark.untold = self.untold.len() as u32;
                    }
                    (row.allocated, row.free) = (taken, free);
                    continue;
                }
                NodeRow {
                    allocated: taken,
                    free,
                    ..*row
                }
            };
            if *row == now {
                continue;
            }
            is_changed = true;
            let untold = std::mem::take(&mut self.marks[index].untold);
            let told = self.untold.get((untold as usize).wrapping_sub(1));
            let before = row.as_told(told.map(|&(_, told)| told));
            *row = now;
            if has_devices || before != alike.before || now != alike.now {
                self.tell(&mut alike, Some(store), &mut tell);
                (alike.before, alike.now) = (before, now);
            }
            alike.nodes.push(node);
        }
        self.tell(&mut alike, Some(store), &mut tell);
        self.alike = Some(alike);
        is_changed
    }

    /// Tells of the nodes that [`ClusterState::refresh`] kept back, as it found them: before time
    /// passes. What changes back and forth within an instant is not told of at all.
    pub fn catch_up(&mut self, mut tell: impl FnMut(&NodeChange<'_>)) {
        if self.untold.is_empty() {
            return;
        }
        let mut alike = self.alike.take().unwrap_or_default();
        while let Some((node, told)) = self.untold.pop() {
            let mark = &mut self.marks[node.index()];
            if mark.untold as usize != self.untold.len() + 1 {
                continue;
            }
            mark.untold = 0;
            let now = &self.rows[node.index()];
            if told[0] == now.allocated && told[1] == now.free {
                continue;
            }
            let is_alike = !alike.nodes.is_empty()
                && now.allocated == alike.now.allocated
                && now.free == alike.now.free
                && told == [alike.before.allocated, alike.before.free]
                && now.offers_as(&alike.now);
            if !is_alike {
                let now = *now;
                self.tell(&mut alike, None, &mut tell);
                (alike.before, alike.now) = (now.as_told(Some(told)), now);
            }
            alike.nodes.push(node);
        }
        self.tell(&mut alike, None, &mut tell);
        self.alike = Some(alike);
    }

    /// Counts the nodes that changed alike and tells of them; without a store they have no devices.
    fn tell(
        &mut self,
        alike: &mut NodeBatch,
        store: Option<&Store>,
        tell: &mut impl FnMut(&NodeChange<'_>),
    ) {
        let Some(&first) = alike.nodes.first() else {
            return;
        };
        let times = alike.nodes.len() as i64;
        let (before, now) = (&alike.before, &alike.now);
        // Without a store it is only said what is left.
        if store.is_some() && !before.offers_as(now) {
            self.count(before, now, times);
        }
        let rooms = [before.room(), now.room()];
        self.moved.room |= rooms[0] != rooms[1];
        self.room.change(&rooms[0], &rooms[1], times);
        tell(&NodeChange {
            nodes: &alike.nodes,
            before,
            now,
            rooms,
            devices: store.map_or(Devices::NONE, |store| Devices::of(store, first)),
            room: &self.room,
            clock: self.areas.clock(),
        });
        alike.nodes.clear();
    }

    /// The present state holds for so much measured time.
    pub(crate) fn hold(&mut self, nanos: i64) {
        let (state, moved) = (&mut self.areas, std::mem::take(&mut self.moved));
        let clock = state.clock();
        if moved.allocated {
            areas::set(&mut state.allocated, &self.allocated, clock);
        }
        if moved.starting {
            areas::set(&mut state.starting, &self.starting, clock);
        }
        if moved.wanted {
            areas::set(&mut state.wanted, &self.wanted, clock);
        }
        if moved.room {
            areas::set(&mut state.room, &self.room, clock);
        }
        state.pending.set(i128::from(self.pending), clock);
        state.holding.set(i128::from(self.holding), clock);
        if moved.offers {
            areas::set(&mut state.nominal, &self.nominal, clock);
            areas::set(&mut state.allocatable, &self.allocatable, clock);
            areas::set(&mut state.capacity, &self.capacity, clock);
            areas::set(&mut state.schedulable, &self.schedulable, clock);
            let (present, up) = (self.nodes_present, self.nodes_up);
            state.nodes_present.set(i128::from(present), clock);
            state.nodes_up.set(i128::from(up), clock);
        }
        state.pass(nanos);
    }

    /// Brings the fragments alone up to date, within an instant.
    pub fn refresh_fragments(&mut self, store: &Store) {
        if let Some(fragments) = &mut self.fragments {
            fragments.refresh(store);
        }
    }

    /// The nodes as last refreshed, by row, absent ones included.
    pub fn nodes(&self) -> &[NodeRow] {
        &self.rows
    }

    /// Present allocation of each node.
    pub(crate) fn taken(&self) -> &[Row] {
        &self.taken
    }

    /// Present allocatable amounts of a node.
    pub(crate) fn allocatable_of(&self, node: NodeId, store: &Store) -> Row {
        match (self.rows.get(node.index()), self.marks.get(node.index())) {
            (Some(row), Some(mark)) if row.present && mark.behind < StaleParts::Offer => {
                row.allocatable
            }
            _ => allocatable_at(store, node),
        }
    }

    /// Free milli-GPU of the nodes that are up, by allocation.
    pub fn gpu_idle_milli(&self) -> i128 {
        self.capacity.of(Resource::Gpu) - self.allocated.of(Resource::Gpu)
    }

    fn take(&mut self, node: NodeId, amounts: &Row, sign: i64) {
        self.touch(node, StaleParts::Pods);
        let taken = &mut self.taken[node.index()];
        for (index, taken) in taken.iter_mut().enumerate() {
            *taken += sign * amounts[index];
        }
    }

    fn touch(&mut self, node: NodeId, what: StaleParts) {
        let row = node.index();
        if self.rows.len() <= row {
            self.rows.resize(row + 1, NodeRow::default());
            self.taken.resize(row + 1, Row::default());
            self.marks.resize(row + 1, Mark::default());
        }
        let behind = &mut self.marks[row].behind;
        if *behind == StaleParts::Nothing {
            self.behind.push(node);
        }
        *behind = what.max(*behind);
    }

    /// The node of a released hold is not named: it is the one that the store changed last.
    fn touch_changed(&mut self, store: &Store) {
        let before = Revision(store.revision().0.saturating_sub(1));
        if let Some(changed) = store.ring().since(before) {
            changed.for_each(|node| self.touch(node, StaleParts::Free));
        } else {
            let nodes = store.nodes().ids();
            nodes.for_each(|node| self.touch(node, StaleParts::Free));
        }
    }

    /// Counts what nodes offer, which is not as it was.
    fn count(&mut self, before: &NodeRow, now: &NodeRow, times: i64) {
        self.moved.offers = true;
        for (row, times) in [(before, -times), (now, times)] {
            if row.present {
                self.nominal.add(&row.nominal, times);
                self.allocatable.add(&row.allocatable, times);
                self.nodes_present = self.nodes_present.wrapping_add_signed(times);
            }
            if row.up {
                self.capacity.add(&row.allocatable, times);
                self.nodes_up = self.nodes_up.wrapping_add_signed(times);
            }
            if row.schedulable {
                self.schedulable.add(&row.allocatable, times);
            }
        }
    }
}

/// Requests of a pod of a class, by [`Resource`].
pub(crate) fn class_requests(store: &Store, class: ClassId) -> Row {
    let requests = &store.class(class).requests;
    [
        requests.cpu_milli,
        requests.memory_bytes,
        gpus::requested(store, requests),
        requests.pods,
    ]
}

/// Requests of a pod, by [`Resource`].
pub(crate) fn requests(store: &Store, pod: &Pod) -> Row {
    class_requests(store, pod.class)
}

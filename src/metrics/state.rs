//! What many metrics share, kept once: the cluster's totals and counts at every instant.

use crate::cluster::Store;
use crate::model::{Event, Pod, PodPhase};
use crate::units::{NodeId, Resources, Revision, SpecId};

use super::areas::{self, Areas};
use super::fragments::FragmentTracker;
use super::integral::product;
use super::node_rows::{amounts_at, offered};

/// A resource that metrics are taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Processor, in milli-cores.
    Cpu,
    /// Memory, in bytes.
    Memory,
    /// GPU, in milli-devices.
    Gpu,
    /// Pod slots; a pod takes one.
    Pods,
}

/// How many resources metrics are taken of.
pub const RESOURCES: usize = 4;

impl Resource {
    /// All of them, in the order of [`Amounts`].
    pub const ALL: [Self; RESOURCES] = [Self::Cpu, Self::Memory, Self::Gpu, Self::Pods];

    /// Its part of a metric's id.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpu => "gpu",
            Self::Pods => "pods",
        }
    }

    /// The unit that its amounts are printed in.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "cores",
            Self::Memory => "bytes",
            Self::Gpu => "gpus",
            Self::Pods => "pods",
        }
    }

    /// How many integer units make one printed unit (core, byte, device, slot).
    pub const fn scale(self) -> f64 {
        match self {
            Self::Cpu | Self::Gpu => 1_000.0,
            Self::Memory | Self::Pods => 1.0,
        }
    }
}

/// Amounts of one object by [`Resource`]: milli-cores, bytes, milli-GPU, slots.
pub type Row = [i64; RESOURCES];

/// Amounts by [`Resource`]: milli-cores, bytes, milli-GPU, slots. Sums over a cluster, so 128 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts(pub [i128; RESOURCES]);

impl Amounts {
    /// The amount of one resource.
    #[inline]
    pub const fn of(&self, resource: Resource) -> i128 {
        self.0[resource as usize]
    }

    /// Adds amounts so many times.
    #[inline]
    pub(super) fn add(&mut self, amounts: &Row, times: i64) {
        for (total, &amount) in self.0.iter_mut().zip(amounts) {
            *total += product(times, amount);
        }
    }

    /// So many objects have other amounts; resources that are as they were cost nothing.
    #[inline]
    pub(super) fn change(&mut self, before: &Row, now: &Row, times: i64) {
        for (total, (&before, &now)) in self.0.iter_mut().zip(before.iter().zip(now)) {
            if before != now {
                *total += product(times, now) - product(times, before);
            }
        }
    }
}

pub use super::node_rows::{Devices, NodeChange, NodeRow};

/// What is to be looked at again of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Behind {
    /// Nothing.
    #[default]
    Nothing,
    /// What is left on it and what its pods reserve.
    Free,
    /// Everything, what it offers included.
    Offer,
}

/// Nodes without devices that change alike, one after the other.
#[derive(Clone, Debug, Default)]
struct Alike {
    nodes: Vec<NodeId>,
    before: NodeRow,
    now: NodeRow,
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
    /// What the machines that are there have, reserved parts included.
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
    /// What all nodes have left for new pods; brought up to date by [`ClusterState::refresh`].
    pub room: Amounts,
    /// Integrals of all of these over the measured time.
    pub areas: Areas,
    rows: Vec<NodeRow>,
    /// What pods reserve of each node, ahead of `rows` within an instant.
    taken: Vec<Row>,
    /// Nodes whose row is behind, and what of a node is.
    behind: Vec<NodeId>,
    is_behind: Vec<Behind>,
    alike: Alike,
    /// Nodes without devices whose change nobody was told of.
    untold: Vec<NodeId>,
    /// What was allocated and free when the node was last told of; `None` where that is the row.
    told: Vec<Option<[Row; 2]>>,
    /// Whether what nodes offer changed since measured time last passed.
    offers: bool,
}

impl ClusterState {
    /// The state of an empty cluster.
    pub fn new(fragments: Option<FragmentTracker>) -> Self {
        Self {
            fragments,
            ..Self::default()
        }
    }

    /// Follows a change that was just applied to the store.
    pub fn apply(&mut self, event: &Event, ended: Option<&Pod>, store: &Store) {
        match event {
            Event::NodeAdded { node, .. }
            | Event::NodeUpdated { node, .. }
            | Event::NodeReadiness { node, .. }
            | Event::NodeRemoved { node } => self.touch(*node, Behind::Offer),
            Event::PodCreated(created) => {
                self.pending += 1;
                self.wanted.add(&class_requests(store, created.spec), 1);
            }
            Event::PodBound { pod, node, .. } => {
                if let Some(pod) = store.pods().get(*pod) {
                    let requests = requests(store, pod);
                    self.wanted.add(&requests, -1);
                    self.allocated.add(&requests, 1);
                    self.starting.add(&requests, 1);
                    self.take(*node, &requests, 1);
                }
                self.pending -= 1;
                self.holding += 1;
            }
            Event::PodRunning { pod } => {
                self.running += 1;
                if let Some(pod) = store.pods().get(*pod) {
                    self.starting.add(&requests(store, pod), -1);
                }
            }
            Event::PodEnded { .. } => {
                if let Some(pod) = ended {
                    self.end(pod, store);
                }
            }
            Event::HoldPlaced(hold) => self.touch(hold.node, Behind::Free),
            Event::HoldReleased { .. } => self.touch_changed(store),
            Event::SpecAdded { .. }
            | Event::PodChanged { .. }
            | Event::Object(_)
            | Event::PodUnschedulable { .. }
            | Event::PodStarting { .. } => {}
        }
    }

    fn end(&mut self, pod: &Pod, store: &Store) {
        let requests = requests(store, pod);
        let Some(node) = pod.node().filter(|_| pod.phase.holds_node()) else {
            self.pending -= 1;
            self.wanted.add(&requests, -1);
            return;
        };
        self.holding -= 1;
        self.allocated.add(&requests, -1);
        self.take(node, &requests, -1);
        if pod.phase == PodPhase::Running {
            self.running -= 1;
        } else {
            self.starting.add(&requests, -1);
        }
    }

    /// Brings what follows from single nodes up to date with the store; `tell` hears of what nodes
    /// offer and of nodes with devices, the others wait for [`ClusterState::catch_up`]. Returns
    /// whether any node is not as it was.
    pub fn refresh(&mut self, store: &Store, mut tell: impl FnMut(&NodeChange<'_>)) -> bool {
        if let Some(fragments) = &mut self.fragments {
            fragments.refresh(store);
        }
        let mut is_changed = false;
        let mut alike = std::mem::take(&mut self.alike);
        while let Some(node) = self.behind.pop() {
            let index = node.index();
            let behind = std::mem::take(&mut self.is_behind[index]);
            let (row, taken) = (&mut self.rows[index], self.taken[index]);
            let has_devices = !store.nodes().gpu_room(node).is_empty();
            let now = if behind == Behind::Offer || !row.present {
                offered(store, node, taken)
            } else {
                let free = amounts_at(store.nodes().free(), node);
                if (free, taken) == (row.free, row.allocated) {
                    continue;
                }
                if !has_devices {
                    is_changed = true;
                    if self.told[index].is_none() {
                        self.told[index] = Some([row.allocated, row.free]);
                        self.untold.push(node);
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
            let before = row.as_told(self.told[index].take());
            *row = now;
            if has_devices || before != alike.before || now != alike.now {
                self.tell(&mut alike, Some(store), &mut tell);
                (alike.before, alike.now) = (before, now);
            }
            alike.nodes.push(node);
        }
        self.tell(&mut alike, Some(store), &mut tell);
        self.alike = alike;
        is_changed
    }

    /// Tells of the nodes that [`ClusterState::refresh`] kept back, as it found them: before time
    /// passes. What changes back and forth within an instant is not told of at all.
    pub fn catch_up(&mut self, mut tell: impl FnMut(&NodeChange<'_>)) {
        let mut alike = std::mem::take(&mut self.alike);
        while let Some(node) = self.untold.pop() {
            let Some(told) = self.told[node.index()].take() else {
                continue;
            };
            let now = self.rows[node.index()];
            if told == [now.allocated, now.free] {
                continue;
            }
            let before = now.as_told(Some(told));
            if before != alike.before || now != alike.now {
                self.tell(&mut alike, None, &mut tell);
                (alike.before, alike.now) = (before, now);
            }
            alike.nodes.push(node);
        }
        self.tell(&mut alike, None, &mut tell);
        self.alike = alike;
    }

    /// Counts the nodes that changed alike and tells of them; without a store they have no devices.
    fn tell(
        &mut self,
        alike: &mut Alike,
        store: Option<&Store>,
        tell: &mut impl FnMut(&NodeChange<'_>),
    ) {
        let Some(&first) = alike.nodes.first() else {
            return;
        };
        let times = alike.nodes.len() as i64;
        let (before, now) = (&alike.before, &alike.now);
        self.count(before, now, times);
        self.room.change(&before.room(), &now.room(), times);
        tell(&NodeChange {
            nodes: &alike.nodes,
            before,
            now,
            devices: store.map_or(Devices::NONE, |store| Devices::of(store, first)),
            room: &self.room,
            clock: self.areas.clock(),
        });
        alike.nodes.clear();
    }

    /// The present state holds for so much measured time.
    pub(super) fn hold(&mut self, nanos: i64) {
        let state = &mut self.areas;
        let clock = state.clock();
        areas::set(&mut state.allocated, &self.allocated, clock);
        areas::set(&mut state.starting, &self.starting, clock);
        areas::set(&mut state.wanted, &self.wanted, clock);
        areas::set(&mut state.room, &self.room, clock);
        state.pending.set(i128::from(self.pending), clock);
        state.holding.set(i128::from(self.holding), clock);
        if std::mem::take(&mut self.offers) {
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

    /// Free milli-GPU of the nodes that are up, by allocation.
    pub fn gpu_idle_milli(&self) -> i128 {
        self.capacity.of(Resource::Gpu) - self.allocated.of(Resource::Gpu)
    }

    fn take(&mut self, node: NodeId, amounts: &Row, sign: i64) {
        self.touch(node, Behind::Free);
        for (taken, amount) in self.taken[node.index()].iter_mut().zip(amounts) {
            *taken += sign * amount;
        }
    }

    fn touch(&mut self, node: NodeId, what: Behind) {
        let row = node.index();
        if self.rows.len() <= row {
            self.rows.resize(row + 1, NodeRow::default());
            self.taken.resize(row + 1, Row::default());
            self.is_behind.resize(row + 1, Behind::Nothing);
            self.told.resize(row + 1, None);
        }
        let behind = &mut self.is_behind[row];
        if *behind == Behind::Nothing {
            self.behind.push(node);
        }
        *behind = what.max(*behind);
    }

    /// The node of a released hold is not named: it is the one that the store changed last.
    fn touch_changed(&mut self, store: &Store) {
        let before = Revision(store.revision().0.saturating_sub(1));
        if let Some(changed) = store.ring().since(before) {
            changed.for_each(|node| self.touch(node, Behind::Free));
        } else {
            let nodes = store.nodes().ids();
            nodes.for_each(|node| self.touch(node, Behind::Free));
        }
    }

    /// Counts what nodes offer, where that is not as it was.
    fn count(&mut self, before: &NodeRow, now: &NodeRow, times: i64) {
        if before.offers_as(now) {
            return;
        }
        self.offers = true;
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

/// What a pod of a class reserves, by [`Resource`].
pub(super) fn class_requests(store: &Store, spec: SpecId) -> Row {
    amounts_of(&store.class(spec).requests)
}

/// A vector of resources by [`Resource`].
pub(super) fn amounts_of(resources: &Resources) -> Row {
    [
        resources.cpu_milli,
        resources.memory_bytes,
        resources.gpu_milli,
        resources.pods,
    ]
}

/// What a pod reserves, by [`Resource`].
pub(super) fn requests(store: &Store, pod: &Pod) -> Row {
    class_requests(store, pod.spec)
}

//! What many metrics share, kept once: the cluster's totals and counts at every instant.

use crate::cluster::Store;
use crate::cluster::nodes::Columns;
use crate::model::resource_list::{CPU, MEMORY, PODS};
use crate::model::{Event, Pod, PodPhase};
use crate::units::{NodeId, Resources, Revision, SpecId};

use super::fragments::FragmentTracker;

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

    pub(super) fn add(&mut self, amounts: &Row, sign: i128) {
        for (total, &amount) in self.0.iter_mut().zip(amounts) {
            *total += sign * i128::from(amount);
        }
    }
}

/// A node as metrics see it once everything of an instant has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeRow {
    /// Whether it is there at all.
    pub present: bool,
    /// Whether it is up.
    pub up: bool,
    /// Whether it takes new pods: up and not cordoned.
    pub schedulable: bool,
    /// What the machine has, reserved parts included.
    pub nominal: Row,
    /// What pods may use of it.
    pub allocatable: Row,
    /// What its pods reserve.
    pub allocated: Row,
    /// What is left for new pods: `allocatable` less pods and holds; negative where overcommitted.
    pub free: Row,
}

impl NodeRow {
    /// What it offers now: nothing unless it is up.
    pub fn capacity(&self) -> Row {
        if self.up {
            self.allocatable
        } else {
            Row::default()
        }
    }

    /// What new pods could take: nothing unless it is schedulable, never below zero.
    pub fn room(&self) -> Row {
        if self.schedulable {
            self.free.map(|free| free.max(0))
        } else {
            Row::default()
        }
    }
}

/// A node that is not as it was.
#[derive(Clone, Copy, Debug)]
pub struct NodeChange<'a> {
    /// Which.
    pub node: NodeId,
    /// As it was when it was last told of; all zero for a new one.
    pub before: &'a NodeRow,
    /// As it is.
    pub now: &'a NodeRow,
    /// The cluster now.
    pub store: &'a Store,
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
    rows: Vec<NodeRow>,
    /// What pods reserve of each node, ahead of `rows` within an instant.
    taken: Vec<Row>,
    /// Nodes whose row is behind, and whether a node is among them.
    behind: Vec<NodeId>,
    is_behind: Vec<bool>,
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
            | Event::NodeRemoved { node } => self.touch(*node),
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
            Event::HoldPlaced(hold) => self.touch(hold.node),
            Event::HoldReleased { .. } => self.touch_changed(store),
            Event::SpecAdded { .. }
            | Event::PodUnschedulable { .. }
            | Event::PodStarting { .. } => {}
        }
    }

    fn end(&mut self, pod: &Pod, store: &Store) {
        let requests = requests(store, pod);
        let Some(node) = pod.node.filter(|_| pod.phase.holds_node()) else {
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

    /// Brings what follows from single nodes up to date with the store; `tell` hears of every node
    /// that is not as it was.
    pub fn refresh(&mut self, store: &Store, mut tell: impl FnMut(&NodeChange<'_>)) {
        if let Some(fragments) = &mut self.fragments {
            fragments.refresh(store);
        }
        while let Some(node) = self.behind.pop() {
            self.is_behind[node.index()] = false;
            let now = row(store, node, self.taken[node.index()]);
            let before = std::mem::replace(&mut self.rows[node.index()], now);
            if before == now {
                continue;
            }
            self.count(&before, &now);
            tell(&NodeChange {
                node,
                before: &before,
                now: &now,
                store,
            });
        }
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
        self.touch(node);
        for (taken, amount) in self.taken[node.index()].iter_mut().zip(amounts) {
            *taken += sign * amount;
        }
    }

    fn touch(&mut self, node: NodeId) {
        let row = node.index();
        if self.rows.len() <= row {
            self.rows.resize(row + 1, NodeRow::default());
            self.taken.resize(row + 1, Row::default());
            self.is_behind.resize(row + 1, false);
        }
        if !std::mem::replace(&mut self.is_behind[row], true) {
            self.behind.push(node);
        }
    }

    /// The node of a released hold is not named: it is the one that the store changed last.
    fn touch_changed(&mut self, store: &Store) {
        let before = Revision(store.revision().0.saturating_sub(1));
        match store.ring().since(before) {
            Some(changed) => changed.for_each(|node| self.touch(node)),
            None => store.nodes().ids().for_each(|node| self.touch(node)),
        }
    }

    fn count(&mut self, before: &NodeRow, now: &NodeRow) {
        for (row, sign) in [(before, -1), (now, 1)] {
            if row.present {
                self.nominal.add(&row.nominal, sign);
                self.allocatable.add(&row.allocatable, sign);
            }
            if row.up {
                self.capacity.add(&row.allocatable, sign);
            }
            if row.schedulable {
                self.schedulable.add(&row.allocatable, sign);
            }
        }
        self.nodes_present += u64::from(now.present);
        self.nodes_present -= u64::from(before.present);
        self.nodes_up += u64::from(now.up);
        self.nodes_up -= u64::from(before.up);
    }
}

fn row(store: &Store, node: NodeId, allocated: Row) -> NodeRow {
    let nodes = store.nodes();
    let Some(object) = nodes.object(node) else {
        return NodeRow {
            allocated,
            ..NodeRow::default()
        };
    };
    let of = |columns: &Columns| {
        let row = node.index();
        [
            columns.cpu_milli[row],
            columns.memory_bytes[row],
            columns.gpu_milli[row],
            columns.pods[row],
        ]
    };
    let allocatable = of(nodes.allocatable());
    let mut nominal = allocatable;
    for (name, index) in [(CPU, 0), (MEMORY, 1), (PODS, 3)] {
        let amount = object.capacity.get(name);
        let amount = if index == 0 {
            amount.milli_floor()
        } else {
            amount.units_ceil()
        };
        // A machine has at least what it lets pods use.
        nominal[index] = nominal[index].max(amount.unwrap_or(0));
    }
    NodeRow {
        present: true,
        up: nodes.is_ready(node),
        schedulable: nodes.schedulable()[node.index()],
        nominal,
        allocatable,
        allocated,
        free: of(nodes.free()),
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

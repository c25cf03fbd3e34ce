//! What many metrics share, kept once: the cluster's totals and counts at every instant.

use crate::cluster::Store;
use crate::model::{Event, Pod, PodPhase};
use crate::units::NodeId;

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
}

impl Resource {
    /// All of them, in the order of [`Amounts`].
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Gpu];

    /// Its part of a metric's id.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpu => "gpu",
        }
    }

    /// How many integer units make one printed unit (core, byte, device).
    pub const fn scale(self) -> f64 {
        match self {
            Self::Cpu | Self::Gpu => 1_000.0,
            Self::Memory => 1.0,
        }
    }
}

/// Amounts by [`Resource`]: milli-cores, bytes, milli-GPU. Sums over a cluster, so 128 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts(pub [i128; 3]);

impl Amounts {
    /// The amount of one resource.
    #[inline]
    pub const fn of(&self, resource: Resource) -> i128 {
        self.0[resource as usize]
    }

    pub(super) fn add(&mut self, amounts: [i64; 3], sign: i128) {
        for (total, amount) in self.0.iter_mut().zip(amounts) {
            *total += sign * i128::from(amount);
        }
    }
}

/// The cluster's totals and counts.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    /// Requests of all pods that hold a node: bound, starting or running. Holds are not in it.
    pub allocated: Amounts,
    /// Allocatable amounts of the nodes that are up (cordoned ones included).
    pub capacity: Amounts,
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
    by_node: Vec<NodeTotals>,
}

#[derive(Clone, Copy, Debug, Default)]
struct NodeTotals {
    present: bool,
    up: bool,
    capacity: [i64; 3],
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
            | Event::NodeRemoved { node } => self.count_node(*node, store),
            Event::PodCreated(_) => self.pending += 1,
            Event::PodBound { pod, .. } => {
                if let Some(pod) = store.pods().get(*pod) {
                    self.allocated.add(requests(store, pod), 1);
                }
                self.pending -= 1;
                self.holding += 1;
            }
            Event::PodRunning { .. } => self.running += 1,
            Event::PodEnded { .. } => {
                let Some(pod) = ended else { return };
                if pod.phase.holds_node() {
                    self.allocated.add(requests(store, pod), -1);
                    self.holding -= 1;
                } else {
                    self.pending -= 1;
                }
                self.running -= u64::from(pod.phase == PodPhase::Running);
            }
            Event::SpecAdded { .. }
            | Event::PodUnschedulable { .. }
            | Event::PodStarting { .. }
            | Event::HoldPlaced(_)
            | Event::HoldReleased { .. } => {}
        }
    }

    /// Brings the fragments up to date with the store.
    pub fn refresh(&mut self, store: &Store) {
        if let Some(fragments) = &mut self.fragments {
            fragments.refresh(store);
        }
    }

    /// Free milli-GPU of the nodes that are up, by allocation.
    pub fn gpu_idle_milli(&self) -> i128 {
        self.capacity.of(Resource::Gpu) - self.allocated.of(Resource::Gpu)
    }

    fn count_node(&mut self, node: NodeId, store: &Store) {
        if self.by_node.len() <= node.index() {
            self.by_node.resize(node.index() + 1, NodeTotals::default());
        }
        let nodes = store.nodes();
        let present = nodes.object(node).is_some();
        let up = present && nodes.is_ready(node);
        let columns = nodes.allocatable();
        let row = node.index();
        let now = NodeTotals {
            present,
            up,
            capacity: if up {
                [
                    columns.cpu_milli[row],
                    columns.memory_bytes[row],
                    columns.gpu_milli[row],
                ]
            } else {
                [0; 3]
            },
        };
        let before = std::mem::replace(&mut self.by_node[row], now);
        self.capacity.add(before.capacity, -1);
        self.capacity.add(now.capacity, 1);
        self.nodes_present += u64::from(now.present);
        self.nodes_present -= u64::from(before.present);
        self.nodes_up += u64::from(now.up);
        self.nodes_up -= u64::from(before.up);
    }
}

/// What a pod reserves, by [`Resource`].
pub(super) fn requests(store: &Store, pod: &Pod) -> [i64; 3] {
    let requests = &store.class(pod.spec).requests;
    [
        requests.cpu_milli,
        requests.memory_bytes,
        requests.gpu_milli,
    ]
}

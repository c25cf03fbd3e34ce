//! Claims on a copy of the cluster, and the cluster as commits see it.

use cluster::{Class, Store};
use model::{DeviceSet, PodRef};
use rng::Stream;
use units::{ClassId, ComponentId, NodeId, Resources, Revision, SortedMap};

use super::commit::Ledger;
use super::options::Search;
use crate::batch::job::Job;
use crate::batch::room::{Places, Rooms, admits, push_places, slots_in};

/// A claim of one task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) pod: PodRef,
    pub(super) node: NodeId,
}

/// The search of a decision for nodes with room.
#[derive(Clone, Copy)]
pub(super) struct NodeSearch {
    pub(super) search: Search,
    pub(super) seed: u64,
    /// Number of the job.
    pub(super) number: u64,
    pub(super) attempt: u32,
}

/// Claims for the tasks of a job that the cluster has room for, in the order of the tasks.
pub(super) fn plan(rooms: &mut Rooms, store: &Store, job: &Job, look: NodeSearch) -> Vec<Claim> {
    let nodes = store.nodes().len();
    let jobs = look.number.wrapping_mul(1 << 20);
    let entity = jobs.wrapping_add(u64::from(look.attempt));
    let mut stream = Stream::new(look.seed, "omega/search", entity);
    let mut claimed: SortedMap<NodeId, u32> = SortedMap::new();
    let mut claims = Vec::new();
    for &pod in &job.members {
        let first = match look.search {
            Search::Random => stream.below(nodes.max(1) as u64) as usize,
            Search::First => 0,
        };
        let order = (first..nodes).chain(0..first).map(NodeId::from_index);
        let found = order.into_iter().find(|node| {
            let taken = claimed.get(node).copied().unwrap_or(0);
            rooms.here(store, job.class, *node) > taken
        });
        let Some(node) = found else { break };
        *claimed.entry(node).or_default() += 1;
        claims.push(Claim { pod, node });
    }
    claims
}

/// The room of a node as claims take it.
#[derive(Clone, Debug, Default)]
struct NodeRoom {
    slots: u32,
    /// Devices of further members, those of the next one last.
    devices: Vec<DeviceSet>,
}

/// The cluster as a commit sees it.
pub(super) struct Cell<'a> {
    store: &'a Store,
    class: ClassId,
    copy: Revision,
    claimed: &'a [Revision],
    /// The scheduler, whose holds are released with the commit.
    owner: ComponentId,
    left: SortedMap<NodeId, NodeRoom>,
}

impl<'a> Cell<'a> {
    /// The cluster as it is, for claims of a class that are based on a copy.
    pub(super) fn new(
        store: &'a Store,
        class: ClassId,
        copy: Revision,
        claimed: &'a [Revision],
        owner: ComponentId,
    ) -> Self {
        Self {
            store,
            class,
            copy,
            claimed,
            owner,
            left: SortedMap::new(),
        }
    }

    /// Has some nodes without room: what the scheduler was to be offered there, others hold.
    pub(super) fn withhold(&mut self, nodes: &[NodeId]) {
        for &node in nodes {
            self.left.insert(node, NodeRoom::default());
        }
    }

    /// Devices of the next member that was accepted on a node.
    pub(super) fn devices(&mut self, node: NodeId) -> DeviceSet {
        let left = self.left.get_mut(&node);
        left.and_then(|left| left.devices.pop())
            .unwrap_or(DeviceSet::EMPTY)
    }

    fn look(&self, node: NodeId) -> NodeRoom {
        let (nodes, class): (_, &Class) = (self.store.nodes(), self.store.class(self.class));
        let mut left = NodeRoom::default();
        if !nodes.schedulable()[node.index()] || !admits(self.store, class, node) {
            return left;
        }
        let mut free: Resources = nodes.free().row(node);
        if let Some(hold) = self.store.hold(self.owner, u64::from(node.0)) {
            free.add(&hold.resources);
        }
        let devices = nodes.gpu_room(node);
        left.slots = slots_in(class, &free, devices);
        if class.gpu.devices > 0 {
            let mut places = Places::new();
            push_places(&mut places, class, node, devices, left.slots as usize);
            left.devices = places.into_iter().rev().map(|place| place.1).collect();
        }
        left
    }
}

impl Ledger for Cell<'_> {
    type Claim = Claim;

    fn is_touched(&self, claim: &Claim) -> bool {
        let last = self.claimed.get(claim.node.index());
        last.is_some_and(|&last| last > self.copy)
    }

    fn take(&mut self, claim: &Claim) -> bool {
        if !self.left.contains_key(&claim.node) {
            let left = self.look(claim.node);
            self.left.insert(claim.node, left);
        }
        let Some(left) = self.left.get_mut(&claim.node) else {
            return false;
        };
        let fits = left.slots > 0;
        left.slots -= u32::from(fits);
        fits
    }

    fn give_back(&mut self, claim: &Claim) {
        if let Some(left) = self.left.get_mut(&claim.node) {
            left.slots += 1;
        }
    }
}

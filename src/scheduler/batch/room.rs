//! Room for further members of a class on each node, kept up to date from the ring of changed
//! nodes: a decision costs what changed since the last one, not the size of the cluster.

use fixedbitset::FixedBitSet;
use smallvec::SmallVec;

use cluster::nodes::NO_MODEL;
use cluster::{Class, Store};
use model::DeviceSet;
use model::gpu::DEVICE_MILLI;
use model::rules::{self, room};
use units::{ClassId, NodeId, Resources, Revision};

use super::free_amounts::FreeAmounts;
use super::job::Job;
use super::mixed_jobs::{kinds, place};

/// Nodes and devices of the members of a job, in order of member.
pub(crate) type Places = SmallVec<[(NodeId, DeviceSet); 1]>;

/// Members of a class that one node gets at once, at most: those that request nothing fit without end.
const MOST_AT_ONCE: usize = 1_000;

/// The room of every class that was asked about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rooms {
    classes: Vec<Option<Room>>,
    /// Whether places can be counted, and the declaration that this is computed from.
    counted: Option<(Revision, bool)>,
}

#[derive(Clone, Debug, Default)]
struct Room {
    /// Number of members that each node can take now.
    slots: Vec<u32>,
    /// The nodes that can take at least one.
    open: FixedBitSet,
    total: u64,
    cursor: Revision,
    /// Number of members that the empty cluster could take, and the declaration that it is computed
    /// from.
    capacity: Option<(Revision, u64)>,
}

impl Rooms {
    /// Number of members of a class that can start now, over all nodes.
    pub(crate) fn total(&mut self, store: &Store, class: ClassId) -> u64 {
        self.room(store, class).total
    }

    /// Number of members of a class that the cluster could take if nothing ran and every node were
    /// up.
    pub(crate) fn capacity(&mut self, store: &Store, class: ClassId) -> u64 {
        let room = self.room(store, class);
        let declared = store.nodes().declared();
        match room.capacity {
            Some((known, capacity)) if known == declared => capacity,
            _ => {
                let capacity = capacity(store, store.class(class));
                room.capacity = Some((declared, capacity));
                capacity
            }
        }
    }

    /// Whether members of all jobs take each other's places one for one: all pods are of one class, and none of a job
    /// keeps another one of it off a node that had room for both.
    pub(crate) fn are_counted(&mut self, store: &Store) -> bool {
        if store.class_count() != 1 {
            return false;
        }
        let declared = store.nodes().declared();
        match self.counted {
            Some((known, is_counted)) if known == declared => is_counted,
            _ => {
                let class = store.class(ClassId(0));
                let is_single = |node: NodeId| {
                    let FreeAmounts { row, devices } = FreeAmounts::empty(store, node);
                    slots_in(class, &row, &devices) <= 1
                };
                let is_counted = !class.is_one_per_node() || store.nodes().present().all(is_single);
                self.counted = Some((declared, is_counted));
                is_counted
            }
        }
    }

    /// Whether the cluster could take all members of a job if nothing ran and every node were up.
    pub(crate) fn fit_ever(&mut self, store: &Store, job: &Job) -> bool {
        if !job.is_mixed {
            return self.capacity(store, job.class) >= job.members.len() as u64;
        }
        let kinds = kinds(store, job);
        let mut each = kinds.iter();
        let is_present = |node| store.nodes().object(node).is_some();
        each.all(|kind| self.capacity(store, kind.class) >= kind.members.len() as u64)
            && place(store, &kinds, job.members.len(), |node| {
                is_present(node).then(|| FreeAmounts::empty(store, node))
            })
            .is_some()
    }

    /// Number of members of a job that can start now; of one with several classes all or none.
    pub(crate) fn of_job(&mut self, store: &Store, job: &Job) -> u64 {
        if !job.is_mixed {
            return self.total(store, job.class);
        }
        let places = self.places_of(store, job);
        places.map_or(0, |places| places.len() as u64)
    }

    /// Places for the members of a job, in their order; `None` if there are not enough.
    pub(crate) fn places_of(&mut self, store: &Store, job: &Job) -> Option<Places> {
        self.places_of_among(store, job, |_| true)
    }

    /// Places for the members of a job on nodes that pass a test.
    pub(crate) fn places_of_among(
        &mut self,
        store: &Store,
        job: &Job,
        admits: impl Fn(NodeId) -> bool,
    ) -> Option<Places> {
        if !job.is_mixed {
            return self.places_among(store, job.class, job.members.len(), admits);
        }
        let kinds = kinds(store, job);
        let mut each = kinds.iter();
        // What no class has room for by itself needs no search.
        let may_fit = each.all(|kind| self.total(store, kind.class) >= kind.members.len() as u64);
        let up = store.nodes().schedulable();
        let free = |node: NodeId| {
            (up[node.index()] && admits(node)).then(|| FreeAmounts::now(store, node))
        };
        may_fit.then(|| place(store, &kinds, job.members.len(), free))?
    }

    /// Number of members of a class that can start on a node now.
    pub(crate) fn here(&mut self, store: &Store, class: ClassId, node: NodeId) -> u32 {
        let room = self.room(store, class);
        room.slots.get(node.index()).copied().unwrap_or(0)
    }

    /// The nodes that can take at least one member of a class now, ascending, with the number that each can.
    pub(crate) fn open(
        &mut self,
        store: &Store,
        class: ClassId,
    ) -> impl Iterator<Item = (NodeId, u32)> {
        let room = self.room(store, class);
        let (open, slots) = (&room.open, &room.slots);
        open.ones()
            .map(|node| (NodeId::from_index(node), slots[node]))
    }

    /// Places for so many members, lowest node first, as many on a node as it can take; `None` if
    /// there are not enough.
    pub(crate) fn places(
        &mut self,
        store: &Store,
        class: ClassId,
        members: usize,
    ) -> Option<Places> {
        self.places_among(store, class, members, |_| true)
    }

    /// Places for the members of a job on nodes that pass a test.
    pub(crate) fn places_among(
        &mut self,
        store: &Store,
        class: ClassId,
        members: usize,
        admits: impl Fn(NodeId) -> bool,
    ) -> Option<Places> {
        let room = |node, room| if admits(node) { room } else { 0 };
        self.places_within(store, class, members, room)
    }

    /// Places for the members of a job, as many on a node as a rule grants of its room.
    pub(crate) fn places_within(
        &mut self,
        store: &Store,
        class: ClassId,
        members: usize,
        grant: impl Fn(NodeId, u32) -> u32,
    ) -> Option<Places> {
        let room = self.room(store, class);
        if room.total < members as u64 {
            return None;
        }
        let columns = store.class(class);
        let mut places = Places::with_capacity(members);
        for node in room.open.ones() {
            let room = room.slots[node];
            let node = NodeId::from_index(node);
            let here = (grant(node, room) as usize).min(members - places.len());
            if here == 0 {
                continue;
            }
            let rooms = store.nodes().gpu_room(node);
            push_places(&mut places, columns, node, rooms, here);
            if places.len() == members {
                return Some(places);
            }
        }
        (places.len() == members).then_some(places)
    }

    /// A place on each of these nodes, as often as it is named; `None` if one has no room.
    pub(crate) fn places_at(
        &mut self,
        store: &Store,
        class: ClassId,
        nodes: &[NodeId],
    ) -> Option<Places> {
        let mut sorted = nodes.to_vec();
        sorted.sort_unstable();
        let mut places = Places::with_capacity(nodes.len());
        for own in sorted.chunk_by(|one, next| one == next) {
            let node = own[0];
            if (self.here(store, class, node) as usize) < own.len() {
                return None;
            }
            let devices = store.nodes().gpu_room(node);
            push_places(&mut places, store.class(class), node, devices, own.len());
        }
        Some(places)
    }

    /// Devices for as many members of a class as a node has room for, those of the first one last.
    pub(crate) fn devices(
        &mut self,
        store: &Store,
        class: ClassId,
        node: NodeId,
    ) -> Vec<DeviceSet> {
        let room = (self.here(store, class, node) as usize).min(MOST_AT_ONCE);
        let mut places = Places::new();
        let devices = store.nodes().gpu_room(node);
        push_places(&mut places, store.class(class), node, devices, room);
        places.into_iter().rev().map(|place| place.1).collect()
    }

    fn room(&mut self, store: &Store, class: ClassId) -> &mut Room {
        if self.classes.len() <= class.index() {
            self.classes.resize_with(class.index() + 1, || None);
        }
        let room = self.classes[class.index()].get_or_insert_default();
        room.catch_up(store, store.class(class));
        room
    }
}

impl Room {
    fn catch_up(&mut self, store: &Store, class: &Class) {
        let head = store.revision();
        if self.cursor == head {
            return;
        }
        let nodes = store.nodes().len();
        if self.slots.len() < nodes {
            self.slots.resize(nodes, 0);
            self.open.grow(nodes);
        }
        match store.ring().since(self.cursor) {
            Some(changed) => changed.for_each(|node| self.update(store, class, node)),
            None => store
                .nodes()
                .ids()
                .for_each(|node| self.update(store, class, node)),
        }
        self.cursor = head;
    }

    fn update(&mut self, store: &Store, class: &Class, node: NodeId) {
        let slots = slots_on(store, class, node);
        let known = &mut self.slots[node.index()];
        self.total = self.total - u64::from(*known) + u64::from(slots);
        *known = slots;
        self.open.set(node.index(), slots > 0);
    }
}

/// Number of members of a class that can start on a node now.
pub(crate) fn slots_on(store: &Store, class: &Class, node: NodeId) -> u32 {
    let nodes = store.nodes();
    if nodes.schedulable()[node.index()] && admits(store, class, node) {
        let slots = slots_in(class, &nodes.free().row(node), nodes.gpu_room(node));
        of_one_job(class, slots)
    } else {
        0
    }
}

/// Number of members of one job that a node takes which has room for so many of the class.
pub(crate) fn of_one_job(class: &Class, slots: u32) -> u32 {
    if class.is_one_per_node() {
        slots.min(1)
    } else {
        slots
    }
}

/// Whether a class's selectors and tolerations, and its GPU models, admit a node.
pub(crate) fn admits(store: &Store, class: &Class, node: NodeId) -> bool {
    let nodes = store.nodes();
    if class.gpu.devices > 0 {
        let model = nodes.gpu_model(node);
        if model == NO_MODEL || !class.gpu.admits(model) {
            return false;
        }
    }
    if !class.selects_nodes && !nodes.any_tainted() {
        return true;
    }
    nodes
        .object(node)
        .is_some_and(|node| rules::admits(&class.spec, node))
}

/// Number of members of a class that fit what is left on a node: in its resources, and on its
/// devices with these rooms in milli-GPU.
pub(crate) fn slots_in(class: &Class, free: &Resources, devices: &[u16]) -> u32 {
    let requests = &class.requests;
    let extended = requests
        .extended
        .iter()
        .map(|&(id, amount)| (free.extended_amount(id), amount));
    let slots = [
        (free.cpu_milli, requests.cpu_milli),
        (free.memory_bytes, requests.memory_bytes),
        (free.storage_bytes, requests.storage_bytes),
        (free.pods, requests.pods),
    ]
    .into_iter()
    .chain(extended)
    .filter_map(|(free, request)| room::times(request, free))
    .chain(device_slots(class, devices))
    .min();
    u32::try_from(slots.unwrap_or(0)).unwrap_or(u32::MAX)
}

fn device_slots(class: &Class, rooms: &[u16]) -> Option<i64> {
    let milli = class.gpu.milli_per_device;
    match class.gpu.devices {
        0 => None,
        1 if milli > 0 => Some(rooms.iter().map(|&room| i64::from(room / milli)).sum()),
        devices => {
            let roomy = rooms.iter().filter(|&&room| room >= milli).count();
            Some(roomy as i64 / i64::from(devices))
        }
    }
}

fn capacity(store: &Store, class: &Class) -> u64 {
    let nodes = store.nodes();
    let slots = |node: NodeId| {
        let devices = [DEVICE_MILLI; model::gpu::MAX_DEVICES];
        let devices = &devices[..nodes.gpu_room(node).len()];
        let slots = slots_in(class, &nodes.allocatable().row(node), devices);
        u64::from(of_one_job(class, slots))
    };
    nodes
        .present()
        .filter(|&node| admits(store, class, node))
        .map(slots)
        .sum()
}

/// Adds places for `count` members on a node, each on its lowest devices with room.
pub(crate) fn push_places(
    places: &mut Places,
    class: &Class,
    node: NodeId,
    rooms: &[u16],
    count: usize,
) {
    let milli = class.gpu.milli_per_device;
    let rooms = if class.gpu.devices > 0 { rooms } else { &[] };
    let mut rooms: SmallVec<[u16; 8]> = SmallVec::from_slice(rooms);
    for _ in 0..count {
        let mut devices = DeviceSet::EMPTY;
        for (index, room) in rooms.iter_mut().enumerate() {
            if devices.len() == usize::from(class.gpu.devices) {
                break;
            }
            if *room >= milli {
                *room -= milli;
                devices.insert(index);
            }
        }
        places.push((node, devices));
    }
}

//! Free amounts on nodes other than the present ones: once running jobs have ended, or with members in their places.

use smallvec::SmallVec;

use cluster::{Class, Store};
use model::DeviceSet;
use model::gpu::{DEVICE_MILLI, MAX_DEVICES};
use units::{ClassId, NodeId, Resources, SortedMap};

use super::job::Job;
use super::mixed_jobs::{Kind, kinds, place};
use super::room::{admits, of_one_job, slots_in};
use super::running_jobs::RunningJob;

/// Free amounts on a node.
#[derive(Clone, Debug)]
pub(super) struct FreeAmounts {
    pub(super) row: Resources,
    pub(super) devices: SmallVec<[u16; 8]>,
}

impl FreeAmounts {
    /// The present amounts.
    pub(super) fn now(store: &Store, node: NodeId) -> Self {
        let nodes = store.nodes();
        Self {
            row: nodes.free().row(node),
            devices: SmallVec::from_slice(nodes.gpu_room(node)),
        }
    }

    /// The amounts if nothing ran.
    pub(super) fn empty(store: &Store, node: NodeId) -> Self {
        let nodes = store.nodes();
        let devices = [DEVICE_MILLI; MAX_DEVICES];
        Self {
            row: nodes.allocatable().row(node),
            devices: SmallVec::from_slice(&devices[..nodes.gpu_room(node).len()]),
        }
    }

    /// A member of a class gives its place up.
    pub(super) fn release(&mut self, class: &Class, devices: DeviceSet) {
        self.row.add(&class.requests);
        for device in devices.iter() {
            self.devices[device] += class.gpu.milli_per_device;
        }
    }

    /// A member of a class takes a place.
    pub(super) fn take(&mut self, class: &Class, devices: DeviceSet) {
        self.row.subtract(&class.requests);
        for device in devices.iter() {
            let room = &mut self.devices[device];
            *room = room.saturating_sub(class.gpu.milli_per_device);
        }
    }
}

/// Number of members of a class that fit free amounts on a node.
pub(super) fn slots(store: &Store, class: &Class, node: NodeId, free: &FreeAmounts) -> u64 {
    if !store.nodes().schedulable()[node.index()] || !admits(store, class, node) {
        return 0;
    }
    u64::from(of_one_job(class, slots_in(class, &free.row, &free.devices)))
}

/// Number of pods of a class that all nodes hold together if nothing ran, and no node were asleep or cordoned.
pub fn whole_places(store: &Store, class: ClassId) -> u64 {
    let own = store.class(class);
    let places = store.nodes().present();
    let admitting = places.filter(|&node| admits(store, own, node));
    let places = admitting.map(|node| {
        let empty = FreeAmounts::empty(store, node);
        u64::from(of_one_job(own, slots_in(own, &empty.row, &empty.devices)))
    });
    places.sum()
}

/// The room of a waiting job while running ones end, one after the other.
#[derive(Clone, Debug)]
pub(super) struct FutureRoom<'a> {
    store: &'a Store,
    job: &'a Job,
    /// Members by class, of a job with several.
    kinds: Option<Vec<Kind>>,
    /// Free amounts where they differ from the present ones.
    pub(super) nodes: SortedMap<NodeId, FreeAmounts>,
    /// Number of members that fit; it is not followed where they are of several classes.
    pub(super) members: u64,
}

impl<'a> FutureRoom<'a> {
    /// The room of a job, of which this number of members fits now.
    pub(super) fn new(store: &'a Store, job: &'a Job, members: u64) -> Self {
        Self {
            store,
            job,
            kinds: job.is_mixed.then(|| kinds(store, job)),
            nodes: SortedMap::new(),
            members,
        }
    }

    /// A running job ends.
    pub(super) fn end(&mut self, other: &RunningJob) {
        let store = self.store;
        let class = store.class(self.job.class);
        for place in other.places.iter().filter(|place| place.held) {
            let free = self.nodes.entry(place.node);
            let free = free.or_insert_with(|| FreeAmounts::now(store, place.node));
            let ending = store.class(place.class);
            if self.kinds.is_some() {
                free.release(ending, place.devices);
            } else {
                let before = slots(store, class, place.node, free);
                free.release(ending, place.devices);
                self.members += slots(store, class, place.node, free) - before;
            }
        }
    }

    /// Whether all members fit.
    pub(super) fn fits(&self) -> bool {
        let wanted = self.job.members.len();
        let Some(kinds) = &self.kinds else {
            return self.members >= wanted as u64;
        };
        let nodes = self.store.nodes();
        let free = |node: NodeId| {
            let known = self.nodes.get(&node).cloned();
            let is_up = nodes.schedulable()[node.index()];
            is_up.then(|| known.unwrap_or_else(|| FreeAmounts::now(self.store, node)))
        };
        place(self.store, kinds, wanted, free).is_some()
    }

    /// Number of members that fit beside the job.
    pub(super) fn beside(&self) -> u64 {
        let wanted = self.job.members.len() as u64;
        match self.kinds {
            Some(_) => 0,
            None => self.members.saturating_sub(wanted),
        }
    }
}

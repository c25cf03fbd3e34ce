//! The shadow of a job that does not fit: the earliest instant at which it has room if every running
//! job ends as it asked to, and the room that is left beside it then.

use smallvec::SmallVec;

use cluster::{Class, Store};
use model::DeviceSet;
use units::{Duration, Instant, NodeId, Resources, SortedMap};

use super::super::job::{Job, JobFacts};
use super::super::room::{Places, admits, slots_in};
use super::super::running::Running;
use super::super::turns::Bounds;

/// The reservation of one job, counted in its members.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// The instant at which the job has room; the end of time if running jobs alone do not make it
    /// fit.
    pub at: Instant,
    /// Number of members that fit at that instant beside the job.
    pub extra: u64,
    /// Free amounts at that instant where they differ from the present ones; empty where members of
    /// all classes take each other's places.
    freed: SortedMap<NodeId, Free>,
}

/// Free amounts on a node.
#[derive(Clone, Debug)]
pub(super) struct Free {
    row: Resources,
    devices: SmallVec<[u16; 8]>,
}

impl Free {
    pub(super) fn now(store: &Store, node: NodeId) -> Self {
        let nodes = store.nodes();
        Self {
            row: nodes.free().row(node),
            devices: SmallVec::from_slice(nodes.gpu_room(node)),
        }
    }

    /// A member of a class gives its place up.
    pub(super) fn release(&mut self, class: &Class, devices: DeviceSet) {
        self.row.add(&class.requests);
        for device in devices.iter() {
            self.devices[device] += class.gpu.milli_per_device;
        }
    }
}

impl Shadow {
    /// The shadow of a job of which `room` members fit now. All ends of one instant count together.
    pub(super) fn of(now: Instant, store: &Store, running: &Running, job: &Job, room: u64) -> Self {
        let wanted = job.members.len() as u64;
        let mut shadow = Self {
            at: Instant::MAX,
            extra: 0,
            freed: SortedMap::new(),
        };
        let found = if store.class_count() == 1 {
            fill_by_count(now, running, room, wanted)
        } else {
            shadow.fill_by_node(now, store, running, job, room)
        };
        if let Some(Reached { at, room }) = found {
            shadow.at = at;
            shadow.extra = room - wanted;
        }
        shadow
    }

    fn fill_by_node(
        &mut self,
        now: Instant,
        store: &Store,
        running: &Running,
        job: &Job,
        mut room: u64,
    ) -> Option<Reached> {
        let class = store.class(job.class);
        let wanted = job.members.len() as u64;
        let mut at = now;
        for ending in running.by_end() {
            let end = ending.expected_end.max(just_after(now));
            if end > at && room >= wanted {
                break;
            }
            at = end;
            let other = store.class(ending.class);
            for place in ending.places.iter().filter(|place| place.held) {
                let free = self.freed.entry(place.node);
                let free = free.or_insert_with(|| Free::now(store, place.node));
                let before = slots(store, class, place.node, free);
                free.release(other, place.devices);
                room += slots(store, class, place.node, free) - before;
            }
        }
        (room >= wanted && at > now).then_some(Reached { at, room })
    }

    /// Bounds of the jobs that may start now beside the shadow, where members of all classes take
    /// each other's places.
    pub fn bounds(&self, now: Instant, room: u64) -> Bounds {
        Bounds {
            members: room,
            longest: Duration::from_nanos(self.at.as_nanos().saturating_sub(now.as_nanos())),
            spare: self.extra,
        }
    }

    /// `true` if a job that starts now ends before the shadow.
    pub fn is_after(&self, now: Instant, job: &JobFacts) -> bool {
        now.saturating_add(job.requested) <= self.at
    }

    /// Number of members beside the shadow that a job in these places takes the room of.
    pub(super) fn taken(&self, store: &Store, shadowed: &Job, job: &Job, places: &Places) -> u64 {
        if store.class_count() == 1 {
            return places.len() as u64;
        }
        let class = store.class(shadowed.class);
        let other = store.class(job.class);
        let mut nodes: SortedMap<NodeId, Free> = SortedMap::new();
        let mut taken = 0;
        for &(node, devices) in places {
            let free = nodes.entry(node).or_insert_with(|| {
                let known = self.freed.get(&node).cloned();
                known.unwrap_or_else(|| Free::now(store, node))
            });
            let before = slots(store, class, node, free);
            free.row.subtract(&other.requests);
            for device in devices.iter() {
                free.devices[device] =
                    free.devices[device].saturating_sub(other.gpu.milli_per_device);
            }
            taken += before - slots(store, class, node, free);
        }
        taken
    }
}

/// The instant at which a job has room, and the members that fit then.
struct Reached {
    at: Instant,
    room: u64,
}

fn fill_by_count(now: Instant, running: &Running, mut room: u64, wanted: u64) -> Option<Reached> {
    let mut at = now;
    for (end, members) in running.ends() {
        let end = end.max(just_after(now));
        if end > at && room >= wanted {
            break;
        }
        at = end;
        room += members;
    }
    (room >= wanted && at > now).then_some(Reached { at, room })
}

/// The next instant: a job that runs longer than it asked for may end at any moment.
pub(super) fn just_after(now: Instant) -> Instant {
    now.saturating_add(Duration::from_nanos(1))
}

/// Number of members of a class that fit free amounts on a node.
pub(super) fn slots(store: &Store, class: &Class, node: NodeId, free: &Free) -> u64 {
    if !store.nodes().schedulable()[node.index()] || !admits(store, class, node) {
        return 0;
    }
    u64::from(slots_in(class, &free.row, &free.devices))
}

//! The reservation of one job's hosts, where a host's room is a number of members of any job: what a
//! [`Timetable`](super::Timetable) of running jobs finds for the head of a queue, without one.
//!
//! Running jobs alone hold hosts, so room only grows with time: the earliest instant with enough of it
//! is the end of a running job, and the hosts that are free then stay so. A job that starts beside the
//! reservation takes none of its hosts at its time, so the reservation stands until a job ends.

use cluster::Store;
use units::{ClassId, Duration, Instant, NodeId, SortedMap};

use super::super::free_amounts::{FreeAmounts, slots};
use super::super::job::Job;
use super::super::queue_index::Bounds;
use super::super::room::{Places, Rooms};
use super::super::running_jobs::RunningJobs;
use super::shadow::just_after;

/// A reservation of the lowest hosts that have room for a job at the earliest instant.
#[derive(Clone, Debug)]
pub struct HostShadow {
    /// The instant from which on the job has its hosts; the end of time if running jobs alone do not
    /// make it fit.
    pub at: Instant,
    /// Number of members that each of its hosts takes beside the job at that instant.
    beside: SortedMap<NodeId, u32>,
}

impl HostShadow {
    /// The reservation of a job that does not fit now.
    pub(super) fn of(
        now: Instant,
        store: &Store,
        running: &RunningJobs,
        job: &Job,
        rooms: &mut Rooms,
    ) -> Self {
        let class = store.class(job.class);
        let wanted = job.members.len() as u64;
        let mut room = rooms.total(store, job.class);
        let mut freed: SortedMap<NodeId, FreeAmounts> = SortedMap::new();
        let mut at = now;
        for ending in running.by_end() {
            let end = ending.expected_end.max(just_after(now));
            if (end > at && room >= wanted) || end == Instant::MAX {
                break;
            }
            at = end;
            for place in ending.places.iter().filter(|place| place.held) {
                let free = freed.entry(place.node);
                let free = free.or_insert_with(|| FreeAmounts::now(store, place.node));
                let before = slots(store, class, place.node, free);
                free.release(store.class(place.class), place.devices);
                room += slots(store, class, place.node, free) - before;
            }
        }
        if room < wanted || at == now {
            return Self {
                at: Instant::MAX,
                beside: SortedMap::new(),
            };
        }
        let freed = freed
            .iter()
            .map(|(&node, free)| (node, slots(store, class, node, free)));
        let open = rooms.open(store, job.class);
        let open = open.map(|(node, room)| (node, u64::from(room)));
        let mut beside = SortedMap::new();
        let mut missing = wanted;
        for (node, room) in merged(freed, open) {
            if missing == 0 {
                break;
            }
            let taken = room.min(missing);
            missing -= taken;
            if taken > 0 {
                let left = u32::try_from(room - taken).unwrap_or(u32::MAX);
                beside.insert(node, left);
            }
        }
        Self { at, beside }
    }

    /// Number of members that a host with this room takes for all time to come.
    pub(super) fn room(&self, node: NodeId, now: u32) -> u32 {
        let beside = self.beside.get(&node).copied();
        beside.map_or(now, |beside| beside.min(now))
    }

    /// Bounds of the jobs that may start now beside the reservation.
    pub(super) fn bounds(
        &self,
        now: Instant,
        store: &Store,
        class: ClassId,
        rooms: &mut Rooms,
    ) -> Bounds {
        let members = rooms.total(store, class);
        let mut spare = members;
        for &node in self.beside.keys() {
            let here = rooms.here(store, class, node);
            spare -= u64::from(here - self.room(node, here));
        }
        Bounds {
            members,
            longest: Duration::from_nanos(self.at.as_nanos().saturating_sub(now.as_nanos())),
            spare,
        }
    }

    /// Takes note of a job that starts now and lasts beyond the begin of the reservation.
    pub(super) fn take(&mut self, places: &Places) {
        for (node, _) in places {
            if let Some(beside) = self.beside.get_mut(node) {
                *beside = beside.saturating_sub(1);
            }
        }
    }
}

/// The hosts of both lists, ascending, with the room that the first one says where it names them.
fn merged(
    first: impl Iterator<Item = (NodeId, u64)>,
    second: impl Iterator<Item = (NodeId, u64)>,
) -> impl Iterator<Item = (NodeId, u64)> {
    let (mut first, mut second) = (first.peekable(), second.peekable());
    std::iter::from_fn(move || match (first.peek(), second.peek()) {
        (Some(one), Some(other)) if other.0 < one.0 => second.next(),
        (Some(one), Some(other)) => {
            if one.0 == other.0 {
                second.next();
            }
            first.next()
        }
        (Some(_), None) => first.next(),
        (None, _) => second.next(),
    })
}

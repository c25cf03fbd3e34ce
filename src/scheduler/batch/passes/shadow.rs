//! The shadow of a job that does not fit: the earliest instant at which it has room if every running
//! job ends as it asked to, and the room that is left beside it then.

use cluster::Store;
use units::{Duration, Instant, NodeId, SortedMap};

use super::super::free_amounts::{FreeAmounts, FutureRoom, slots};
use super::super::job::{Job, JobFacts};
use super::super::queue_index::Bounds;
use super::super::room::Places;
use super::super::running_jobs::RunningJobs;

/// The reservation of one job, counted in its members.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// The instant at which the job has room; the end of time if running jobs alone do not make it
    /// fit.
    pub at: Instant,
    /// Number of members that fit at that instant beside the job.
    pub extra: u64,
    /// Whether places are counted, as members of all jobs take each other's.
    is_counted: bool,
    /// Free amounts at that instant where they differ from the present ones; empty where places are counted.
    freed: SortedMap<NodeId, FreeAmounts>,
}

impl Shadow {
    /// The shadow of a job of which `room` members fit now, where places are counted or not. All ends of one instant
    /// count together.
    pub(super) fn of(
        now: Instant,
        store: &Store,
        running: &RunningJobs,
        job: &Job,
        room: u64,
        is_counted: bool,
    ) -> Self {
        let wanted = job.members.len() as u64;
        let mut shadow = Self {
            at: Instant::MAX,
            extra: 0,
            is_counted,
            freed: SortedMap::new(),
        };
        let found = if is_counted {
            fill_by_count(now, running, room, wanted)
        } else {
            shadow.fill_by_node(now, store, running, job, room)
        };
        if let Some(ShadowTime { at, extra }) = found {
            shadow.at = at;
            shadow.extra = extra;
        }
        shadow
    }

    fn fill_by_node(
        &mut self,
        now: Instant,
        store: &Store,
        running: &RunningJobs,
        job: &Job,
        room: u64,
    ) -> Option<ShadowTime> {
        let mut growing = FutureRoom::new(store, job, room);
        let mut at = now;
        for ending in running.by_end() {
            let end = ending.expected_end.max(just_after(now));
            if end > at && growing.fits() {
                break;
            }
            at = end;
            growing.end(ending);
        }
        let reached = (at > now && growing.fits()).then(|| ShadowTime {
            at,
            extra: growing.beside(),
        });
        self.freed = growing.nodes;
        reached
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
        if self.is_counted {
            return places.len() as u64;
        }
        if shadowed.is_mixed {
            // No number of members says what its places are.
            return if places.is_empty() { 0 } else { u64::MAX };
        }
        let class = store.class(shadowed.class);
        let mut nodes: SortedMap<NodeId, FreeAmounts> = SortedMap::new();
        let mut taken = 0;
        for (position, &(node, devices)) in places.iter().enumerate() {
            let other = store.class(job.class_of(store, position));
            let free = nodes.entry(node).or_insert_with(|| {
                let known = self.freed.get(&node).cloned();
                known.unwrap_or_else(|| FreeAmounts::now(store, node))
            });
            let before = slots(store, class, node, free);
            free.take(other, devices);
            taken += before - slots(store, class, node, free);
        }
        taken
    }
}

/// The instant at which a job has room, and the members that fit beside it then.
struct ShadowTime {
    at: Instant,
    extra: u64,
}

fn fill_by_count(
    now: Instant,
    running: &RunningJobs,
    mut room: u64,
    wanted: u64,
) -> Option<ShadowTime> {
    let mut at = now;
    for (end, members) in running.ends() {
        let end = end.max(just_after(now));
        if end > at && room >= wanted {
            break;
        }
        at = end;
        room += members;
    }
    (room >= wanted && at > now).then(|| ShadowTime {
        at,
        extra: room - wanted,
    })
}

/// The next instant: a job that runs longer than it asked for may end at any moment.
pub(super) fn just_after(now: Instant) -> Instant {
    now.saturating_add(Duration::from_nanos(1))
}

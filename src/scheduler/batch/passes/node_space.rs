//! Whole nodes over time, as the backfill plugin of Slurm keeps them (SchedMD/slurm: `node_space` of
//! `src/plugins/sched/backfill/backfill.c`): a job that waits reserves all of every node that it gets a part of, while
//! jobs that run hold what they asked for.

use cluster::Store;
use fixedbitset::FixedBitSet;
use units::{Instant, NodeId, SortedMap};

use super::super::free_amounts::{FreeAmounts, slots};
use super::super::job::Job;
use super::super::mixed_jobs::{kinds, place};
use super::super::room::{Places, push_places};
use super::shadow::just_after;
use super::{Candidate, Pass, Slot, Start};

/// Whole nodes that a job reserves for a time.
#[derive(Clone, Debug)]
pub struct NodeReservation {
    from: Instant,
    until: Instant,
    nodes: FixedBitSet,
}

impl NodeReservation {
    /// The reservation of all nodes of a slot from an instant to another.
    pub fn new(slot: &Slot, from: Instant, until: Instant) -> Self {
        let nodes = slot.start.places.iter().map(|(node, _)| node.index());
        let nodes = nodes.collect();
        Self { from, until, nodes }
    }
}

/// What running jobs leave on nodes from one instant on.
struct Room<'a> {
    store: &'a Store,
    job: &'a Job,
    /// Number of members that each node takes.
    slots: Vec<u32>,
    /// Free amounts where they differ from the present ones.
    freed: SortedMap<NodeId, FreeAmounts>,
}

impl Room<'_> {
    fn free(&self, node: NodeId) -> FreeAmounts {
        let known = self.freed.get(&node).cloned();
        known.unwrap_or_else(|| FreeAmounts::now(self.store, node))
    }

    /// Places for all members on nodes that pass a test, the lowest ones.
    fn places(&self, admits: impl Fn(NodeId) -> bool) -> Option<Places> {
        let (store, wanted) = (self.store, self.job.members.len());
        if self.job.is_mixed {
            let up = store.nodes().schedulable();
            let free = |node: NodeId| (up[node.index()] && admits(node)).then(|| self.free(node));
            return place(store, &kinds(store, self.job), wanted, free);
        }
        let class = store.class(self.job.class);
        let mut places = Places::new();
        for (node, &slots) in self.slots.iter().enumerate().filter(|own| *own.1 > 0) {
            let node = NodeId::from_index(node);
            if !admits(node) {
                continue;
            }
            let here = (slots as usize).min(wanted - places.len());
            push_places(&mut places, class, node, &self.free(node).devices, here);
            if places.len() == wanted {
                return Some(places);
            }
        }
        None
    }
}

impl Pass<'_> {
    /// The earliest slot of a job on nodes that nothing reserves in its time: now, or at the end of something. A
    /// reservation that begins as the job would end is in its way, unless the job waits for the end of another one's run.
    pub fn slot_on_whole_nodes(
        &mut self,
        candidate: &Candidate,
        reserved: &[NodeReservation],
    ) -> Option<Slot> {
        let (now, store) = (self.now, self.store);
        let job = self.queue.get(candidate.number())?;
        let mut room = Room {
            store,
            job,
            slots: vec![0; store.nodes().len()],
            freed: SortedMap::new(),
        };
        for (node, slots) in self.rooms.open(store, job.class) {
            room.slots[node.index()] = slots;
        }
        let end_of = |end: Instant| end.max(just_after(now));
        let ends = reserved.iter().map(|own| own.until);
        let ends = ends.chain(self.reservations.ends());
        let mut instants: Vec<Instant> = std::iter::once(now)
            .chain(ends.filter(|&end| end > now))
            .chain(self.running.ends().map(|(end, _)| end_of(end)))
            .filter(|&at| at < Instant::MAX)
            .collect();
        instants.sort_unstable();
        instants.dedup();
        let mut ending = self.running.by_end().peekable();
        for from in instants {
            while let Some(ended) = ending.next_if(|own| end_of(own.expected_end) <= from) {
                for place in ended.places.iter().filter(|place| place.held) {
                    let free = room.freed.entry(place.node);
                    let free = free.or_insert_with(|| FreeAmounts::now(store, place.node));
                    free.release(store.class(place.class), place.devices);
                    let own = slots(store, store.class(job.class), place.node, free);
                    room.slots[place.node.index()] = u32::try_from(own).unwrap_or(u32::MAX);
                }
            }
            let until = from.saturating_add(job.facts.requested);
            let until = until.max(just_after(from));
            let is_bounded = from == now || reserved.iter().any(|own| own.until == from);
            let is_in_way = |own: &&NodeReservation| {
                own.until > from && (own.from < until || is_bounded && own.from == until)
            };
            let mut blocked = FixedBitSet::with_capacity(room.slots.len());
            for own in reserved.iter().filter(is_in_way) {
                blocked.union_with(&own.nodes);
            }
            let reservations = self.reservations;
            let found = room.places(|node| {
                !blocked.contains(node.index()) && reservations.admit(&job.facts, node, from, until)
            });
            if let Some(places) = found {
                let number = candidate.number();
                let start = Start { number, places };
                return Some(Slot { from, start });
            }
        }
        None
    }

    /// Number of members like those of a job that nodes take now which nothing reserves yet.
    pub fn room_beside(&mut self, candidate: &Candidate, reserved: &[NodeReservation]) -> u64 {
        let (now, store) = (self.now, self.store);
        let Some(job) = self.queue.get(candidate.number()) else {
            return 0;
        };
        let open = self.rooms.open(store, job.class);
        let is_kept = |own: &NodeReservation, node: NodeId| {
            own.from <= now && own.until > now && own.nodes.contains(node.index())
        };
        let open = open.filter(|&(node, _)| !reserved.iter().any(|own| is_kept(own, node)));
        open.map(|(_, slots)| u64::from(slots)).sum()
    }
}

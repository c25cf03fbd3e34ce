//! One pass over the queue, as rules see it.

use std::cmp::Ordering;
use std::ops::Bound;

use smallvec::SmallVec;

use cluster::Store;
use units::{Instant, NodeId};

use super::super::job::{JobFacts, JobNumber};
use super::super::queue_index::Bounds;
use super::super::reservations::Reservations;
use super::super::room::{Places, Rooms, admits, push_places, slots_in};
use super::super::running_jobs::RunningJobs;
use super::super::waiting_jobs::QueuePosition;
use super::host_shadow::HostShadow;
use super::profile::Profile;
use super::queue::Queue;
use super::shadow::Shadow;
use super::timetable::Timetable;

/// A waiting job with its turn in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Facts about the job.
    pub facts: JobFacts,
    pub(super) turn: QueuePosition,
}

impl Candidate {
    /// The job's number.
    pub const fn number(&self) -> JobNumber {
        self.turn.2
    }

    /// `true` if the job comes before another one in the queue.
    pub fn is_before(&self, other: &Self) -> bool {
        self.turn < other.turn
    }

    /// The order of two jobs in the queue.
    pub fn order(&self, other: &Self) -> Ordering {
        self.turn.cmp(&other.turn)
    }
}

/// The decision to start a job now, with a place for every member.
#[derive(Clone, Debug)]
pub struct Start {
    pub(super) number: JobNumber,
    pub(super) places: Places,
}

/// Changes since the rule was last asked.
#[derive(Clone, Debug, Default)]
pub struct PassNews {
    /// `true` if places may have become free.
    pub freed: bool,
    /// `true` if that, or a change of nodes, was not foreseen by requested times.
    pub unforeseen: bool,
    /// Jobs that wait since then.
    pub arrived: Vec<JobNumber>,
    /// `true` if the queue was ordered anew.
    pub reordered: bool,
}

/// A pass over the queue.
pub struct Pass<'a> {
    pub(super) now: Instant,
    pub(super) store: &'a Store,
    pub(super) queue: &'a Queue,
    pub(super) running: &'a RunningJobs,
    /// Number of partitions, at least 1.
    pub(super) partitions: usize,
    pub(super) rooms: &'a mut Rooms,
    pub(super) reservations: &'a Reservations,
    pub(super) news: &'a PassNews,
    pub(super) asked: &'a mut PassRequests,
}

/// Requests of a rule beside starts.
#[derive(Clone, Debug, Default)]
pub(super) struct PassRequests {
    /// The earliest wake-up, and the earliest one that does not keep a run going.
    pub(super) wake: Option<Instant>,
    pub(super) wake_idle: Option<Instant>,
    /// Nodes that go up or down.
    pub(super) switched: Vec<(NodeId, bool)>,
}

impl<'a> Pass<'a> {
    /// The present.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Changes since the rule was last asked.
    pub fn news(&self) -> &'a PassNews {
        self.news
    }

    /// `true` if members of all jobs take each other's places one for one: then places can be counted.
    pub fn is_interchangeable(&mut self) -> bool {
        self.reservations.is_empty() && self.rooms.are_counted(self.store)
    }

    /// `true` if that holds of hosts, too: a host's room is a number of members of any job like this one.
    pub fn counts_hosts(&mut self, candidate: &Candidate) -> bool {
        let job = self.queue.get(candidate.number());
        let holds_devices = job.is_none_or(|job| self.store.class(job.class).gpu.devices > 0);
        self.is_interchangeable() && !holds_devices
    }

    /// `true` if a job runs longer than it asked for: when it ends is guessed anew in every pass.
    pub fn is_overdue(&self) -> bool {
        self.running
            .ends()
            .next()
            .is_some_and(|(at, _)| at <= self.now)
    }

    /// The head of the queue.
    pub fn first(&self) -> Option<Candidate> {
        self.queue.next(Bound::Unbounded, &Bounds::ANY)
    }

    /// The first job behind another one that keeps to bounds.
    pub fn after(&self, candidate: &Candidate, bounds: &Bounds) -> Option<Candidate> {
        self.queue.next(Bound::Excluded(candidate.turn), bounds)
    }

    /// All waiting jobs in the order of the queue.
    pub fn queue(&self) -> impl Iterator<Item = Candidate> {
        self.queue.all()
    }

    /// A waiting job by its number.
    pub fn waiting(&self, number: JobNumber) -> Option<Candidate> {
        self.queue.candidate(number)
    }

    /// Number of members of a job that fit now.
    pub fn room(&mut self, candidate: &Candidate) -> u64 {
        let job = self.queue.get(candidate.number());
        job.map_or(0, |job| self.rooms.of_job(self.store, job))
    }

    /// The start of a job now, on the lowest nodes with room, if it has room.
    pub fn start(&mut self, candidate: &Candidate) -> Option<Start> {
        self.start_apart(candidate, &[])
    }

    /// Number of partitions that jobs are in, at least 1.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// The start of a job now, on the lowest nodes with room that none of these jobs could be on.
    pub fn start_apart(&mut self, candidate: &Candidate, others: &[Candidate]) -> Option<Start> {
        let number = candidate.number();
        let job = self.queue.get(number)?;
        let store = self.store;
        let others = others
            .iter()
            .filter_map(|other| self.queue.get(other.number()));
        let mut classes: SmallVec<[_; 4]> = SmallVec::new();
        for own in others {
            classes.push(store.class(own.class));
            if own.is_mixed {
                let each = (0..own.members.len()).map(|position| own.class_of(store, position));
                classes.extend(each.map(|class| store.class(class)));
            }
        }
        let (now, reservations) = (self.now, self.reservations);
        let until = now.saturating_add(job.facts.requested);
        let is_apart = |node| {
            classes.iter().all(|class| !admits(store, class, node))
                && reservations.admit(&job.facts, node, now, until)
        };
        let places = self.rooms.places_of_among(store, job, is_apart)?;
        Some(Start { number, places })
    }

    /// The start of a job now, a member on each of these nodes, if they have room.
    pub fn start_on(&mut self, candidate: &Candidate, nodes: &[NodeId]) -> Option<Start> {
        let number = candidate.number();
        let job = self.queue.get(number)?;
        if job.members.len() != nodes.len() {
            return None;
        }
        let mut places = Places::new();
        for (position, &node) in nodes.iter().enumerate() {
            let class = self.store.class(job.class_of(self.store, position));
            let rooms = self.store.nodes().gpu_room(node);
            let row = self.store.nodes().free().row(node);
            if !admits(self.store, class, node) || slots_in(class, &row, rooms) == 0 {
                return None;
            }
            push_places(&mut places, class, node, rooms, 1);
        }
        Some(Start { number, places })
    }

    /// The jobs that hold nodes, in the order of submission, with the end that each is expected to have
    /// and the nodes of its members.
    pub fn running(
        &self,
    ) -> impl Iterator<Item = (JobNumber, Instant, impl Iterator<Item = NodeId>)> {
        self.running.jobs().map(|(&number, job)| {
            let held = job.places.iter().filter(|place| place.held);
            (number, job.expected_end, held.map(|place| place.node))
        })
    }

    /// Number of nodes that ever joined.
    pub fn hosts(&self) -> usize {
        self.store.nodes().len()
    }

    /// `true` if a node is up and takes jobs.
    pub fn is_up(&self, node: NodeId) -> bool {
        self.store.nodes().schedulable()[node.index()]
    }

    /// Takes a node up or down.
    pub fn switch(&mut self, node: NodeId, ready: bool) {
        self.asked.switched.push((node, ready));
    }

    /// Asks for a further pass at an instant, or earlier.
    pub fn wake_at(&mut self, at: Instant) {
        let earlier = |known: Instant| known.min(at);
        self.asked.wake = Some(self.asked.wake.map_or(at, earlier));
    }

    /// Asks for a further pass at an instant, or earlier, if anything else keeps the run going.
    pub fn wake_idle_at(&mut self, at: Instant) {
        let earlier = |known: Instant| known.min(at);
        self.asked.wake_idle = Some(self.asked.wake_idle.map_or(at, earlier));
    }

    /// The shadow of a job that does not fit.
    pub fn shadow(&mut self, candidate: &Candidate) -> Option<Shadow> {
        let room = self.room(candidate);
        let is_counted = self.rooms.are_counted(self.store);
        let job = self.queue.get(candidate.number())?;
        let (now, store, running) = (self.now, self.store, self.running);
        Some(Shadow::of(now, store, running, job, room, is_counted))
    }

    /// The reservation of the hosts of a job that does not fit, where hosts are counted.
    pub fn host_shadow(&mut self, candidate: &Candidate) -> Option<HostShadow> {
        let job = self.queue.get(candidate.number())?;
        let (now, store, running) = (self.now, self.store, self.running);
        Some(HostShadow::of(now, store, running, job, self.rooms))
    }

    /// Bounds of the jobs that may start now beside the reservation of a job's hosts.
    pub fn bounds_beside(&mut self, candidate: &Candidate, shadow: &HostShadow) -> Bounds {
        let job = self.queue.get(candidate.number());
        job.map_or(Bounds::ANY, |job| {
            shadow.bounds(self.now, self.store, job.class, self.rooms)
        })
    }

    /// The start of a job now beside the reservation of another one's hosts, on the lowest hosts with room
    /// for all its time.
    pub fn start_beside(
        &mut self,
        candidate: &Candidate,
        shadow: &mut HostShadow,
    ) -> Option<Start> {
        let number = candidate.number();
        let job = self.queue.get(number)?;
        if self.now.saturating_add(job.facts.requested) <= shadow.at {
            return self.start(candidate);
        }
        let room = |node, room| shadow.room(node, room);
        let members = job.members.len();
        let (store, class) = (self.store, job.class);
        let places = self.rooms.places_within(store, class, members, room)?;
        shadow.take(&places);
        Some(Start { number, places })
    }

    /// Number of members beside the shadow of a job that another one's start takes the room of.
    pub fn taken(&self, shadow: &Shadow, shadowed: &Candidate, start: &Start) -> u64 {
        let (Some(job), Some(other)) = (
            self.queue.get(shadowed.number()),
            self.queue.get(start.number),
        ) else {
            return 0;
        };
        shadow.taken(self.store, job, other, &start.places)
    }

    /// Free places of the job's kind over time.
    pub fn profile(&mut self, candidate: &Candidate) -> Profile {
        let room = self.room(candidate);
        Profile::of(self.now, room, self.running)
    }

    /// Nodes over time.
    pub fn timetable(&self) -> Timetable<'a> {
        Timetable::of(self, self.running)
    }
}

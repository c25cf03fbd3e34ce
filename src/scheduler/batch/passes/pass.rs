//! One pass over the queue, as rules see it.

use std::cmp::Ordering;
use std::ops::Bound;

use cluster::Store;
use units::Instant;

use super::super::job::{JobFacts, JobNumber};
use super::super::room::{Places, Rooms};
use super::super::running::Running;
use super::super::turns::Bounds;
use super::super::waiting::Turn;
use super::profile::Profile;
use super::queue::Queue;
use super::shadow::Shadow;
use super::timetable::Timetable;

/// A waiting job with its turn in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Facts about the job.
    pub facts: JobFacts,
    pub(super) turn: Turn,
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
    pub(super) running: &'a Running,
    pub(super) rooms: &'a mut Rooms,
    pub(super) news: &'a PassNews,
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
    pub fn is_interchangeable(&self) -> bool {
        self.store.class_count() == 1
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

    /// A waiting job by its number.
    pub fn waiting(&self, number: JobNumber) -> Option<Candidate> {
        self.queue.candidate(number)
    }

    /// Number of members of a job that fit now.
    pub fn room(&mut self, candidate: &Candidate) -> u64 {
        let job = self.queue.get(candidate.number());
        job.map_or(0, |job| self.rooms.total(self.store, job.class))
    }

    /// The start of a job now, on the lowest nodes with room, if it has room.
    pub fn start(&mut self, candidate: &Candidate) -> Option<Start> {
        let number = candidate.number();
        let job = self.queue.get(number)?;
        let places = self
            .rooms
            .places(self.store, job.class, job.members.len())?;
        Some(Start { number, places })
    }

    /// The shadow of a job that does not fit.
    pub fn shadow(&mut self, candidate: &Candidate) -> Option<Shadow> {
        let room = self.room(candidate);
        let job = self.queue.get(candidate.number())?;
        Some(Shadow::of(self.now, self.store, self.running, job, room))
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
        Timetable::of(self.now, self.store, self.queue, self.running)
    }
}

//! The waiting jobs in the order of the queue.

use std::ops::Bound;

use model::PodRef;
use units::{Duration, Instant, SortedMap, TenantId};

use super::super::job::{Job, JobFacts, JobNumber, JobOrder};
use super::super::queue_index::{Bounds, QueueIndex};
use super::super::waiting_jobs::QueuePosition;
use super::Candidate;

/// Jobs that wait. Turns carry no submit time, so that they are in the order of scores alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    jobs: SortedMap<JobNumber, Waits>,
    turns: QueueIndex,
    /// Jobs that the cluster as declared could not take even if nothing ran.
    aside: SortedMap<JobNumber, Job>,
    pods: usize,
}

#[derive(Clone, Debug)]
struct Waits {
    job: Job,
    turn: QueuePosition,
    /// Marks a job that the order holds back; it has no place among the turns.
    held: bool,
}

impl Queue {
    /// Adds a job, or members to a job that waits already; returns the job's turn.
    pub(super) fn add(
        &mut self,
        number: JobNumber,
        job: Job,
        order: &dyn JobOrder,
        now: Instant,
    ) -> Option<QueuePosition> {
        self.pods += job.members.len();
        if let Some(known) = self.jobs.get_mut(&number) {
            known.job.extend_with_facts(job);
            if !known.held {
                self.turns.remove(known.turn);
                self.turns.insert(known.turn, known.job.facts);
            }
            return Some(known.turn);
        }
        if let Some(known) = self.aside.get_mut(&number) {
            known.extend_with_facts(job);
            return None;
        }
        Some(self.insert(number, job, order, now))
    }

    fn insert(
        &mut self,
        number: JobNumber,
        job: Job,
        order: &dyn JobOrder,
        now: Instant,
    ) -> QueuePosition {
        let turn = (Instant::ZERO, order.score(&job.facts, now), number);
        let held = order.holds_back(&job.facts);
        if !held {
            self.turns.insert(turn, job.facts);
        }
        self.jobs.insert(number, Waits { job, turn, held });
        turn
    }

    /// Facts of every job that waits and is not put aside.
    pub(super) fn facts(&self) -> impl Iterator<Item = &JobFacts> {
        self.jobs.values().map(|waits| &waits.job.facts)
    }

    /// The first waiting job of each tenant, held back or not, in the order of the queue.
    pub(super) fn heads(&self) -> Vec<(JobNumber, &Job)> {
        let mut heads: SortedMap<TenantId, QueuePosition> = SortedMap::new();
        for waits in self.jobs.values() {
            let head = heads.entry(waits.job.facts.tenant).or_insert(waits.turn);
            *head = (*head).min(waits.turn);
        }
        let mut turns: Vec<QueuePosition> = heads.into_iter().map(|(_, turn)| turn).collect();
        turns.sort_unstable();
        let heads = turns.into_iter();
        heads
            .filter_map(|turn| Some((turn.2, self.get(turn.2)?)))
            .collect()
    }

    /// Scores every job anew; returns those that are no longer held back.
    pub(super) fn score_again(&mut self, order: &dyn JobOrder, now: Instant) -> Vec<JobNumber> {
        let jobs = std::mem::take(&mut self.jobs);
        self.turns = QueueIndex::default();
        let mut released = Vec::new();
        for (number, waits) in jobs {
            self.insert(number, waits.job, order, now);
            if waits.held && self.candidate(number).is_some() {
                released.push(number);
            }
        }
        released
    }

    /// Takes a job out.
    pub(super) fn take(&mut self, number: JobNumber) -> Option<Job> {
        let Waits { job, turn, .. } = self.jobs.remove(&number)?;
        self.turns.remove(turn);
        self.pods -= job.members.len();
        Some(job)
    }

    /// Takes one member out of a job; the job goes with its last member.
    pub(super) fn remove_member(&mut self, number: JobNumber, pod: PodRef) {
        let waiting = self.jobs.get_mut(&number).map(|waits| &mut waits.job);
        let Some(job) = waiting.or_else(|| self.aside.get_mut(&number)) else {
            return;
        };
        let Some(position) = job.members.iter().position(|&member| member == pod) else {
            return;
        };
        job.members.remove(position);
        let is_empty = job.members.is_empty();
        self.pods -= 1;
        if is_empty && self.aside.remove(&number).is_none() {
            self.take(number);
        }
    }

    /// Puts a job aside until the cluster is declared otherwise.
    pub(super) fn put_aside(&mut self, number: JobNumber) {
        if let Some(Waits { job, turn, .. }) = self.jobs.remove(&number) {
            self.turns.remove(turn);
            self.aside.insert(number, job);
        }
    }

    /// Takes back every job that was put aside; returns their numbers.
    pub(super) fn take_back(&mut self, order: &dyn JobOrder, now: Instant) -> Vec<JobNumber> {
        let aside = std::mem::take(&mut self.aside);
        let numbers = aside.keys().copied().collect();
        for (number, job) in aside {
            self.insert(number, job, order, now);
        }
        numbers
    }

    /// A job that waits and is not put aside.
    pub(super) fn get(&self, number: JobNumber) -> Option<&Job> {
        self.jobs.get(&number).map(|waits| &waits.job)
    }

    /// The first job from a turn on that keeps to bounds.
    pub(super) fn next(&self, from: Bound<QueuePosition>, bounds: &Bounds) -> Option<Candidate> {
        let (turn, &facts) = self.turns.next(from, bounds)?;
        Some(Candidate { facts, turn })
    }

    /// All waiting jobs in order.
    pub(super) fn all(&self) -> impl Iterator<Item = Candidate> {
        let turns = self.turns.after(None, Duration::MAX);
        turns.map(|(turn, &facts)| Candidate { facts, turn })
    }

    /// Facts of a waiting job with its turn; `None` while the order holds it back.
    pub(super) fn candidate(&self, number: JobNumber) -> Option<Candidate> {
        let waits = self.jobs.get(&number).filter(|waits| !waits.held)?;
        let facts: JobFacts = waits.job.facts;
        Some(Candidate {
            facts,
            turn: waits.turn,
        })
    }

    /// Number of waiting pods.
    pub(super) fn pods(&self) -> usize {
        self.pods
    }
}

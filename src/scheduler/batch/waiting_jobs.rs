//! The jobs that wait, in the order of submission and in the order of their scores.

use model::PodRef;
use units::{Duration, Instant, SortedMap, SortedSet};

use super::job::{Job, JobFacts, JobNumber, JobOrder, Score};
use super::queue_index::QueueIndex;

/// A job's turn when the waiting jobs are gone through for backfilling: by submission; jobs
/// submitted at one instant by their scores, as the published code's stable sorts leave them; those
/// that no choice has looked at yet behind the others, as they came.
pub(super) type QueuePosition = (Instant, Score, JobNumber);

/// Waiting jobs.
#[derive(Clone, Debug, Default)]
pub(super) struct WaitingJobs {
    jobs: SortedMap<JobNumber, Waits>,
    /// The turns of the waiting jobs, with what a rule looks at first, as most are passed over for
    /// it; empty where no rule asks for them.
    turns: QueueIndex,
    keeps_turns: bool,
    /// Jobs that came since the last choice.
    fresh: Vec<JobNumber>,
    /// Jobs by score; empty where scores change while jobs wait.
    ranked: SortedSet<(Score, JobNumber)>,
    /// Jobs that the cluster as declared could not take even if nothing ran.
    aside: SortedMap<JobNumber, Job>,
    pods: usize,
}

#[derive(Clone, Debug)]
struct Waits {
    job: Job,
    score: Score,
    /// The score in its turn.
    turn: Score,
}

impl WaitingJobs {
    /// Creates an empty queue. Turns are kept only if needed.
    pub(super) fn new(keeps_turns: bool) -> Self {
        Self {
            keeps_turns,
            ..Self::default()
        }
    }

    /// Adds a job, or members to a job that waits already.
    pub(super) fn add(&mut self, number: JobNumber, job: Job, order: &dyn JobOrder, now: Instant) {
        self.pods += job.members.len();
        if let Some(known) = self.any_mut(number) {
            known.extend(job);
        } else {
            self.insert(number, job, order, now);
        }
    }

    /// Takes a job out.
    pub(super) fn take(&mut self, number: JobNumber) -> Option<Job> {
        let job = self.remove(number)?;
        self.pods -= job.members.len();
        Some(job)
    }

    /// Takes one member out of a job; the job goes with its last member.
    pub(super) fn remove_member(&mut self, number: JobNumber, pod: PodRef) {
        let Some(job) = self.any_mut(number) else {
            return;
        };
        let Some(position) = job.members.iter().position(|&member| member == pod) else {
            return;
        };
        job.members.remove(position);
        let empty = job.members.is_empty();
        self.pods -= 1;
        if empty && self.aside.remove(&number).is_none() {
            self.remove(number);
        }
    }

    /// Puts a job aside until the cluster is declared otherwise.
    pub(super) fn put_aside(&mut self, number: JobNumber) {
        if let Some(job) = self.remove(number) {
            self.aside.insert(number, job);
        }
    }

    /// Takes back every job that was put aside.
    pub(super) fn take_back(&mut self, order: &dyn JobOrder, now: Instant) {
        for (number, job) in std::mem::take(&mut self.aside) {
            self.insert(number, job, order, now);
        }
    }

    /// The job that the order puts first; of equal ones the one submitted first.
    pub(super) fn first(&mut self, order: &mut dyn JobOrder, now: Instant) -> Option<JobNumber> {
        if order.ages() {
            order.waiting(&mut self.jobs.values().map(|waits| &waits.job.facts));
            order.refresh(now);
            let score = |(&number, waits): (&JobNumber, &Waits)| {
                (order.score(&waits.job.facts, now), number)
            };
            return self.jobs.iter().map(score).min().map(|(_, number)| number);
        }
        for number in self.fresh.drain(..) {
            let Some(waits) = self.jobs.get_mut(&number) else {
                continue;
            };
            let facts = waits.job.facts;
            self.turns.remove((facts.submitted, waits.turn, number));
            waits.turn = waits.score;
            let turn = (facts.submitted, waits.turn, number);
            self.turns.insert(turn, facts);
        }
        self.ranked.first().map(|&(_, number)| number)
    }

    /// A job that waits and is not put aside.
    pub(super) fn get(&self, number: JobNumber) -> Option<&Job> {
        self.jobs.get(&number).map(|waits| &waits.job)
    }

    /// The jobs whose turn comes after one (`None`: all), without those put aside; those that
    /// request more than `longest` may be left out.
    pub(super) fn after(
        &self,
        turn: Option<QueuePosition>,
        longest: Duration,
    ) -> impl Iterator<Item = (QueuePosition, &JobFacts)> {
        self.turns.after(turn, longest)
    }

    /// The last turn.
    pub(super) fn last_turn(&self) -> Option<QueuePosition> {
        self.turns.last()
    }

    /// Number of waiting pods.
    pub(super) fn pods(&self) -> usize {
        self.pods
    }

    fn insert(&mut self, number: JobNumber, job: Job, order: &dyn JobOrder, now: Instant) {
        let mut score = Score::LAST;
        if !order.ages() {
            score = order.score(&job.facts, now);
            self.ranked.insert((score, number));
        }
        if self.keeps_turns {
            let turn = (job.facts.submitted, Score::LAST, number);
            self.turns.insert(turn, job.facts);
            if !order.ages() {
                self.fresh.push(number);
            }
        }
        let turn = Score::LAST;
        self.jobs.insert(number, Waits { job, score, turn });
    }

    fn remove(&mut self, number: JobNumber) -> Option<Job> {
        let Waits { job, score, turn } = self.jobs.remove(&number)?;
        self.ranked.remove(&(score, number));
        self.turns.remove((job.facts.submitted, turn, number));
        Some(job)
    }

    fn any_mut(&mut self, number: JobNumber) -> Option<&mut Job> {
        match self.jobs.get_mut(&number) {
            Some(waits) => Some(&mut waits.job),
            None => self.aside.get_mut(&number),
        }
    }
}

//! The jobs that wait, in the order of submission and in the order of their scores.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::PodRef;
use crate::units::Instant;

use super::job::{Job, JobNumber, JobOrder, Score};

/// Waiting jobs.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    jobs: BTreeMap<JobNumber, (Job, Score)>,
    /// Jobs by score; empty where scores change while jobs wait.
    ranked: BTreeSet<(Score, JobNumber)>,
    /// Jobs that the cluster as declared could not take even if nothing ran.
    aside: BTreeMap<JobNumber, Job>,
    pods: usize,
}

impl Waiting {
    /// Adds a job, or members to a job that waits already.
    pub(super) fn add(&mut self, number: JobNumber, job: Job, order: &dyn JobOrder, now: Instant) {
        self.pods += job.members.len();
        if let Some(known) = self.any_mut(number) {
            known.members.extend(job.members);
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
    pub(super) fn first(&self, order: &dyn JobOrder, now: Instant) -> Option<JobNumber> {
        if !order.ages() {
            return self.ranked.first().map(|&(_, number)| number);
        }
        let scored = self
            .jobs
            .iter()
            .map(|(&number, (job, _))| (order.score(&job.facts, now), number));
        scored.min().map(|(_, number)| number)
    }

    /// A job that waits and is not put aside.
    pub(super) fn get(&self, number: JobNumber) -> Option<&Job> {
        self.jobs.get(&number).map(|(job, _)| job)
    }

    /// The jobs from a number on, in the order of submission, without those put aside.
    pub(super) fn since(&self, number: JobNumber) -> impl Iterator<Item = (JobNumber, &Job)> {
        self.jobs
            .range(number..)
            .map(|(&number, (job, _))| (number, job))
    }

    /// How many pods wait.
    pub(super) fn pods(&self) -> usize {
        self.pods
    }

    fn insert(&mut self, number: JobNumber, job: Job, order: &dyn JobOrder, now: Instant) {
        let score = if order.ages() {
            Score::whole(0)
        } else {
            let score = order.score(&job.facts, now);
            self.ranked.insert((score, number));
            score
        };
        self.jobs.insert(number, (job, score));
    }

    fn remove(&mut self, number: JobNumber) -> Option<Job> {
        let (job, score) = self.jobs.remove(&number)?;
        self.ranked.remove(&(score, number));
        Some(job)
    }

    fn any_mut(&mut self, number: JobNumber) -> Option<&mut Job> {
        match self.jobs.get_mut(&number) {
            Some((job, _)) => Some(job),
            None => self.aside.get_mut(&number),
        }
    }
}

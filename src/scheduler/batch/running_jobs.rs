//! The jobs that hold nodes, with the end that each is expected to have by its requested time.

use smallvec::SmallVec;

use model::{DeviceSet, PodRef};
use units::{ClassId, Instant, NodeId, SortedMap, SortedSet};

use super::job::{JobFacts, JobNumber};

/// Place of one member of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pod: PodRef,
    pub(super) class: ClassId,
    pub(super) node: NodeId,
    pub(super) devices: DeviceSet,
    /// Whether the member still holds its place.
    pub(super) held: bool,
}

/// A job that holds nodes.
#[derive(Clone, Debug)]
pub(super) struct RunningJob {
    pub(super) facts: JobFacts,
    /// Instant of the start.
    pub(super) started: Instant,
    /// Start plus requested time.
    pub(super) expected_end: Instant,
    pub(super) places: SmallVec<[Place; 1]>,
    /// Number of places held.
    pub(super) members: usize,
}

/// Jobs that hold nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct RunningJobs {
    jobs: SortedMap<JobNumber, RunningJob>,
    by_end: SortedSet<(Instant, JobNumber)>,
    /// Members that hold places, by expected end.
    ends: SortedMap<Instant, u64>,
    /// Jobs that lost members, with the instant of the last loss, while others hold their places.
    ending: SortedMap<JobNumber, Instant>,
}

impl RunningJobs {
    /// Adds a job that starts.
    pub(super) fn add(&mut self, number: JobNumber, mut job: RunningJob) {
        if let Some(known) = self.jobs.get_mut(&number) {
            // The rest of a job whose first members are up already.
            known.members += job.members;
            known.places.append(&mut job.places);
            *self.ends.entry(known.expected_end).or_default() += job.members as u64;
            return;
        }
        *self.ends.entry(job.expected_end).or_default() += job.members as u64;
        self.by_end.insert((job.expected_end, number));
        self.jobs.insert(number, job);
    }

    /// Number of places recorded for a job, held or not.
    pub(super) fn recorded(&self, number: JobNumber) -> usize {
        self.jobs.get(&number).map_or(0, |job| job.places.len())
    }

    /// A job that holds nodes.
    pub(super) fn get(&self, number: JobNumber) -> Option<&RunningJob> {
        self.jobs.get(&number)
    }

    /// The facts of a job, and the class of its member at a position.
    pub(super) fn facts_at(
        &self,
        number: JobNumber,
        position: usize,
    ) -> Option<(JobFacts, ClassId)> {
        let job = self.jobs.get(&number)?;
        Some((job.facts, job.places.get(position)?.class))
    }

    /// A member, by its position in the job, gave its place up. The job goes with its last one.
    pub(super) fn release(&mut self, number: JobNumber, position: usize, at: Instant) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        let Some(place) = job.places.get_mut(position) else {
            return;
        };
        if std::mem::replace(&mut place.held, false) {
            job.members -= 1;
            if let Some(members) = self.ends.get_mut(&job.expected_end) {
                *members -= 1;
                if *members == 0 {
                    self.ends.remove(&job.expected_end);
                }
            }
        }
        if job.members > 0 {
            self.ending.insert(number, at);
            return;
        }
        self.ending.remove(&number);
        self.by_end.remove(&(job.expected_end, number));
        self.jobs.remove(&number);
    }

    /// Whether a job is in the midst of its end: members of it ended at this instant, others
    /// have not yet.
    pub(super) fn in_midst_of_end(&mut self, now: Instant) -> bool {
        self.ending.retain(|_, &mut at| at == now);
        !self.ending.is_empty()
    }

    /// The ends that happened so far are all that happen at this instant.
    pub(super) fn settle_ends(&mut self) {
        self.ending.clear();
    }

    /// The jobs that hold nodes, in the order of submission.
    pub(super) fn jobs(&self) -> impl Iterator<Item = (&JobNumber, &RunningJob)> {
        self.jobs.iter()
    }

    /// The members that hold places, by expected end.
    pub(super) fn ends(&self) -> impl Iterator<Item = (Instant, u64)> {
        self.ends.iter().map(|(&at, &members)| (at, members))
    }

    /// The jobs by expected end, equal ones in the order of submission.
    pub(super) fn by_end(&self) -> impl Iterator<Item = &RunningJob> {
        self.by_end
            .iter()
            .filter_map(|(_, number)| self.jobs.get(number))
    }
}

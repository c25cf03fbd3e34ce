//! The jobs that hold nodes, with the end that each is expected to have by its requested time.

use smallvec::SmallVec;

use cluster::Store;
use model::{DeviceSet, PodRef};
use units::{ClassId, Instant, NodeId, SortedMap, SortedSet};

use super::job::{JobFacts, JobNumber, Processors};

/// Place of one member of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pod: PodRef,
    pub(super) class: ClassId,
    pub(super) node: NodeId,
    pub(super) devices: DeviceSet,
    /// Amounts that the member asks for.
    pub(super) requests: MemberRequests,
    /// Whether the member still holds its place.
    pub(super) held: bool,
}

/// Amounts that a member asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MemberRequests {
    cpu_milli: i64,
    memory: i64,
    gpu_milli: i64,
}

impl MemberRequests {
    /// Those of a class.
    pub(super) fn of(store: &Store, class: ClassId) -> Self {
        let requests = &store.class(class).requests;
        Self {
            cpu_milli: requests.cpu_milli,
            memory: requests.memory_bytes,
            gpu_milli: requests.gpu_milli,
        }
    }
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
    /// Amounts of the members that hold places.
    pub(super) held: MemberAmounts,
}

/// Amounts that members of a job ask for together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MemberAmounts {
    processors: Processors,
    memory: i64,
    gpu_milli: i64,
}

impl MemberAmounts {
    fn add(&mut self, member: &MemberRequests) {
        self.processors.add(member.cpu_milli);
        self.memory = self.memory.saturating_add(member.memory);
        self.gpu_milli = self.gpu_milli.saturating_add(member.gpu_milli);
    }

    fn subtract(&mut self, member: &MemberRequests) {
        self.processors.subtract(member.cpu_milli);
        self.memory = self.memory.saturating_sub(member.memory);
        self.gpu_milli = self.gpu_milli.saturating_sub(member.gpu_milli);
    }
}

impl RunningJob {
    /// Facts of the members that hold places: what the job is accounted for.
    pub(super) fn held(&self) -> JobFacts {
        JobFacts {
            members: self.members as u32,
            processors: self.held.processors.all(),
            memory: self.held.memory,
            gpu_milli: self.held.gpu_milli,
            ..self.facts
        }
    }

    /// Facts of the members that `more` has beyond `fewer`.
    fn part(more: &JobFacts, fewer: &JobFacts) -> JobFacts {
        JobFacts {
            members: more.members.saturating_sub(fewer.members),
            processors: more.processors.saturating_sub(fewer.processors),
            memory: more.memory.saturating_sub(fewer.memory),
            gpu_milli: more.gpu_milli.saturating_sub(fewer.gpu_milli),
            ..*more
        }
    }
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
    /// Adds a job that starts, or the rest of one whose first members are up already; returns what it is
    /// accounted for from now on, beside what it was before.
    pub(super) fn add(&mut self, number: JobNumber, mut job: RunningJob) -> JobFacts {
        for place in &job.places {
            job.held.add(&place.requests);
        }
        let end = self.jobs.get(&number).map(|known| known.expected_end);
        *self
            .ends
            .entry(end.unwrap_or(job.expected_end))
            .or_default() += job.members as u64;
        let Some(known) = self.jobs.get_mut(&number) else {
            let held = job.held();
            self.by_end.insert((job.expected_end, number));
            self.jobs.insert(number, job);
            return held;
        };
        let before = known.held();
        for place in &job.places {
            known.held.add(&place.requests);
        }
        known.members += job.members;
        known.places.append(&mut job.places);
        RunningJob::part(&known.held(), &before)
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

    /// A member, by its position in the job, gave its place up; returns what it was accounted for. The job
    /// goes with its last one.
    pub(super) fn release(
        &mut self,
        number: JobNumber,
        position: usize,
        at: Instant,
    ) -> Option<JobFacts> {
        let job = self.jobs.get_mut(&number)?;
        let before = job.held();
        let place = job.places.get_mut(position)?;
        let mut given_up = None;
        if std::mem::replace(&mut place.held, false) {
            let requests = place.requests;
            job.members -= 1;
            job.held.subtract(&requests);
            given_up = Some(RunningJob::part(&before, &job.held()));
            if let Some(members) = self.ends.get_mut(&job.expected_end) {
                *members -= 1;
                if *members == 0 {
                    self.ends.remove(&job.expected_end);
                }
            }
        }
        if job.members > 0 {
            self.ending.insert(number, at);
            return given_up;
        }
        self.ending.remove(&number);
        self.by_end.remove(&(job.expected_end, number));
        self.jobs.remove(&number);
        given_up
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

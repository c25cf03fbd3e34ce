//! The pods of waiting and running jobs, and the jobs that the log's creations add up to: members of one gang that
//! are created in a row are one job, a pod without a gang is a job of its own. Who knows no jobs of several classes
//! has one for each stretch of pods of one class.

use smallvec::SmallVec;

use cluster::Store;
use model::{PodCreated, PodRef};
use units::{GangId, Instant};

use super::job::{Job, JobFacts, JobNumber, Processors, processors};
use super::partitions::Partitions;

/// Whereabouts of a pod: the job it belongs to, and its position there once that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodPosition {
    pub(crate) pod: PodRef,
    pub(crate) job: JobNumber,
    pub(crate) position: Option<u32>,
}

/// A job whose members are complete.
#[derive(Clone, Debug)]
pub(crate) struct JobSubmission {
    pub(crate) number: JobNumber,
    pub(crate) job: Job,
}

/// The pods that a planner knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    /// Pods by slot.
    pods: Vec<Option<PodPosition>>,
    next: JobNumber,
    /// The gang whose members are being read.
    assembling: Option<(GangId, JobSubmission, Processors)>,
    /// Whether a gang is one job, whatever classes its members are of.
    is_whole: bool,
    partitions: Partitions,
}

impl Roster {
    /// A roster of gangs that are one job each.
    pub(crate) fn whole() -> Self {
        Self::new(Partitions::default())
    }

    /// A roster of gangs that are one job each, in partitions.
    pub(crate) fn new(partitions: Partitions) -> Self {
        Self {
            partitions,
            is_whole: true,
            ..Self::default()
        }
    }

    /// The partitions of jobs.
    pub(crate) const fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    /// Takes a created pod, and returns the jobs that are complete with it.
    pub(crate) fn created(
        &mut self,
        at: Instant,
        store: &Store,
        created: &PodCreated,
    ) -> SmallVec<[JobSubmission; 2]> {
        let requests = &store.class(created.class).requests;
        let cpu_milli = requests.cpu_milli;
        let mut complete = SmallVec::new();
        let is_whole = self.is_whole;
        let number = match &mut self.assembling {
            Some((gang, JobSubmission { number, job }, asked))
                if Some(*gang) == created.gang && (is_whole || job.class == created.class) =>
            {
                job.is_mixed |= job.class != created.class;
                job.members.push(created.pod);
                job.facts.members += 1;
                asked.add(cpu_milli);
                job.facts.processors = if job.is_mixed {
                    asked.all()
                } else {
                    processors(cpu_milli, job.members.len())
                };
                let limit = created.expected_run_time();
                job.facts.requested = job.facts.requested.max(limit);
                job.facts.memory = job.facts.memory.saturating_add(requests.memory_bytes);
                job.facts.gpu_milli = job.facts.gpu_milli.saturating_add(requests.gpu_milli);
                *number
            }
            _ => {
                complete.extend(self.finish());
                let number = self.next;
                self.next = JobNumber(number.0 + 1);
                let facts = JobFacts {
                    number,
                    submitted: at,
                    requested: created.expected_run_time(),
                    processors: processors(cpu_milli, 1),
                    members: 1,
                    tenant: created.tenant,
                    partition: self.partitions.of(store, created.class),
                    memory: requests.memory_bytes,
                    gpu_milli: requests.gpu_milli,
                };
                let members = SmallVec::from_slice(&[created.pod]);
                let job = Job {
                    facts,
                    class: created.class,
                    is_mixed: false,
                    members,
                };
                let submitted = JobSubmission { number, job };
                match created.gang {
                    Some(gang) => {
                        let mut asked = Processors::default();
                        asked.add(cpu_milli);
                        self.assembling = Some((gang, submitted, asked));
                    }
                    None => complete.push(submitted),
                }
                number
            }
        };
        let slot = created.pod.slot.index();
        if self.pods.len() <= slot {
            self.pods.resize(slot + 1, None);
        }
        self.pods[slot] = Some(PodPosition {
            pod: created.pod,
            job: number,
            position: None,
        });
        complete
    }

    /// The job whose members were being read, which is complete.
    pub(crate) fn finish(&mut self) -> Option<JobSubmission> {
        Some(self.assembling.take()?.1)
    }

    /// The job whose members were being read, if it is this one.
    pub(crate) fn finish_if(&mut self, number: JobNumber) -> Option<JobSubmission> {
        let (_, submitted, _) = self.assembling.as_ref()?;
        (submitted.number == number)
            .then(|| self.finish())
            .flatten()
    }

    /// Whereabouts of a pod that is known.
    pub(crate) fn find(&self, pod: PodRef) -> Option<PodPosition> {
        (*self.pods.get(pod.slot.index())?).filter(|known| known.pod == pod)
    }

    /// Notes where a pod is; it was created before.
    pub(crate) fn note(&mut self, whereabouts: PodPosition) {
        if let Some(known) = self.pods.get_mut(whereabouts.pod.slot.index()) {
            *known = Some(whereabouts);
        }
    }

    /// Forgets a pod, and returns where it was.
    pub(crate) fn forget(&mut self, pod: PodRef) -> Option<PodPosition> {
        let known = self.find(pod)?;
        self.pods[pod.slot.index()] = None;
        Some(known)
    }
}

//! Jobs: a gang with all of its pods, or a pod without gang. One record each, handed out when the
//! job's life is known: when its last pod ended, or at the end of the run.
//!
//! Only open gangs are remembered here; everything about a single pod is in its own record. The
//! pods of a gang are created together, so a gang is over when none of its pods lives.

use std::collections::BTreeMap;

use crate::cluster::Store;
use crate::model::{EndReason, Event, Pod, PodPhase};
use crate::units::{Duration, GangId, Instant, TenantId};

/// How a job's life went. A gang's outcome is that of its first pod that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobOutcome {
    /// All of its work is done.
    Succeeded,
    /// It failed, or was killed at its time limit.
    Failed,
    /// It was refused for good.
    Rejected,
    /// It lost its node or was evicted.
    Evicted,
    /// It was withdrawn by its owner.
    Cancelled,
    /// It had begun to run when the run ended.
    Running,
    /// It had not begun to run when the run ended.
    Waiting,
}

impl JobOutcome {
    /// The outcome that an end gives.
    pub const fn of_end(reason: EndReason) -> Self {
        match reason {
            EndReason::Completed => Self::Succeeded,
            EndReason::TimeLimit | EndReason::Error => Self::Failed,
            EndReason::Rejected => Self::Rejected,
            EndReason::NodeLost | EndReason::Evicted => Self::Evicted,
            EndReason::Cancelled => Self::Cancelled,
        }
    }

    /// Whether the job was still open at the end of the run.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Waiting)
    }
}

/// The life of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// When it was submitted: when its first pod was created.
    pub submit: Instant,
    /// When all of its pods had been bound.
    pub bound: Option<Instant>,
    /// When the first of its pods began to run.
    pub start: Option<Instant>,
    /// When its last pod ended; the end of the run if it is open.
    pub end: Instant,
    /// How it went.
    pub outcome: JobOutcome,
    /// How many pods it has.
    pub pods: u32,
    /// Whom it is accounted to.
    pub tenant: TenantId,
    /// Whether it was submitted in the measured window.
    pub measured: bool,
}

impl JobRecord {
    /// From submission to first start.
    pub fn first_wait(&self) -> Option<Duration> {
        self.start.map(|start| start.since(self.submit))
    }

    /// From first start to end.
    pub fn run_time(&self) -> Option<Duration> {
        self.start.map(|start| self.end.since(start))
    }

    /// From submission to end, or to the end of the run.
    pub fn age(&self) -> Duration {
        self.end.since(self.submit)
    }
}

#[derive(Clone, Copy, Debug)]
struct OpenGang {
    submit: Instant,
    last_bound: Instant,
    start: Option<Instant>,
    end: Instant,
    failure: Option<JobOutcome>,
    pods: u32,
    unbound: u32,
    living: u32,
    tenant: TenantId,
}

/// Follows the jobs of a cell.
#[derive(Clone, Debug, Default)]
pub struct JobTracker {
    gangs: BTreeMap<GangId, OpenGang>,
    measured_from: Instant,
}

impl JobTracker {
    /// A tracker; jobs submitted at or after `measured_from` are measured.
    pub fn new(measured_from: Instant) -> Self {
        Self {
            gangs: BTreeMap::new(),
            measured_from,
        }
    }

    /// Follows a change; returns the job that it completed.
    pub fn apply(
        &mut self,
        at: Instant,
        event: &Event,
        ended: Option<&Pod>,
        store: &Store,
    ) -> Option<JobRecord> {
        match event {
            Event::PodCreated(created) => {
                let gang = self
                    .gangs
                    .entry(created.gang?)
                    .or_insert_with(|| OpenGang::new(at, created.tenant));
                gang.pods += 1;
                gang.unbound += 1;
                gang.living += 1;
                None
            }
            Event::PodBound { pod, .. } if !self.gangs.is_empty() => {
                let gang = self.gangs.get_mut(&store.pods().get(*pod)?.gang?)?;
                gang.unbound -= 1;
                gang.last_bound = at;
                None
            }
            Event::PodRunning { pod } if !self.gangs.is_empty() => {
                let gang = self.gangs.get_mut(&store.pods().get(*pod)?.gang?)?;
                gang.start.get_or_insert(at);
                None
            }
            Event::PodEnded { reason, .. } => {
                let pod = ended?;
                let outcome = JobOutcome::of_end(*reason);
                let Some(id) = pod.gang else {
                    return Some(self.single(pod, at, outcome));
                };
                let gang = self.gangs.get_mut(&id)?;
                gang.living -= 1;
                gang.end = at;
                if outcome != JobOutcome::Succeeded {
                    gang.failure.get_or_insert(outcome);
                }
                if gang.living > 0 {
                    return None;
                }
                let gang = self.gangs.remove(&id)?;
                let outcome = gang.failure.unwrap_or(JobOutcome::Succeeded);
                Some(self.record(&gang, gang.end, outcome))
            }
            _ => None,
        }
    }

    /// The jobs that are open at the end of a run.
    pub fn open<'a>(
        &'a self,
        end: Instant,
        store: &'a Store,
    ) -> impl Iterator<Item = JobRecord> + 'a {
        let singles = store
            .pods()
            .iter()
            .filter(|pod| pod.gang.is_none())
            .map(move |pod| self.single(pod, end, open_outcome(pod.phase == PodPhase::Running)));
        let gangs = self
            .gangs
            .values()
            .map(move |gang| self.record(gang, end, open_outcome(gang.start.is_some())));
        singles.chain(gangs)
    }

    fn single(&self, pod: &Pod, end: Instant, outcome: JobOutcome) -> JobRecord {
        JobRecord {
            submit: pod.created,
            bound: pod.phase.holds_node().then_some(pod.bound),
            start: (pod.phase == PodPhase::Running).then_some(pod.started),
            end,
            outcome,
            pods: 1,
            tenant: pod.tenant,
            measured: pod.created >= self.measured_from,
        }
    }

    fn record(&self, gang: &OpenGang, end: Instant, outcome: JobOutcome) -> JobRecord {
        JobRecord {
            submit: gang.submit,
            bound: (gang.unbound == 0).then_some(gang.last_bound),
            start: gang.start,
            end,
            outcome,
            pods: gang.pods,
            tenant: gang.tenant,
            measured: gang.submit >= self.measured_from,
        }
    }
}

const fn open_outcome(started: bool) -> JobOutcome {
    if started {
        JobOutcome::Running
    } else {
        JobOutcome::Waiting
    }
}

impl OpenGang {
    const fn new(at: Instant, tenant: TenantId) -> Self {
        Self {
            submit: at,
            last_bound: at,
            start: None,
            end: at,
            failure: None,
            pods: 0,
            unbound: 0,
            living: 0,
            tenant,
        }
    }
}

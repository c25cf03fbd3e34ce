//! Jobs: a `Job` object with all of its pods, a gang with all of its pods, or another pod. One record
//! each, handed out when the job's life is known: when its last pod ended, or at the end of the run.
//!
//! Only open gangs are remembered here; everything about a single pod is in its own record. The
//! pods of a gang are created together, so a gang is over when none of its pods lives.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use cluster::Store;
use model::{EndReason, Event, EvictionCause, ObjectChange, Pod, PodCreated, PodPhase};
use units::{ClassId, Duration, GangId, Instant, ObjectId, TenantId};

use super::job_objects::JobObjects;
use crate::record::window::MeasuredWindow;

/// Members of a job that begin to run within this time of the first begin together: bounded slowdown
/// counts no shorter time either.
const TOGETHER: Duration = Duration::from_secs(10);

/// Outcome of a job. A gang's outcome is that of its first pod that did not succeed.
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
            EndReason::Rejected | EndReason::Refused(_) => Self::Rejected,
            EndReason::NodeLost | EndReason::Evicted(_) => Self::Evicted,
            EndReason::Cancelled => Self::Cancelled,
        }
    }

    /// Whether the job was still open at the end of the run.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Waiting)
    }
}

/// Template of a job's pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobTemplate {
    /// The class of its first pod.
    Class(ClassId),
    /// The template of an object that has had no pod.
    Object(ObjectId),
}

/// The life of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// Instant of submission: the creation of its object, or of its first pod.
    pub submit: Instant,
    /// Instant at which all of the job's pods had been bound.
    pub bound: Option<Instant>,
    /// Instant at which the first of the job's pods began to run.
    pub start: Option<Instant>,
    /// Instant at which the last of them began to run, but for pods that were taken off before; of a `Job`
    /// object, of those created by the first start.
    pub last_start: Option<Instant>,
    /// Time after the first start in which none of the pods of its object ran.
    pub paused: Duration,
    /// Instant at which the job's last pod ended; the end of the run if it is open.
    pub end: Instant,
    /// Outcome of the job.
    pub outcome: JobOutcome,
    /// Number of the job's pods.
    pub pods: u32,
    /// Template of its pods.
    pub template: JobTemplate,
    /// Tenant that the job is accounted to.
    pub tenant: TenantId,
    /// Priority of its first pod.
    pub priority: i32,
    /// Total CPU requests of the job's pods, in milli-cores.
    pub cpu_milli: i64,
    /// Total memory requests of the job's pods, in bytes.
    pub memory_bytes: i64,
    /// The job's number in order of submission; the first is 0.
    pub number: u64,
    /// `true` if the job was submitted in the measured window.
    pub measured: bool,
    /// Whether `end` lies in the measured window.
    pub ended_in_window: bool,
}

impl JobRecord {
    /// Time from submission to first start.
    pub fn first_wait(&self) -> Option<Duration> {
        self.start.map(|start| start.since(self.submit))
    }

    /// Whether some of its pods began to run more than ten seconds after the first, before any was taken
    /// off for another job.
    pub fn started_apart(&self) -> bool {
        let starts = self.start.zip(self.last_start);
        starts.is_some_and(|(first, last)| last.since(first) > TOGETHER)
    }

    /// Number of processors that the job requests: cores, at least one.
    pub fn processors(&self) -> f64 {
        (self.cpu_milli as f64 / 1_000.0).max(1.0)
    }

    /// Time from first start to end.
    pub fn run_time(&self) -> Option<Duration> {
        self.start.map(|start| self.end.since(start))
    }

    /// The core-seconds and byte-seconds that the job held from its first start to its end, but for its
    /// pauses; `None` of one that never started.
    pub fn held(&self) -> Option<[f64; 2]> {
        let nanos = self.run_time()?.as_nanos() - self.paused.as_nanos();
        let seconds = nanos as f64 / 1e9;
        let cores = self.cpu_milli as f64 / 1_000.0;
        Some([cores * seconds, self.memory_bytes as f64 * seconds])
    }

    /// Time from submission to end, or to the end of the run.
    pub fn age(&self) -> Duration {
        self.end.since(self.submit)
    }
}

#[derive(Clone, Copy, Debug)]
struct OpenGang {
    submit: Instant,
    last_bound: Instant,
    start: Option<Instant>,
    last_start: Option<Instant>,
    end: Instant,
    failure: Option<JobOutcome>,
    /// Pods that ended for others and have not come back.
    evicted: u32,
    /// Whether any pod ended for others: later starts are not the job's first.
    was_evicted: bool,
    pods: u32,
    unbound: u32,
    living: u32,
    class: ClassId,
    tenant: TenantId,
    priority: i32,
    cpu_milli: i64,
    memory_bytes: i64,
    number: u64,
    measured: bool,
}

/// The open gangs. Changes of one gang come together, so the last one is found at once.
#[derive(Clone, Debug, Default)]
struct Gangs {
    rows: IndexMap<GangId, u32, FxBuildHasher>,
    slab: Vec<OpenGang>,
    vacant: Vec<u32>,
    last: Option<(GangId, u32)>,
}

impl Gangs {
    fn find(&mut self, gang: GangId) -> Option<u32> {
        match self.last {
            Some((last, row)) if last == gang => Some(row),
            _ => {
                let row = *self.rows.get(&gang)?;
                self.last = Some((gang, row));
                Some(row)
            }
        }
    }

    fn get_mut(&mut self, gang: GangId) -> Option<&mut OpenGang> {
        let row = self.find(gang)?;
        Some(&mut self.slab[row as usize])
    }

    fn insert(&mut self, gang: GangId, open: OpenGang) {
        let row = if let Some(row) = self.vacant.pop() {
            self.slab[row as usize] = open;
            row
        } else {
            self.slab.push(open);
            (self.slab.len() - 1) as u32
        };
        self.rows.insert(gang, row);
        self.last = Some((gang, row));
    }

    fn remove(&mut self, gang: GangId) -> Option<OpenGang> {
        self.last = None;
        let row = self.rows.swap_remove(&gang)?;
        self.vacant.push(row);
        Some(self.slab[row as usize])
    }

    /// All of them, by identity.
    fn iter(&self) -> impl Iterator<Item = &OpenGang> {
        let mut rows: Vec<(GangId, u32)> = self.rows.iter().map(|(&id, &row)| (id, row)).collect();
        rows.sort_unstable();
        rows.into_iter().map(|(_, row)| &self.slab[row as usize])
    }
}

/// Follows the jobs of a cell.
#[derive(Clone, Debug, Default)]
pub struct JobTracker {
    gangs: Gangs,
    objects: JobObjects,
    /// Numbers of the open jobs of one pod, by row: there are no more than pods.
    numbers: Vec<u32>,
    jobs: u64,
}

impl JobTracker {
    /// Follows a change of a pod, whose record is the one that the change left, or ended; returns the
    /// job that it completed. `measured` hears of new pods here.
    pub fn apply(
        &mut self,
        at: Instant,
        event: &Event,
        pod: &Pod,
        store: &Store,
        measured: &mut MeasuredWindow,
    ) -> Option<JobRecord> {
        match event {
            Event::PodCreated(created) => {
                self.created(at, created, store, measured);
                None
            }
            Event::PodBound { .. } => {
                self.objects.bound(at, pod);
                let gang = self.gangs.get_mut(pod.gang()?)?;
                gang.unbound -= 1;
                gang.last_bound = at;
                None
            }
            Event::PodRunning { .. } => {
                self.objects.runs(at, pod);
                let gang = self.gangs.get_mut(pod.gang()?)?;
                gang.start.get_or_insert(at);
                if !gang.was_evicted {
                    gang.last_start = Some(at);
                }
                None
            }
            Event::PodEnded { reason, .. } if self.objects.has(pod) => {
                self.objects.ended(at, pod, *reason);
                None
            }
            Event::PodEnded { reason, .. } => {
                let outcome = JobOutcome::of_end(*reason);
                let Some(id) = pod.gang() else {
                    return Some(self.single(pod, at, outcome, store, measured));
                };
                let gang = self.gangs.get_mut(id)?;
                gang.living -= 1;
                gang.end = at;
                if *reason == EndReason::Evicted(EvictionCause::Preemption) {
                    gang.evicted += 1;
                    gang.was_evicted = true;
                } else if outcome != JobOutcome::Succeeded {
                    gang.failure.get_or_insert(outcome);
                }
                if gang.living > 0 {
                    return None;
                }
                let gang = self.gangs.remove(id)?;
                let evicted = (gang.evicted > 0).then_some(JobOutcome::Evicted);
                let outcome = gang.failure.or(evicted).unwrap_or(JobOutcome::Succeeded);
                Some(record(&gang, gang.end, outcome, measured))
            }
            _ => None,
        }
    }

    /// Follows a change of an object; returns the job that it ended.
    pub fn object_changed(
        &mut self,
        at: Instant,
        change: &ObjectChange,
        measured: &mut MeasuredWindow,
    ) -> Option<JobRecord> {
        self.objects.apply(at, change, &mut self.jobs, measured)
    }

    fn created(
        &mut self,
        at: Instant,
        created: &PodCreated,
        store: &Store,
        measured: &mut MeasuredWindow,
    ) {
        // Nobody waited in this run for what was there before it.
        if created.found.is_some() {
            return;
        }
        if self.objects.takes(created) {
            measured.submitted(at, created.pod.id, false);
            return;
        }
        let begins = created
            .gang
            .is_none_or(|gang| self.gangs.find(gang).is_none());
        measured.submitted(at, created.pod.id, begins);
        let number = self.jobs;
        self.jobs += u64::from(begins);
        let Some(gang) = created.gang else {
            let row = created.pod.slot.index();
            if self.numbers.len() <= row {
                self.numbers.resize(row + 1, 0);
            }
            self.numbers[row] = number as u32;
            return;
        };
        if begins {
            let measured = measured.has(created.pod.id);
            let priority = store.class(created.class).spec.priority;
            let open = OpenGang::new(at, created, priority, number, measured);
            self.gangs.insert(gang, open);
        }
        let Some(gang) = self.gangs.get_mut(gang) else {
            return;
        };
        gang.unbound += 1;
        gang.living += 1;
        if gang.evicted > 0 {
            // One that ended for another job comes back: the job is as large as before.
            gang.evicted -= 1;
            return;
        }
        gang.pods += 1;
        let requests = &store.class(created.class).requests;
        gang.cpu_milli = gang.cpu_milli.saturating_add(requests.cpu_milli);
        gang.memory_bytes = gang.memory_bytes.saturating_add(requests.memory_bytes);
    }

    /// The jobs that are open at the end of a run.
    pub fn open<'a>(
        &'a self,
        end: Instant,
        store: &'a Store,
        measured: &'a MeasuredWindow,
    ) -> impl Iterator<Item = JobRecord> + 'a {
        let singles = store
            .pods()
            .iter()
            .filter(|pod| pod.gang().is_none() && !self.objects.has(pod))
            .map(move |pod| {
                let outcome = open_outcome(pod.phase == PodPhase::Running);
                self.single(pod, end, outcome, store, measured)
            });
        let gangs = self.gangs.iter().map(move |gang| {
            let outcome = open_outcome(gang.start.is_some());
            record(gang, end, outcome, measured)
        });
        singles.chain(gangs).chain(self.objects.iter(end, measured))
    }

    fn single(
        &self,
        pod: &Pod,
        end: Instant,
        outcome: JobOutcome,
        store: &Store,
        measured: &MeasuredWindow,
    ) -> JobRecord {
        JobRecord {
            submit: pod.created,
            bound: pod.phase.holds_node().then_some(pod.bound),
            start: (pod.phase == PodPhase::Running).then_some(pod.started),
            last_start: None,
            paused: Duration::ZERO,
            end,
            outcome,
            pods: 1,
            template: JobTemplate::Class(pod.class),
            tenant: pod.tenant,
            priority: store.class(pod.class).spec.priority,
            cpu_milli: store.class(pod.class).requests.cpu_milli,
            memory_bytes: store.class(pod.class).requests.memory_bytes,
            number: self
                .numbers
                .get(pod.pod.slot.index())
                .map_or(0, |&number| u64::from(number)),
            measured: measured.has(pod.pod.id),
            ended_in_window: measured.has_instant(end),
        }
    }
}

fn record(
    gang: &OpenGang,
    end: Instant,
    outcome: JobOutcome,
    measured: &MeasuredWindow,
) -> JobRecord {
    JobRecord {
        submit: gang.submit,
        bound: (gang.unbound == 0).then_some(gang.last_bound),
        start: gang.start,
        last_start: gang.last_start,
        paused: Duration::ZERO,
        end,
        outcome,
        pods: gang.pods,
        template: JobTemplate::Class(gang.class),
        tenant: gang.tenant,
        priority: gang.priority,
        cpu_milli: gang.cpu_milli,
        memory_bytes: gang.memory_bytes,
        number: gang.number,
        measured: gang.measured,
        ended_in_window: measured.has_instant(end),
    }
}

pub(super) const fn open_outcome(started: bool) -> JobOutcome {
    if started {
        JobOutcome::Running
    } else {
        JobOutcome::Waiting
    }
}

impl OpenGang {
    const fn new(
        at: Instant,
        first: &PodCreated,
        priority: i32,
        number: u64,
        measured: bool,
    ) -> Self {
        Self {
            submit: at,
            last_bound: at,
            start: None,
            last_start: None,
            end: at,
            failure: None,
            evicted: 0,
            was_evicted: false,
            pods: 0,
            unbound: 0,
            living: 0,
            class: first.class,
            tenant: first.tenant,
            priority,
            cpu_milli: 0,
            memory_bytes: 0,
            number,
            measured,
        }
    }
}

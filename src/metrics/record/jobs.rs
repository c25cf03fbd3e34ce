//! Jobs: a `Job` object with all of its pods, a gang with all of its pods, or another pod. One record
//! each, handed out when the job's life is known: when its last pod ended, or at the end of the run.
//!
//! Only open gangs are remembered here; everything about a single pod is in its own record. The
//! pods of a gang are created together, so a gang is over when none of its pods lives.

use cluster::Store;
use model::{ERRAND_LABEL, EndReason, Event, ObjectChange, Pod, PodCreated, PodPhase};
use units::{ClassId, Duration, GangId, Instant, ObjectId, SortedMap, SortedSet, TenantId};

use super::ends::{Ends, PriorLife, ReturnCandidate, ReturnedJob};
use super::gangs::{Gangs, OpenGang};
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
    /// It had not begun to run, or waited again, when the run ended.
    Waiting,
}

impl JobOutcome {
    /// The outcome that an end gives.
    pub const fn of_end(reason: EndReason) -> Self {
        match reason {
            EndReason::Completed => Self::Succeeded,
            EndReason::TimeLimit | EndReason::Error => Self::Failed,
            EndReason::Rejected | EndReason::Refused(_) => Self::Rejected,
            EndReason::NodeLost | EndReason::Evicted(_) | EndReason::Moved => Self::Evicted,
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
    /// Instant at which all of the job's pods had been bound for the first time.
    pub bound: Option<Instant>,
    /// Instant at which the first of the job's pods began to run.
    pub start: Option<Instant>,
    /// Instant at which the last of them began to run, but for pods that were taken off before; of a `Job`
    /// object, of those created by the first start.
    pub last_start: Option<Instant>,
    /// Time after the first start in which none of its pods ran, of a job of one pod or a `Job` object; with that of
    /// attempts that were lost with their node, of a job of one pod.
    pub paused: Duration,
    /// Time in which the pod of a job of one waited for a node again.
    pub requeued: Duration,
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
    /// True of a pod of a controller, which makes others in its place and keeps the account of their failures.
    pub is_replaced: bool,
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

    /// Time that the job ran for, without its pauses; `None` of one that never started.
    pub fn worked(&self) -> Option<Duration> {
        let nanos = self.run_time()?.as_nanos() - self.paused.as_nanos();
        Some(Duration::from_nanos(nanos))
    }

    /// The core-seconds and byte-seconds that the job held from its first start to its end, but for its
    /// pauses; `None` of one that never started.
    pub fn held(&self) -> Option<[f64; 2]> {
        let seconds = self.worked()?.as_secs_f64();
        let cores = self.cpu_milli as f64 / 1_000.0;
        Some([cores * seconds, self.memory_bytes as f64 * seconds])
    }

    /// Time from submission to end, or to the end of the run.
    pub fn age(&self) -> Duration {
        self.end.since(self.submit)
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
    /// Rows of open jobs of one pod that a controller replaces.
    replaced: SortedSet<u32>,
    /// Jobs of one pod that came back, by row.
    returned: SortedMap<u32, PriorLife>,
    ends: Ends,
}

impl JobTracker {
    /// A tracker of jobs whose evicted pods come back with the rest of their work, or from the start.
    pub fn new(keeps_work: bool) -> Self {
        Self {
            ends: Ends::new(keeps_work),
            ..Self::default()
        }
    }

    /// Follows a change of a pod, whose record is the one that the change left, or ended. `measured` hears
    /// of new pods here.
    pub fn apply(
        &mut self,
        at: Instant,
        event: &Event,
        pod: &Pod,
        store: &Store,
        measured: &mut MeasuredWindow,
    ) {
        if let Event::PodEnded {
            reason: EndReason::Moved,
            ..
        } = event
        {
            measured.moves(pod.pod.id);
        }
        match event {
            Event::PodCreated(created) => self.created(at, created, store, measured),
            Event::PodBound { .. } => {
                self.objects.bound(at, pod);
                if let Some(gang) = pod.gang().and_then(|gang| self.gangs.get_mut(gang)) {
                    gang.unbound -= 1;
                    gang.last_bound = at;
                }
            }
            Event::PodRunning { .. } => {
                self.objects.runs(at, pod);
                if let Some(gang) = pod.gang().and_then(|gang| self.gangs.get_mut(gang)) {
                    gang.start.get_or_insert(at);
                    if !gang.was_evicted {
                        gang.last_start = Some(at);
                    }
                }
            }
            Event::PodEnded { reason, .. } if self.objects.has(pod) => {
                self.objects.ended(at, pod, *reason);
            }
            Event::PodEnded { reason, .. } => {
                if let Some(gang) = pod.gang() {
                    self.member_ended(at, gang, pod, *reason, measured);
                } else {
                    self.single_ended(at, pod, *reason, store, measured);
                }
            }
            _ => {}
        }
    }

    /// The pod of a job of one ended.
    fn single_ended(
        &mut self,
        at: Instant,
        pod: &Pod,
        reason: EndReason,
        store: &Store,
        measured: &MeasuredWindow,
    ) {
        let outcome = JobOutcome::of_end(reason);
        let record = self.single(pod, at, outcome, store, measured);
        let row = pod.pod.slot.index() as u32;
        if !self.returned.is_empty() {
            self.returned.remove(&row);
        }
        if !self.replaced.is_empty() {
            self.replaced.remove(&row);
        }
        self.ends.add(at, record, ReturnCandidate::of(pod, reason));
    }

    /// A pod of a gang ended.
    fn member_ended(
        &mut self,
        at: Instant,
        id: GangId,
        pod: &Pod,
        reason: EndReason,
        measured: &MeasuredWindow,
    ) {
        let outcome = JobOutcome::of_end(reason);
        let Some(gang) = self.gangs.get_mut(id) else {
            return;
        };
        gang.living -= 1;
        gang.end = at;
        let back = ReturnCandidate::of(pod, reason);
        if back.is_some() {
            gang.evicted += 1;
            gang.was_evicted = true;
        } else if outcome != JobOutcome::Succeeded {
            gang.failure.get_or_insert(outcome);
        }
        if gang.living > 0 {
            return;
        }
        if let Some(gang) = self.gangs.remove(id) {
            let evicted = (gang.evicted > 0).then_some(JobOutcome::Evicted);
            let outcome = gang.failure.or(evicted).unwrap_or(JobOutcome::Succeeded);
            let back = back.map(|back| back.with(id, gang));
            self.ends
                .add(at, record(&gang, gang.end, outcome, measured), back);
        }
    }

    /// The next job that was over by an instant, once for each.
    #[inline]
    pub fn next_ended(&mut self, now: Instant) -> Option<JobRecord> {
        self.ends.next(now)
    }

    /// Follows a change of an object.
    pub fn object_changed(
        &mut self,
        at: Instant,
        change: &ObjectChange,
        measured: &mut MeasuredWindow,
    ) {
        if let Some(record) = self.objects.apply(at, change, &mut self.jobs, measured) {
            self.ends.add(at, record, None);
        }
    }

    fn created(
        &mut self,
        at: Instant,
        created: &PodCreated,
        store: &Store,
        measured: &mut MeasuredWindow,
    ) {
        // What existed before this run did not wait in it.
        if created.found.is_some() {
            return;
        }
        if self.objects.takes(created) {
            measured.submitted(at, created.pod.id, false);
            return;
        }
        let earlier = match (self.ends.take_back(at, created), created.gang) {
            (Some(ReturnedJob::Single(earlier)), _) => Some(earlier),
            (Some(ReturnedJob::Gang(open)), Some(gang)) => {
                self.gangs.insert(gang, open);
                None
            }
            _ => None,
        };
        let begins = created
            .gang
            .map_or(earlier.is_none(), |gang| self.gangs.find(gang).is_none());
        measured.submitted(at, created.pod.id, begins);
        let number = self.jobs;
        self.jobs += u64::from(begins);
        let Some(gang) = created.gang else {
            let row = created.pod.slot.index();
            if self.numbers.len() <= row {
                self.numbers.resize(row + 1, 0);
            }
            self.numbers[row] = earlier.map_or(number, |earlier| earlier.number) as u32;
            let is_errand = || {
                store
                    .class(created.class)
                    .spec
                    .labels
                    .contains_key(ERRAND_LABEL)
            };
            if created.owner.is_some() || is_errand() {
                self.replaced.insert(row as u32);
            }
            if let Some(earlier) = earlier {
                self.returned.insert(row as u32, earlier);
            }
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
            // One that made way or lost its node comes back: the job is as large as before.
            gang.evicted -= 1;
            return;
        }
        gang.pods += 1;
        let requests = &store.class(created.class).requests;
        gang.cpu_milli = gang.cpu_milli.saturating_add(requests.cpu_milli);
        gang.memory_bytes = gang.memory_bytes.saturating_add(requests.memory_bytes);
    }

    /// The jobs that are open at the end of a run, after those that ended with its last instant.
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
        let ended = self.ends.iter();
        (ended.chain(singles).chain(gangs)).chain(self.objects.iter(end, measured))
    }

    fn single(
        &self,
        pod: &Pod,
        end: Instant,
        outcome: JobOutcome,
        store: &Store,
        measured: &MeasuredWindow,
    ) -> JobRecord {
        let mut record = JobRecord {
            submit: pod.created,
            bound: pod.phase.holds_node().then_some(pod.bound),
            start: (pod.phase == PodPhase::Running).then_some(pod.started),
            last_start: None,
            paused: Duration::ZERO,
            requeued: Duration::ZERO,
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
            is_replaced: false,
        };
        let row = pod.pod.slot.index() as u32;
        record.is_replaced = !self.replaced.is_empty() && self.replaced.contains(&row);
        let earlier = (!self.returned.is_empty()).then(|| self.returned.get(&row));
        if let Some(earlier) = earlier.flatten() {
            earlier.extend(&mut record, pod.created);
        }
        record
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
        requeued: Duration::ZERO,
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
        is_replaced: gang.is_replaced,
    }
}

pub(super) const fn open_outcome(started: bool) -> JobOutcome {
    if started {
        JobOutcome::Running
    } else {
        JobOutcome::Waiting
    }
}

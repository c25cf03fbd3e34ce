//! Jobs that are `Job` objects: submitted when the object is created, and over with its final condition.
//! What their pods do is counted as part of them, also after they were stopped and started again.

use cluster::Store;
use model::workload::Job;
use model::workload::job::JobStatus;
use model::workload::job::{JobCondition, JobConditionKind};
use model::{EndReason, Object, ObjectChange, Pod, PodCreated};
use units::{ClassId, Duration, Instant, ObjectId, SortedMap, TenantId};

use super::jobs::{JobOutcome, JobRecord, JobTemplate, open_outcome};
use super::window::MeasuredWindow;

/// An object that has no final condition yet.
#[derive(Clone, Debug)]
struct OpenObject {
    submit: Instant,
    number: u64,
    measured: bool,
    pods: u32,
    /// Number of its pods that are to succeed.
    completions: u32,
    succeeded: u32,
    priority: i32,
    cpu_milli: i64,
    memory_bytes: i64,
    class: Option<ClassId>,
    /// Number of its pods that have had nodes.
    bound: u32,
    /// First instant at which as many as run at once had had nodes.
    all_bound: Option<Instant>,
    start: Option<Instant>,
    last_start: Option<Instant>,
    /// Number of its pods that run.
    running: u32,
    /// Instant since which none of its pods runs, after the first start.
    idle_since: Option<Instant>,
    paused: Duration,
}

/// The `Job` objects that are open.
#[derive(Clone, Debug, Default)]
pub(super) struct JobObjects {
    open: SortedMap<ObjectId, OpenObject>,
    /// Objects of the pods, by slot.
    owners: Vec<Option<ObjectId>>,
}

impl JobObjects {
    /// Follows a change of an object; returns the job that it ended.
    pub(super) fn apply(
        &mut self,
        at: Instant,
        change: &ObjectChange,
        jobs: &mut u64,
        measured: &mut MeasuredWindow,
    ) -> Option<JobRecord> {
        match change {
            ObjectChange::Created { id, object, .. } => {
                let Object::Job(job) = object else {
                    return None;
                };
                // What had begun before this run did not wait in it.
                if job.status == JobStatus::default() {
                    let own = OpenObject::new(at, job, *jobs, measured.job_submitted(at));
                    *jobs += 1;
                    self.open.insert(*id, own);
                }
                None
            }
            ObjectChange::Updated { id, object } => {
                let Object::Job(job) = object else {
                    return None;
                };
                let mut conditions = job.status.conditions.iter();
                let last =
                    conditions.find(|condition| condition.holds && condition.kind.is_final())?;
                let outcome = outcome(last);
                let own = self.open.remove(id)?;
                Some(own.record(*id, own.idle_since.unwrap_or(at), outcome, measured))
            }
            ObjectChange::Deleted { id } => {
                let own = self.open.remove(id)?;
                Some(own.record(*id, at, JobOutcome::Cancelled, measured))
            }
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => None,
        }
    }

    /// Whether a new pod belongs to an open object.
    pub(super) fn takes(&mut self, created: &PodCreated) -> bool {
        let owner = created.owner.map(|own| own.object);
        let Some((id, own)) = owner.and_then(|id| Some((id, self.open.get_mut(&id)?))) else {
            return false;
        };
        own.class.get_or_insert(created.class);
        let slot = created.pod.slot.index();
        if self.owners.len() <= slot {
            self.owners.resize(slot + 1, None);
        }
        self.owners[slot] = Some(id);
        true
    }

    /// Whether a pod belongs to an object.
    pub(super) fn has(&self, pod: &Pod) -> bool {
        let owner = self.owners.get(pod.pod.slot.index());
        owner.is_some_and(Option::is_some)
    }

    fn of_mut(&mut self, pod: &Pod) -> Option<&mut OpenObject> {
        let id = (*self.owners.get(pod.pod.slot.index())?)?;
        self.open.get_mut(&id)
    }

    /// A pod got a node.
    pub(super) fn bound(&mut self, at: Instant, pod: &Pod) {
        if let Some(own) = self.of_mut(pod) {
            own.bound += 1;
            if own.bound >= own.pods {
                own.all_bound.get_or_insert(at);
            }
        }
    }

    /// A pod runs.
    pub(super) fn runs(&mut self, at: Instant, pod: &Pod) {
        let Some(own) = self.of_mut(pod) else {
            return;
        };
        let first = *own.start.get_or_insert(at);
        if pod.created <= first {
            own.last_start = Some(at);
        }
        own.running += 1;
        if let Some(since) = own.idle_since.take() {
            own.paused = own.paused.saturating_add(at.since(since));
        }
    }

    /// A pod ended, whose record is the one before.
    pub(super) fn ended(&mut self, at: Instant, pod: &Pod, reason: EndReason) {
        if let Some(own) = self.of_mut(pod) {
            own.succeeded += u32::from(reason == EndReason::Completed);
            if pod.phase == model::PodPhase::Running {
                own.running -= 1;
                if own.running == 0 {
                    own.idle_since = Some(at);
                }
            }
        }
        if let Some(owner) = self.owners.get_mut(pod.pod.slot.index()) {
            *owner = None;
        }
    }

    /// The jobs that are open at the end of a run, in order of their objects.
    pub(super) fn iter<'a>(
        &'a self,
        end: Instant,
        measured: &'a MeasuredWindow,
    ) -> impl Iterator<Item = JobRecord> + 'a {
        self.open.iter().map(move |(id, own)| {
            // The run may be over before the job's controller has counted the last pod.
            match own.idle_since {
                Some(done) if own.succeeded >= own.completions => {
                    own.record(*id, done, JobOutcome::Succeeded, measured)
                }
                _ => own.record(*id, end, open_outcome(own.start.is_some()), measured),
            }
        })
    }
}

impl OpenObject {
    fn new(at: Instant, job: &Job, number: u64, measured: bool) -> Self {
        let most = job.completions.unwrap_or(job.parallelism);
        let pods = job.parallelism.min(most).max(1);
        let requests = job.template.requests().unwrap_or_default();
        let of_all = |one: i64| one.saturating_mul(i64::from(pods));
        Self {
            submit: at,
            number,
            measured,
            pods: pods.unsigned_abs(),
            completions: job.completions.unwrap_or(1).max(0).unsigned_abs(),
            succeeded: 0,
            priority: job.template.priority,
            cpu_milli: of_all(
                requests
                    .get(model::resource_list::CPU)
                    .milli_ceil()
                    .unwrap_or(0),
            ),
            memory_bytes: of_all(
                requests
                    .get(model::resource_list::MEMORY)
                    .units_ceil()
                    .unwrap_or(0),
            ),
            class: None,
            bound: 0,
            all_bound: None,
            start: None,
            last_start: None,
            running: 0,
            idle_since: None,
            paused: Duration::ZERO,
        }
    }

    fn record(
        &self,
        id: ObjectId,
        end: Instant,
        outcome: JobOutcome,
        measured: &MeasuredWindow,
    ) -> JobRecord {
        let stands = self
            .idle_since
            .map_or(Duration::ZERO, |since| end.since(since));
        JobRecord {
            submit: self.submit,
            bound: self.all_bound,
            start: self.start,
            last_start: self.last_start,
            paused: self.paused.saturating_add(stands),
            requeued: Duration::ZERO,
            end,
            outcome,
            pods: self.pods,
            template: self
                .class
                .map_or(JobTemplate::Object(id), JobTemplate::Class),
            tenant: TenantId(0),
            priority: self.priority,
            cpu_milli: self.cpu_milli,
            memory_bytes: self.memory_bytes,
            number: self.number,
            measured: self.measured,
            ended_in_window: measured.has_instant(end),
            is_replaced: false,
        }
    }
}

const fn outcome(condition: &JobCondition) -> JobOutcome {
    match condition.kind {
        JobConditionKind::Complete => JobOutcome::Succeeded,
        _ => JobOutcome::Failed,
    }
}

impl JobTemplate {
    /// The spec that a job asks for; `None` of an object that is gone.
    pub fn spec(self, store: &Store) -> Option<&model::PodSpec> {
        match self {
            Self::Class(class) => Some(&store.class(class).spec),
            Self::Object(id) => match &store.objects().get(id)?.object {
                Object::Job(job) => Some(&job.template),
                _ => None,
            },
        }
    }
}

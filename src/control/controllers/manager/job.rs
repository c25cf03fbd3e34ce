//! The controller of jobs at work (spec: kubernetes.md 2.5). A pod that ended is forgotten once it is
//! counted; the original only takes its finalizer off and leaves it to the job's deletion.

use std::sync::Arc;

use super::entry::ControllerEntry;
use super::observe::{self, PodObservation};
use super::{Change, Controller, Sync};
use crate::admission::{NewName, NewPod};
use crate::controllers::job::{JobBackoff, JobPod, JobView, JobWrites, NewJobPod, sync};
use cluster::Store;
use cluster::pod_states::PodState;
use model::canonical::unique_id;
use model::workload::job::{JobStatus, UntrackedPods};
use model::workload::{CompletionMode, Job, ObservedPhase, ObservedPod};
use model::{
    EndReason, Event, IndexFailures, Object, ObjectChange, Owner, PodChange, PodOwner, PodRef,
    PodSpec, Text,
};
use units::{ClassId, Duration, Instant, ObjectId, PodId, SortedMap, SortedSet};

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "job",
    summary: "Runs the pods of a Job until enough have succeeded or too many have failed.",
    build: |_| Box::new(Jobs::default()),
};

const KINDS: &[&str] = &["Job"];

/// How long a job waits for further changes of its pods before it is looked at (`syncJobBatchPeriod`
/// of the job controller).
const BATCH_PERIOD: Duration = Duration::from_secs(1);

/// The code of a container that was killed.
const KILLED: i32 = 137;

/// The code of a container that was asked to terminate.
const TERMINATED: i32 = 143;

/// The controller.
#[derive(Clone, Default)]
struct Jobs {
    known: SortedMap<ObjectId, JobState>,
    /// How long the job waits that the last change was about.
    patience: Duration,
}

/// Codes that containers of a pod ended with, by their number.
type Codes = SortedMap<u16, i32>;

/// Remembered state of a job.
#[derive(Clone, Default)]
struct JobState {
    backoff: JobBackoff,
    /// The job as it was last declared.
    declared: Option<Arc<Job>>,
    /// Codes that containers of pods ended with, the last one of each.
    codes: SortedMap<PodId, Codes>,
    /// Pods that are counted, and pods that count for nothing once they are asked to terminate: as the job's
    /// status tells the next leader, and as ordered here.
    counted: SortedSet<PodId>,
    discarded: SortedSet<PodId>,
    /// Pods that went away before they were counted.
    gone: SortedMap<PodId, JobPod>,
    /// Instants at which pods ended that were found ended and asked to terminate.
    found_ends: SortedMap<PodId, Instant>,
    /// Pods that were evicted: their condition `DisruptionTarget` is set first, so they have it whatever their
    /// containers had done by then.
    disrupted: SortedSet<PodId>,
}

/// A pod of a job, and where its record is.
struct JobPodRecord {
    pod: JobPod,
    which: PodLocation,
}

enum PodLocation {
    Living(PodRef),
    Finished(PodRef),
    Gone(PodId),
}

impl JobPodRecord {
    const fn id(&self) -> PodId {
        match self.which {
            PodLocation::Living(pod) | PodLocation::Finished(pod) => pod.id,
            PodLocation::Gone(id) => id,
        }
    }
}

impl JobState {
    /// Takes in what the job's status says of its pods.
    fn learn(&mut self, untracked: &UntrackedPods) {
        for id in &untracked.counted {
            self.gone.remove(id);
            self.counted.insert(*id);
        }
        for id in &untracked.discarded {
            self.discarded.insert(*id);
        }
    }

    /// Forgets what was known of pods that are gone.
    fn keep(&mut self, own: &[JobPodRecord]) {
        let there: SortedSet<PodId> = own.iter().map(JobPodRecord::id).collect();
        self.codes.retain(|id, _| there.contains(id));
        self.counted.retain(|id| there.contains(id));
        self.discarded.retain(|id| there.contains(id));
    }

    /// What the job's status is to say of its pods.
    fn untracked(&self) -> UntrackedPods {
        UntrackedPods {
            counted: self.counted.iter().copied().collect(),
            discarded: self.discarded.iter().copied().collect(),
        }
    }
}

impl Controller for Jobs {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, store: &Store, look_at: &mut Vec<ObjectId>) {
        look_at.extend(change.concerns(KINDS));
        self.patience = BATCH_PERIOD;
        if let Event::Object(object) = change.event {
            self.read_object(object);
        }
        let Some((pod, owner)) = change.pod else {
            return;
        };
        if change.object.is_none_or(|(_, kind)| kind != "Job") {
            return;
        }
        match change.event {
            Event::PodCreated(created) => {
                let known = self.known.entry(owner.object).or_default();
                let found = created.found.as_ref().filter(|found| found.is_terminating);
                if let Some(at) = found.and_then(|found| found.end.as_ref()?.at) {
                    known.found_ends.insert(pod.id, at);
                }
            }
            Event::PodChanged {
                change: PodChange::Exited { container, code },
                ..
            } => {
                let known = self.known.entry(owner.object).or_default();
                let codes = known.codes.entry(pod.id).or_default();
                codes.insert(*container, *code);
            }
            Event::PodChanged {
                change: PodChange::Terminating { reason, .. },
                ..
            } if !disruption(*reason).is_empty() => {
                let known = self.known.entry(owner.object).or_default();
                known.disrupted.insert(pod.id);
            }
            Event::PodEnded { reason, .. } => self.ended(change.at, (pod, owner), *reason, store),
            _ => {}
        }
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let Some(Object::Job(job)) = step.object() else {
            return;
        };
        let mut own = self.own(step.store, step.key, job);
        let known = self.known.entry(step.key).or_default();
        // A predecessor had counted them when it broke off.
        own.retain(|own| match own.which {
            PodLocation::Finished(pod) if known.counted.contains(&pod.id) => {
                step.delete_pod(pod);
                false
            }
            _ => true,
        });
        let pods: Vec<JobPod> = own.iter().map(|own| own.pod.clone()).collect();
        let view = JobView {
            job,
            pods: &pods,
            status: &job.status,
            backoff: known.backoff,
            is_waiting: step.is_waiting,
        };
        let mut writes = sync(step.now, &view);
        in_whole_seconds(&mut writes.status);
        known.backoff = writes.backoff;
        self.write(step, job, &own, &writes);
        if let Some(wait) = writes.requeue.iter().min() {
            step.look_again_at(step.now.saturating_add(*wait));
        }
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

impl Jobs {
    /// A job that is new, or was declared anew, is looked at once; its status is not news enough.
    fn read_object(&mut self, change: &ObjectChange) {
        match change {
            ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                let Object::Job(job) = object else { return };
                let known = self.known.entry(*id).or_default();
                let is_declared = |before: &Arc<Job>| !is_declared_alike(before, job);
                if known.declared.as_ref().is_none_or(is_declared) {
                    self.patience = Duration::ZERO;
                }
                known.declared = Some(Arc::clone(job));
                known.learn(&job.status.untracked);
            }
            ObjectChange::Deleted { id } => {
                self.known.remove(id);
            }
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => {}
        }
    }

    /// A pod ended; if nothing of it is kept and it was not counted, it is remembered.
    fn ended(&mut self, at: Instant, pod: (PodRef, PodOwner), reason: EndReason, store: &Store) {
        let (pod, owner) = pod;
        let Some(known) = self.known.get_mut(&owner.object) else {
            return;
        };
        let was_disrupted = known.disrupted.remove(&pod.id);
        let is_settled = known.counted.contains(&pod.id) || known.discarded.contains(&pod.id);
        let mut finished = store.pod_states().finished(owner.object);
        if is_settled || finished.any(|finished| finished.pod.pod.id == pod.id) {
            return;
        }
        let at = known.found_ends.remove(&pod.id).unwrap_or(at);
        let told = known.codes.get(&pod.id);
        // Those that had not ended did so at the signal.
        let declared = known.declared.as_ref();
        let exit_codes = declared.map(|job| ends(told, &job.template, Some(TERMINATED)));
        let has_succeeded = reason == EndReason::Completed;
        let observed = ObservedPod {
            name: pod.id.0.to_string().into(),
            phase: if has_succeeded {
                ObservedPhase::Succeeded
            } else {
                ObservedPhase::Failed
            },
            is_terminating: true,
            ..ObservedPod::default()
        };
        let gone = JobPod {
            pod: observed,
            index: Some(owner.index),
            index_failures: owner.failures.counted,
            index_ignored: owner.failures.ignored,
            is_uncounted: true,
            finished: Some(at.whole_second()),
            exit_codes: exit_codes.unwrap_or_default(),
            conditions: if was_disrupted {
                disruption(EndReason::NodeLost)
            } else {
                disruption(reason)
            },
            ..JobPod::default()
        };
        known.gone.insert(pod.id, gone);
    }

    /// The pods of a job as its core sees them.
    fn own(&mut self, store: &Store, key: ObjectId, job: &Job) -> Vec<JobPodRecord> {
        let is_indexed = job.mode == CompletionMode::Indexed;
        let known = self.known.entry(key).or_default();
        let job_pod = |seen: &PodObservation, failures: IndexFailures| JobPod {
            pod: seen.observed.clone(),
            index: is_indexed.then_some(seen.index),
            index_failures: failures.counted,
            index_ignored: failures.ignored,
            is_uncounted: true,
            ..JobPod::default()
        };
        let mut own = Vec::new();
        for seen in observe::living(store, key) {
            let state = store.pod_states().get(seen.pod);
            let told = state.and_then(|state| state.terminating);
            let is_discarded = told.is_some() && known.discarded.contains(&seen.pod.id);
            let pod = JobPod {
                deleted: told.map(|told| told.since.whole_second()),
                is_uncounted: !is_discarded && !known.counted.contains(&seen.pod.id),
                ..job_pod(&seen, failures(state))
            };
            let which = PodLocation::Living(seen.pod);
            own.push(JobPodRecord { pod, which });
        }
        let records = store.pod_states().finished(key);
        let codes = &known.codes;
        for (seen, record) in observe::finished(store, key).zip(records) {
            let told = codes.get(&record.pod.pod.id);
            let pod = JobPod {
                finished: Some(record.at.whole_second()),
                exit_codes: finished_ends(spec(store, record.pod.class), record.reason, told),
                conditions: disruption(record.reason),
                ..job_pod(&seen, failures(Some(&record.state)))
            };
            let which = PodLocation::Finished(seen.pod);
            own.push(JobPodRecord { pod, which });
        }
        for (&id, gone) in &known.gone {
            let mut pod = gone.clone();
            pod.index = pod.index.filter(|_| is_indexed);
            let which = PodLocation::Gone(id);
            own.push(JobPodRecord { pod, which });
        }
        own
    }

    fn write(
        &mut self,
        step: &mut Sync<'_>,
        job: &Arc<Job>,
        own: &[JobPodRecord],
        writes: &JobWrites,
    ) {
        let known = self.known.entry(step.key).or_default();
        let named = |name: &Text| own.iter().find(|own| own.pod.pod.name == *name);
        known.keep(own);
        let mut untracked = known.untracked();
        let mut conditions = writes.status.conditions.iter();
        let is_ending = conditions.any(|known| known.holds && known.kind.is_ending());
        for name in &writes.count {
            let Some(one) = named(name) else { continue };
            // Those that go because the job ends are counted first.
            if !is_ending && writes.delete.contains(name) {
                untracked.discarded.push(one.id());
            } else {
                untracked.counted.push(one.id());
            }
        }
        // The count comes first: who takes over in the middle does not count again what is kept
        // still, as the original's list of uncounted pods has it. It holds once the log shows it.
        if writes.status == job.status {
            known.learn(&untracked);
        } else {
            let mut job = Job {
                status: writes.status.clone(),
                ..(**job).clone()
            };
            job.status.untracked = untracked;
            step.update_first(step.key, Object::Job(Arc::new(job)));
        }
        for one in writes.delete.iter().filter_map(named) {
            if let PodLocation::Living(pod) = one.which {
                step.delete_pod(pod);
            }
        }
        for one in writes.count.iter().filter_map(named) {
            if let PodLocation::Finished(pod) = one.which {
                step.delete_pod(pod);
            }
        }
        let row = step.store.objects().get(step.key);
        let uid: Text = row
            .map(|row| unique_id(row.identity))
            .unwrap_or_default()
            .into();
        for new in &writes.create {
            step.create_pod(new_pod(step.key, job, &uid, new));
        }
    }
}

fn new_pod(key: ObjectId, job: &Job, uid: &Text, new: &NewJobPod) -> NewPod {
    let mut spec = PodSpec {
        namespace: job.namespace.clone(),
        owner: Some(Owner {
            kind: "Job".into(),
            name: job.name.clone(),
        }),
        ..(*job.template).clone()
    };
    for (label, value) in [
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", &job.name),
        ("controller-uid", uid),
        ("job-name", &job.name),
    ] {
        spec.labels.insert(label.into(), value.clone());
    }
    let mut prefix = format!("{}-", job.name);
    if let Some(index) = new.index {
        let label = "batch.kubernetes.io/job-completion-index";
        spec.labels.insert(label.into(), index.to_string().into());
        prefix = format!("{prefix}{index}-");
    }
    NewPod {
        owner: PodOwner {
            failures: IndexFailures {
                counted: new.index_failures.unwrap_or(0),
                ignored: new.index_ignored,
            },
            ..PodOwner::new(key, new.index.unwrap_or(0))
        },
        name: NewName::Prefix(prefix.into()),
        spec: Arc::new(spec),
    }
}

/// Earlier failures of the pod's index, as recorded in the pod.
fn failures(state: Option<&PodState>) -> IndexFailures {
    let owner = state.and_then(|state| state.owner);
    owner.map_or(IndexFailures::default(), |owner| owner.failures)
}

/// Names of the containers of a pod that ended, and their exit codes: those that are reported, and of
/// the others one for all. A sidecar that failed was started again.
fn ends(told: Option<&Codes>, spec: &PodSpec, other: Option<i32>) -> Vec<(Text, i32)> {
    let inits = spec.init_containers.len();
    let containers = spec.all_containers().enumerate();
    let ended = containers.filter(|(_, container)| !container.restartable);
    let ends = ended.filter_map(|(number, container)| {
        let number_told = u16::try_from(number).ok();
        let told = number_told.and_then(|number_told| told?.get(&number_told).copied());
        let code = told.or_else(|| other.filter(|_| number >= inits))?;
        Some((container.name.clone(), code))
    });
    ends.collect()
}

/// The codes of the containers of a pod that ended and whose object is there.
fn finished_ends(spec: &PodSpec, reason: EndReason, told: Option<&Codes>) -> Vec<(Text, i32)> {
    let other = match reason {
        EndReason::Completed => None,
        EndReason::Error if told.is_some_and(|told| told.values().any(|code| *code != 0)) => None,
        EndReason::Error => {
            let stated = spec.exit_code(spec.init_containers.len());
            Some(if stated == 0 { 1 } else { stated })
        }
        _ => Some(KILLED),
    };
    ends(told, spec, other)
}

fn spec(store: &Store, class: ClassId) -> &PodSpec {
    &store.class(class).spec
}

/// The condition of pods that were ended from outside.
fn disruption(reason: EndReason) -> Vec<(Text, Text)> {
    match reason {
        EndReason::Evicted(_) | EndReason::NodeLost => {
            vec![("DisruptionTarget".into(), "True".into())]
        }
        _ => Vec::new(),
    }
}

/// Whether two declarations of a job differ in what was reported of it alone.
fn is_declared_alike(one: &Arc<Job>, other: &Arc<Job>) -> bool {
    if Arc::ptr_eq(one, other) {
        return true;
    }
    let plain = |job: &Job| Job {
        status: JobStatus::default(),
        ..job.clone()
    };
    plain(one) == plain(other)
}

/// Times of the API have whole seconds, and what is computed from them begins there.
fn in_whole_seconds(status: &mut JobStatus) {
    let times = status.start.iter_mut().chain(&mut status.completion);
    times.for_each(|at| *at = at.whole_second());
    for condition in &mut status.conditions {
        condition.changed = condition.changed.whole_second();
    }
}

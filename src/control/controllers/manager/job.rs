//! The controller of jobs at work (spec: kubernetes.md 2.5). A pod that ended is forgotten once it is
//! counted; the original only takes its finalizer off and leaves it to the job's deletion.

use std::sync::Arc;

use super::entry::ControllerEntry;
use super::observe::{self, SeenPod};
use super::{Change, Controller, Sync};
use crate::admission::{NewName, NewPod};
use crate::controllers::job::{JobBackoff, JobPod, JobView, JobWrites, NewJobPod, sync};
use cluster::Store;
use cluster::pod_states::{FinishedPod, PodState};
use model::canonical::unique_id;
use model::workload::job::JobStatus;
use model::workload::{CompletionMode, Job, ObservedPhase, ObservedPod};
use model::{
    EndReason, Event, IndexFailures, Object, ObjectChange, PodChange, PodOwner, PodRef, PodSpec,
    Text,
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

/// The code of a container that was told to end.
const TERMINATED: i32 = 143;

/// The controller.
#[derive(Clone, Default)]
struct Jobs {
    known: SortedMap<ObjectId, Known>,
    /// Time up to which predecessors have handled the log.
    inherited_until: Option<Instant>,
    /// How long the job waits that the last change was about.
    patience: Duration,
}

/// Remembered state of a job.
#[derive(Clone, Default)]
struct Known {
    backoff: JobBackoff,
    /// The job as it was last declared.
    declared: Option<Arc<Job>>,
    /// Codes that containers of pods ended with, the last one of each pod.
    codes: SortedMap<PodId, i32>,
    /// Living pods that count for nothing any more.
    counted: SortedSet<PodId>,
    /// Pods that went away before they were counted.
    gone: SortedMap<PodId, JobPod>,
    /// Pods that a predecessor had counted, by what the log shows of its status.
    inherited: Counted,
    /// Pods that ended under a predecessor and are kept still: those yet to be counted, and those
    /// that were counted.
    kept: SortedMap<PodId, Outcome>,
    settled: SortedSet<PodId>,
}

/// How a pod ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Failed,
}

/// Pods that a job's status counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    succeeded: i32,
    failed: i32,
}

impl Known {
    /// The log shows a status that counts so many pods: the oldest of those kept still are among them,
    /// but for failed ones whose count waits for their successor.
    fn settle(&mut self, counted: Counted) {
        let before = std::mem::replace(&mut self.inherited, counted);
        if before == counted {
            return;
        }
        self.gone.clear();
        for (outcome, more) in [
            (Outcome::Succeeded, counted.succeeded - before.succeeded),
            (Outcome::Failed, counted.failed - before.failed),
        ] {
            let of = self.kept.iter().filter(|(_, own)| **own == outcome);
            let of = of.take(usize::try_from(more).unwrap_or(0));
            let ids: Vec<PodId> = of.map(|(id, _)| *id).collect();
            for id in ids {
                self.kept.remove(&id);
                self.settled.insert(id);
            }
        }
    }
}

/// A pod of a job, and where its record is.
struct Own {
    pod: JobPod,
    which: Which,
}

enum Which {
    Living(PodRef),
    Finished(PodRef),
    Gone(PodId),
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
        if self.inherited_until.is_some_and(|until| change.at <= until) {
            self.inherit(change.event);
        }
        let Some((pod, owner)) = change.pod else {
            return;
        };
        if change.object.is_none_or(|(_, kind)| kind != "Job") {
            return;
        }
        match change.event {
            Event::PodCreated(_) => {
                self.known.entry(owner.object).or_default();
            }
            Event::PodChanged {
                change: PodChange::Exited { code, .. },
                ..
            } => {
                let known = self.known.entry(owner.object).or_default();
                known.codes.insert(pod.id, *code);
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
        // A predecessor had counted them when it broke off.
        let settled = self.known.get(&step.key).map(|known| &known.settled);
        if let Some(settled) = settled.filter(|settled| !settled.is_empty()) {
            own.retain(|own| match own.which {
                Which::Finished(pod) if settled.contains(&pod.id) => {
                    step.delete_pod(pod);
                    false
                }
                _ => true,
            });
        }
        let pods: Vec<JobPod> = own.iter().map(|own| own.pod.clone()).collect();
        let known = self.known.entry(step.key).or_default();
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

    fn restarted(&mut self, now: Instant) {
        self.inherited_until = Some(now);
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
            }
            ObjectChange::Deleted { id } => {
                self.known.remove(id);
            }
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => {}
        }
    }

    /// Avoids counting twice what a predecessor has counted: the original marks each pod for that,
    /// here the log shows it.
    fn inherit(&mut self, event: &Event) {
        match event {
            Event::PodChanged {
                pod,
                change: PodChange::Forgotten,
            } => {
                for known in self.known.values_mut() {
                    known.kept.remove(&pod.id);
                    if known.gone.remove(&pod.id).is_some() {
                        break;
                    }
                }
            }
            Event::Object(ObjectChange::Updated {
                id,
                object: Object::Job(job),
            }) => {
                let known = self.known.entry(*id).or_default();
                known.settle(Counted {
                    succeeded: job.status.succeeded,
                    failed: job.status.failed,
                });
            }
            _ => {}
        }
    }

    /// A pod ended; if nothing of it is kept and it was not counted, it is remembered.
    fn ended(&mut self, at: Instant, pod: (PodRef, PodOwner), reason: EndReason, store: &Store) {
        let (pod, owner) = pod;
        let Some(known) = self.known.get_mut(&owner.object) else {
            return;
        };
        let is_counted = known.counted.remove(&pod.id);
        let mut finished = store.pod_states().finished(owner.object);
        if is_counted || finished.any(|finished| finished.pod.pod.id == pod.id) {
            if self.inherited_until.is_some_and(|until| at <= until) {
                let outcome = match reason {
                    EndReason::Completed => Outcome::Succeeded,
                    _ => Outcome::Failed,
                };
                known.kept.insert(pod.id, outcome);
            }
            return;
        }
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
            exit_codes: vec![(Text::default(), TERMINATED)],
            conditions: disruption(reason),
            ..JobPod::default()
        };
        known.gone.insert(pod.id, gone);
    }

    /// The pods of a job as its core sees them.
    fn own(&mut self, store: &Store, key: ObjectId, job: &Job) -> Vec<Own> {
        let is_indexed = job.mode == CompletionMode::Indexed;
        let known = self.known.entry(key).or_default();
        let job_pod = |seen: &SeenPod, failures: IndexFailures| JobPod {
            pod: seen.observed.clone(),
            index: is_indexed.then_some(seen.index),
            index_failures: failures.counted,
            index_ignored: failures.ignored,
            is_uncounted: true,
            all_restarts: seen.observed.restarts,
            ..JobPod::default()
        };
        let mut own = Vec::new();
        for seen in observe::living(store, key) {
            let state = store.pod_states().get(seen.pod);
            let told = state.and_then(|state| state.terminating);
            let pod = JobPod {
                deleted: told.map(|told| told.since.whole_second()),
                is_uncounted: !known.counted.contains(&seen.pod.id),
                ..job_pod(&seen, failures(state))
            };
            let which = Which::Living(seen.pod);
            own.push(Own { pod, which });
        }
        let records = store.pod_states().finished(key);
        let codes = &known.codes;
        for (seen, record) in observe::finished(store, key).zip(records) {
            let pod = JobPod {
                finished: Some(record.at.whole_second()),
                exit_codes: vec![exit_code(store, record, codes.get(&record.pod.pod.id))],
                conditions: disruption(record.reason),
                ..job_pod(&seen, failures(Some(&record.state)))
            };
            let which = Which::Finished(seen.pod);
            own.push(Own { pod, which });
        }
        for (&id, gone) in &known.gone {
            let mut pod = gone.clone();
            pod.index = pod.index.filter(|_| is_indexed);
            let which = Which::Gone(id);
            own.push(Own { pod, which });
        }
        own
    }

    fn write(&mut self, step: &mut Sync<'_>, job: &Arc<Job>, own: &[Own], writes: &JobWrites) {
        let known = self.known.entry(step.key).or_default();
        // The count comes first: who takes over in the middle does not count again what is kept
        // still, as the original's list of uncounted pods has it.
        if writes.status != job.status {
            let job = Job {
                status: writes.status.clone(),
                ..(**job).clone()
            };
            step.update_first(step.key, Object::Job(Arc::new(job)));
        }
        let named = |name: &Text| own.iter().find(|own| own.pod.pod.name == *name);
        for one in writes.delete.iter().filter_map(named) {
            if let Which::Living(pod) = one.which {
                step.delete_pod(pod);
            }
        }
        for one in writes.count.iter().filter_map(named) {
            match one.which {
                Which::Living(pod) => {
                    known.counted.insert(pod.id);
                }
                Which::Finished(pod) => {
                    known.codes.remove(&pod.id);
                    step.delete_pod(pod);
                }
                Which::Gone(id) => {
                    known.gone.remove(&id);
                }
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

/// The name of a pod's container and the code that it ended with.
fn exit_code(store: &Store, record: &FinishedPod, reported: Option<&i32>) -> (Text, i32) {
    let spec = spec(store, record.pod.class);
    let container = spec.containers.first();
    let stated = spec.behaviour.as_ref().map(|stated| stated.exit_code);
    let code = match record.reason {
        EndReason::Completed => 0,
        EndReason::Error => {
            let code = reported.copied().or(stated);
            code.filter(|&code| code != 0).unwrap_or(1)
        }
        _ => KILLED,
    };
    (
        container.map(|own| own.name.clone()).unwrap_or_default(),
        code,
    )
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

//! Jobs of workloads: a number of equal tasks, admitted together by quota, kept running, and updated a
//! few at a time (spec: orchestrators-b.md section 5.1).

use std::sync::Arc;

use cluster::Store;
use control::admission::{Creation, NewName, NewPod};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{EndReason, Event, Object, PodChange, PodOwner, PodPhase, PodRef, PodSpec, Text};
use units::{ObjectId, SortedMap, TenantId};

use crate::ends::{self, Consequence};
use crate::parts::turn::Turn;

use super::super::entry::CAPABILITIES;
use super::super::quota::{Asked, User};
use super::tasks::TaskState;
use super::{Borgmaster, Due};
use crate::mapping::object_refusal;
use crate::parts::client::stop;

/// A job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    name: Text,
    template: Arc<PodSpec>,
    /// Number of the template among those that the job had.
    version: u64,
    wanted: i32,
    /// Most failures of a task, where tasks that complete are not started again.
    failures: Option<u32>,
    /// Amounts that the job was admitted with; `None` while it is over its quota.
    charged: Option<Asked>,
    tasks: SortedMap<i32, Place>,
    /// Tasks that are no longer wanted and whose pods are on their way, and the pods once they are there.
    leaving: SortedMap<i32, Option<PodRef>>,
}

/// A task's place in a job.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a task may be several of these at a time"
)]
struct Place {
    pod: Option<PodRef>,
    version: u64,
    /// Whether the pod was asked for and is not there yet.
    is_coming: bool,
    is_running: bool,
    /// Whether the pod was ordered to end so that one of the newer template follows.
    is_stopping: bool,
    /// Whether the task starts again after a while.
    rests: bool,
    /// Whether the task will not start again.
    is_done: bool,
    /// Number of times that it failed.
    failures: u32,
}

/// The template and number of tasks of an object, and how often each may fail if it is to end. A job says how
/// often; the configuration language of Aurora, which follows Borg's, has it as `max_task_failures` of a job.
fn wanted(object: &Object) -> Option<(&Arc<PodSpec>, i32, Option<u32>)> {
    if object_refusal(CAPABILITIES, object).is_some() {
        return None;
    }
    match object {
        Object::Deployment(own) => Some((&own.template, own.replicas, None)),
        Object::ReplicaSet(own) | Object::ReplicationController(own) => {
            Some((&own.template, own.replicas, None))
        }
        Object::StatefulSet(own) => Some((&own.template, own.replicas, None)),
        Object::Job(own) => {
            let failures = own.backoff_limit.max(0).unsigned_abs();
            Some((&own.template, own.completions.unwrap_or(1), Some(failures)))
        }
        _ => None,
    }
}

/// The tasks of a job that are there already, as a master finds them that takes over from another one.
fn living(id: ObjectId, store: &Store) -> SortedMap<i32, Place> {
    let mut tasks = SortedMap::new();
    let row = store.objects().get(id);
    for &pod in row.into_iter().flat_map(|row| &row.pods) {
        let owner = store.pod_states().get(pod).and_then(|state| state.owner);
        if let (Some(owner), Some(record)) = (owner, store.pods().get(pod)) {
            let place = Place {
                pod: Some(pod),
                is_running: record.phase == PodPhase::Running,
                ..Place::default()
            };
            tasks.insert(owner.index, place);
        }
    }
    tasks
}

fn user(spec: &PodSpec) -> User {
    User {
        tenant: TenantId(0),
        namespace: spec.namespace.clone(),
    }
}

fn asked(spec: &PodSpec) -> Asked {
    let requests = spec.requests().unwrap_or_default();
    Asked {
        cpu_milli: requests.get(CPU).milli_ceil().unwrap_or(i64::MAX),
        memory_bytes: requests.get(MEMORY).units_ceil().unwrap_or(i64::MAX),
        storage_bytes: requests
            .get(EPHEMERAL_STORAGE)
            .units_ceil()
            .unwrap_or(i64::MAX),
    }
}

impl Borgmaster {
    /// A workload was declared, declared again, or deleted.
    pub(super) fn declared(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let object = turn.store.objects().get(id).map(|row| &row.object);
        let new = object.and_then(|object| Some((object.name(), wanted(object)?)));
        let Some((name, (template, replicas, failures))) = new else {
            if let Some(job) = self.jobs.remove(&id) {
                self.crashed.retain(|owner, _| owner.object != id);
                self.give_back(&job);
                for pod in job.tasks.values().filter_map(|place| place.pod) {
                    stop(pod, turn);
                }
            }
            return;
        };
        let old = self.jobs.remove(&id);
        if let Some(old) = &old {
            self.give_back(old);
        }
        let charge = asked(template).times(i64::from(replicas.max(0)));
        let lack = self.ledger.lack(&user(template), template.priority, charge);
        let is_admitted = self
            .ledger
            .admit(&user(template), template.priority, charge);
        let mut job = old.unwrap_or_else(|| Job {
            name: name.clone(),
            template: template.clone(),
            version: 0,
            wanted: 0,
            failures,
            charged: None,
            tasks: living(id, turn.store),
            leaving: SortedMap::new(),
        });
        if is_admitted {
            if job.template != *template {
                job.version += 1;
                self.crashed.retain(|owner, _| owner.object != id);
            }
            job.template = template.clone();
            job.wanted = replicas.max(0);
            job.charged = Some(charge);
        } else if let Some(charged) = job.charged {
            // The job stays as it was, which is within the quota.
            let spec = &job.template;
            self.ledger.admit(&user(spec), spec.priority, charged);
        }
        if let (Some(lack), Some(row)) = (lack, turn.store.objects().get(id)) {
            let (kind, namespace) = (row.object.kind(), row.object.namespace());
            let fate = match job.charged {
                Some(_) => "it stays as it was",
                None => "it gets no tasks",
            };
            let line = format!("{kind} {namespace}/{name} {lack}: {fate}");
            self.over_quota.entry(id).or_insert(line);
        }
        self.jobs.insert(id, job);
        self.dirty.insert(id);
    }

    fn give_back(&mut self, job: &Job) {
        if let Some(charged) = job.charged {
            let spec = &job.template;
            self.ledger.release(&user(spec), spec.priority, charged);
        }
    }

    /// Starts the tasks that a job lacks, ends those beyond its number, and replaces those of an older
    /// template, a few at a time.
    pub(super) fn look_at(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        for index in 0..job.wanted {
            let place = job.tasks.entry(index).or_default();
            if place.pod.is_some() || place.is_coming || place.rests || place.is_done {
                continue;
            }
            (place.is_coming, place.version) = (true, job.version);
            turn.out.creations.push(Creation::Pod(NewPod {
                owner: PodOwner::new(id, index),
                name: NewName::Exact(format!("{}-{index}", job.name).into()),
                spec: job.template.clone(),
            }));
        }
        for (index, place) in job.tasks.split_off(&job.wanted) {
            if let Some(pod) = place.pod {
                stop(pod, turn);
            }
            if place.is_coming {
                job.leaving.insert(index, None);
            }
        }
        let arrived = job.leaving.extract_all(|_, pod| pod.is_some());
        for pod in arrived.into_iter().filter_map(|(_, pod)| pod) {
            stop(pod, turn);
        }
        let running = |place: &&Place| place.is_running && !place.is_stopping;
        let active = job.tasks.values().filter(|place| !place.is_done).count();
        let away = active - job.tasks.values().filter(running).count();
        let mut may_stop = (self.options.update_disruptions as usize).saturating_sub(away);
        let version = job.version;
        let outdated = |place: &&mut Place| place.version != version && !place.is_stopping;
        for place in job.tasks.values_mut().filter(outdated) {
            let Some(pod) = place.pod else { continue };
            // One that does not run is not missed.
            if place.is_running {
                if may_stop == 0 {
                    continue;
                }
                may_stop -= 1;
            }
            place.is_stopping = true;
            stop(pod, turn);
        }
    }

    /// Whether a task was not told to end, for good or for one of a newer template.
    pub(super) fn is_wanted(&self, pod: PodRef) -> bool {
        let Some(owner) = self.task(pod).and_then(|own| own.owner) else {
            return true;
        };
        let job = self.jobs.get(&owner.object);
        let place = job.and_then(|job| job.tasks.get(&owner.index));
        place.is_some_and(|place| place.pod == Some(pod) && !place.is_stopping)
    }

    fn place_of(&mut self, owner: PodOwner) -> Option<&mut Place> {
        let job = self.jobs.get_mut(&owner.object)?;
        job.tasks.get_mut(&owner.index)
    }

    /// A pod of a job was created.
    pub(super) fn arrived(&mut self, owner: PodOwner, pod: PodRef) {
        let job = self.jobs.get_mut(&owner.object);
        if let Some(left) = job.and_then(|job| job.leaving.get_mut(&owner.index)) {
            *left = Some(pod);
            self.dirty.insert(owner.object);
            return;
        }
        if let Some(place) = self.place_of(owner) {
            (place.pod, place.is_coming) = (Some(pod), false);
            // One that takes the place of another was not told to end, and may be of an older template.
            if std::mem::take(&mut place.is_stopping) {
                self.dirty.insert(owner.object);
            }
        }
    }

    /// A task ends so that an equal one follows.
    pub(super) fn awaits(&mut self, owner: PodOwner) {
        let Some(job) = self.jobs.get_mut(&owner.object) else {
            return;
        };
        match job.tasks.get_mut(&owner.index) {
            Some(place) => place.is_coming = true,
            // It was scaled away before its machine was found lost.
            None => _ = job.leaving.insert(owner.index, None),
        }
    }

    /// A task does not end so that an equal one follows: it had ended.
    pub(super) fn awaits_no_more(&mut self, owner: PodOwner) {
        let job = self.jobs.get_mut(&owner.object);
        if job.is_some_and(|job| job.leaving.remove(&owner.index).is_some()) {
            return;
        }
        if let Some(place) = self.place_of(owner) {
            place.is_coming = false;
        }
        self.dirty.insert(owner.object);
    }

    /// A pod was not created: the task is tried again after a while.
    pub(super) fn not_created(&mut self, owner: PodOwner) {
        if let Some(place) = self.place_of(owner) {
            (place.is_coming, place.rests) = (false, true);
            let due = Due::Restart(owner.object, owner.index);
            self.timers.push(self.next_try, due);
        }
    }

    pub(super) fn task_runs(&mut self, owner: PodOwner, pod: PodRef) {
        let place = self.place_of(owner);
        if let Some(place) = place.filter(|place| place.pod == Some(pod)) {
            place.is_running = true;
            self.dirty.insert(owner.object);
        }
    }

    /// A task of a job ended; unless it was done or is coming back by itself, it starts again.
    pub(super) fn task_ended(&mut self, task: &TaskState, reason: EndReason, turn: &mut Turn<'_>) {
        let Some(owner) = task.owner else {
            return;
        };
        if reason.leaves_object() {
            let (pod, change) = (task.pod, PodChange::Forgotten);
            turn.write(Event::PodChanged { pod, change });
        }
        let job = self.jobs.get(&owner.object);
        let most = job.and_then(|job| job.failures);
        let restart = turn.now.saturating_add(self.options.restart_delay);
        let place = self.place_of(owner);
        let Some(place) = place.filter(|place| place.pod == Some(task.pod)) else {
            return;
        };
        place.pod = None;
        (place.is_running, place.is_stopping) = (false, false);
        let consequence = ends::borg(reason).consequence;
        let is_last = match consequence {
            Consequence::Success => most.is_some(),
            Consequence::Failure => most.is_some_and(|most| place.failures >= most),
            Consequence::Loss | Consequence::Removal => reason == EndReason::Rejected,
        };
        place.is_done |= is_last;
        if !is_last && matches!(consequence, Consequence::Success | Consequence::Failure) {
            place.failures += u32::from(consequence == Consequence::Failure);
            place.rests = true;
            let due = Due::Restart(owner.object, owner.index);
            self.timers.push(restart, due);
        }
        self.dirty.insert(owner.object);
    }

    /// A task that ended starts again.
    pub(super) fn restart(&mut self, id: ObjectId, index: i32) {
        if let Some(place) = self.place_of(PodOwner::new(id, index)) {
            place.rests = false;
            self.dirty.insert(id);
        }
    }
}

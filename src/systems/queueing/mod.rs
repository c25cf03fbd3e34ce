//! Kueue in a cluster of Kubernetes: it holds jobs back until their queue has quota for them, and stops
//! those that have to make room (spec: batch-on-kubernetes.md part 1). Decisions are those of the crate
//! `kueue`; this component reads jobs from the log, shows workloads and queues as objects, and suspends
//! and resumes jobs.

mod answers;
mod changes;
mod following;
mod ground;
mod job;
mod pauses;
pub mod question;
#[cfg(test)]
mod tests;
mod ungate;

use std::collections::VecDeque;

use crate::parts::turn::Turn;
use cluster::{Conflict, Store};
use control::admission::Creation;
use control::{Component, Outbox, Program, Progress, Write};
use kueue::run::{Controller, State, Unadmitted};
use kueue::tree::NodeId;
use kueue::{Settings, Snapshot};
use model::queueing::{
    ClusterQueue, ClusterQueueStatus, LaterQueues, QueuedWorkload, QueueingObjects, RequeueTime,
    StopPolicy,
};
use model::{ClusterObjects, Event, Labels, Object, ObjectChange, PodChange, Text};
use units::{Duration, Instant, ObjectId, Revision, SortedMap, SortedSet};

use answers::Answers;
use ground::{COLLECTED, Ground, JobsOf};
use job::QueuedJob;
use pauses::Pauses;
use ungate::{Classes, Ungater};

/// Time between cycles that change nothing.
const PACE: Duration = Duration::from_millis(10);

/// The component.
#[derive(Clone)]
pub struct Queueing {
    cursor: Revision,
    controller: Controller,
    /// Objects as they are declared now, and those that will be.
    objects: QueueingObjects,
    later: VecDeque<LaterQueues>,
    /// Queues that were deleted while workloads held their quota.
    leaving: Vec<ClusterQueue>,
    seed: u64,
    answers: Answers,
    ground: Ground,
    ungater: Ungater,
    priorities: SortedMap<Text, i32>,
    /// Reasons for which workloads lose their quota, by namespace and name of queues that are drained.
    drained: SortedMap<(Text, Text), &'static str>,
    /// Jobs with a queue, by object.
    jobs: SortedMap<ObjectId, QueuedJob>,
    /// Jobs by namespace and name of their workloads, in order of their places.
    jobs_of: JobsOf,
    /// Workloads without a job of the run.
    others: Vec<QueuedWorkload>,
    /// Queues as they were shown last.
    shown: SortedMap<Text, ClusterQueueStatus>,
    /// Queues whose objects are to be looked at again.
    unshown: SortedSet<NodeId>,
    /// Workloads whose objects are to be looked at again.
    unsettled: SortedSet<(Text, Text)>,
    /// Pauses of workloads and queues whose writes were refused.
    pauses: Pauses,
    /// Time of the newest step.
    now: Instant,
    /// Whether a cycle may change something.
    is_awake: bool,
    /// Time of the next cycle in which chance may choose otherwise.
    next_draw: Option<Instant>,
    has_begun: bool,
    /// Namespaces and names of limit ranges, by their objects.
    limit_ranges: SortedMap<ObjectId, (Text, Text)>,
    /// Time up to which an earlier component has handled the log.
    inherited_until: Option<Instant>,
}

impl Queueing {
    /// The component for these objects, whose choices among equals are drawn with a seed; `None` if there
    /// is no queue.
    pub fn new(objects: &ClusterObjects, seed: u64) -> Option<Self> {
        let queueing = &objects.queueing;
        if !queueing.has_queues() {
            return None;
        }
        let mut declared = queueing.clone();
        declared.workloads.clear();
        let later = std::mem::take(&mut declared.later);
        Some(Self {
            cursor: Revision::default(),
            objects: declared,
            later: later.into(),
            leaving: Vec::new(),
            seed,
            controller: controller(queueing, &objects.namespaces, Instant::ZERO, seed),
            answers: Answers::new(&queueing.checks),
            ground: Ground::new(),
            ungater: Ungater::default(),
            priorities: queueing.priorities.clone(),
            drained: drained(queueing),
            jobs: SortedMap::default(),
            jobs_of: SortedMap::default(),
            others: queueing.workloads.clone(),
            shown: SortedMap::default(),
            unshown: SortedSet::default(),
            unsettled: SortedSet::default(),
            pauses: Pauses::default(),
            now: Instant::ZERO,
            is_awake: true,
            next_draw: None,
            has_begun: false,
            limit_ranges: SortedMap::default(),
            inherited_until: None,
        })
    }

    fn read(&mut self, now: Instant, store: &Store) {
        self.read_limits(store);
        for entry in store.log().since(self.cursor) {
            if self.controller.gives_places() {
                self.read_places(now, &entry.event, store);
            }
            let Event::Object(change) = &entry.event else {
                continue;
            };
            let is_inherited = self.inherited_until.is_some_and(|until| entry.at <= until);
            match change {
                ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                    match object {
                        Object::Job(job) if job.queue.0.is_some() => {
                            self.job(now, *id, job, store);
                        }
                        Object::Workload(own) if is_inherited => {
                            self.controller.adopt((**own).clone());
                        }
                        Object::Workload(own) => {
                            let key = (own.namespace.clone(), own.name.clone());
                            if self.pauses.end(&key) {
                                self.unsettled.insert(key);
                            }
                        }
                        Object::ClusterQueue(own) if is_inherited => {
                            self.shown.insert(own.name.clone(), (**own).clone());
                        }
                        Object::Namespace(own) => {
                            let labels: Labels = own.labels.clone();
                            self.controller.set_namespace(own.name.clone(), labels);
                            self.is_awake = true;
                        }
                        _ => {}
                    }
                }
                ObjectChange::Deleted { id } => self.deleted(*id),
                ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => {}
            }
        }
        self.cursor = store.revision();
    }

    /// Limit ranges come before the jobs of the same instant: workloads are counted by all of them.
    fn read_limits(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            let Event::Object(change) = &entry.event else {
                continue;
            };
            match change {
                ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                    let Object::LimitRange(range) = object else {
                        continue;
                    };
                    let key = (range.namespace.clone(), range.name.clone());
                    self.limit_ranges.insert(*id, key);
                    self.controller.set_limit_range(range.clone());
                }
                ObjectChange::Deleted { id } => {
                    let Some((namespace, name)) = self.limit_ranges.remove(id) else {
                        continue;
                    };
                    self.controller.remove_limit_range(&namespace, &name);
                }
                ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => continue,
            }
            self.is_awake = true;
        }
    }

    /// A change of nodes or of pods, where these get places.
    fn read_places(&mut self, now: Instant, event: &Event, store: &Store) {
        let controller = &mut self.controller;
        self.ground.read(now, event, store, controller);
        match event {
            Event::PodCreated(created) => {
                let owner = created.owner.map(|own| own.object);
                if let Some(owner) = owner.filter(|own| self.jobs.contains_key(own)) {
                    self.ungater.touch(owner);
                }
            }
            Event::PodEnded { pod, .. } => {
                let values = self.ungater.ended(pod.id).unwrap_or_default();
                let node = values.last().and_then(|host| store.nodes().by_name(host));
                self.ground
                    .doubt_host(node, store, now.saturating_add(COLLECTED));
            }
            _ => {}
        }
    }

    /// Workloads of a dump whose jobs are not part of the run keep the quota that they hold.
    fn begin(&mut self) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        for workload in std::mem::take(&mut self.others) {
            let blank = QueuedWorkload {
                admission: None,
                conditions: Vec::new(),
                created: Instant::ZERO,
                ..workload.clone()
            };
            if self.controller.submit(blank).is_ok() {
                self.take_over(workload);
            }
        }
    }

    /// Shows what has changed: workloads, jobs and queues.
    fn show(&mut self, turn: &mut Turn<'_>) {
        let changed = self.controller.take_changed();
        if self.controller.gives_places() {
            // Pods that wait may get places of a node that replaces another.
            let jobs = changed.iter().filter_map(|key| self.jobs_of.get(key));
            for id in jobs.flat_map(SortedMap::values) {
                self.ungater.touch(*id);
            }
        }
        self.unsettled.extend(changed);
        self.ungate(turn);
        self.unshown.extend(self.controller.take_changed_queues());
        for (namespace, name) in std::mem::take(&mut self.unsettled) {
            let Some(state) = self.controller.state(&namespace, &name) else {
                continue;
            };
            let jobs = self.jobs_of.get(&(namespace, name));
            let jobs = jobs.into_iter().flat_map(SortedMap::values);
            self.answers.ask(state);
            show_workload(state, jobs.clone().next().copied(), turn);
            for (id, own) in jobs.filter_map(|id| Some((id, self.jobs.get(id)?))) {
                own.show(*id, state, self.controller.snapshot(), turn);
            }
        }
        self.show_queues(turn);
    }

    /// Gives pods their places that wait for them.
    fn ungate(&mut self, turn: &mut Turn<'_>) {
        let mut classes = Classes::default();
        for id in self.ungater.take_touched() {
            let Some(own) = self.jobs.get(&id) else {
                continue;
            };
            let state = self.controller.state(&own.namespace, &own.workload);
            let set = state.and_then(|state| own.admission(state));
            let Some(assignment) = set.and_then(|set| set.topology.as_ref()) else {
                continue;
            };
            // The jobs of one pod set share its places, the first of them the first.
            let key = (own.namespace.clone(), own.workload.clone());
            let (first, _) = own.place();
            let siblings = self.jobs_of.get(&key).into_iter().flatten();
            let siblings = siblings.filter(|((set, _), _)| *set == first);
            let mut before = 0_i64;
            let siblings = siblings.filter_map(|(_, id)| {
                let pods = self.jobs.get(id)?.pods(job::job_of(turn.store, *id)?);
                before += pods;
                Some((*id, before - pods))
            });
            let siblings: Vec<(ObjectId, i64)> = siblings.collect();
            let ungater = &mut self.ungater;
            ungater.ungate(&siblings, assignment, &mut classes, turn);
        }
    }

    fn show_queues(&mut self, turn: &mut Turn<'_>) {
        for queue in std::mem::take(&mut self.unshown) {
            let status = self.controller.status(queue);
            if self.shown.get(&status.name) == Some(&status) {
                continue;
            }
            let object = Object::ClusterQueue(status.clone().into());
            match turn
                .store
                .objects()
                .find("ClusterQueue", &status.namespace, &status.name)
            {
                Some(id) => {
                    let updated = ObjectChange::Updated { id, object };
                    turn.write(Event::Object(updated));
                }
                None => turn.out.creations.push(Creation::Object {
                    owner: None,
                    object,
                }),
            }
            self.shown.insert(status.name.clone(), status);
        }
    }

    /// Looks at workloads and queues again whose pauses are over.
    fn resume(&mut self) {
        for key in self.pauses.take_due(self.now) {
            let (namespace, name) = &key;
            if namespace.is_empty() {
                self.shown.remove(name);
                let queue = self.controller.snapshot().queue_named(name);
                self.unshown.extend(queue);
            } else {
                self.unsettled.insert(key);
            }
        }
    }

    /// Writes an object again after a pause, as its write was refused.
    fn again(&mut self, object: &Object) {
        let key = match object {
            Object::Job(job) => {
                let own = QueuedJob::new(job);
                (own.namespace, own.workload)
            }
            Object::Workload(own) => (own.namespace.clone(), own.name.clone()),
            Object::ClusterQueue(own) => (own.namespace.clone(), own.name.clone()),
            _ => return,
        };
        self.pauses.refused(self.now, key);
    }
}

/// Kueue over the queues of objects, without workloads.
fn controller(
    queueing: &QueueingObjects,
    namespaces: &SortedMap<Text, Labels>,
    now: Instant,
    seed: u64,
) -> Controller {
    let limits = queueing.wait_for_pods_ready.clone();
    let mut controller = Controller::new(snapshot(queueing, seed), limits, now);
    controller.add_local_queues(&queueing.local_queues);
    for (name, labels) in namespaces {
        controller.set_namespace(name.clone(), labels.clone());
    }
    controller
}

/// Queues of namespaces that are drained, and the reason that their workloads hear.
fn drained(queueing: &QueueingObjects) -> SortedMap<(Text, Text), &'static str> {
    let is_drained = |name: &Text| {
        let mut queues = queueing.queues.iter();
        queues.any(|own| own.name == *name && own.stop == StopPolicy::HoldAndDrain)
    };
    let reasons = queueing.local_queues.iter().filter_map(|own| {
        let key = (own.namespace.clone(), own.name.clone());
        if own.stop == StopPolicy::HoldAndDrain {
            return Some((key, "LocalQueueStopped"));
        }
        is_drained(&own.cluster_queue).then_some((key, "ClusterQueueStopped"))
    });
    reasons.collect()
}

/// The quotas of objects, with nothing held.
fn snapshot(objects: &QueueingObjects, seed: u64) -> Snapshot {
    let limits = objects.wait_for_pods_ready.as_ref();
    let settings = Settings {
        fair_sharing: objects.fair_sharing.clone(),
        requeue_time: limits.map_or(RequeueTime::Eviction, |own| own.requeue_time),
        ties: objects.draws_equal_shares.then_some(seed),
        ..Settings::default()
    };
    Snapshot::new(settings, objects)
}

/// Shows the object of a workload as its state is.
fn show_workload(state: &State, job: Option<ObjectId>, turn: &mut Turn<'_>) {
    let shown = state.shown();
    let objects = turn.store.objects();
    let found = objects.find("Workload", &shown.namespace, &shown.name);
    let object = Object::Workload(shown.into());
    if let Some(id) = found {
        if objects.get(id).is_some_and(|row| row.object != object) {
            let updated = ObjectChange::Updated { id, object };
            turn.write(Event::Object(updated));
        }
    } else if job.is_none_or(|id| objects.get(id).is_some()) {
        turn.out
            .creations
            .push(Creation::Object { owner: job, object });
    }
}

impl Component for Queueing {
    fn name(&self) -> &'static str {
        "kueue"
    }

    fn program(&self) -> Program {
        Program::Queueing
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.now = now;
        self.resume();
        let due = self.controller.next_due();
        let is_due = due.is_some_and(|at| at <= now);
        let retried = self.controller.advance(now);
        let draws = self.next_draw.take_if(|at| *at <= now).is_some();
        self.is_awake |= is_due || draws || !retried.is_empty();
        self.change(now, turn);
        self.read(now, view);
        self.begin();
        self.is_awake |= self.answers.answer(now, &mut self.controller);
        if self.controller.gives_places() {
            let ground = &mut self.ground;
            self.is_awake |= ground.settle(&mut self.controller, &self.jobs_of, turn);
        }
        let mut progress = Progress::Idle;
        if self.is_awake {
            let cycle = self.controller.cycle();
            self.is_awake = cycle.is_some_and(|cycle| cycle.has_changed);
            if self.is_awake {
                progress = Progress::More;
            }
        }
        if !self.controller.draws_again() {
            self.next_draw = None;
        } else if !self.is_awake {
            self.next_draw.get_or_insert(now.saturating_add(PACE));
        }
        self.show(turn);
        let due = self.controller.next_due().into_iter();
        let due = due.chain(self.answers.next_due()).chain(self.next_draw);
        let due = due.chain(self.pauses.next_due()).chain(self.next_change());
        if let Some(at) = due.chain(self.ground.next_due()).min() {
            turn.out.wake_at(at.max(now));
        }
        progress
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        match &write.event {
            Event::Object(ObjectChange::Updated { object, .. }) => self.again(object),
            Event::PodChanged {
                pod,
                change: PodChange::Declared { .. },
            } => {
                self.ungater.ended(pod.id);
            }
            _ => {}
        }
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        if let Creation::Object { object, .. } = creation {
            self.again(object);
        }
    }

    fn backlog(&self) -> usize {
        self.controller.pending()
    }

    fn remarks(&self) -> Vec<String> {
        let answers = self.controller.first_unadmitted().into_iter();
        let line = |own: Unadmitted| {
            let (namespace, name) = (&own.workload.namespace, &own.workload.name);
            format!(
                "the workload `{namespace}/{name}` was the first to wait in the cluster queue `{}` when the run ended: {}",
                own.queue, own.message
            )
        };
        answers.map(line).collect()
    }

    fn restarted(&mut self, now: Instant) {
        self.inherited_until = Some(now);
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

//! The managers as a component of a run: objects become services, services have tasks, tasks are
//! pods; orchestrators, the scheduler and the dispatcher work on them (spec: orchestrators-a.md
//! section 2). Orchestrators are in `orchestrate.rs`, nodes in `nodes.rs`.
//!
//! Heartbeats that arrive change nothing: when a node falls silent, the last one before is computed.
//! Without a leader with a majority nothing is placed, replaced or updated.

use std::sync::Arc;

use crate::ends::{self, Consequence};
use crate::mapping::refusal;
use crate::parts::timers::Timers;
use crate::parts::turn::Turn;
use cluster::{Conflict, Store};
use control::admission::{Creation, NewName, NewPod};
use control::{Component, Memory, Outbox, Progress, Write};
use model::{
    EndReason, Event, NodeContact, ObjectChange, PodChange, PodCreated, PodOwner, PodRef, PodSpec,
    Text,
};
use units::{ClassId, Instant, NodeId, ObjectId, PodId, Revision, SortedMap, SortedSet};

use super::entry::CAPABILITIES;
use super::needs::Needs;
use super::nodes::{NodeWatch, free_devices};
use super::options::SwarmKitOptions;
use super::raft::Managers;
use super::request::{GPU, task_spec};
use super::scheduler::{Debounce, Scheduler};
use super::service::{Service, Task, Unanswered};
use super::task::{self, TaskSpec, TaskState, Version};

/// Something that is due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// The scheduler runs, if nothing was committed meanwhile.
    Schedule,
    /// A held task may start.
    Release(u64),
    /// An update goes on.
    Update(ObjectId),
    /// A node that is silent is down.
    Down(usize),
    /// A node has been down for so long that its tasks are given up.
    Orphans(usize),
    /// An election ends.
    Elect,
}

/// The managers of a cluster.
#[derive(Clone)]
pub(super) struct SwarmKitManager {
    pub(super) options: SwarmKitOptions,
    pub(super) cursor: Revision,
    pub(super) scheduler: Scheduler,
    debounce: Debounce,
    pub(super) nodes: Vec<NodeWatch>,
    pub(super) node_ids: SortedMap<Text, usize>,
    pub(super) services: SortedMap<ObjectId, Service>,
    pub(super) tasks: SortedMap<u64, Task>,
    pub(super) next_task: u64,
    pub(super) by_pod: SortedMap<PodId, u64>,
    pub(super) by_id: SortedMap<Text, u64>,
    /// Tasks whose pod is being created, by id.
    pub(super) asked: SortedMap<Text, u64>,
    /// Specs of pods of no service, by class; `None` if they can't be expressed.
    classes: SortedMap<ClassId, Option<Arc<TaskSpec>>>,
    /// Tasks that wait for another to stop.
    pub(super) successors: SortedMap<u64, u64>,
    /// Services that an orchestrator has to look at.
    pub(super) dirty: SortedSet<ObjectId>,
    /// Tasks of whose waiting nobody was told yet.
    pub(super) told_waiting: SortedSet<u64>,
    /// Tasks that would have been replaced if there were a leader.
    pub(super) unanswered: Vec<Unanswered>,
    /// Services that were deleted while there was none.
    pub(super) deleted: Vec<ObjectId>,
    /// Secrets and configs, and the tasks that wait for some.
    pub(super) needs: Needs,
    pub(super) timers: Timers<Due>,
    pub(super) raft: Managers,
    pub(super) seed: u64,
}

impl SwarmKitManager {
    /// Managers that know nothing yet; `seed` is the run's.
    pub(super) fn new(options: SwarmKitOptions, seed: u64) -> Self {
        Self {
            cursor: Revision::default(),
            scheduler: Scheduler::new(options.spread),
            debounce: Debounce::default(),
            nodes: Vec::new(),
            node_ids: SortedMap::new(),
            services: SortedMap::new(),
            tasks: SortedMap::new(),
            next_task: 0,
            by_pod: SortedMap::new(),
            by_id: SortedMap::new(),
            asked: SortedMap::new(),
            classes: SortedMap::new(),
            successors: SortedMap::new(),
            dirty: SortedSet::new(),
            told_waiting: SortedSet::new(),
            unanswered: Vec::new(),
            deleted: Vec::new(),
            needs: Needs::default(),
            timers: Timers::default(),
            raft: Managers::new(options.managers, seed),
            seed,
            options,
        }
    }

    fn happened(&mut self, event: &Event, turn: &mut Turn<'_>) {
        match event {
            Event::NodeAdded { node, object } => self.node_added(turn.now, *node, object),
            Event::NodeUpdated { node, object } => {
                self.node_updated(*node, object, turn);
            }
            Event::NodeContact { node, contact } => match contact {
                NodeContact::Silent { .. } => self.silent(turn.now, node.index()),
                NodeContact::Steady => self.heard(turn.now, node.index()),
                NodeContact::Heard => {}
            },
            Event::NodeReadiness { node, ready } => {
                self.declared(node.index(), *ready, turn);
            }
            Event::NodeRemoved { node } => self.down(node.index(), turn),
            Event::PodCreated(created) => self.created(created, turn),
            Event::PodStarting { pod } => self.prepared(*pod),
            Event::PodRunning { pod } => self.running(turn.now, *pod),
            Event::PodEnded { pod, reason } => self.ended(*pod, *reason, turn),
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { .. },
            } => self.told_to_end(turn.now, *pod, turn.out),
            Event::Object(change) => match change {
                ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                    self.needs.declare(*id, object);
                    self.declare(*id, object, turn);
                }
                ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => {}
                ObjectChange::Deleted { id } => {
                    self.needs.delete(*id);
                    self.delete(*id, turn);
                }
            },
            _ => {}
        }
    }

    /// The scheduler has something to look at.
    pub(super) fn committed(&mut self, now: Instant) {
        let at = self.debounce.committed(now);
        self.timers.push(at, Due::Schedule);
    }

    pub(super) fn task_of(&self, pod: PodRef) -> Option<u64> {
        self.by_pod.get(&pod.id).copied()
    }

    /// Makes a task of a service: its pod is created, and it is placed once that is there.
    pub(super) fn make(
        &mut self,
        object: ObjectId,
        slot: u64,
        pinned: Option<Text>,
        is_held: bool,
        out: &mut Outbox,
    ) -> Option<u64> {
        let service = self.services.get_mut(&object)?;
        let place = pinned
            .as_ref()
            .map_or_else(|| slot.to_string(), ToString::to_string);
        let place: Text = place.into();
        let made = service.made.entry(place.clone()).or_default();
        *made += 1;
        let id: Text = format!("{}.{place}.{made}", service.name).into();
        let node = pinned.as_ref().and_then(|node| self.node_ids.get(node));
        let index = node.map_or(slot, |&node| node as u64);
        let owner = PodOwner::new(object, index as i32);
        let number = self.next_task;
        self.next_task += 1;
        out.creations.push(Creation::Pod(NewPod {
            owner,
            name: NewName::Exact(id.clone()),
            spec: Arc::clone(&service.now.template),
        }));
        self.asked.insert(id.clone(), number);
        let task = Task {
            id,
            service: Some(object),
            slot,
            spec: Arc::clone(&service.now.spec),
            pod: None,
            is_pinned: pinned.is_some(),
            node: pinned,
            observed: TaskState::New,
            is_wanted: true,
            is_counted: false,
            replacement: None,
            is_held,
            awaits_turn: is_held,
            lacks_needs: false,
            is_removed: false,
        };
        service.slots.entry(slot).or_default().tasks.push(number);
        self.tasks.insert(number, task);
        Some(number)
    }

    /// A pod is there: a task's own, or one that belongs to no service.
    fn created(&mut self, created: &PodCreated, turn: &mut Turn<'_>) {
        let pod = created.pod;
        let class = &turn.store.class(created.class).spec;
        let refused = refusal(CAPABILITIES, class).is_some();
        let number = match created
            .owner
            .and_then(|_| self.asked.remove(&created.name.text()))
        {
            Some(number) => number,
            None => self.bare(created, class),
        };
        self.by_pod.insert(pod.id, number);
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        task.pod = Some(pod);
        self.by_id.insert(task.id.clone(), number);
        if refused {
            task.is_wanted = false;
            let (service, slot) = (task.service, task.slot);
            let service = service.and_then(|id| self.services.get_mut(&id));
            if let Some(slot) = service.and_then(|own| own.slots.get_mut(&slot)) {
                slot.is_over = true;
            }
            let reason = EndReason::Rejected;
            turn.write(Event::PodEnded { pod, reason });
            return;
        }
        if !task.is_wanted {
            let reason = EndReason::Cancelled;
            turn.write(Event::PodEnded { pod, reason });
            return;
        }
        if self.needs.lacks(class) {
            (task.lacks_needs, task.is_held) = (true, true);
            self.needs.wait(number, class);
        }
        if task.is_held {
            let change = PodChange::Held;
            turn.write(Event::PodChanged { pod, change });
        }
        task.observed = TaskState::Pending;
        self.scheduler.enqueue(task::Task {
            id: task.id.clone(),
            spec: Arc::clone(&task.spec),
            node: if task.is_pinned {
                task.node.clone()
            } else {
                None
            },
        });
        self.committed(turn.now);
    }

    /// A pod of no service is a task that is not replaced.
    fn bare(&mut self, created: &PodCreated, own: &Arc<PodSpec>) -> u64 {
        let spec = self.classes.entry(created.class).or_insert_with(|| {
            let spec = task_spec(own, Version::default(), &self.options);
            Some(Arc::new(spec))
        });
        let spec = spec.clone().unwrap_or_default();
        let number = self.next_task;
        self.next_task += 1;
        let task = Task {
            id: created.name.text(),
            service: None,
            slot: 0,
            spec,
            pod: Some(created.pod),
            node: None,
            is_pinned: false,
            observed: TaskState::New,
            is_wanted: true,
            is_counted: false,
            replacement: None,
            is_held: false,
            awaits_turn: false,
            lacks_needs: false,
            is_removed: false,
        };
        self.tasks.insert(number, task);
        number
    }

    /// The scheduler's pass: what it decides is written down.
    fn schedule(&mut self, turn: &mut Turn<'_>) {
        if !self.raft.accepts() || !self.debounce.is_due(turn.now) {
            return;
        }
        let pass = self.scheduler.run(turn.now);
        for assigned in pass.assigned {
            turn.out.decided_pods += 1;
            let Some(&number) = self.by_id.get(&assigned.task) else {
                continue;
            };
            let Some(task) = self.tasks.get_mut(&number) else {
                continue;
            };
            let Some((pod, &node)) = task.pod.zip(self.node_ids.get(&assigned.node)) else {
                continue;
            };
            task.node = Some(assigned.node);
            task.observed = TaskState::Assigned;
            task.is_counted = true;
            let asked = task
                .spec
                .reservations
                .generic
                .get(GPU)
                .copied()
                .unwrap_or(0);
            let node = NodeId::from_index(node);
            let devices = free_devices(turn.store, node, asked, turn.out);
            turn.write(Event::PodBound { pod, node, devices });
        }
        turn.out.decided_jobs += u32::from(turn.out.decided_pods > 0);
        for (id, _) in pass.waiting {
            let number = self.by_id.get(&id).copied();
            let Some(number) = number.filter(|&number| self.told_waiting.insert(number)) else {
                continue;
            };
            if let Some(pod) = self.tasks.get(&number).and_then(|task| task.pod) {
                turn.out.decided_pods += 1;
                turn.write(Event::PodUnschedulable { pod });
            }
        }
    }

    /// A task's pod ended: what it held is free.
    fn ended(&mut self, pod: PodRef, reason: EndReason, turn: &mut Turn<'_>) {
        let Some(number) = self.by_pod.remove(&pod.id) else {
            return;
        };
        let Some(task) = self.tasks.remove(&number) else {
            return;
        };
        self.by_id.remove(&task.id);
        self.needs.forget(number);
        self.told_waiting.remove(&number);
        if task.observed >= TaskState::Assigned {
            if let Some(node) = task
                .node
                .as_deref()
                .and_then(|id| self.scheduler.node_mut(id))
            {
                if task.is_counted {
                    node.deactivate_task(&task.spec);
                }
                node.free_task(&task.spec);
                let has_failed =
                    ends::swarmkit(reason).consequence == Consequence::Failure && task.is_wanted;
                if has_failed && !task.is_pinned {
                    node.count_failure(turn.now, &task.spec.version);
                }
            }
            self.committed(turn.now);
        } else {
            self.scheduler.forget(&task.id);
        }
        if task.service.is_some() && reason.leaves_object() {
            let change = PodChange::Forgotten;
            turn.write(Event::PodChanged { pod, change });
        }
        self.task_ended(turn.now, number, &task, reason, turn.out);
    }

    fn due(&mut self, due: Due, turn: &mut Turn<'_>) {
        match due {
            Due::Schedule => self.schedule(turn),
            Due::Release(number) => self.release(number, turn),
            Due::Update(service) => self.step_update(service, turn),
            Due::Down(node) => self.expired(node, turn),
            Due::Orphans(node) => self.orphan(node, turn),
            Due::Elect => self.elect(turn),
        }
    }
}

impl Component for SwarmKitManager {
    fn name(&self) -> &'static str {
        "swarmkit-manager"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        for entry in view.log().since(self.cursor) {
            self.happened(&entry.event, turn);
        }
        self.cursor = view.revision();
        while let Some((_, due)) = self.timers.pop(now) {
            self.due(due, turn);
        }
        if self.raft.accepts() {
            for number in self.needs.take_ready() {
                self.has_needs(number, turn);
            }
            for service in std::mem::take(&mut self.dirty) {
                self.reconcile(service, turn);
            }
        }
        if let Some(at) = self.timers.next() {
            turn.out.wake_at(at);
        }
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        // The node went away meanwhile: the task waits again.
        if let Event::PodBound { pod, .. } = write.event
            && let Some(number) = self.task_of(pod)
            && let Some(task) = self.tasks.get_mut(&number)
        {
            let node = task.node.take().filter(|_| !task.is_pinned);
            if let Some(node) = node.as_deref().and_then(|id| self.scheduler.node_mut(id)) {
                node.deactivate_task(&task.spec);
                node.free_task(&task.spec);
            }
            (task.observed, task.is_counted) = (TaskState::Pending, false);
            self.scheduler.enqueue(task::Task {
                id: task.id.clone(),
                spec: Arc::clone(&task.spec),
                node: None,
            });
        }
    }

    fn managers_away(&mut self, now: Instant, away: u32) {
        let count = self.options.managers;
        let leader = self.raft.leader().unwrap_or(0);
        let mut election = None;
        for step in 0..count {
            let manager = (leader + step) % count;
            let is_there = step >= away as usize;
            election = self.raft.set_reachable(now, manager, is_there).or(election);
        }
        if let Some(at) = election {
            self.timers.push(at, Due::Elect);
        }
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        if let Creation::Pod(new) = creation
            && let NewName::Exact(id) = &new.name
            && let Some(number) = self.asked.remove(id)
            && let Some(task) = self.tasks.remove(&number)
            && let Some(service) = self.services.get_mut(&new.owner.object)
            && let Some(slot) = service.slots.get_mut(&task.slot)
        {
            slot.tasks.retain(|&own| own != number);
        }
    }

    fn backlog(&self) -> usize {
        self.scheduler.backlog()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let number = self.task_of(pod)?;
        let task = self.tasks.get(&number)?;
        if task.lacks_needs {
            return self.needs.message(number);
        }
        let is_waiting = task.observed == TaskState::Pending;
        // A task of a global service looks at its own node alone.
        let own = task.node.as_ref().filter(|_| task.is_pinned);
        let nodes = self.scheduler.nodes().values();
        let nodes = nodes.filter(|node| own.is_none_or(|own| node.id == *own));
        is_waiting.then(|| super::pipeline::explain(&task.spec, nodes).into())
    }

    fn memory(&self) -> Memory {
        self.remembered()
    }

    fn recall(&mut self, now: Instant, memory: &str, view: &Store) -> Result<(), String> {
        self.taken_up(now, memory, view)
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

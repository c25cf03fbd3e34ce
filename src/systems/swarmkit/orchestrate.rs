//! Orchestrators: services are brought to their size, ended tasks are replaced, updates go slot by
//! slot (spec: orchestrators-a.md sections 2.4–2.7).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::Store;
use crate::control::Outbox;
use crate::model::{EndReason, Event, Object, PodChange, PodRef, Text};
use crate::units::{Instant, ObjectId};

use super::component::{Due, SwarmKitManager};
use super::global;
use super::node::{Availability, NodeStatus};
use super::replicated::{self, Slot};
use super::restart::{OldTask, Replacement};
use super::service::{Mode, Service, SlotState, Specification, Task, Unanswered, wanted};
use super::task::TaskState;
use super::update::{Direction, Order, UpdateState, Updater};

impl SwarmKitManager {
    /// An object is declared, or declared anew.
    pub(super) fn declare(
        &mut self,
        now: Instant,
        id: ObjectId,
        object: &Object,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(wanted) = wanted(object, &self.options) else {
            return;
        };
        self.dirty.insert(id);
        let Some(service) = self.services.get_mut(&id) else {
            let first = Specification::new(&wanted.name, 1, &wanted.template, &self.options);
            self.services.insert(
                id,
                Service {
                    name: wanted.name,
                    mode: wanted.mode,
                    now: first,
                    previous: None,
                    restart: wanted.restart,
                    update: wanted.update,
                    slots: BTreeMap::new(),
                    updater: None,
                    orders: Vec::new(),
                    made: 0,
                },
            );
            return;
        };
        service.mode = wanted.mode;
        (service.restart, service.update) = (wanted.restart, wanted.update);
        let takes_back = matches!(object, Object::Deployment(own) if own.rollback_to.is_some());
        if takes_back {
            self.roll_back(now, id, store, out);
        } else if service.now.template != wanted.template {
            let version = service.now.spec.version.version + 1;
            let next = Specification::new(&service.name, version, &wanted.template, &self.options);
            service.previous = Some(std::mem::replace(&mut service.now, next));
            let config = service.update;
            self.begin_update(now, id, (config, Direction::Update), store, out);
        }
    }

    /// An object is deleted: all its tasks stop.
    pub(super) fn delete(&mut self, id: ObjectId, store: &Store, out: &mut Outbox) {
        if !self.raft.accepts() {
            self.deleted.push(id);
            return;
        }
        let Some(service) = self.services.remove(&id) else {
            return;
        };
        self.dirty.remove(&id);
        for number in service.slots.into_values().flat_map(|slot| slot.tasks) {
            self.remove_task(number, store, out);
        }
    }

    fn remove_task(&mut self, number: u64, store: &Store, out: &mut Outbox) {
        if let Some(task) = self.tasks.get_mut(&number) {
            task.is_removed = true;
        }
        self.shut_down(number, EndReason::Cancelled, store, out);
    }

    /// A task is to stop: it no longer counts, and keeps what it reserves until it has ended.
    pub(super) fn shut_down(
        &mut self,
        number: u64,
        reason: EndReason,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        if !task.is_wanted {
            return;
        }
        task.is_wanted = false;
        if std::mem::take(&mut task.is_counted)
            && let Some(node) = task
                .node
                .as_deref()
                .and_then(|id| self.scheduler.node_mut(id))
        {
            node.deactivate_task(&task.spec);
        }
        if task.observed < TaskState::Assigned {
            self.scheduler.forget(&task.id);
        }
        if let Some(pod) = task.pod
            && store.pods().get(pod).is_some()
        {
            let grace = store.grace_of(pod);
            let change = PodChange::Terminating { grace, reason };
            out.write(store, Event::PodChanged { pod, change });
        }
    }

    /// Somebody told a task's pod to end; if it was not this manager, another one takes its place.
    pub(super) fn told_to_end(&mut self, now: Instant, pod: PodRef, out: &mut Outbox) {
        let Some(number) = self.task_of(pod) else {
            return;
        };
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        if !task.is_wanted {
            return;
        }
        task.is_wanted = false;
        let node = task.node.clone();
        if std::mem::take(&mut task.is_counted)
            && let Some(node) = node.as_deref().and_then(|id| self.scheduler.node_mut(id))
        {
            node.deactivate_task(&task.spec);
        }
        self.replace(now, number, out);
    }

    /// Brings a service to its size.
    pub(super) fn reconcile(&mut self, id: ObjectId, store: &Store, out: &mut Outbox) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        match service.mode {
            Mode::Replicated(replicas) => self.reconcile_replicated(id, replicas, store, out),
            Mode::Global => self.reconcile_global(id, store, out),
            Mode::Job {
                completions,
                parallel,
            } => self.reconcile_job(id, completions, parallel, out),
        }
    }

    fn reconcile_replicated(
        &mut self,
        id: ObjectId,
        replicas: u64,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let slots = service.slots.iter();
        let live = slots.filter_map(|(&number, slot)| {
            let mut wanted = slot.tasks.iter().filter_map(|task| self.tasks.get(task));
            let tasks = wanted.clone().filter(|task| task.is_wanted).count() as u32;
            let first = wanted.find(|task| task.is_wanted);
            let is_running = first.is_some_and(|task| task.observed == TaskState::Running);
            (tasks > 0 || slot.is_over).then(|| Slot {
                number,
                node: first.and_then(|task| task.node.clone()),
                is_running,
                tasks,
            })
        });
        let live: Vec<Slot> = live.collect();
        let scaling = replicated::reconcile(&live, replicas);
        for slot in scaling.create {
            self.make((id, slot), None, false, out);
        }
        for number in scaling.remove {
            let slot = self
                .services
                .get_mut(&id)
                .and_then(|own| own.slots.get_mut(&number));
            let tasks = slot.map(|slot| {
                slot.is_over = false;
                slot.tasks.clone()
            });
            for task in tasks.unwrap_or_default() {
                self.remove_task(task, store, out);
            }
        }
    }

    fn reconcile_global(&mut self, id: ObjectId, store: &Store, out: &mut Outbox) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let mut running: BTreeSet<Text> = BTreeSet::new();
        for (&slot, state) in &service.slots {
            let is_live = state.is_over
                || (state.tasks.iter().filter_map(|task| self.tasks.get(task)))
                    .any(|task| task.is_wanted);
            if is_live && let Some(watch) = self.nodes.get(slot as usize) {
                running.insert(watch.id.clone());
            }
        }
        let nodes = self.scheduler.nodes().values();
        let scaling = global::reconcile(nodes, &service.now.spec.constraints, &running);
        for node in scaling.create {
            let slot = self.node_ids.get(&node).copied().unwrap_or(0) as u64;
            self.make((id, slot), Some(node), false, out);
        }
        for node in scaling.shutdown {
            let slot = self.node_ids.get(&node).copied().unwrap_or(0) as u64;
            let state = self
                .services
                .get_mut(&id)
                .and_then(|own| own.slots.get_mut(&slot));
            let tasks = state.map(|state| {
                state.is_over = false;
                state.tasks.clone()
            });
            for task in tasks.unwrap_or_default() {
                self.remove_task(task, store, out);
            }
        }
    }

    /// A job: slots are filled while some are left and not too many run.
    fn reconcile_job(&mut self, id: ObjectId, completions: u64, parallel: u64, out: &mut Outbox) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let is_live = |slot: &SlotState| !slot.tasks.is_empty();
        let running = service.slots.values().filter(|slot| is_live(slot)).count() as u64;
        let free = (1..=completions).filter(|number| {
            let slot = service.slots.get(number);
            slot.is_none_or(|slot| !is_live(slot) && !slot.is_over)
        });
        let next: Vec<u64> = free
            .take(parallel.saturating_sub(running) as usize)
            .collect();
        for slot in next {
            self.make((id, slot), None, false, out);
        }
    }

    /// A task is prepared.
    pub(super) fn prepared(&mut self, now: Instant, pod: PodRef) {
        let Some(number) = self.task_of(pod) else {
            return;
        };
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        task.observed = TaskState::Ready;
        let (service, slot, spec) = (task.service, task.slot, Arc::clone(&task.spec));
        if let Some(id) = service
            && let Some(own) = self.services.get_mut(&id)
            && Arc::ptr_eq(&own.now.spec, &spec)
            && let Some(updater) = &mut own.updater
        {
            updater.new_ready(slot);
            self.timers.push(now, Due::Update(id));
        }
    }

    /// A task runs.
    pub(super) fn running(&mut self, now: Instant, pod: PodRef) {
        let Some(number) = self.task_of(pod) else {
            return;
        };
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        task.observed = TaskState::Running;
        let (service, slot, spec) = (task.service, task.slot, Arc::clone(&task.spec));
        if let Some(id) = service
            && let Some(own) = self.services.get_mut(&id)
            && Arc::ptr_eq(&own.now.spec, &spec)
            && let Some(updater) = &mut own.updater
        {
            let mut orders = Vec::new();
            updater.new_running(now, slot, &mut orders);
            own.orders.extend(orders);
            self.timers.push(now, Due::Update(id));
        }
    }

    /// A task has ended, and is no longer among the tasks.
    pub(super) fn task_ended(
        &mut self,
        now: Instant,
        number: u64,
        task: &Task,
        reason: EndReason,
        out: &mut Outbox,
    ) {
        // Whoever replaces it need not wait for it any longer.
        if let Some(other) = self.successors.remove(&number)
            && let Some(one) = self.tasks.get_mut(&other)
            && let Some(replacement) = &mut one.replacement
        {
            replacement.old_stopped();
            let starts = replacement.starts().max(now);
            self.timers.push(starts, Due::Release(other));
        }
        let Some(id) = task.service else {
            return;
        };
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let is_new = Arc::ptr_eq(&service.now.spec, &task.spec);
        if let Some(updater) = &mut service.updater {
            match (is_new, task.is_wanted) {
                (true, true) => updater.new_ended(now, task.slot),
                (false, _) => updater.old_stopped(task.slot),
                (true, false) => {}
            }
            self.timers.push(now, Due::Update(id));
        }
        self.dirty.insert(id);
        if task.is_wanted {
            let is_success = reason == EndReason::Completed;
            self.restart(now, (id, number), task, (is_success, OldTask::Gone), out);
        }
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        if let Some(slot) = service.slots.get_mut(&task.slot) {
            slot.tasks.retain(|&own| own != number);
            if slot.tasks.is_empty() && !slot.is_over {
                service.slots.remove(&task.slot);
            }
        }
    }

    /// A task that can't go on where it is gets another in its place, by the restart rule.
    pub(super) fn replace(&mut self, now: Instant, number: u64, out: &mut Outbox) {
        let Some(task) = self.tasks.get(&number).cloned() else {
            return;
        };
        let Some(id) = task.service else {
            return;
        };
        let is_down = task
            .node
            .as_ref()
            .and_then(|id| self.scheduler.nodes().get(id));
        let old = match is_down.map(|node| node.status) {
            Some(NodeStatus::Down) => OldTask::Gone,
            _ => OldTask::MayRun,
        };
        self.restart(now, (id, number), &task, (false, old), out);
    }

    /// The restart rule: a replacement is made at once, to be prepared, and starts later.
    fn restart(
        &mut self,
        now: Instant,
        (id, number): (ObjectId, u64),
        task: &Task,
        (is_success, old): (bool, OldTask),
        out: &mut Outbox,
    ) {
        if !self.raft.accepts() {
            let service = self.services.get(&id);
            let slot = service.and_then(|own| own.slots.get(&task.slot));
            self.unanswered.push(Unanswered {
                service: id,
                number,
                task: task.clone(),
                history: slot.map(|slot| slot.history.clone()).unwrap_or_default(),
                is_success,
                old,
            });
            return;
        }
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let policy = service.restart;
        let is_job = matches!(service.mode, Mode::Job { .. });
        // The task of a global service goes with its node.
        let node = task
            .node
            .as_ref()
            .and_then(|node| self.scheduler.nodes().get(node));
        let is_usable = node.is_some_and(|node| {
            node.status != NodeStatus::Down && node.availability == Availability::Active
        });
        if service.mode == Mode::Global && !is_usable {
            return;
        }
        let Some(slot) = service.slots.get_mut(&task.slot) else {
            return;
        };
        let others = slot.tasks.iter().filter(|&&own| own != number);
        let has_other = others
            .filter_map(|own| self.tasks.get(own))
            .any(|own| own.is_wanted);
        if has_other || task.is_removed {
            return;
        }
        if !slot.history.allows(&policy, now, is_success) || (is_job && is_success) {
            slot.is_over = true;
            return;
        }
        slot.history.record(now);
        let is_draining = node.is_some_and(|node| node.availability == Availability::Drain);
        let replacement = Replacement::new(now, &policy, is_draining, old);
        let pinned = task.is_pinned.then(|| task.node.clone()).flatten();
        let Some(next) = self.make((id, task.slot), pinned, true, out) else {
            return;
        };
        if let Some(made) = self.tasks.get_mut(&next) {
            made.replacement = Some(replacement);
        }
        if old == OldTask::MayRun {
            self.successors.insert(number, next);
        }
        self.timers.push(replacement.starts(), Due::Release(next));
    }

    /// A new leader takes up what came to a halt without one: services that were deleted, tasks that
    /// ended meanwhile, tasks that are held, updates.
    pub(super) fn take_up(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        for service in std::mem::take(&mut self.deleted) {
            self.delete(service, store, out);
        }
        for halted in std::mem::take(&mut self.unanswered) {
            if let Some(service) = self.services.get_mut(&halted.service) {
                let slot = service.slots.entry(halted.task.slot);
                slot.or_insert_with(|| SlotState {
                    history: halted.history,
                    ..SlotState::default()
                });
            }
            let (id, number) = (halted.service, halted.number);
            let is_there = self.tasks.contains_key(&number);
            let old = if is_there { halted.old } else { OldTask::Gone };
            let end = (halted.is_success, old);
            self.restart(now, (id, number), &halted.task, end, out);
        }
        for (&number, task) in &self.tasks {
            if task.is_held
                && let Some(replacement) = &task.replacement
            {
                let starts = replacement.starts().max(now);
                self.timers.push(starts, Due::Release(number));
            }
        }
        for (&id, service) in &self.services {
            if service.updater.is_some() {
                self.timers.push(now, Due::Update(id));
            }
        }
    }

    /// A held task may start, if what it waits for is over.
    pub(super) fn release(&mut self, now: Instant, number: u64, store: &Store, out: &mut Outbox) {
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        let waits = task.replacement.as_ref().map(Replacement::starts);
        if !task.is_held || waits.is_some_and(|starts| starts > now) {
            return;
        }
        // The next leader looks at it again.
        if !self.raft.accepts() {
            return;
        }
        let Some(pod) = task.pod else {
            // Its pod is being created: it needs not be held at all.
            task.is_held = false;
            return;
        };
        task.is_held = false;
        if store.pods().get(pod).is_some() {
            let change = PodChange::Released;
            out.write(store, Event::PodChanged { pod, change });
        }
    }

    /// Begins an update of the slots whose task is not of the present specification; one that is
    /// under way ends.
    fn begin_update(
        &mut self,
        now: Instant,
        id: ObjectId,
        (config, direction): (super::update::UpdateConfig, Direction),
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let spec = Arc::clone(&service.now.spec);
        let mut dirty = Vec::new();
        for (&number, slot) in &mut service.slots {
            slot.history = super::restart::History::default();
            let wanted = slot.tasks.iter().filter_map(|task| self.tasks.get(task));
            let wanted: Vec<&Task> = wanted.filter(|task| task.is_wanted).collect();
            let is_same = |task: &&Task| Arc::ptr_eq(&task.spec, &spec);
            if slot.is_over || wanted.len() > 1 || !wanted.iter().all(is_same) {
                dirty.push(number);
            }
        }
        service.orders.clear();
        service.updater = Some(Updater::new(config, direction, dirty));
        self.step_update(now, id, store, out);
    }

    /// Back to the specification before.
    fn roll_back(&mut self, now: Instant, id: ObjectId, store: &Store, out: &mut Outbox) {
        let rollback = self.options.rollback;
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let Some(previous) = service.previous.take() else {
            return;
        };
        service.previous = Some(std::mem::replace(&mut service.now, previous));
        self.begin_update(now, id, (rollback, Direction::Rollback), store, out);
    }

    /// Lets an update go on as far as it can.
    pub(super) fn step_update(
        &mut self,
        now: Instant,
        id: ObjectId,
        store: &Store,
        out: &mut Outbox,
    ) {
        if !self.raft.accepts() {
            return;
        }
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let Some(updater) = &mut service.updater else {
            return;
        };
        let mut orders = std::mem::take(&mut service.orders);
        updater.step(now, &mut orders);
        let (state, wakes) = (updater.state(), updater.wakes());
        for order in orders {
            self.carry_out(id, order, store, out);
        }
        if let Some(at) = wakes {
            self.timers.push(at.max(now), Due::Update(id));
        }
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        match state {
            UpdateState::Underway => {}
            UpdateState::Completed | UpdateState::Paused => service.updater = None,
            UpdateState::RollbackWanted => self.roll_back(now, id, store, out),
        }
    }

    fn carry_out(&mut self, id: ObjectId, order: Order, store: &Store, out: &mut Outbox) {
        let spec = self.services.get(&id).map(|own| Arc::clone(&own.now.spec));
        let Some(spec) = spec else {
            return;
        };
        match order {
            Order::Prepare(slot) | Order::Run(slot) => {
                let is_held = matches!(order, Order::Prepare(_));
                let service = self.services.get_mut(&id);
                let is_global = service.as_ref().is_some_and(|own| own.mode == Mode::Global);
                if let Some(state) = service.and_then(|own| own.slots.get_mut(&slot)) {
                    state.is_over = false;
                }
                let node = self.nodes.get(slot as usize).map(|watch| watch.id.clone());
                let pinned = node.filter(|_| is_global);
                self.make((id, slot), pinned, is_held, out);
            }
            Order::StopOld(slot) => {
                let old = self.in_slot(id, slot, |task| !Arc::ptr_eq(&task.spec, &spec));
                if old.is_empty()
                    && let Some(updater) = self
                        .services
                        .get_mut(&id)
                        .and_then(|own| own.updater.as_mut())
                {
                    updater.old_stopped(slot);
                }
                for number in old {
                    self.shut_down(number, EndReason::Cancelled, store, out);
                }
            }
            Order::Promote(slot) => {
                for number in self.in_slot(id, slot, |task| Arc::ptr_eq(&task.spec, &spec)) {
                    let Some(task) = self.tasks.get_mut(&number) else {
                        continue;
                    };
                    if std::mem::take(&mut task.is_held)
                        && let Some(pod) = task.pod
                    {
                        let change = PodChange::Released;
                        out.write(store, Event::PodChanged { pod, change });
                    }
                }
            }
        }
    }

    /// The tasks of a slot that are one or the other.
    fn in_slot(&self, id: ObjectId, slot: u64, is_meant: impl Fn(&Task) -> bool) -> Vec<u64> {
        let state = self.services.get(&id).and_then(|own| own.slots.get(&slot));
        let tasks = state
            .into_iter()
            .flat_map(|state| state.tasks.iter().copied());
        let meant = |number: &u64| self.tasks.get(number).is_some_and(&is_meant);
        tasks.filter(meant).collect()
    }
}

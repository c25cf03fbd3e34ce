//! Orchestrators: services are declared and brought to their size, and their tasks followed (spec:
//! orchestrators-a.md sections 2.4–2.5). Restarts are in `restarting.rs`, updates in `rollout.rs`.

use std::sync::Arc;

use control::Outbox;
use model::{EndReason, Event, Object, ObjectChange, PodRef, Text};
use units::{Instant, ObjectId, SortedSet};

use crate::ends::{self, Consequence};
use crate::parts::turn::Turn;

use super::component::{Due, SwarmKitManager};
use super::global;
use super::replicated::{self, Slot};
use super::restart::OldTask;
use super::restarting::EndedTask;
use super::service::{Mode, Service, SlotState, Task, wanted};
use super::task::TaskState;
use super::update::{Direction, Order, Updater};

impl SwarmKitManager {
    /// An object is declared, or declared anew.
    pub(super) fn declare(&mut self, id: ObjectId, object: &Object, turn: &mut Turn<'_>) {
        let Some(wanted) = wanted(object, &self.options) else {
            return;
        };
        self.dirty.insert(id);
        let Some(service) = self.services.get_mut(&id) else {
            let service = Service::begun(wanted, &self.options);
            self.services.insert(id, service);
            return;
        };
        let is_resized = service.mode != wanted.mode;
        service.mode = wanted.mode;
        (service.restart, service.update) = (wanted.restart, wanted.update);
        service.rollback = wanted.rollback;
        let takes_back = matches!(object, Object::Deployment(own) if own.rollback_to.is_some());
        if takes_back {
            self.roll_back(id, turn);
        } else if service.declared != wanted.template {
            service.declared = Arc::clone(&wanted.template);
            // The service may have gone back to it by itself.
            if service.now.template == wanted.template {
                return;
            }
            service.specify(&wanted.template, &self.options);
            self.begin_update(id, Direction::Update, turn);
        } else if is_resized {
            self.resume_update(id, turn);
        }
    }

    /// An object is deleted: all its tasks stop.
    pub(super) fn delete(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        if !self.raft.accepts() {
            self.deleted.push(id);
            return;
        }
        let Some(service) = self.services.remove(&id) else {
            return;
        };
        self.dirty.remove(&id);
        for number in service.slots.into_values().flat_map(|slot| slot.tasks) {
            self.remove_task(number, turn);
        }
    }

    fn remove_task(&mut self, number: u64, turn: &mut Turn<'_>) {
        if let Some(task) = self.tasks.get_mut(&number) {
            task.is_removed = true;
        }
        self.shut_down(number, EndReason::Cancelled, turn);
    }

    /// Brings a service to its size.
    pub(super) fn reconcile(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        match service.mode {
            Mode::Replicated(replicas) => self.reconcile_replicated(id, replicas, turn),
            Mode::Global => self.reconcile_global(id, turn),
            Mode::Job {
                completions,
                parallel,
            } => self.reconcile_job(id, completions, parallel, turn.out),
        }
    }

    fn reconcile_replicated(&mut self, id: ObjectId, replicas: u64, turn: &mut Turn<'_>) {
        let scaling = replicated::reconcile(&self.live_slots(id), replicas);
        for slot in scaling.create {
            self.make(id, slot, None, false, turn.out);
        }
        for slot in scaling.remove {
            self.remove_slot(id, slot, turn);
        }
    }

    /// The slots of a service that have a task, or are over.
    pub(super) fn live_slots(&self, id: ObjectId) -> Vec<Slot> {
        let slots = self.services.get(&id).into_iter();
        let slots = slots.flat_map(|service| service.slots.iter());
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
        live.collect()
    }

    /// A slot is no longer wanted: its tasks stop, and no update waits for it.
    pub(super) fn remove_slot(&mut self, id: ObjectId, number: u64, turn: &mut Turn<'_>) {
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        if let Some(updater) = &mut service.updater {
            updater.slot_removed(number);
            self.timers.push(turn.store.now(), Due::Update(id));
        }
        let Some(slot) = service.slots.get_mut(&number) else {
            return;
        };
        slot.is_over = false;
        for task in slot.tasks.clone() {
            self.remove_task(task, turn);
        }
    }

    fn reconcile_global(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let mut running: SortedSet<Text> = SortedSet::new();
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
        let wanted = running.len() + scaling.create.len() - scaling.shutdown.len();
        state_wanted(id, wanted, turn);
        for node in scaling.create {
            let slot = self.node_ids.get(&node).copied().unwrap_or(0) as u64;
            self.make(id, slot, Some(node), false, turn.out);
        }
        for node in scaling.shutdown {
            let slot = self.node_ids.get(&node).copied().unwrap_or(0) as u64;
            // What has completed on a node is not done again once the node is back.
            let is_over = self.services.get(&id).and_then(|own| own.slots.get(&slot));
            if is_over.is_none_or(|slot| !slot.is_over) {
                self.remove_slot(id, slot, turn);
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
            self.make(id, slot, None, false, out);
        }
    }

    /// A task is prepared.
    pub(super) fn prepared(&mut self, pod: PodRef) {
        let Some(number) = self.task_of(pod) else {
            return;
        };
        if let Some(task) = self.tasks.get_mut(&number) {
            task.observed = TaskState::Ready;
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
        let name = task.id.clone();
        if let Some(id) = task.service {
            self.tell_update(now, id, |updater, orders| {
                updater.running(now, &name, orders);
            });
        }
    }

    /// The update of a service, if there is one, learns something and goes on.
    fn tell_update(
        &mut self,
        now: Instant,
        id: ObjectId,
        tell: impl FnOnce(&mut Updater, &mut Vec<Order>),
    ) {
        if let Some(service) = self.services.get_mut(&id)
            && let Some(updater) = &mut service.updater
        {
            tell(updater, &mut service.orders);
            self.timers.push(now, Due::Update(id));
        }
    }

    /// A task has stopped, or its node is down: the one that waits for it need not wait any longer.
    pub(super) fn release_successor(&mut self, now: Instant, number: u64, task: &Task) {
        if let Some(other) = self.successors.remove(&number)
            && let Some(one) = self.tasks.get_mut(&other)
            && let Some(replacement) = &mut one.replacement
        {
            replacement.old_stopped();
            let starts = replacement.starts().max(now);
            self.timers.push(starts, Due::Release(other));
        }
        if let Some(id) = task.service {
            self.tell_update(now, id, |updater, orders| {
                updater.old_stopped(now, &task.id, orders);
            });
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
        self.release_successor(now, number, task);
        let Some(id) = task.service.filter(|id| self.services.contains_key(id)) else {
            return;
        };
        self.tell_update(now, id, |updater, orders| {
            updater.ended(now, &task.id, orders);
        });
        self.dirty.insert(id);
        if task.is_wanted {
            let is_success = ends::swarmkit(reason).consequence == Consequence::Success;
            let ended = EndedTask {
                service: id,
                number,
                is_success,
                old: OldTask::Gone,
            };
            self.restart(now, ended, task, out);
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
}

/// States the number of tasks that a global service is to have, for the measurement of the run.
fn state_wanted(id: ObjectId, wanted: usize, turn: &mut Turn<'_>) {
    let row = turn.store.objects().get(id);
    let Some(Object::DaemonSet(own)) = row.map(|row| &row.object) else {
        return;
    };
    let desired = i32::try_from(wanted).unwrap_or(i32::MAX);
    if own.status.desired == desired {
        return;
    }
    let mut stated = own.clone();
    Arc::make_mut(&mut stated).status.desired = desired;
    let object = Object::DaemonSet(stated);
    turn.write(Event::Object(ObjectChange::Updated { id, object }));
}

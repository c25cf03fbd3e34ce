//! Updates of services, slot by slot, and back (spec: orchestrators-a.md section 2.7).

use crate::parts::turn::Turn;
use std::sync::Arc;

use model::{EndReason, Event, RolloutStep, Text};
use units::{NodeId, ObjectId, SortedSet};

use super::component::{Due, SwarmKitManager};
use super::node::Availability;
use super::replicated;
use super::restart::{History, OldTask, Replacement};
use super::service::{Mode, Service, Task};
use super::task::TaskSpec;
use super::update::{Direction, DirtySlot, Order, UpdateOrder, UpdateState, Updater};

impl SwarmKitManager {
    /// Begins an update of the slots whose task is not of the present specification; one that is
    /// under way ends.
    pub(super) fn begin_update(&mut self, id: ObjectId, direction: Direction, turn: &mut Turn<'_>) {
        let leaving = match self.services.get(&id).map(|own| own.mode) {
            Some(Mode::Replicated(replicas)) => {
                replicated::reconcile(&self.live_slots(id), replicas).remove
            }
            _ => Vec::new(),
        };
        if self.raft.accepts() {
            // Slots beyond the size go in the same step, and not those that are empty while they are updated.
            for &number in &leaving {
                self.remove_slot(id, number, turn);
            }
        }
        let paused = self.paused_slots(id);
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let config = match direction {
            Direction::Update => service.update,
            Direction::Rollback => service.rollback,
        };
        let spec = Arc::clone(&service.now.spec);
        let mut dirty = Vec::new();
        for (&number, slot) in &mut service.slots {
            let wanted = slot.tasks.iter().filter_map(|task| self.tasks.get(task));
            let wanted: Vec<&Task> = wanted.filter(|task| task.is_wanted).collect();
            let is_same = |task: &&Task| Arc::ptr_eq(&task.spec, &spec);
            // A rollback passes by what ended and was not replaced; the slot is filled anew.
            if direction == Direction::Rollback {
                slot.is_over = false;
            }
            let is_dirty = slot.is_over || wanted.len() > 1 || !wanted.iter().all(is_same);
            if is_dirty && !leaving.contains(&number) && !paused.contains(&number) {
                slot.history = History::default();
                dirty.push(DirtySlot {
                    number,
                    tasks: wanted.iter().map(|task| task.id.clone()).collect(),
                });
            }
        }
        service
            .slots
            .retain(|_, slot| slot.is_over || !slot.tasks.is_empty());
        service.orders.clear();
        // Where nothing is to be replaced, there is no update.
        if dirty.is_empty() && direction == Direction::Update {
            service.updater = None;
            return;
        }
        service.updater = Some(Updater::new(config, direction, dirty));
        self.dirty.insert(id);
        self.step_update(id, turn);
    }

    /// Slots of a global service on paused nodes, whose tasks no update touches (`reconcileServices` of
    /// `global.go`).
    fn paused_slots(&self, id: ObjectId) -> SortedSet<u64> {
        let service = self.services.get(&id);
        let service = service.filter(|service| service.mode == Mode::Global);
        let slots = service.into_iter().flat_map(|service| service.slots.keys());
        let is_paused = |slot: &&u64| {
            let node = self.nodes.get(**slot as usize);
            let node = node.and_then(|watch| self.scheduler.nodes().get(&watch.id));
            node.is_some_and(|node| node.availability == Availability::Pause)
        };
        slots.filter(is_paused).copied().collect()
    }

    /// Brings a node that was paused to the present specification of global services, beside their updates
    /// (`reconcileServicesOneNode`).
    pub(super) fn renew(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        let Some(name) = self.nodes.get(node.index()).map(|watch| watch.id.clone()) else {
            return;
        };
        let number = node.index() as u64;
        let ids: Vec<ObjectId> = self.services.keys().copied().collect();
        for id in ids {
            let service = self.services.get(&id);
            let Some(service) = service.filter(|own| own.mode == Mode::Global) else {
                continue;
            };
            let tasks = service.slots.get(&number).into_iter();
            let mut wanted: Vec<u64> = tasks.flat_map(|slot| slot.tasks.iter().copied()).collect();
            wanted.retain(|task| self.tasks.get(task).is_some_and(|task| task.is_wanted));
            let spec = Arc::clone(&service.now.spec);
            let clean = self.clean_task(&wanted, &spec);
            if wanted.is_empty() {
                continue;
            }
            if clean.is_none() {
                self.make(id, number, Some(name.clone()), false, turn.out);
            }
            for task in wanted.into_iter().filter(|task| Some(*task) != clean) {
                self.shut_down(task, EndReason::Cancelled, turn);
            }
        }
    }

    /// The service has another size, which is an update of it: one that paused, or is under way, begins
    /// anew with the slots that are left.
    pub(super) fn resume_update(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let paused = self.paused_slots(id);
        let has_dirty = |service: &Service| {
            let mut slots = service.slots.iter();
            slots.any(|(number, slot)| {
                if paused.contains(number) {
                    return false;
                }
                let tasks = slot.tasks.iter().filter_map(|task| self.tasks.get(task));
                let mut wanted = tasks.filter(|task| task.is_wanted);
                let is_old = |task: &Task| !Arc::ptr_eq(&task.spec, &service.now.spec);
                wanted.clone().count() > 1 || wanted.any(is_old)
            })
        };
        let service = self.services.get(&id);
        if service.is_some_and(|own| own.updater.is_some() || has_dirty(own)) {
            self.begin_update(id, Direction::Update, turn);
        }
    }

    /// Back to the specification before; refused where there is none.
    pub(super) fn roll_back(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        if let Some(service) = self.services.get_mut(&id)
            && let Some(previous) = service.previous.take()
        {
            service.previous = Some(std::mem::replace(&mut service.now, previous));
            self.begin_update(id, Direction::Rollback, turn);
        } else {
            let step = RolloutStep::BackRefused;
            turn.write(Event::Rollout { workload: id, step });
        }
    }

    /// The service goes back by itself, after which it has no specification before.
    fn fall_back(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        if let Some(service) = self.services.get_mut(&id)
            && let Some(previous) = service.previous.take()
        {
            service.now = previous;
            self.begin_update(id, Direction::Rollback, turn);
        }
    }

    /// Lets an update go on as far as it can.
    pub(super) fn step_update(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
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
        updater.step(turn.now, &mut orders);
        while !orders.is_empty() {
            for order in std::mem::take(&mut orders) {
                self.carry_out(id, order, turn);
            }
            if let Some(updater) = self.updater_of(id) {
                updater.step(turn.now, &mut orders);
            }
        }
        let Some(updater) = self.updater_of(id) else {
            return;
        };
        let (outcome, direction) = (updater.take_outcome(), updater.direction());
        let is_done = updater.state() != UpdateState::Underway && updater.is_idle();
        if let Some(at) = updater.wakes() {
            self.timers.push(at.max(turn.now), Due::Update(id));
        }
        if is_done && let Some(service) = self.services.get_mut(&id) {
            service.updater = None;
        }
        let step = match (outcome, direction) {
            (None | Some(UpdateState::Underway), _) => return,
            (Some(UpdateState::Completed), Direction::Update) => RolloutStep::Completed,
            (Some(UpdateState::Completed), Direction::Rollback) => RolloutStep::RolledBack,
            (Some(UpdateState::Paused), _) => RolloutStep::Paused,
            (Some(UpdateState::RollbackWanted), _) => RolloutStep::RollingBack,
        };
        turn.write(Event::Rollout { workload: id, step });
        match outcome {
            Some(UpdateState::RollbackWanted) => self.fall_back(id, turn),
            // The end is written into the service, which is looked at anew then: slots that a restart gave a
            // second task meanwhile are dirty (updater.go `isSlotDirty`).
            Some(UpdateState::Completed) => self.resume_update(id, turn),
            _ => {}
        }
    }

    /// The update of a service, if there is one.
    pub(super) fn updater_of(&mut self, id: ObjectId) -> Option<&mut Updater> {
        self.services.get_mut(&id)?.updater.as_mut()
    }

    fn carry_out(&mut self, id: ObjectId, order: Order, turn: &mut Turn<'_>) {
        match order {
            Order::Replace(slot) => self.replace_slot(id, &slot, turn),
            Order::StopOld(slot) => {
                for number in self.wanted_of(&slot) {
                    self.shut_down(number, EndReason::Cancelled, turn);
                }
            }
        }
    }

    /// The tasks of a dirty slot that are still to run.
    fn wanted_of(&self, slot: &DirtySlot) -> Vec<u64> {
        // A task's pod may still be on its way.
        let number = |id: &Text| self.by_id.get(id).or_else(|| self.asked.get(id)).copied();
        let numbers = slot.tasks.iter().filter_map(number);
        let wanted = |number: &u64| self.tasks.get(number).is_some_and(|task| task.is_wanted);
        numbers.filter(wanted).collect()
    }

    /// Gives a slot a task of the present specification. One that it has already is kept, and the others
    /// go. A slot whose tasks the restart rule has replaced meanwhile has what it needs.
    fn replace_slot(&mut self, id: ObjectId, slot: &DirtySlot, turn: &mut Turn<'_>) {
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let (spec, is_global) = (Arc::clone(&service.now.spec), service.mode == Mode::Global);
        let order = service.updater.as_ref().map(Updater::order);
        let is_over = (service.slots.get_mut(&slot.number))
            .is_some_and(|state| std::mem::take(&mut state.is_over));
        let wanted = self.wanted_of(slot);
        if let Some(kept) = self.clean_task(&wanted, &spec) {
            let old = self.keep(&wanted, kept, turn);
            if let Some(updater) = self.updater_of(id) {
                updater.kept(turn.now, slot.number, old);
            }
            return;
        }
        if wanted.is_empty() && !slot.tasks.is_empty() && !is_over {
            if let Some(updater) = self.updater_of(id) {
                updater.kept(turn.now, slot.number, None);
            }
            return;
        }
        let node = self.nodes.get(slot.number as usize);
        let pinned = node.map(|watch| watch.id.clone()).filter(|_| is_global);
        let waits = order == Some(UpdateOrder::StopFirst);
        let Some(task) = self.make(id, slot.number, pinned, waits, turn.out) else {
            return;
        };
        let old = if waits {
            self.start_after(task, &wanted, turn)
        } else {
            None
        };
        let name = self.tasks.get(&task).map(|made| made.id.clone());
        if let Some((updater, name)) = self.updater_of(id).zip(name) {
            updater.made(turn.now, slot.number, name, old);
        }
    }

    /// The task of a slot that is of the specification already: one that is to run, or else one that
    /// waits for its turn.
    fn clean_task(&self, wanted: &[u64], spec: &Arc<TaskSpec>) -> Option<u64> {
        let mut clean = wanted.iter().copied().filter(|number| {
            let task = self.tasks.get(number);
            task.is_some_and(|task| Arc::ptr_eq(&task.spec, spec))
        });
        let waits = |number: &u64| self.tasks.get(number).is_some_and(|task| task.awaits_turn);
        let running = clean.clone().find(|number| !waits(number));
        running.or_else(|| clean.next_back())
    }

    /// A slot keeps a task, and the others stop: the id of one that is to stop first, if there is one.
    fn keep(&mut self, wanted: &[u64], kept: u64, turn: &mut Turn<'_>) -> Option<Text> {
        let others: Vec<u64> = wanted.iter().copied().filter(|&own| own != kept).collect();
        if self.tasks.get(&kept).is_some_and(|task| task.awaits_turn) {
            return self.start_after(kept, &others, turn);
        }
        for other in others {
            self.shut_down(other, EndReason::Cancelled, turn);
        }
        None
    }

    /// Stops tasks, and starts another once the last of them has stopped. Its id, if there is one.
    fn start_after(&mut self, next: u64, others: &[u64], turn: &mut Turn<'_>) -> Option<Text> {
        for &number in others {
            self.shut_down(number, EndReason::Cancelled, turn);
        }
        let old = others.last().copied();
        let state = old.map_or(OldTask::Gone, |_| OldTask::MayRun);
        let replacement = Replacement::without_delay(turn.now, state);
        self.timers.push(replacement.starts(), Due::Release(next));
        if let Some(task) = self.tasks.get_mut(&next) {
            task.replacement = Some(replacement);
        }
        let old = old?;
        self.successors.insert(old, next);
        self.tasks.get(&old).map(|task| task.id.clone())
    }
}

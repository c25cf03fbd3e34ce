//! Updates of services, slot by slot, and back (spec: orchestrators-a.md section 2.7).

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use model::{EndReason, Event, RolloutStep};
use units::{Instant, ObjectId};

use super::component::{Due, SwarmKitManager};
use super::replicated;
use super::restart::History;
use super::service::{Mode, Service, Task};
use super::update::{Direction, Order, UpdateState, Updater};

impl SwarmKitManager {
    /// Begins an update of the slots whose task is not of the present specification; one that is
    /// under way ends.
    pub(super) fn begin_update(
        &mut self,
        now: Instant,
        id: ObjectId,
        direction: Direction,
        store: &Store,
        out: &mut Outbox,
    ) {
        let leaving = match self.services.get(&id).map(|own| own.mode) {
            Some(Mode::Replicated(replicas)) => {
                replicated::reconcile(&self.live_slots(id), replicas).remove
            }
            _ => Vec::new(),
        };
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
            slot.history = History::default();
            let wanted = slot.tasks.iter().filter_map(|task| self.tasks.get(task));
            let wanted: Vec<&Task> = wanted.filter(|task| task.is_wanted).collect();
            let is_same = |task: &&Task| Arc::ptr_eq(&task.spec, &spec);
            let is_dirty = slot.is_over || wanted.len() > 1 || !wanted.iter().all(is_same);
            if is_dirty && !leaving.contains(&number) {
                dirty.push(number);
            }
        }
        service.orders.clear();
        service.updater = Some(Updater::new(config, direction, dirty));
        self.step_update(now, id, store, out);
    }

    /// The service has another size, which is an update of it: one that paused begins anew. One that is
    /// under way goes on with the slots that stay; its counts of failures, too, where the original begins
    /// to count again.
    pub(super) fn resume_update(
        &mut self,
        now: Instant,
        id: ObjectId,
        store: &Store,
        out: &mut Outbox,
    ) {
        let has_old = |service: &Service| {
            let is_old =
                |task: &Task| task.is_wanted && !Arc::ptr_eq(&task.spec, &service.now.spec);
            let mut tasks = service.slots.values().flat_map(|slot| &slot.tasks);
            tasks.any(|task| self.tasks.get(task).is_some_and(is_old))
        };
        let service = self.services.get(&id);
        if service.is_some_and(|own| own.updater.is_none() && has_old(own)) {
            self.begin_update(now, id, Direction::Update, store, out);
        }
    }

    /// Back to the specification before, where there is one.
    pub(super) fn roll_back(
        &mut self,
        now: Instant,
        id: ObjectId,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let Some(previous) = service.previous.take() else {
            return;
        };
        service.previous = Some(std::mem::replace(&mut service.now, previous));
        self.begin_update(now, id, Direction::Rollback, store, out);
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
        let direction = updater.direction();
        for order in orders {
            self.carry_out(id, order, store, out);
        }
        if let Some(at) = wakes {
            self.timers.push(at.max(now), Due::Update(id));
        }
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let step = match (state, direction) {
            (UpdateState::Underway, _) => return,
            (UpdateState::Completed, Direction::Update) => None,
            (UpdateState::Completed, Direction::Rollback) => Some(RolloutStep::RolledBack),
            (UpdateState::Paused, _) => Some(RolloutStep::Failed),
            (UpdateState::RollbackWanted, _) => Some(RolloutStep::RollingBack),
        };
        service.updater = None;
        if let Some(step) = step {
            out.write(store, Event::Rollout { workload: id, step });
        }
        if state == UpdateState::RollbackWanted {
            self.roll_back(now, id, store, out);
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
                self.make(id, slot, pinned, is_held, out);
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
                    self.turn_comes(number, store, out);
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

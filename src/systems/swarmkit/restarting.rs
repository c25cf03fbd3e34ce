//! Tasks that come to their end: they stop, others take their place and start when they may, and a new
//! leader takes up what came to a halt (spec: orchestrators-a.md section 2.6).

use crate::parts::turn::Turn;
use control::Outbox;
use model::{EndReason, Event, PodChange, PodRef};
use units::{Instant, ObjectId};

use super::component::{Due, SwarmKitManager};
use super::node::{Availability, NodeStatus};
use super::restart::{OldTask, Replacement};
use super::service::{Mode, SlotState, Task, Unanswered};
use super::task::TaskState;

/// A task that no longer runs, or is not to, and that the restart rule may replace.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndedTask {
    pub(super) service: ObjectId,
    pub(super) number: u64,
    /// Whether the task completed.
    pub(super) is_success: bool,
    /// Whether the old task may still run on its node.
    pub(super) old: OldTask,
}

impl SwarmKitManager {
    /// A task is to stop: it no longer counts, and keeps what it reserves until it has ended.
    pub(super) fn shut_down(&mut self, number: u64, reason: EndReason, turn: &mut Turn<'_>) {
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
            && turn.store.pods().get(pod).is_some()
        {
            let grace = turn.store.grace_of(pod);
            let change = PodChange::Terminating { grace, reason };
            turn.write(Event::PodChanged { pod, change });
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
        let ended = EndedTask {
            service: id,
            number,
            is_success: false,
            old,
        };
        self.restart(now, ended, &task, out);
    }

    /// The restart rule: a replacement is made at once, to be prepared, and starts later.
    pub(super) fn restart(
        &mut self,
        now: Instant,
        ended: EndedTask,
        task: &Task,
        out: &mut Outbox,
    ) {
        let EndedTask {
            service: id,
            number,
            is_success,
            old,
        } = ended;
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
        if task.is_removed {
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
        let Some(next) = self.make(id, task.slot, pinned, true, out) else {
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
    pub(super) fn take_up(&mut self, turn: &mut Turn<'_>) {
        for service in std::mem::take(&mut self.deleted) {
            self.delete(service, turn);
        }
        for halted in std::mem::take(&mut self.unanswered) {
            if let Some(service) = self.services.get_mut(&halted.service) {
                let slot = service.slots.entry(halted.task.slot);
                slot.or_insert_with(|| SlotState {
                    history: halted.history,
                    ..SlotState::default()
                });
            }
            let is_there = self.tasks.contains_key(&halted.number);
            let ended = EndedTask {
                service: halted.service,
                number: halted.number,
                is_success: halted.is_success,
                old: if is_there { halted.old } else { OldTask::Gone },
            };
            self.restart(turn.now, ended, &halted.task, turn.out);
        }
        for (&number, task) in &self.tasks {
            if task.awaits_turn
                && let Some(replacement) = &task.replacement
            {
                let starts = replacement.starts().max(turn.now);
                self.timers.push(starts, Due::Release(number));
            }
        }
        for (&id, service) in &self.services {
            if service.updater.is_some() {
                self.timers.push(turn.now, Due::Update(id));
            }
        }
    }

    /// A task's turn may have come, if what it waits for is over.
    pub(super) fn release(&mut self, number: u64, turn: &mut Turn<'_>) {
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        let waits = task.replacement.as_ref().map(Replacement::starts);
        if !task.awaits_turn || waits.is_some_and(|starts| starts > turn.now) {
            return;
        }
        // The next leader looks at it again.
        if !self.raft.accepts() {
            return;
        }
        self.turn_comes(number, turn);
    }

    /// Starts a task whose turn has come, unless something else holds it back.
    pub(super) fn turn_comes(&mut self, number: u64, turn: &mut Turn<'_>) {
        if let Some(task) = self.tasks.get_mut(&number) {
            task.awaits_turn = false;
            self.let_go(number, turn);
        }
    }

    /// All that a task needs is there: it starts unless something else holds it back.
    pub(super) fn has_needs(&mut self, number: u64, turn: &mut Turn<'_>) {
        if let Some(task) = self.tasks.get_mut(&number) {
            task.lacks_needs = false;
            self.let_go(number, turn);
        }
    }

    fn let_go(&mut self, number: u64, turn: &mut Turn<'_>) {
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        if task.awaits_turn || task.lacks_needs || !std::mem::take(&mut task.is_held) {
            return;
        }
        // One whose pod is being created needs not be held at all.
        if let Some(pod) = task.pod
            && turn.store.pods().get(pod).is_some()
        {
            let change = PodChange::Released;
            turn.write(Event::PodChanged { pod, change });
        }
    }
}

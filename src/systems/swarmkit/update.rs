//! Rolling updates: workers that replace slot after slot, and what happens when new tasks fail
//! (spec: orchestrators-a.md section 2.7; swarmkit `manager/orchestrator/update/updater.go`).

use std::collections::VecDeque;

use model::Text;
use serde::{Deserialize, Serialize};
use units::{Duration, Instant, SortedMap};

use super::restart::OLD_TASK_TIMEOUT;

/// Instant from which a worker that has not begun may take a slot.
const LONG_AGO: Instant = Instant::from_nanos(i64::MIN);

/// Action when too many new tasks fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureAction {
    /// Stop until the next update of the service.
    #[default]
    Pause,
    /// Go on; failures are not even watched.
    Continue,
    /// Go back to the previous specification.
    Rollback,
}

/// Order of two tasks of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateOrder {
    /// The old one stops, then the new one starts.
    #[default]
    StopFirst,
    /// The new one runs, then the old one is told to stop; nobody waits for it.
    StartFirst,
}

/// Configuration of a service's updates or rollbacks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateConfig {
    /// Number of slots that are replaced side by side; 0 is all.
    pub parallelism: u64,
    /// Time for which a worker waits after each slot, the last one too.
    pub delay: Duration,
    /// Time for which a new task is watched once it runs.
    pub monitor: Duration,
    /// Action when too many new tasks fail.
    pub failure_action: FailureAction,
    /// Share of the slots that may fail.
    pub max_failure_ratio: f32,
    /// Order of two tasks of a slot.
    pub order: UpdateOrder,
}

impl Default for UpdateConfig {
    fn default() -> Self {
        Self {
            parallelism: 1,
            delay: Duration::ZERO,
            monitor: Duration::from_secs(5),
            failure_action: FailureAction::Pause,
            max_failure_ratio: 0.0,
            order: UpdateOrder::StopFirst,
        }
    }
}

/// Whether an update or its undoing runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// To a new specification.
    Update,
    /// Back to the previous one; a failure pauses it whatever its configuration says.
    Rollback,
}

/// State of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateState {
    /// Workers are at it, or the last tasks are watched.
    Underway,
    /// It is done.
    Completed,
    /// It stopped; the next update of the service starts anew.
    Paused,
    /// It stopped; the previous specification is to be rolled out with the rollback configuration.
    RollbackWanted,
}

/// A slot that an update has to replace, and the tasks that were in it when the update began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirtySlot {
    /// Number of the slot.
    pub number: u64,
    /// Ids of its tasks; none if the last one ended and was not replaced.
    pub tasks: Vec<Text>,
}

/// An update's order for a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// It gets a task of the new specification. [`Updater::made`] or [`Updater::kept`] says how it did.
    Replace(DirtySlot),
    /// The new task runs: those that were there before stop.
    StopOld(DirtySlot),
}

/// State of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Worker {
    /// It has a slot that the manager is about to give a new task.
    Taking { slot: DirtySlot },
    /// It waits for an old task to stop, before it looks at the new one.
    Stopping {
        slot: DirtySlot,
        old: Text,
        /// Instant from which it waits no longer.
        until: Instant,
        /// The new task; `None` if one was there that stays.
        task: Option<Text>,
    },
    /// It waits for the new task to run, or to end.
    Starting { slot: DirtySlot, task: Text },
    /// It waits before it takes the next slot.
    Resting { until: Instant },
    /// There is nothing left for it.
    Done,
}

/// A task that the update made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct UpdatedTask {
    /// Instant at which its worker saw it run or end.
    seen: Option<Instant>,
    /// Whether it runs, or has ended.
    has_come_up: bool,
}

/// An update under way.
///
/// The original's workers and the loop that watches for failures run side by side. Two things follow
/// from that. A task that ends lets its worker go on just as one that runs does; and the loop looks at
/// ends only while it has slots to hand out and once all workers are done, not in between. Where both
/// could act in one instant, the loop comes first here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Updater {
    config: UpdateConfig,
    direction: Direction,
    queue: VecDeque<DirtySlot>,
    workers: Vec<Worker>,
    dirty: usize,
    /// The tasks that the update made, by id. What the restart rule makes in their place is not among them.
    tasks: SortedMap<Text, UpdatedTask>,
    /// Tasks that have ended, at which nobody has looked yet.
    ended: VecDeque<Text>,
    failures: usize,
    state: UpdateState,
    /// Whether the update's outcome was asked for.
    is_told: bool,
    /// Instant until which the last tasks are watched, once all workers are done.
    watched_until: Option<Instant>,
}

impl Updater {
    /// An update of these slots, in their order.
    pub fn new(config: UpdateConfig, direction: Direction, dirty: Vec<DirtySlot>) -> Self {
        let workers = match config.parallelism {
            0 => dirty.len(),
            some => dirty.len().min(usize::try_from(some).unwrap_or(usize::MAX)),
        };
        Self {
            config,
            direction,
            workers: vec![Worker::Resting { until: LONG_AGO }; workers],
            dirty: dirty.len(),
            queue: dirty.into(),
            tasks: SortedMap::new(),
            ended: VecDeque::new(),
            failures: 0,
            state: UpdateState::Underway,
            is_told: false,
            watched_until: None,
        }
    }

    /// State of the update.
    pub fn state(&self) -> UpdateState {
        self.state
    }

    /// State of the update once it is no longer under way, to the first caller alone.
    pub fn take_outcome(&mut self) -> Option<UpdateState> {
        let is_new = self.state != UpdateState::Underway && !self.is_told;
        self.is_told |= is_new;
        is_new.then_some(self.state)
    }

    /// Whether the update leads to a new specification, or back.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Order of two tasks of a slot.
    pub fn order(&self) -> UpdateOrder {
        self.config.order
    }

    /// Number of new tasks that have failed.
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// Whether no worker has a slot any more. Those of an update that paused finish theirs.
    pub fn is_idle(&self) -> bool {
        self.workers.iter().all(|worker| *worker == Worker::Done)
    }

    /// Lets every worker go on that can. Call it at the start, after every report, at
    /// [`Updater::wakes`], and again once its orders are carried out.
    pub fn step(&mut self, now: Instant, orders: &mut Vec<Order>) {
        self.look_at_ended(now);
        if matches!(
            self.state,
            UpdateState::Completed | UpdateState::RollbackWanted
        ) {
            return;
        }
        for position in 0..self.workers.len() {
            self.advance(now, position, orders);
        }
        if self.state != UpdateState::Underway || !self.is_idle() {
            return;
        }
        let watch = match self.dirty {
            0 => Duration::ZERO,
            _ => last_watch(&self.config),
        };
        let until = *self
            .watched_until
            .get_or_insert_with(|| now.saturating_add(watch));
        self.look_at_ended(now);
        if self.state == UpdateState::Underway && until <= now {
            self.state = UpdateState::Completed;
        }
    }

    fn advance(&mut self, now: Instant, position: usize, orders: &mut Vec<Order>) {
        match &self.workers[position] {
            Worker::Resting { until } if *until <= now => {
                self.workers[position] = match self.queue.pop_front() {
                    Some(slot) => {
                        orders.push(Order::Replace(slot.clone()));
                        Worker::Taking { slot }
                    }
                    None => Worker::Done,
                };
            }
            Worker::Stopping { until, .. } if *until <= now => self.stopped(now, position, orders),
            _ => {}
        }
    }

    /// A worker need not wait for the old task any longer.
    fn stopped(&mut self, now: Instant, position: usize, orders: &mut Vec<Order>) {
        let rest = self.rest(now);
        let worker = std::mem::replace(&mut self.workers[position], rest);
        let Worker::Stopping {
            slot,
            task: Some(task),
            ..
        } = worker
        else {
            return;
        };
        let has_come_up = self.tasks.get(&task).is_some_and(|own| own.has_come_up);
        self.workers[position] = Worker::Starting {
            slot,
            task: task.clone(),
        };
        if has_come_up {
            self.seen(now, &task, false, orders);
        }
    }

    fn rest(&self, now: Instant) -> Worker {
        Worker::Resting {
            until: now.saturating_add(self.config.delay),
        }
    }

    fn taking(&self, of: u64) -> Option<usize> {
        let is_at =
            |worker: &Worker| matches!(worker, Worker::Taking { slot } if slot.number == of);
        self.workers.iter().position(is_at)
    }

    /// A task was made for a slot, after another that is to stop first, if there is one to wait for.
    pub fn made(&mut self, now: Instant, of: u64, task: Text, old: Option<Text>) {
        let Some(position) = self.taking(of) else {
            return;
        };
        self.tasks.insert(task.clone(), UpdatedTask::default());
        self.wait(now, position, Some(task), old);
    }

    /// A slot has a task that it keeps; `old` is one that is to stop before it may start.
    pub fn kept(&mut self, now: Instant, of: u64, old: Option<Text>) {
        if let Some(position) = self.taking(of) {
            self.wait(now, position, None, old);
        }
    }

    fn wait(&mut self, now: Instant, position: usize, task: Option<Text>, old: Option<Text>) {
        let rest = self.rest(now);
        let Worker::Taking { slot } = std::mem::replace(&mut self.workers[position], rest) else {
            return;
        };
        let next = match (old, task) {
            (Some(old), task) => Worker::Stopping {
                slot,
                old,
                until: now.saturating_add(OLD_TASK_TIMEOUT),
                task,
            },
            (None, Some(task)) => Worker::Starting { slot, task },
            (None, None) => return,
        };
        self.workers[position] = next;
    }

    /// An old task has stopped, or its node is down.
    pub fn old_stopped(&mut self, now: Instant, of: &str, orders: &mut Vec<Order>) {
        for position in 0..self.workers.len() {
            if matches!(&self.workers[position], Worker::Stopping { old, .. } if **old == *of) {
                self.stopped(now, position, orders);
            }
        }
    }

    /// A slot is no longer wanted: no worker takes it any more.
    pub fn slot_removed(&mut self, of: u64) {
        self.queue.retain(|slot| slot.number != of);
    }

    /// A task runs.
    pub fn running(&mut self, now: Instant, task: &Text, orders: &mut Vec<Order>) {
        self.seen(now, task, true, orders);
    }

    /// A task passed running, in whatever way it ended.
    pub fn ended(&mut self, now: Instant, task: &Text, orders: &mut Vec<Order>) {
        if self.tasks.contains_key(task) {
            self.ended.push_back(task.clone());
            self.look_at_ended(now);
            self.seen(now, task, false, orders);
        }
    }

    /// A task runs or has ended: the worker that waits for it goes on.
    fn seen(&mut self, now: Instant, of: &Text, is_running: bool, orders: &mut Vec<Order>) {
        let Some(known) = self.tasks.get_mut(of) else {
            return;
        };
        known.has_come_up = true;
        let waits = |worker: &Worker| matches!(worker, Worker::Starting { task, .. } if task == of);
        let Some(position) = self.workers.iter().position(waits) else {
            return;
        };
        known.seen = Some(now);
        let rest = self.rest(now);
        let worker = std::mem::replace(&mut self.workers[position], rest);
        if let Worker::Starting { slot, .. } = worker
            && is_running
            && self.config.order == UpdateOrder::StartFirst
        {
            orders.push(Order::StopOld(slot));
        }
    }

    /// Looks at the tasks that have ended, while slots are left to hand out or all workers are done.
    fn look_at_ended(&mut self, now: Instant) {
        let is_watching = !self.queue.is_empty() || self.watched_until.is_some();
        while is_watching
            && self.state == UpdateState::Underway
            && let Some(task) = self.ended.pop_front()
        {
            self.judge(now, &task);
        }
    }

    /// Counts a task as a failure if it ended early, and acts on too many.
    fn judge(&mut self, now: Instant, task: &Text) {
        let monitor = match self.watched_until {
            Some(_) => last_watch(&self.config),
            None => self.config.monitor,
        };
        let seen = self.tasks.get(task).and_then(|own| own.seen);
        let is_early = seen.is_none_or(|seen| now.since(seen) <= monitor);
        if !is_early || self.config.failure_action == FailureAction::Continue {
            return;
        }
        self.failures += 1;
        let ratio = self.failures as f32 / self.dirty as f32;
        if ratio > self.config.max_failure_ratio {
            self.queue.clear();
            self.state = match (self.config.failure_action, self.direction) {
                (FailureAction::Rollback, Direction::Update) => UpdateState::RollbackWanted,
                _ => UpdateState::Paused,
            };
        }
    }

    /// Instant at which a worker or the watch wants to go on although nothing happens.
    pub fn wakes(&self) -> Option<Instant> {
        let of_worker = |worker: &Worker| match *worker {
            Worker::Resting { until } | Worker::Stopping { until, .. } => Some(until),
            _ => None,
        };
        let wakes = self.workers.iter().filter_map(of_worker);
        let watch = self.watched_until;
        let watch = watch.filter(|_| self.state == UpdateState::Underway);
        wakes.chain(watch).min()
    }
}

/// Time for which the last tasks are watched once all workers are done; ends that are looked at from
/// then on are judged by it, too.
fn last_watch(config: &UpdateConfig) -> Duration {
    if config.delay < config.monitor {
        config.monitor
    } else {
        config.delay + Duration::from_secs(1)
    }
}

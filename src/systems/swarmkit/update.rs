//! Rolling updates: workers that replace slot after slot, and what happens when new tasks fail
//! (spec: orchestrators-a.md section 2.7; swarmkit `manager/orchestrator/update/updater.go`).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use units::{Duration, Instant, SortedMap, SortedSet, plural};

use super::restart::OLD_TASK_TIMEOUT;

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

/// More workers than a service has slots.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "an update parallelism of {parallelism} is more than the {} of the service; \
     expected at most {replicas}, or 0 for all at once",
    plural::count(*replicas, "replica")
)]
pub struct ParallelismError {
    /// The requested parallelism.
    pub parallelism: u64,
    /// Number of replicas.
    pub replicas: u64,
}

impl UpdateConfig {
    /// Refuses workers that would have nothing to do.
    ///
    /// # Errors
    /// There are more workers than replicas.
    pub fn check(&self, replicas: u64) -> Result<(), ParallelismError> {
        if self.parallelism <= replicas {
            return Ok(());
        }
        Err(ParallelismError {
            parallelism: self.parallelism,
            replicas,
        })
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

/// An update's order for the tasks of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// A new task is made and prepared, to be started later.
    Prepare(u64),
    /// A new task is made, to run as soon as it can.
    Run(u64),
    /// The old task is told to stop.
    StopOld(u64),
    /// The prepared task is to run.
    Promote(u64),
}

/// State of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Worker {
    /// It waits for the old task to stop and the new one to be ready.
    Swapping {
        slot: u64,
        is_ready: bool,
        /// Instant until which the worker waits for the old task; `None` once that has stopped.
        waits_until: Option<Instant>,
    },
    /// It waits for the new task to run.
    Starting { slot: u64 },
    /// It waits before it takes the next slot.
    Resting { until: Instant },
    /// There is nothing left for it.
    Done,
}

/// An update under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Updater {
    config: UpdateConfig,
    direction: Direction,
    queue: VecDeque<u64>,
    workers: Vec<Worker>,
    dirty: usize,
    ran: SortedMap<u64, Instant>,
    touched: SortedSet<u64>,
    failures: usize,
    state: UpdateState,
    /// Instant until which the last tasks are watched, once all workers are done.
    watched_until: Option<Instant>,
}

impl Updater {
    /// An update of these slots, in their order.
    pub fn new(config: UpdateConfig, direction: Direction, dirty: Vec<u64>) -> Self {
        let workers = match config.parallelism {
            0 => dirty.len(),
            some => dirty.len().min(some as usize),
        };
        Self {
            config,
            direction,
            workers: vec![
                Worker::Resting {
                    until: Instant::from_nanos(i64::MIN)
                };
                workers
            ],
            dirty: dirty.len(),
            queue: dirty.into(),
            ran: SortedMap::new(),
            touched: SortedSet::new(),
            failures: 0,
            state: UpdateState::Underway,
            watched_until: None,
        }
    }

    /// State of the update.
    pub fn state(&self) -> UpdateState {
        self.state
    }

    /// Whether the update leads to a new specification, or back.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Number of new tasks that have failed.
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// Lets every worker go on that can. Call it at the start, after every report, and at
    /// [`Updater::wakes`].
    pub fn step(&mut self, now: Instant, orders: &mut Vec<Order>) {
        if self.state != UpdateState::Underway {
            return;
        }
        for position in 0..self.workers.len() {
            self.workers[position] = self.advance(self.workers[position], now, orders);
        }
        if self.workers.iter().any(|worker| *worker != Worker::Done) {
            return;
        }
        let until = *self
            .watched_until
            .get_or_insert_with(|| now.saturating_add(last_watch(&self.config)));
        if until <= now {
            self.state = UpdateState::Completed;
        }
    }

    fn advance(&mut self, worker: Worker, now: Instant, orders: &mut Vec<Order>) -> Worker {
        match worker {
            Worker::Resting { until } if until <= now => match self.queue.pop_front() {
                Some(slot) => self.take(slot, now, orders),
                None => Worker::Done,
            },
            Worker::Swapping {
                slot,
                is_ready: true,
                waits_until,
            } if waits_until.is_none_or(|until| until <= now) => {
                orders.push(Order::Promote(slot));
                Worker::Starting { slot }
            }
            other => other,
        }
    }

    fn take(&mut self, slot: u64, now: Instant, orders: &mut Vec<Order>) -> Worker {
        self.touched.insert(slot);
        match self.config.order {
            UpdateOrder::StartFirst => {
                orders.push(Order::Run(slot));
                Worker::Starting { slot }
            }
            UpdateOrder::StopFirst => {
                orders.extend([Order::Prepare(slot), Order::StopOld(slot)]);
                Worker::Swapping {
                    slot,
                    is_ready: false,
                    waits_until: Some(now.saturating_add(OLD_TASK_TIMEOUT)),
                }
            }
        }
    }

    /// The new task of a slot is prepared.
    pub fn new_ready(&mut self, of: u64) {
        for worker in &mut self.workers {
            if let Worker::Swapping { slot, is_ready, .. } = worker
                && *slot == of
            {
                *is_ready = true;
            }
        }
    }

    /// The old task of a slot has stopped.
    pub fn old_stopped(&mut self, of: u64) {
        for worker in &mut self.workers {
            if let Worker::Swapping {
                slot, waits_until, ..
            } = worker
                && *slot == of
            {
                *waits_until = None;
            }
        }
    }

    /// A slot is no longer wanted: whoever is at it goes on to the next.
    pub fn slot_removed(&mut self, of: u64) {
        self.queue.retain(|slot| *slot != of);
        for worker in &mut self.workers {
            if let Worker::Swapping { slot, .. } | Worker::Starting { slot } = worker
                && *slot == of
            {
                *worker = Worker::Resting {
                    until: Instant::from_nanos(i64::MIN),
                };
            }
        }
    }

    /// The new task of a slot runs.
    pub fn new_running(&mut self, now: Instant, of: u64, orders: &mut Vec<Order>) {
        self.ran.entry(of).or_insert(now);
        for position in 0..self.workers.len() {
            if self.workers[position] != (Worker::Starting { slot: of }) {
                continue;
            }
            if self.config.order == UpdateOrder::StartFirst {
                orders.push(Order::StopOld(of));
            }
            self.workers[position] = Worker::Resting {
                until: now.saturating_add(self.config.delay),
            };
        }
    }

    /// A new task of a slot passed running, in whatever way it ended.
    pub fn new_ended(&mut self, now: Instant, of: u64) {
        let is_watched = self.state == UpdateState::Underway
            && self.config.failure_action != FailureAction::Continue
            && self.touched.contains(&of)
            && self
                .ran
                .get(&of)
                .is_none_or(|&ran| now.since(ran) <= self.config.monitor);
        if !is_watched {
            return;
        }
        self.failures += 1;
        let ratio = self.failures as f32 / self.dirty as f32;
        if ratio > self.config.max_failure_ratio {
            self.state = match (self.config.failure_action, self.direction) {
                (FailureAction::Rollback, Direction::Update) => UpdateState::RollbackWanted,
                _ => UpdateState::Paused,
            };
        }
    }

    /// Instant at which a worker or the watch wants to go on although nothing happens.
    pub fn wakes(&self) -> Option<Instant> {
        let of_worker = |worker: &Worker| match *worker {
            Worker::Resting { until } => Some(until),
            Worker::Swapping {
                is_ready: true,
                waits_until,
                ..
            } => waits_until,
            _ => None,
        };
        let wakes = self.workers.iter().filter_map(of_worker);
        let wakes = wakes.chain(self.watched_until).min();
        wakes.filter(|_| self.state == UpdateState::Underway)
    }
}

/// Time for which the last tasks are watched after the last worker's rest.
fn last_watch(config: &UpdateConfig) -> Duration {
    if config.delay < config.monitor {
        config.monitor
    } else {
        config.delay + Duration::from_secs(1)
    }
}

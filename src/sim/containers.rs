//! Processes of pods that have several containers: each starts, ends and is stopped by itself.

use control::node::ContainerEvent;
use model::PodRef;
use units::{Duration, Instant, PodId, SortedMap};

use super::hosts::{Pace, PaceChange};

/// A process.
#[derive(Clone, Copy, Debug)]
struct Process {
    pod: PodRef,
    is_up: bool,
    /// The next event of the process, as it lies ahead.
    due: Option<Due>,
    /// Run time once the process is up; `None` until it is stopped.
    run_time: Option<Duration>,
    code: i32,
    /// Pace of the work.
    pace: Pace,
}

/// An instant, whether a start is due then rather than an end, which comes first, and a number.
type Due = (Instant, bool, u64);

/// The processes of such pods in a cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Containers {
    processes: SortedMap<(PodId, u16), Process>,
    ahead: SortedMap<Due, (PodId, u16)>,
    next: u64,
}

/// The work of a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    /// Time until the task is up.
    pub(super) start_up: Duration,
    /// Run time from then on; `None` until the task is stopped.
    pub(super) run_time: Option<Duration>,
    /// Exit code of a task that ends by itself; 0 if its work is done.
    pub(super) code: i32,
    /// Pace of the work.
    pub(super) pace: Pace,
}

/// An event of a container.
pub(super) type EventEntry = (PodRef, u16, ContainerEvent);

impl Containers {
    /// A container is to start.
    pub(super) fn start(&mut self, now: Instant, pod: PodRef, container: u16, task: Task) {
        let key = (pod.id, container);
        self.drop(key);
        let process = Process {
            pod,
            is_up: false,
            due: None,
            run_time: task.run_time,
            code: task.code,
            pace: task.pace,
        };
        self.processes.insert(key, process);
        self.expect(key, now.saturating_add(task.start_up));
    }

    fn expect(&mut self, key: (PodId, u16), at: Instant) {
        if let Some(process) = self.processes.get_mut(&key) {
            let due = (at, !process.is_up, self.next);
            self.next += 1;
            self.ahead.insert(due, key);
            process.due = Some(due);
        }
    }

    fn drop(&mut self, key: (PodId, u16)) {
        let process = self.processes.remove(&key);
        if let Some(due) = process.and_then(|process| process.due) {
            self.ahead.remove(&due);
        }
    }

    /// A container is stopped.
    pub(super) fn stop(&mut self, pod: PodRef, container: u16) {
        self.drop((pod.id, container));
    }

    /// A pod's processes are gone.
    pub(super) fn forget(&mut self, pod: PodId) {
        let own = self.processes.range((pod, 0)..=(pod, u16::MAX));
        let keys: Vec<(PodId, u16)> = own.map(|(&key, _)| key).collect();
        for key in keys {
            self.drop(key);
        }
    }

    /// Whether any process of a pod is up.
    pub(super) fn is_running(&self, pod: PodId) -> bool {
        let mut own = self.processes.range((pod, 0)..=(pod, u16::MAX));
        own.any(|(_, process)| process.is_up)
    }

    /// The host of a pod gets on at another pace: what is due of its work is due at another time.
    pub(super) fn stretch(&mut self, now: Instant, pod: PodId, change: PaceChange) {
        let own = self.processes.range((pod, 0)..=(pod, u16::MAX));
        let keys: Vec<(PodId, u16)> = own.map(|(&key, _)| key).collect();
        for key in keys {
            let Some(process) = self.processes.get_mut(&key) else {
                continue;
            };
            process.pace = change.of(process.pace);
            let is_working = process.is_up;
            if let Some(due) = process.due.filter(|_| is_working) {
                self.ahead.remove(&due);
                let left = change.stretch(due.0.since(now));
                self.expect(key, now.saturating_add(left));
            }
        }
    }

    /// Instant at which something is due next, and whether it is a start.
    pub(super) fn due(&self) -> Option<(Instant, bool)> {
        let first = self.ahead.first_key_value();
        first.map(|(&(at, is_start, _), _)| (at, is_start))
    }

    /// The next thing that is due by now; starts only if they are asked for.
    pub(super) fn pop(&mut self, now: Instant, starts: bool) -> Option<EventEntry> {
        let entry = self.ahead.first_entry()?;
        let &(at, is_start, _) = entry.key();
        if at > now || (is_start && !starts) {
            return None;
        }
        let key = entry.remove();
        let process = self.processes.get_mut(&key)?;
        let pod = process.pod;
        process.due = None;
        if process.is_up {
            let code = process.code;
            self.processes.remove(&key);
            return Some((pod, key.1, ContainerEvent::Exited { code }));
        }
        process.is_up = true;
        if let Some(run_time) = process.run_time {
            let span = process.pace.stretch(run_time, Pace::USUAL);
            self.expect(key, now.saturating_add(span));
        }
        Some((pod, key.1, ContainerEvent::Started))
    }
}

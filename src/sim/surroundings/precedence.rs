//! Arrivals that wait for others: one that is due is held back until the last task that it waits for has ended, and
//! for its think time after that. A task is what has one name in the workload ([`Arrival::task`]). It has ended
//! when each of its members has; one that moves, or that comes back after the loss of its node or an eviction, has
//! not. A gang of several arrivals waits for all that its members wait for, and is submitted as a whole.
//!
//! Of a task that has ended, [`EndedTasks`] keeps when: memory depends on the tasks that are open or waited for.

use std::sync::Arc;

use arrivals::{Arrival, EndedTasks, Submission, TaskEnd, TaskKey, WaitFault};
use intake::{Action, Ledger, TraceError};
use model::workload::Job;
use model::{EndReason, Event, Object, ObjectChange, PodCreated, PodName, PodRef, Text};
use units::graph::on_cycles;
use units::{Duration, Instant, PodId, SortedMap, SortedSet};

use super::super::followers::Change;

/// The number of a task: they are numbered as they are met, and no number is given twice.
type TaskNumber = u64;

/// A task: what of it was submitted, and what waits for it.
#[derive(Clone, Debug, Default)]
struct Task {
    key: TaskKey,
    /// Whether a part of it was due.
    is_known: bool,
    /// Members that were due and have not ended.
    open: u64,
    /// Members that were taken from their node and may come back.
    away: u64,
    /// Members whose successor was created before they ended.
    early: u64,
    /// Pods that live.
    pods: u64,
    ended: Instant,
    has_failed: bool,
    /// The numbers of the held arrivals that wait for it.
    awaited_by: Vec<u64>,
}

impl Task {
    fn has_ended(&self) -> bool {
        self.is_known && self.open == 0
    }
}

/// An arrival or a gang that is held back.
#[derive(Clone, Debug)]
struct DependentSubmission {
    submission: Submission,
    /// Number of tasks that it still waits for.
    left: usize,
}

/// The precedence of a workload's arrivals.
#[derive(Clone, Debug, Default)]
pub(super) struct Precedence {
    /// Tasks that are open or waited for.
    tasks: SortedMap<TaskNumber, Task>,
    by_key: SortedMap<TaskKey, TaskNumber>,
    /// Number of tasks met.
    met: TaskNumber,
    /// The other tasks that have ended.
    ends: EndedTasks,
    /// Tasks of pods that live, by the pod, and by its name.
    by_pod: SortedMap<PodId, TaskNumber>,
    by_pod_name: SortedMap<PodName, TaskNumber>,
    /// Tasks of jobs that were submitted as objects, by namespace and name.
    by_job: SortedMap<(Text, Text), (TaskNumber, u32)>,
    /// Arrivals and gangs that are held back, by number.
    held: SortedMap<u64, DependentSubmission>,
    /// Number of those that were.
    holds: u64,
    /// Arrivals that wait for nothing but their instant, in the order of their release.
    released: SortedMap<(Instant, u64), Submission>,
    releases: u64,
    /// The task whose pods are being created.
    submitting: Option<TaskNumber>,
    ledger: Ledger,
}

/// File that findings about arrivals name whose own is not known.
const WORKLOAD: &str = "workload";

impl Precedence {
    /// The task of a key, which is open or waited for from here on.
    fn task(&mut self, key: TaskKey) -> (TaskNumber, &mut Task) {
        let (by_key, met) = (&mut self.by_key, &mut self.met);
        let number = *by_key.entry(key).or_insert_with(|| {
            *met += 1;
            *met
        });
        let task = self.tasks.entry(number).or_insert_with(|| Task {
            key,
            ..Task::default()
        });
        (number, task)
    }

    /// The end of a task, which has a number if it is open or waited for; `None` if it has not ended.
    fn end_of(
        &self,
        key: TaskKey,
        number: Option<TaskNumber>,
    ) -> Result<Option<TaskEnd>, TraceError> {
        let Some(task) = number.and_then(|number| self.tasks.get(&number)) else {
            return self.ends.get(key);
        };
        Ok(task.has_ended().then_some(TaskEnd {
            at: task.ended,
            has_failed: task.has_failed,
        }))
    }

    fn note(&mut self, fault: WaitFault, file: &Arc<str>, line: u64) {
        self.ledger.note(fault.kind(), fault.action(), file, line);
    }

    /// An arrival of these files is due, or a gang; returns it if it waits for nothing.
    ///
    /// # Errors
    /// The temporary file of tasks that have ended can't be read.
    pub(super) fn due(
        &mut self,
        now: Instant,
        submission: impl Into<Submission>,
        files: &[Arc<str>],
    ) -> Result<Option<Submission>, TraceError> {
        let submission = submission.into();
        let mut owns = Vec::with_capacity(1);
        for arrival in submission.members() {
            let (number, own) = self.task(key_of(arrival));
            own.is_known = true;
            own.open += u64::from(arrival.members);
            owns.push(number);
        }
        let number = self.holds;
        let (mut left, mut last_end) = (0, Instant::ZERO);
        let mut waits = false;
        for arrival in submission.members() {
            for name in arrival.after() {
                waits = true;
                let key = TaskKey::of(arrival.part, name);
                let other = self.by_key.get(&key).copied();
                if other.is_some_and(|other| owns.contains(&other)) {
                    let (file, line) = arrival.origin.place(files, &WORKLOAD.into());
                    self.note(WaitFault::ForItself, &file, line);
                } else if let Some(end) = self.end_of(key, other)? {
                    last_end = last_end.max(end.at);
                    self.note_failed(end.has_failed);
                } else {
                    let (_, other) = self.task(key);
                    other.awaited_by.push(number);
                    left += 1;
                }
            }
        }
        if left > 0 {
            self.holds += 1;
            self.held
                .insert(number, DependentSubmission { submission, left });
            return Ok(None);
        }
        let ready = last_end.saturating_add(delay(&submission));
        if !waits || ready <= now {
            return Ok(Some(submission));
        }
        self.release(ready, submission);
        Ok(None)
    }

    fn note_failed(&mut self, has_failed: bool) {
        if has_failed {
            let kind = "waits for a task that failed; submitted when that ended";
            self.ledger.note(kind, Action::Keep, &WORKLOAD.into(), 0);
        }
    }

    fn release(&mut self, at: Instant, mut submission: Submission) {
        submission.first.submit = at;
        for mate in &mut submission.mates {
            mate.submit = at;
        }
        self.releases += 1;
        self.released.insert((at, self.releases), submission);
    }

    /// Instant of the next release.
    pub(super) fn releasing(&self) -> Option<Instant> {
        self.released.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes the next arrival that is released.
    pub(super) fn take_released(&mut self) -> Option<Submission> {
        self.released.pop_first().map(|(_, own)| own)
    }

    /// Pods that are created from here on are those of this arrival.
    pub(super) fn begin(&mut self, arrival: &Arrival) {
        self.submitting = Some(self.task(key_of(arrival)).0);
    }

    /// All pods of an arrival are created.
    pub(super) fn finish(&mut self) {
        self.submitting = None;
    }

    /// The members of an arrival are those of a job that was submitted.
    pub(super) fn submitted_job(&mut self, arrival: &Arrival, job: &Job) {
        let (task, _) = self.task(key_of(arrival));
        let name = (job.namespace.clone(), job.name.clone());
        self.by_job.insert(name, (task, arrival.members));
    }

    /// Nothing more arrives: what was waited for and has not arrived never will.
    pub(super) fn exhausted(&mut self, now: Instant, files: &[Arc<str>]) {
        let unknown = self.tasks.iter().filter(|(_, task)| !task.is_known);
        let unknown: Vec<TaskNumber> = unknown.map(|(&number, _)| number).collect();
        for task in unknown {
            let awaited_by = self.tasks.get(&task).map(|task| task.awaited_by.clone());
            for number in awaited_by.unwrap_or_default() {
                if let Some(held) = self.held.get(&number) {
                    let first = &held.submission.first;
                    let (file, line) = first.origin.place(files, &WORKLOAD.into());
                    self.note(WaitFault::ForUnknown, &file, line);
                }
            }
            self.let_go(now, task);
        }
    }

    /// A task has ended: what waits for nothing else is released.
    fn let_go(&mut self, now: Instant, task: TaskNumber) {
        let Some(own) = self.tasks.get_mut(&task) else {
            return;
        };
        let (awaited_by, has_failed) = (std::mem::take(&mut own.awaited_by), own.has_failed);
        for number in awaited_by {
            self.note_failed(has_failed);
            let Some(held) = self.held.get_mut(&number) else {
                continue;
            };
            held.left -= 1;
            if held.left == 0
                && let Some(DependentSubmission { submission, .. }) = self.held.remove(&number)
            {
                self.release(now.saturating_add(delay(&submission)), submission);
            }
        }
    }

    fn end(&mut self, now: Instant, task: TaskNumber, members: u64, has_failed: bool) {
        let Some(own) = self.tasks.get_mut(&task) else {
            return;
        };
        own.has_failed |= has_failed;
        own.open = own.open.saturating_sub(members);
        if own.open == 0 {
            own.ended = now;
            let end = TaskEnd {
                at: now,
                has_failed: own.has_failed,
            };
            own.has_failed = self.ends.put(own.key, end);
            let (key, is_over) = (own.key, own.pods == 0);
            self.let_go(now, task);
            if is_over {
                self.tasks.remove(&task);
                self.by_key.remove(&key);
            }
        }
    }

    /// A change of the store.
    pub(super) fn follow(&mut self, now: Instant, change: Change<'_>) {
        match change.event {
            Event::PodCreated(created) => self.created(created),
            Event::PodEnded { pod, reason } => {
                let name = change.ended.map(|record| &record.name);
                self.ended(now, *pod, *reason, name);
            }
            Event::Object(ObjectChange::Updated {
                object: Object::Job(job),
                ..
            }) => self.job_changed(now, job),
            _ => {}
        }
    }

    fn created(&mut self, created: &PodCreated) {
        let task = if let Some(task) = self.submitting {
            self.by_pod_name.insert(created.name.clone(), task);
            task
        } else if let Some(&task) = self.by_pod_name.get(&created.name)
            && let Some(own) = self.tasks.get_mut(&task)
        {
            if own.away > 0 {
                own.away -= 1;
            } else {
                own.early += 1;
                own.open += 1;
            }
            task
        } else {
            return;
        };
        if let Some(own) = self.tasks.get_mut(&task) {
            own.pods += 1;
            self.by_pod.insert(created.pod.id, task);
        }
    }

    fn ended(&mut self, now: Instant, pod: PodRef, reason: EndReason, name: Option<&PodName>) {
        let Some(task) = self.by_pod.remove(&pod.id) else {
            return;
        };
        let Some(own) = self.tasks.get_mut(&task) else {
            return;
        };
        own.pods -= 1;
        match reason {
            EndReason::Evicted(_)
            | EndReason::NodeLost
            | EndReason::Refused(_)
            | EndReason::Moved => {
                if own.early > 0 {
                    own.early -= 1;
                    own.open -= 1;
                } else {
                    own.away += 1;
                }
            }
            EndReason::Completed
            | EndReason::TimeLimit
            | EndReason::Error
            | EndReason::Rejected
            | EndReason::Cancelled => {
                if let Some(name) = name {
                    self.by_pod_name.remove(name);
                }
                self.end(now, task, 1, reason != EndReason::Completed);
            }
        }
    }

    fn job_changed(&mut self, now: Instant, job: &Job) {
        let Some(has_failed) = job.status.has_failed() else {
            return;
        };
        let name = (job.namespace.clone(), job.name.clone());
        if let Some((task, members)) = self.by_job.remove(&name) {
            self.end(now, task, u64::from(members), has_failed);
        }
    }

    /// The findings, with the arrivals of these files that are held back still.
    pub(super) fn ledger(&self, files: &[Arc<str>]) -> Ledger {
        let mut ledger = self.ledger.clone();
        let circles = self.circles();
        for arrival in self.waiting() {
            let (file, line) = arrival.origin.place(files, &WORKLOAD.into());
            let is_found = |name| {
                let number = self.number(arrival.part, name);
                number.is_some_and(|number| circles.contains(&number))
            };
            let kind = if is_found(arrival.task()) && arrival.after().iter().any(is_found) {
                WaitFault::InCircle.kind()
            } else {
                "never submitted, as what it waits for did not end"
            };
            ledger.note(kind, Action::Drop, &file, line);
        }
        ledger
    }

    /// The arrivals that are held back.
    fn waiting(&self) -> impl Iterator<Item = &Arrival> {
        self.held
            .values()
            .flat_map(|held| held.submission.members())
    }

    fn number(&self, part: u16, name: &PodName) -> Option<TaskNumber> {
        self.by_key.get(&TaskKey::of(part, name)).copied()
    }

    /// The tasks that wait for tasks that wait for them.
    fn circles(&self) -> SortedSet<TaskNumber> {
        let numbers: Vec<TaskNumber> = self.tasks.keys().copied().collect();
        let place = |part, name| {
            let number = self.number(part, name)?;
            numbers.binary_search(&number).ok()
        };
        let mut edges = vec![Vec::new(); numbers.len()];
        for arrival in self.waiting() {
            if let Some(own) = place(arrival.part, arrival.task()) {
                let others = arrival.after().iter();
                let others = others.filter_map(|name| place(arrival.part, name));
                edges[own].extend(others.filter(|&other| other != own));
            }
        }
        let are_on_cycles = on_cycles(&edges).into_iter();
        let circles = numbers.into_iter().zip(are_on_cycles);
        circles
            .filter_map(|(own, is_on)| is_on.then_some(own))
            .collect()
    }
}

/// The key of the task that an arrival is a part of.
fn key_of(arrival: &Arrival) -> TaskKey {
    TaskKey::of(arrival.part, arrival.task())
}

/// The think time of a submission: the longest of its members.
fn delay(submission: &Submission) -> Duration {
    let links = { submission.members() }.filter_map(|own| own.links.as_deref());
    links.map(|own| own.delay).max().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests;

//! Arrivals that wait for others: one that is due is held back until the last task that it waits for has ended, and
//! for its think time after that. A task is what has one name in the workload ([`Arrival::task`]). It has ended
//! when each of its members has; one that moves, or that comes back after the loss of its node or an eviction, has
//! not. A gang of several arrivals waits for all that its members wait for, and is submitted as a whole.

use std::sync::Arc;

use model::workload::Job;
use model::{EndReason, Event, Object, ObjectChange, PodCreated, PodName, PodRef, Text};
use trace::{Action, Arrival, Ledger, Submission, WaitFault};
use units::graph::on_cycles;
use units::{Duration, Instant, PodId, SortedMap};

use super::super::follow::Change;

/// A task of a part of the workload.
type Name = (u16, PodName);

/// A task: what of it was submitted, and what waits for it.
#[derive(Clone, Debug, Default)]
struct Task {
    /// Whether a part of it was due.
    is_known: bool,
    /// Members that were due and have not ended.
    open: u64,
    /// Members that were taken from their node and may come back.
    away: u64,
    /// Members whose successor was created before they ended.
    early: u64,
    ended: Instant,
    has_failed: bool,
    /// The numbers of the held arrivals that wait for it.
    awaited_by: Vec<usize>,
}

impl Task {
    fn has_ended(&self) -> bool {
        self.is_known && self.open == 0
    }
}

/// An arrival or a gang that is held back.
#[derive(Clone, Debug)]
struct Held {
    submission: Submission,
    /// Number of tasks that it still waits for.
    left: usize,
}

/// The precedence of a workload's arrivals.
#[derive(Clone, Debug, Default)]
pub(super) struct Precedence {
    tasks: Vec<Task>,
    by_name: SortedMap<Name, usize>,
    /// Tasks of pods that live, by the pod, and by its name.
    by_pod: SortedMap<PodId, usize>,
    by_pod_name: SortedMap<PodName, usize>,
    /// Tasks of jobs that were submitted as objects, by namespace and name.
    by_job: SortedMap<(Text, Text), (usize, u32)>,
    held: Vec<Option<Held>>,
    /// Arrivals that wait for nothing but their instant, in the order of their release.
    released: SortedMap<(Instant, u64), Submission>,
    releases: u64,
    /// The task whose pods are being created.
    submitting: Option<usize>,
    ledger: Ledger,
}

/// File that findings about arrivals name whose own is not known.
const WORKLOAD: &str = "workload";

impl Precedence {
    fn task(&mut self, part: u16, name: &PodName) -> usize {
        let number = self.tasks.len();
        let place = *self.by_name.entry((part, name.clone())).or_insert(number);
        if place == number {
            self.tasks.push(Task::default());
        }
        place
    }

    fn note(&mut self, fault: WaitFault, file: &Arc<str>, line: u64) {
        self.ledger.note(fault.kind(), fault.action(), file, line);
    }

    /// An arrival of these files is due, or a gang; returns it if it waits for nothing.
    pub(super) fn due(
        &mut self,
        now: Instant,
        submission: impl Into<Submission>,
        files: &[Arc<str>],
    ) -> Option<Submission> {
        let submission = submission.into();
        let mut owns = Vec::with_capacity(1);
        for arrival in submission.members() {
            let own = self.task(arrival.part, arrival.task());
            self.tasks[own].is_known = true;
            self.tasks[own].open += u64::from(arrival.members);
            owns.push(own);
        }
        let number = self.held.len();
        let (mut left, mut last_end) = (0, Instant::ZERO);
        let mut waits = false;
        for arrival in submission.members() {
            for name in arrival.after() {
                waits = true;
                let other = self.task(arrival.part, name);
                if owns.contains(&other) {
                    let (file, line) = arrival.origin.place(files, &WORKLOAD.into());
                    self.note(WaitFault::ForItself, &file, line);
                } else if self.tasks[other].has_ended() {
                    last_end = last_end.max(self.tasks[other].ended);
                    self.note_failed(other);
                } else {
                    self.tasks[other].awaited_by.push(number);
                    left += 1;
                }
            }
        }
        if left > 0 {
            self.held.push(Some(Held { submission, left }));
            return None;
        }
        let ready = last_end.saturating_add(delay(&submission));
        if !waits || ready <= now {
            return Some(submission);
        }
        self.release(ready, submission);
        None
    }

    fn note_failed(&mut self, task: usize) {
        if self.tasks[task].has_failed {
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
        self.submitting = Some(self.task(arrival.part, arrival.task()));
    }

    /// All pods of an arrival are created.
    pub(super) fn finish(&mut self) {
        self.submitting = None;
    }

    /// The members of an arrival are those of a job that was submitted.
    pub(super) fn submitted_job(&mut self, arrival: &Arrival, job: &Job) {
        let task = self.task(arrival.part, arrival.task());
        let name = (job.namespace.clone(), job.name.clone());
        self.by_job.insert(name, (task, arrival.members));
    }

    /// Nothing more arrives: what was waited for and has not arrived never will.
    pub(super) fn exhausted(&mut self, now: Instant, files: &[Arc<str>]) {
        for task in 0..self.tasks.len() {
            if !self.tasks[task].is_known {
                for number in self.tasks[task].awaited_by.clone() {
                    if let Some(held) = &self.held[number] {
                        let first = &held.submission.first;
                        let (file, line) = first.origin.place(files, &WORKLOAD.into());
                        self.note(WaitFault::ForUnknown, &file, line);
                    }
                }
                self.let_go(now, task);
            }
        }
    }

    /// A task has ended: what waits for nothing else is released.
    fn let_go(&mut self, now: Instant, task: usize) {
        for number in std::mem::take(&mut self.tasks[task].awaited_by) {
            self.note_failed(task);
            let Some(held) = &mut self.held[number] else {
                continue;
            };
            held.left -= 1;
            if held.left == 0
                && let Some(Held { submission, .. }) = self.held[number].take()
            {
                self.release(now.saturating_add(delay(&submission)), submission);
            }
        }
    }

    fn end(&mut self, now: Instant, task: usize, members: u64, has_failed: bool) {
        let own = &mut self.tasks[task];
        own.has_failed |= has_failed;
        own.open = own.open.saturating_sub(members);
        if own.open == 0 {
            own.ended = now;
            self.let_go(now, task);
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
        } else if let Some(&task) = self.by_pod_name.get(&created.name) {
            let own = &mut self.tasks[task];
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
        self.by_pod.insert(created.pod.id, task);
    }

    fn ended(&mut self, now: Instant, pod: PodRef, reason: EndReason, name: Option<&PodName>) {
        let Some(task) = self.by_pod.remove(&pod.id) else {
            return;
        };
        let own = &mut self.tasks[task];
        match reason {
            EndReason::Evicted(_) | EndReason::NodeLost | EndReason::Refused(_) => {
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
                self.number(arrival.part, name)
                    .is_some_and(|own| circles[own])
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
        let held = self.held.iter().flatten();
        held.flat_map(|held| held.submission.members())
    }

    fn number(&self, part: u16, name: &PodName) -> Option<usize> {
        self.by_name.get(&(part, name.clone())).copied()
    }

    /// By task, whether it waits for tasks that wait for it.
    fn circles(&self) -> Vec<bool> {
        let mut edges = vec![Vec::new(); self.tasks.len()];
        for arrival in self.waiting() {
            if let Some(own) = self.number(arrival.part, arrival.task()) {
                let others = arrival.after().iter();
                let others = others.filter_map(|name| self.number(arrival.part, name));
                edges[own].extend(others.filter(|&other| other != own));
            }
        }
        on_cycles(&edges)
    }
}

/// The think time of a submission: the longest of its members.
fn delay(submission: &Submission) -> Duration {
    let links = { submission.members() }.filter_map(|own| own.links.as_deref());
    links.map(|own| own.delay).max().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests;

//! Faults of a graph of precedence, whatever the format: a task that waits for itself, alone or through
//! others, and one that waits for a task that is not there. A trace is read to its end before that
//! is known, so the tasks are kept as hashes, 16 bytes each.

use std::sync::Arc;

use model::{PodName, Text};
use units::graph::on_cycles;

use super::error::TraceError;
use super::header_record::HeaderRecord;
use super::ledger::{Action, Ledger};
use super::origin::Origin;
use super::stream::{Arrival, ArrivalSource, Classes};

/// A fault in what an arrival waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFault {
    /// It waits for the task that it is.
    ForItself,
    /// It waits for a task that does not come.
    ForUnknown,
    /// It waits for tasks that wait for its own.
    InCircle,
}

impl WaitFault {
    /// The kind in a ledger.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::ForItself => "waits for itself; not held back for that",
            Self::ForUnknown => {
                "waits for a task that is not in the workload; not held back for that"
            }
            Self::InCircle => {
                "waits for tasks that wait for it, a circle; never submitted, nor what waits for it"
            }
        }
    }

    /// The treatment in a run.
    pub const fn action(self) -> Action {
        match self {
            Self::ForItself | Self::ForUnknown => Action::Repair,
            Self::InCircle => Action::Drop,
        }
    }
}

/// A source that tells at its end what can't be about its tasks; the source itself if nothing waits.
pub(crate) fn told(source: Box<dyn ArrivalSource>, file: &Arc<str>) -> Box<dyn ArrivalSource> {
    if !source.may_wait() {
        return source;
    }
    Box::new(Told {
        ledger: source.ledger().clone(),
        source,
        file: file.clone(),
        tasks: Vec::new(),
        waiting: Vec::new(),
        has_ended: false,
    })
}

/// A task, by the hash of its name.
type Task = u128;

fn task(part: u16, name: &PodName) -> Task {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&part.to_le_bytes());
    hasher.update(name.to_string().as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Task::from_le_bytes(short)
}

/// An arrival that waits.
#[derive(Clone)]
struct Waiting {
    own: Task,
    others: Box<[Task]>,
    origin: Origin,
}

struct Told {
    source: Box<dyn ArrivalSource>,
    file: Arc<str>,
    tasks: Vec<Task>,
    waiting: Vec<Waiting>,
    has_ended: bool,
    ledger: Ledger,
}

impl Told {
    fn take(&mut self, arrival: &Arrival) {
        let own = task(arrival.part, arrival.task());
        // The parts of a task stand one below the other.
        if self.tasks.last() != Some(&own) {
            self.tasks.push(own);
        }
        if !arrival.after().is_empty() {
            let others = arrival.after().iter();
            self.waiting.push(Waiting {
                own,
                others: others.map(|name| task(arrival.part, name)).collect(),
                origin: arrival.origin,
            });
        }
    }

    fn end(&mut self) {
        self.tasks.sort_unstable();
        self.ledger = self.source.ledger().clone();
        let is_known = |other: &Task| self.tasks.binary_search(other).is_ok();
        let circles = circles(&self.waiting);
        for (own, is_in_circle) in self.waiting.iter().zip(circles) {
            let waits_for_itself = own.others.contains(&own.own);
            let waits_for_unknown = own.others.iter().any(|other| !is_known(other));
            let (file, line) = own.origin.place(self.source.files(), &self.file);
            for (is_so, fault) in [
                (waits_for_itself, WaitFault::ForItself),
                (waits_for_unknown, WaitFault::ForUnknown),
                (is_in_circle, WaitFault::InCircle),
            ] {
                if is_so {
                    self.ledger.note(fault.kind(), fault.action(), &file, line);
                }
            }
        }
    }
}

/// Whether arrivals wait for tasks that wait for theirs.
fn circles(waiting: &[Waiting]) -> Vec<bool> {
    // A task that waits for nothing is on no circle.
    let mut tasks: Vec<Task> = waiting.iter().map(|own| own.own).collect();
    tasks.sort_unstable();
    tasks.dedup();
    let place = |task: &Task| tasks.binary_search(task).ok();
    let mut edges = vec![Vec::new(); tasks.len()];
    for own in waiting {
        let others = own.others.iter().filter(|&&other| other != own.own);
        if let Some(task) = place(&own.own) {
            edges[task].extend(others.filter_map(place));
        }
    }
    let found = on_cycles(&edges);
    let is_found = |task: &Task| place(task).is_some_and(|place| found[place]);
    let both = waiting.iter().map(|own| {
        let mut others = own.others.iter().filter(|&&other| other != own.own);
        is_found(&own.own) && others.any(is_found)
    });
    both.collect()
}

impl ArrivalSource for Told {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let next = self.source.next()?;
        match &next {
            Some(arrival) => self.take(arrival),
            None if !self.has_ended => {
                self.has_ended = true;
                self.end();
            }
            None => {}
        }
        Ok(next)
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn header(&self) -> &HeaderRecord {
        self.source.header()
    }

    fn classes(&self) -> &Classes {
        self.source.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            source: self.source.fork()?,
            file: self.file.clone(),
            tasks: self.tasks.clone(),
            waiting: self.waiting.clone(),
            has_ended: self.has_ended,
            ledger: self.ledger.clone(),
        }))
    }

    fn ledger(&self) -> &Ledger {
        if self.has_ended {
            &self.ledger
        } else {
            self.source.ledger()
        }
    }

    fn files(&self) -> &[Arc<str>] {
        self.source.files()
    }

    fn tenants(&self) -> &[Text] {
        self.source.tenants()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.source.progress()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::options::ReadOptions;
    use crate::registry::find;
    use crate::{Input, registry};

    fn told_of(input: &Input, format: &str) -> Vec<(String, u64, u64)> {
        let entry = find(format).expect("a format");
        let found = validate(input, entry, &ReadOptions::default(), 9);
        assert_eq!(found.bad_row_count, 0);
        let entries = found.ledger.entries().iter();
        let own = entries.map(|own| (own.kind.to_string(), own.count, own.line));
        own.collect()
    }

    #[test]
    fn circles_and_edges_to_nothing_are_told_with_their_first_line() {
        let table = "name,submit,run_time,after\na,0,1,\nb,0,1,a|d\nc,0,1,b\nd,0,1,c\ne,0,1,d\n\
                     f,0,1,f\ng,0,1,x|a\nh,0,1,a|g\n";
        let input = Input::bytes("jobs.csv", table.as_bytes());
        assert_eq!(
            told_of(&input, "csv"),
            [
                (WaitFault::InCircle.kind().to_owned(), 3, 3),
                (WaitFault::ForItself.kind().to_owned(), 1, 7),
                (WaitFault::ForUnknown.kind().to_owned(), 1, 8),
            ]
        );
        let table = "WorkflowID, JobID, SubmitTime, RunTime, NProcs, ReqNProcs, Dependencies\n\
                     1, 1, 0, 5, 1, 1, \n1, 2, 0, 5, 1, 1, 3\n1, 3, 0, 5, 1, 1, 1 2\n";
        let input = Input::bytes("w.gwf", table.as_bytes());
        let entry = registry::recognize(&input).expect("a format");
        assert_eq!(
            told_of(&input, entry.name),
            [(WaitFault::InCircle.kind().to_owned(), 2, 3)]
        );
    }
}

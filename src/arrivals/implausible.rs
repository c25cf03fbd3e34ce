//! Amounts and times that no machine and no job has: most often the unit of a column was mistaken. They are kept as they
//! are, and told.

use std::sync::Arc;

use model::PodSpec;
use model::resource_list::{CPU, MEMORY};
use units::{Duration, Instant};

use crate::stream::{Arrival, ArrivalSource};
use intake::TraceError;
use intake::ledger::{Action, Ledger};
use intake::origin::Origin;

/// The most cores of a machine, in 1/1000: more than twice as many as the largest server of a cloud has (1,920).
const MOST_MILLI: i64 = 4_096_000;
/// The most memory of a machine, in bytes: twice that of the largest server of a cloud (32 TiB).
const MOST_MEMORY: i64 = 64 << 40;
/// The most memory beside one core, in bytes.
const MOST_MEMORY_OF_A_CORE: i64 = 1 << 40;
/// The least memory of the largest pod, in bytes: no process starts in less.
const LEAST_MEMORY: i64 = 1 << 20;
/// The longest run time.
const LONGEST: Duration = Duration::from_secs(10 * YEAR_SECS);
/// The longest time between the first submission and another.
const LONGEST_TRACE: Duration = Duration::from_secs(20 * YEAR_SECS);
const YEAR_SECS: i64 = 365 * 86_400;

/// The note about a run time.
const RUNS_LONG: &str = "runs for more than ten years; check the unit of its times";
/// The note about a submission.
const SUBMITTED_LATE: &str =
    "submitted more than twenty years after the first; check the unit and the zero of its times";
/// The note about the memory of all pods.
const TOO_LITTLE_MEMORY: &str = "trace of which no pod requests 1 MiB of memory; check its unit";

/// The extremes of the requests of classes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extremes {
    /// The largest memory of a pod, in bytes; 0 if none requests memory.
    most_memory: i64,
    /// The classes that request more than any machine has, in their order.
    beyond: Vec<Beyond>,
}

/// A class that requests more than any machine has.
#[derive(Clone, Copy, Debug)]
struct Beyond {
    class: u32,
    note: &'static str,
}

impl Extremes {
    /// Takes the spec of the next class into account.
    pub(crate) fn take(&mut self, class: usize, spec: &PodSpec) {
        let requests = spec.requests().unwrap_or_default();
        let milli = requests.get(CPU).milli_ceil().unwrap_or(i64::MAX);
        let memory = requests.get(MEMORY).units_ceil().unwrap_or(i64::MAX);
        self.most_memory = self.most_memory.max(memory);
        let note = if milli > MOST_MILLI {
            "pod of more than 4096 cores, which no machine has; check the unit"
        } else if memory > MOST_MEMORY {
            "pod of more than 64 TiB of memory, which no machine has; check the unit"
        } else if milli >= 1_000 && memory / milli > MOST_MEMORY_OF_A_CORE / 1_000 {
            "pod of more than 1 TiB of memory a core; check the unit"
        } else {
            return;
        };
        let class = class as u32;
        self.beyond.push(Beyond { class, note });
    }

    /// The note about a class that requests more than any machine has.
    fn of_class(&self, class: u32) -> Option<&'static str> {
        let place = self
            .beyond
            .binary_search_by_key(&class, |beyond| beyond.class);
        place.ok().map(|place| self.beyond[place].note)
    }
}

/// A source that tells of amounts and times which no machine and no job has. A fork of it tells nothing.
pub fn doubted(source: Box<dyn ArrivalSource>, file: &Arc<str>) -> Box<dyn ArrivalSource> {
    Box::new(Doubted {
        source,
        file: file.clone(),
        first: None,
        doubts: Ledger::EMPTY,
        all: None,
    })
}

/// A source whose amounts and times are looked at.
struct Doubted {
    source: Box<dyn ArrivalSource>,
    file: Arc<str>,
    /// Submission and place of the first arrival.
    first: Option<First>,
    /// The notes up to now.
    doubts: Ledger,
    /// The notes of the source and what was found, once the end was reached.
    all: Option<Ledger>,
}

#[derive(Clone, Copy)]
struct First {
    submit: Instant,
    origin: Origin,
}

impl Doubted {
    fn look_at(&mut self, arrival: &Arrival) {
        let first = *self.first.get_or_insert(First {
            submit: arrival.submit,
            origin: arrival.origin,
        });
        if let Some(note) = self.source.classes().extremes().of_class(arrival.class) {
            self.note(note, arrival.origin);
        }
        if arrival.run_time.is_some_and(|time| time > LONGEST) {
            self.note(RUNS_LONG, arrival.origin);
        }
        if arrival.submit.since(first.submit) > LONGEST_TRACE {
            self.note(SUBMITTED_LATE, arrival.origin);
        }
    }

    fn note(&mut self, note: &str, origin: Origin) {
        let (file, line) = origin.place(self.source.files(), &self.file);
        self.doubts.note(note, Action::Keep, &file, line);
    }

    fn end(&mut self) {
        let most_memory = self.source.classes().extremes().most_memory;
        if let Some(first) = self.first
            && (1..LEAST_MEMORY).contains(&most_memory)
        {
            self.note(TOO_LITTLE_MEMORY, first.origin);
        }
        let mut all = self.source.ledger().clone();
        all.merge(&self.doubts);
        self.all = Some(all);
    }
}

impl ArrivalSource for Doubted {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let next = self.source.next()?;
        match &next {
            Some(arrival) => self.look_at(arrival),
            None if self.all.is_none() => self.end(),
            None => {}
        }
        Ok(next)
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.source)
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.source.fork()
    }

    fn ledger(&self) -> &Ledger {
        self.all.as_ref().unwrap_or_else(|| self.source.ledger())
    }
}

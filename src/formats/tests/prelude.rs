//! Helpers of the tests of formats: files in memory, read to their end, and what is expected of them.

use std::fmt::Debug;

pub(crate) use crate::packed::archive;
pub(crate) use crate::prelude::*;
use crate::registry;
pub(crate) use arrivals::format::{NodeEventKind, OpenWorkload};
use arrivals::inspect::Validation;
pub(crate) use arrivals::inspect::validate;
pub(crate) use arrivals::memory::Recorded;
use intake::Ledger;
pub(crate) use intake::ledger::RowPolicy;
pub(crate) use intake::rows::USAGE_NOT_READ;

/// A file in memory.
pub(crate) fn file(name: &str, text: impl AsRef<[u8]>) -> Input {
    Input::bytes(name, text.as_ref().to_vec())
}

/// A file in memory that is recognized as one of a format.
#[track_caller]
pub(crate) fn file_of(format: &FormatEntry, name: &str, text: impl AsRef<[u8]>) -> Input {
    let input = file(name, text);
    let found = registry::recognize(&input).map(|entry| entry.name);
    assert_eq!(found, Ok(format.name));
    input
}

/// The default options but for one.
pub(crate) fn options_with(change: impl FnOnce(&mut ReadOptions)) -> ReadOptions {
    let mut options = ReadOptions::default();
    change(&mut options);
    options
}

/// All arrivals of a source that opens and has no row that ends the reading.
#[track_caller]
pub(crate) fn collected(source: Result<Box<dyn ArrivalSource>, TraceError>) -> Recorded {
    let mut source = source.expect("a good file");
    Recorded::collect(&mut *source).expect("good rows")
}

/// All arrivals of a file in memory that is read with the default options.
#[track_caller]
pub(crate) fn collected_of(open: OpenWorkload, name: &str, text: impl AsRef<[u8]>) -> Recorded {
    collected(open(&file(name, text), &ReadOptions::default()))
}

/// The function that opens the arrivals of a format.
#[track_caller]
pub(crate) fn opener(format: &FormatEntry) -> OpenWorkload {
    let Constructor::Workload(open) = format.open else {
        panic!("{} is of nodes", format.name);
    };
    open
}

/// Events of machines: time in units of `unit` nanoseconds, index of the node, and kind.
pub(crate) fn events(list: &NodeList, unit: i64) -> Vec<(i64, usize, &NodeEventKind)> {
    { list.events.iter() }
        .map(|event| (event.at.as_nanos() / unit, event.node, &event.kind))
        .collect()
}

/// The 1/1000 cores and bytes of memory that a pod requests.
#[track_caller]
pub(crate) fn amounts(spec: &PodSpec) -> (i64, i64) {
    let requests = spec.requests().expect("small amounts");
    let cpu = requests.get("cpu").milli_ceil().expect("few cores");
    (cpu, requests.get("memory").units_ceil().expect("few bytes"))
}

/// The faults of a file that is read with the default options.
pub(crate) fn faults(format: &FormatEntry, name: &str, text: impl AsRef<[u8]>) -> Validation {
    validate(&file(name, text), format, &ReadOptions::default(), 9)
}

/// Bad rows with their places.
pub(crate) trait BadRows {
    /// The messages.
    fn messages(&self) -> Vec<String>;

    /// Asserts that the messages are these.
    #[track_caller]
    fn has_bad_rows<const COUNT: usize>(&self, expected: [&str; COUNT]) {
        assert_eq!(self.messages(), expected);
    }
}

impl BadRows for Validation {
    fn messages(&self) -> Vec<String> {
        self.bad_rows.iter().map(ToString::to_string).collect()
    }
}

impl BadRows for Ledger {
    fn messages(&self) -> Vec<String> {
        self.bad_rows().iter().map(ToString::to_string).collect()
    }
}

/// Counts of irregularities by their kind.
pub(crate) trait Counts {
    /// Asserts that each kind was counted so often.
    fn has_counts<'k>(&self, expected: impl IntoIterator<Item = (&'k str, u64)>);

    /// Asserts that each kind was counted once.
    #[track_caller]
    fn has_once<'k>(&self, expected: impl IntoIterator<Item = &'k str>) {
        self.has_counts(expected.into_iter().map(|kind| (kind, 1)));
    }
}

impl Counts for Ledger {
    #[track_caller]
    fn has_counts<'k>(&self, expected: impl IntoIterator<Item = (&'k str, u64)>) {
        for (kind, count) in expected {
            assert_eq!(self.count(kind), count, "{kind}");
        }
    }
}

/// Facts about each arrival of a trace.
pub(crate) trait Facts {
    /// One fact about each.
    fn each<T>(&self, fact: impl FnMut(&Arrival) -> T) -> Vec<T>;

    /// The names.
    fn names(&self) -> Vec<String> {
        self.each(|own| own.name.to_string())
    }
}

impl Facts for Recorded {
    fn each<T>(&self, fact: impl FnMut(&Arrival) -> T) -> Vec<T> {
        self.arrivals.iter().map(fact).collect()
    }
}

/// A list of which all items are expected.
pub(crate) trait Items<T> {
    /// Asserts that the items are these.
    fn are<U: Debug, const COUNT: usize>(&self, expected: [U; COUNT])
    where
        T: Debug + PartialEq<U>;
}

impl<T> Items<T> for [T] {
    #[track_caller]
    fn are<U: Debug, const COUNT: usize>(&self, expected: [U; COUNT])
    where
        T: Debug + PartialEq<U>,
    {
        assert_eq!(self, &expected);
    }
}

//! External sort of arrivals: runs of them, each sorted, in a temporary file that has no name, so that it is gone with
//! the program; and their merge. Arrivals that are equal in order stay as they came.
//!
//! Example, with two records in memory instead of [`MOST_HELD`]: rows come at 5, 1, 4, 2 and 4 s. Two full runs
//! go to disk, (1, 5) and (2, 4); the last row stays in memory as the third, (4). The merge keeps the head of each run in a
//! heap and gives 1, 2, 4, 4, 5: the first 4 is that of the earlier run, since the number of a run breaks ties, and within a run
//! the sort is stable. Memory is that of one run and of a few records read ahead in each of the others, however many rows there are.
#![expect(
    clippy::inline_always,
    reason = "values of a record that go from one call to the next through memory cost more than their bytes"
)]

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::sync::Arc;

mod alive;
mod ascending;
mod buffer;
mod byte_log;
mod decode;
mod encode;
mod fixed;
mod flat;
mod held;
mod numbers;
mod packed;
mod places;
mod previous;
mod runs;
mod slots;
mod sorted_by;
mod text_log;

use crate::header_record::HeaderRecord;
use crate::memory::Recorded;
use crate::stream::{Arrival, ArrivalSource, Classes};
pub use alive::{Alive, Hashed, Stored};
pub use ascending::Ascending;
pub(crate) use byte_log::ByteLog;
use byte_log::unreadable;
use decode::{decode, each_of, rank};
use encode::whole;
pub(crate) use fixed::each_joined;
pub use fixed::{FixedSort, FixedSorted, key_of};
pub use flat::{Flat, FlatLinks, FlatName};
pub use held::Held;
use intake::ledger::Ledger;
use intake::{TemporaryFile, TraceError};
use model::Text;
pub use packed::Packed;
pub(crate) use packed::Sequence;
pub use places::{Key, Places};
use previous::Previous;
pub use previous::padded;
use runs::{AHEAD, Run, Runs};
pub use slots::Slots;
pub use sorted_by::Order;
use sorted_by::Rank;
pub use text_log::TextLog;
use units::{Duration, Instant};

/// Records that a reader holds in memory; beyond them, they are sorted on disk. Runs of so many are long enough for the
/// disk, and what they take is little beside the rest of a reader.
pub const MOST_HELD: usize = 1 << 17;

/// Bit pattern of a time that is absent.
pub const NONE: i64 = i64::MIN;

/// Sorted runs on disk.
#[derive(Debug)]
pub struct Spill {
    runs: Runs,
    order: Order,
    /// Rank of the last record of the last run.
    last: Option<Rank>,
    count: u64,
    /// Whether an arrival has a place in a graph of precedence.
    may_wait: bool,
    /// Whether an arrival is a member of a gang.
    has_gangs: bool,
}

impl Spill {
    /// An empty temporary file for arrivals in an order, of which the name is gone already.
    pub fn new(order: Order) -> io::Result<Self> {
        Ok(Self {
            runs: Runs::new("arrivals")?,
            order,
            last: None,
            count: 0,
            may_wait: false,
            has_gangs: false,
        })
    }

    /// Adds a run of these arrivals to a file that is made for the first of them; `false` where it can't be
    /// written, so that they and all others stay in memory.
    pub fn take_out(own: &mut Option<Self>, order: Order, arrivals: &mut Vec<Arrival>) -> bool {
        if own.is_none() {
            *own = Self::new(order).ok();
        }
        let mut records = Packed::of(order, arrivals);
        let is_out = { own.as_mut() }.is_some_and(|spill| spill.write(&mut records).is_ok());
        if is_out {
            arrivals.clear();
        }
        is_out
    }

    /// Adds a run of these records, which are taken out. They go on with the run before if none of them is earlier
    /// than its last one.
    pub fn write(&mut self, records: &mut Packed) -> io::Result<()> {
        records.sort();
        self.runs.add(self.goes_on(records), [records.bytes()])?;
        self.last = records.ends().map(|(_, last)| last.clone());
        self.count += records.count() as u64;
        self.may_wait |= records.may_wait;
        self.has_gangs |= records.has_gangs;
        records.clear();
        Ok(())
    }

    /// Whether the first of sorted records is no earlier than the last one of all runs.
    fn goes_on(&self, records: &Packed) -> bool {
        let first = records.ends().map(|(first, _)| first);
        self.last.is_some() && self.last.as_ref() <= first
    }
}

/// A run that is read.
#[derive(Clone, Debug)]
struct Cursor {
    run: Run,
    /// Bytes that were read ahead: what is used up, and how far it is filled.
    ahead: Vec<u8>,
    used: usize,
    filled: usize,
    /// Bytes that are read at once.
    at_once: usize,
    /// The record before the next one.
    previous: Previous,
}

impl Cursor {
    /// Reads ahead up to the end of the next record; `false` at the end of the run.
    #[inline(always)]
    fn has_next(&mut self, file: &TemporaryFile) -> io::Result<bool> {
        while whole(&self.ahead[self.used..self.filled]).is_none() {
            if !self.read_ahead(file)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The rank of the next record; `None` at the end of the run.
    fn rank(&mut self, file: &TemporaryFile, order: Order) -> io::Result<Option<Rank>> {
        if !self.has_next(file)? {
            return Ok(None);
        }
        let next = rank(order, &self.ahead[self.used..self.filled], &self.previous);
        next.map(Some).ok_or_else(unreadable)
    }

    /// Takes the next record, which is there: its first arrival, and the mates of that behind those of others.
    #[inline(always)]
    fn take(&mut self, mates: &mut VecDeque<Arrival>) -> io::Result<Arrival> {
        let rest = &self.ahead[self.used..self.filled];
        let length = whole(rest).ok_or_else(unreadable)?;
        self.used += length;
        let (arrival, behind) = decode(rest, &mut self.previous).ok_or_else(unreadable)?;
        let own = rest.len() - behind.len();
        if own < length {
            let mates_of = |mate| mates.push_back(mate);
            let taken = each_of(&rest[own..length], &mut self.previous, mates_of);
            taken.ok_or_else(unreadable)?;
        }
        Ok(arrival)
    }

    /// Reads more of the run; whether there was more.
    fn read_ahead(&mut self, file: &TemporaryFile) -> io::Result<bool> {
        let left = self.run.until - self.run.from;
        if left == 0 {
            return Ok(false);
        }
        self.ahead.copy_within(self.used..self.filled, 0);
        (self.used, self.filled) = (0, self.filled - self.used);
        // A record that is longer than what is read ahead needs more each time.
        let more = left.min(self.at_once as u64) as usize;
        let until = self.filled + more;
        if self.ahead.len() < until {
            self.ahead.resize(until, 0);
        }
        file.read(&mut self.ahead[self.filled..until], self.run.from)?;
        self.filled = until;
        self.run.from += more as u64;
        Ok(true)
    }
}

/// All that forks of a source share.
#[derive(Debug)]
struct Shared {
    spill: Spill,
    tenants: Vec<Text>,
    ledger: Ledger,
    files: Vec<Arc<str>>,
    header: HeaderRecord,
    /// Time that is taken off every instant.
    zero: Duration,
}

/// The arrivals of runs in order.
#[derive(Clone, Debug)]
pub struct Merged {
    shared: Arc<Shared>,
    classes: Classes,
    cursors: Vec<Cursor>,
    /// The next arrival of each run: its rank, and the run.
    heads: BinaryHeap<Reverse<(Rank, usize)>>,
    /// Members of the gang that is being delivered.
    mates: VecDeque<Arrival>,
    position: u64,
    has_begun: bool,
}

impl Merged {
    /// The arrivals of runs and those of a trace that are not among them, which come last at equal
    /// times; a time is taken off every instant.
    pub fn new(spill: Spill, mut rest: Recorded, zero: Duration) -> Self {
        let records = Packed::of(spill.order, &rest.arrivals);
        rest.arrivals = Vec::new();
        Self::of_records(spill, records, rest, zero)
    }

    /// The same with records for the arrivals of a trace.
    pub(crate) fn of_records(
        mut spill: Spill,
        mut records: Packed,
        rest: Recorded,
        zero: Duration,
    ) -> Self {
        let mut kept = Vec::new();
        if spill.write(&mut records).is_err() {
            // Already sorted.
            spill.count += records.count() as u64;
            spill.may_wait |= records.may_wait;
            spill.has_gangs |= records.has_gangs;
            kept = records.into_bytes();
        }
        let cursor = |run, ahead: Vec<u8>| Cursor {
            run,
            filled: ahead.len(),
            ahead,
            at_once: spill.runs.ahead_of_each(),
            used: 0,
            previous: Previous::none(),
        };
        let of_runs = spill.runs.all.iter().map(|&run| cursor(run, Vec::new()));
        let of_rest = cursor(Run { from: 0, until: 0 }, kept);
        Self {
            classes: Classes::from(rest.classes),
            cursors: of_runs.chain([of_rest]).collect(),
            heads: BinaryHeap::new(),
            mates: VecDeque::new(),
            position: 0,
            has_begun: false,
            shared: Arc::new(Shared {
                spill,
                tenants: rest.tenants,
                ledger: rest.ledger,
                files: rest.files,
                header: rest.header,
                zero,
            }),
        }
    }

    /// Sorted arrivals whose classes are these.
    pub fn with_classes(self, classes: Classes) -> Self {
        Self { classes, ..self }
    }

    /// Finds the first arrival of each run.
    fn begin(&mut self) -> Result<(), TraceError> {
        let spill = &self.shared.spill;
        for (run, cursor) in self.cursors.iter_mut().enumerate() {
            let rank = cursor.rank(&spill.runs.file, spill.order);
            let rank = rank.map_err(|error| spill.runs.file.failed(&error))?;
            self.heads.extend(rank.map(|rank| Reverse((rank, run))));
        }
        self.has_begun = true;
        Ok(())
    }

    /// The next arrival, at its own time.
    #[inline(always)]
    fn take(&mut self) -> Result<Option<Arrival>, TraceError> {
        if let Some(mate) = self.mates.pop_front() {
            self.position += 1;
            return Ok(Some(mate));
        }
        let spill = &self.shared.spill;
        let failed = |error| spill.runs.file.failed(&error);
        if let [head] = self.heads.as_slice() {
            // The last run is read to its end, whatever the ranks of its records. Nothing is done behind the record's
            // reading, so that its fields go where they are asked for and nowhere else.
            let cursor = &mut self.cursors[head.0.1];
            if !cursor.has_next(&spill.runs.file).map_err(failed)? {
                self.heads.clear();
                return Ok(None);
            }
            self.position += 1;
            return cursor.take(&mut self.mates).map(Some).map_err(failed);
        }
        self.take_of_several()
    }

    /// The next arrival of several runs; `None` at the end of all.
    #[inline(never)]
    fn take_of_several(&mut self) -> Result<Option<Arrival>, TraceError> {
        let spill = &self.shared.spill;
        let failed = |error| spill.runs.file.failed(&error);
        let Some(mut head) = self.heads.peek_mut() else {
            return Ok(None);
        };
        let run = head.0.1;
        let cursor = &mut self.cursors[run];
        let arrival = cursor.take(&mut self.mates).map_err(failed)?;
        match cursor.rank(&spill.runs.file, spill.order).map_err(failed)? {
            Some(rank) => *head = Reverse((rank, run)),
            None => drop(PeekMut::pop(head)),
        }
        self.position += 1;
        Ok(Some(arrival))
    }

    /// The next arrival, a time earlier than its own.
    #[inline(never)]
    fn take_earlier(&mut self, zero: i64) -> Result<Option<Arrival>, TraceError> {
        let Some(mut arrival) = self.take()? else {
            return Ok(None);
        };
        let moved = |at: Instant| Instant::from_nanos(at.as_nanos() - zero);
        let (submit, start) = (arrival.submit, arrival.historic_start);
        (arrival.submit, arrival.historic_start) = (moved(submit), start.map(moved));
        Ok(Some(arrival))
    }
}

impl ArrivalSource for Merged {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        if !self.has_begun {
            self.begin()?;
        }
        match self.shared.zero.as_nanos() {
            0 => self.take(),
            zero => self.take_earlier(zero),
        }
    }

    fn may_wait(&self) -> bool {
        self.shared.spill.may_wait
    }

    fn has_gangs(&self) -> bool {
        self.shared.spill.has_gangs
    }

    fn header(&self) -> &HeaderRecord {
        &self.shared.header
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(self.clone()))
    }

    fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    fn files(&self) -> &[Arc<str>] {
        &self.shared.files
    }

    fn tenants(&self) -> &[Text] {
        &self.shared.tenants
    }

    fn progress(&self) -> Option<(u64, u64)> {
        Some((self.position, self.shared.spill.count))
    }
}

#[cfg(test)]
mod tests;

//! External sort of arrivals: runs of them, each sorted, in a temporary file that has no name, so that it is gone with
//! the program; and their merge. Arrivals that are equal in order stay as they came.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

mod fixed;
mod sorted_by;

use super::error::{TraceError, read_error};
use super::header_record::HeaderRecord;
use super::ledger::Ledger;
use super::links::Links;
use super::memory::Recorded;
use super::origin::Origin;
use super::stream::{Arrival, ArrivalSource, Classes};
pub(crate) use fixed::{FixedSort, FixedSorted};
use model::{PodName, Text};
pub(crate) use sorted_by::Order;
use sorted_by::Rank;
use units::{Duration, Instant};

/// Records that a reader holds in memory; beyond them, they are sorted on disk. Runs of so many are long enough for the
/// disk, and what they take is little beside the rest of a reader.
pub(crate) const MOST_HELD: usize = 1 << 17;

/// Bytes that a run is read ahead at most.
const AHEAD: usize = 64 << 10;

/// Bytes that a run is read ahead at least.
const LEAST_AHEAD: usize = 4 << 10;

/// Bytes that all runs together are read ahead, so that memory does not grow with their number.
const ALL_AHEAD: usize = 8 << 20;

/// Bytes of a record before its name.
const HEAD: usize = 54;

/// Bit pattern of a time that is absent.
pub(crate) const NONE: i64 = i64::MIN;

/// Number of temporary files so far, for names of their own.
static FILES: AtomicU64 = AtomicU64::new(0);

/// A temporary file for records of a kind, of which the name is gone already, and that name.
pub(crate) fn nameless(records: &str) -> io::Result<(File, PathBuf)> {
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let name = format!("windtunnel-{}-{number}.{records}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok((file, path))
}

/// A part of the file.
#[derive(Clone, Copy, Debug)]
struct Run {
    from: u64,
    until: u64,
}

/// Sorted runs on disk.
#[derive(Debug)]
pub(crate) struct Spill {
    file: File,
    path: PathBuf,
    order: Order,
    runs: Vec<Run>,
    count: u64,
    /// Whether an arrival has links.
    may_wait: bool,
}

impl Spill {
    /// An empty temporary file for arrivals in an order, of which the name is gone already.
    pub(crate) fn new(order: Order) -> io::Result<Self> {
        let (file, path) = nameless("arrivals")?;
        Ok(Self {
            file,
            path,
            order,
            runs: Vec::new(),
            count: 0,
            may_wait: false,
        })
    }

    /// Adds a run of these arrivals to a file that is made for the first of them; `false` where it can't be
    /// written, so that they and all others stay in memory.
    pub(crate) fn take_out(
        own: &mut Option<Self>,
        order: Order,
        arrivals: &mut Vec<Arrival>,
    ) -> bool {
        if own.is_none() {
            *own = Self::new(order).ok();
        }
        own.as_mut()
            .is_some_and(|spill| spill.write(arrivals).is_ok())
    }

    /// Adds a run of these arrivals, which are taken out.
    pub(crate) fn write(&mut self, arrivals: &mut Vec<Arrival>) -> io::Result<()> {
        self.order.sort(arrivals);
        let from = self.runs.last().map_or(0, |run| run.until);
        let mut until = from;
        let mut buffer = Vec::with_capacity(AHEAD + HEAD);
        for arrival in arrivals.iter() {
            self.may_wait |= arrival.links.is_some();
            encode(arrival, &mut buffer);
            if buffer.len() >= AHEAD {
                self.file.write_all_at(&buffer, until)?;
                until += buffer.len() as u64;
                buffer.clear();
            }
        }
        self.file.write_all_at(&buffer, until)?;
        until += buffer.len() as u64;
        self.runs.push(Run { from, until });
        self.count += arrivals.len() as u64;
        arrivals.clear();
        Ok(())
    }
}

/// Bytes that each of a number of runs is read ahead.
fn ahead_of_each(runs: usize) -> usize {
    (ALL_AHEAD / runs.max(1)).clamp(LEAST_AHEAD, AHEAD)
}

fn encode(arrival: &Arrival, out: &mut Vec<u8>) {
    let time = |own: Option<i64>| own.unwrap_or(NONE).to_le_bytes();
    out.extend(arrival.submit.as_nanos().to_le_bytes());
    out.extend(time(arrival.run_time.map(Duration::as_nanos)));
    out.extend(time(arrival.time_limit.map(Duration::as_nanos)));
    out.extend(time(arrival.historic_start.map(Instant::as_nanos)));
    for number in [arrival.class, arrival.members, arrival.tenant] {
        out.extend(number.to_le_bytes());
    }
    out.extend(arrival.part.to_le_bytes());
    out.extend(arrival.origin.number().to_le_bytes());
    encode_name(&arrival.name, out);
    let Some(links) = &arrival.links else {
        out.push(0);
        return;
    };
    out.push(1 + u8::from(links.part_of.is_some()));
    if let Some(name) = &links.part_of {
        encode_name(name, out);
    }
    out.extend(links.delay.as_nanos().to_le_bytes());
    out.extend((links.after.len() as u64).to_le_bytes());
    for name in &links.after {
        encode_name(name, out);
    }
}

fn encode_name(name: &PodName, out: &mut Vec<u8>) {
    match name {
        PodName::Text(text) => {
            out.push(0);
            out.extend((text.len() as u64).to_le_bytes());
            out.extend(text.as_bytes());
        }
        PodName::Job(job) => {
            out.push(1);
            out.extend(job.to_le_bytes());
        }
        PodName::Member(job, member) => {
            out.push(2);
            out.extend(job.to_le_bytes());
            out.extend(member.to_le_bytes());
        }
    }
}

/// Bytes that are read one value after the other.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn half(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn nanos(&mut self) -> Option<i64> {
        Some(self.word()? as i64)
    }

    fn name(&mut self) -> Option<PodName> {
        Some(match self.take(1)? {
            [0] => {
                let length = self.word()? as usize;
                PodName::Text(String::from_utf8_lossy(self.take(length)?).as_ref().into())
            }
            [1] => PodName::Job(self.word()?),
            _ => PodName::Member(self.word()?, self.half()?),
        })
    }

    /// Reads links, if an arrival has any; `None` if they go on beyond the bytes.
    fn links(&mut self, links: &mut Option<Box<Links>>) -> Option<()> {
        let part_of = match self.take(1)? {
            [0] => return Some(()),
            [1] => None,
            _ => Some(self.name()?),
        };
        let delay = Duration::from_nanos(self.nanos()?);
        let mut after = Vec::new();
        for _ in 0..self.word()? {
            after.push(self.name()?);
        }
        *links = Some(Box::new(Links {
            part_of,
            after,
            delay,
        }));
        Some(())
    }
}

/// A time in nanoseconds, if it is not absent.
fn stated(nanos: i64) -> Option<i64> {
    (nanos != NONE).then_some(nanos)
}

/// The first arrival of these bytes, with its length; `None` if it goes on beyond them.
fn decode(bytes: &[u8]) -> Option<(Arrival, usize)> {
    let mut rest = Bytes(bytes);
    let submit = Instant::from_nanos(rest.nanos()?);
    let [run_time, time_limit, start] = [rest.nanos()?, rest.nanos()?, rest.nanos()?];
    let [class, members, tenant] = [rest.half()?, rest.half()?, rest.half()?];
    let part = u16::from_le_bytes(rest.take(2)?.try_into().ok()?);
    let origin = Origin::of_number(rest.word()?);
    let name = rest.name()?;
    let mut links = None;
    rest.links(&mut links)?;
    let arrival = Arrival {
        submit,
        name,
        class,
        members,
        tenant,
        run_time: stated(run_time).map(Duration::from_nanos),
        time_limit: stated(time_limit).map(Duration::from_nanos),
        historic_start: stated(start).map(Instant::from_nanos),
        links,
        part,
        origin,
    };
    Some((arrival, bytes.len() - rest.0.len()))
}

/// A run that is read.
#[derive(Clone, Debug)]
struct Cursor {
    run: Run,
    /// Bytes that were read ahead, and the number of them that are used up.
    ahead: Vec<u8>,
    /// Bytes that are read at once.
    at_once: usize,
    used: usize,
    next: Option<Arrival>,
}

impl Cursor {
    /// Reads the next arrival ahead.
    fn advance(&mut self, file: &File) -> io::Result<()> {
        loop {
            if let Some((arrival, length)) = decode(&self.ahead[self.used..]) {
                self.used += length;
                self.next = Some(arrival);
                return Ok(());
            }
            self.ahead.drain(..self.used);
            self.used = 0;
            let left = self.run.until - self.run.from;
            if left == 0 {
                self.next = None;
                return Ok(());
            }
            // A record that is longer than what is read ahead needs more each time.
            let more = left.min(self.at_once as u64) as usize;
            let known = self.ahead.len();
            self.ahead.resize(known + more, 0);
            file.read_exact_at(&mut self.ahead[known..], self.run.from)?;
            self.run.from += more as u64;
        }
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
pub(crate) struct Merged {
    shared: Arc<Shared>,
    classes: Classes,
    cursors: Vec<Cursor>,
    /// The next arrival of each run: its rank, and the run.
    heads: BinaryHeap<Reverse<(Rank, usize)>>,
    position: u64,
    has_begun: bool,
}

impl Merged {
    /// The arrivals of runs and those of a trace that are not among them, which come last at equal
    /// times; a time is taken off every instant.
    pub(crate) fn new(mut spill: Spill, mut rest: Recorded, zero: Duration) -> Self {
        let mut kept = Vec::new();
        if spill.write(&mut rest.arrivals).is_err() {
            // Already sorted.
            for arrival in &rest.arrivals {
                encode(arrival, &mut kept);
            }
            spill.count += rest.arrivals.len() as u64;
        }
        let cursor = |run, ahead| Cursor {
            run,
            ahead,
            at_once: ahead_of_each(spill.runs.len()),
            used: 0,
            next: None,
        };
        let of_runs = spill.runs.iter().map(|&run| cursor(run, Vec::new()));
        let of_rest = cursor(Run { from: 0, until: 0 }, kept);
        Self {
            classes: Classes::from(rest.classes),
            cursors: of_runs.chain([of_rest]).collect(),
            heads: BinaryHeap::new(),
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

    /// The same arrivals, the classes of which are these.
    pub(crate) fn with_classes(self, classes: Classes) -> Self {
        Self { classes, ..self }
    }

    fn advance(&mut self, run: usize) -> Result<(), TraceError> {
        let spill = &self.shared.spill;
        let cursor = &mut self.cursors[run];
        let failed = |error| read_error(&spill.path.display().to_string(), &error);
        cursor.advance(&spill.file).map_err(failed)?;
        let head = cursor
            .next
            .as_ref()
            .map(|own| Reverse((spill.order.rank(own), run)));
        self.heads.extend(head);
        Ok(())
    }
}

impl ArrivalSource for Merged {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        if !std::mem::replace(&mut self.has_begun, true) {
            for run in 0..self.cursors.len() {
                self.advance(run)?;
            }
        }
        let Some(Reverse((_, run))) = self.heads.pop() else {
            return Ok(None);
        };
        let next = self.cursors[run].next.take();
        self.advance(run)?;
        self.position += 1;
        let zero = self.shared.zero.as_nanos();
        let moved = |at: Instant| Instant::from_nanos(at.as_nanos() - zero);
        Ok(next.map(|arrival| Arrival {
            submit: moved(arrival.submit),
            historic_start: arrival.historic_start.map(moved),
            ..arrival
        }))
    }

    fn may_wait(&self) -> bool {
        self.shared.spill.may_wait
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

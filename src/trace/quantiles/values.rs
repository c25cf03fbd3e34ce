//! Different values with their counts in order: in memory, or as sorted runs in a temporary file that has no name.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt as _;

use super::super::error::TraceError;
use super::super::spill::nameless;
use units::SortedMap;

/// Different values that are held in memory. They take 1 MiB.
const MOST_HELD: usize = 1 << 16;

/// Bytes of a value with its count.
const RECORD: u64 = 16;

/// Records that are read or written at once.
const AT_ONCE: u64 = 1 << 10;

/// Values that are being counted.
#[derive(Debug)]
pub(super) struct Counting {
    held: SortedMap<i64, u64>,
    most_held: usize,
    sorted: Option<Sorted>,
    /// The runs of the file, by their records.
    runs: Vec<Range<u64>>,
}

impl Default for Counting {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl Counting {
    /// No values yet; a number of different ones is held in memory.
    pub(super) const fn holding(most_held: usize) -> Self {
        Self {
            held: SortedMap::new(),
            most_held,
            sorted: None,
            runs: Vec::new(),
        }
    }

    /// Counts a value once.
    pub(super) fn add(&mut self, value: i64) {
        *self.held.entry(value).or_default() += 1;
        // Where they can't be written, they and all others stay in memory.
        if self.held.len() > self.most_held && self.take_out().is_err() {
            self.most_held = usize::MAX;
        }
    }

    /// Writes a run of the values in memory.
    fn take_out(&mut self) -> io::Result<()> {
        let sorted = match &mut self.sorted {
            Some(sorted) => sorted,
            none => none.insert(Sorted::new()?),
        };
        let from = sorted.count;
        for (&value, &count) in &self.held {
            sorted.push(value, count);
            if sorted.is_full() {
                sorted.write_from(from)?;
            }
        }
        sorted.write_from(from)?;
        self.runs.push(from..sorted.count);
        self.held = SortedMap::new();
        Ok(())
    }

    /// All values in order.
    pub(super) fn finish(mut self) -> Result<Values, TraceError> {
        if self.sorted.is_none() {
            return Ok(Values::Held(self.held));
        }
        self.take_out().map_err(|error| told(&error))?;
        let runs = std::mem::take(&mut self.runs);
        match &self.sorted {
            Some(sorted) => merged(sorted, runs).map_err(|error| told(&error)),
            None => Ok(Values::Held(self.held)),
        }
    }
}

/// The records of runs in one order, each value once.
fn merged(sorted: &Sorted, runs: Vec<Range<u64>>) -> io::Result<Values> {
    let mut runs: Vec<Run> = runs.into_iter().map(Run::new).collect();
    let mut heads = BinaryHeap::new();
    for (number, run) in runs.iter_mut().enumerate() {
        heads.extend(run.next(sorted)?.map(|head| Reverse((head, number))));
    }
    let mut all = Sorted::new()?;
    let mut last: Option<(i64, u64)> = None;
    while let Some(Reverse(((value, count), number))) = heads.pop() {
        let next = runs[number].next(sorted)?;
        heads.extend(next.map(|head| Reverse((head, number))));
        match &mut last {
            Some((known, sum)) if *known == value => *sum += count,
            _ => {
                if let Some((value, count)) = last.replace((value, count)) {
                    all.push(value, count);
                    if all.is_full() {
                        all.write()?;
                    }
                }
            }
        }
    }
    if let Some((value, count)) = last {
        all.push(value, count);
    }
    all.write()?;
    Ok(Values::OnDisk(all))
}

/// Values in order.
#[derive(Debug)]
pub(super) enum Values {
    /// Those in memory.
    Held(SortedMap<i64, u64>),
    /// Those in a file.
    OnDisk(Sorted),
}

impl Values {
    /// Takes values with their counts, ascending.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(i64, u64) -> ControlFlow<()>,
    ) -> Result<(), TraceError> {
        match self {
            Self::Held(held) => {
                let _ = held
                    .iter()
                    .try_for_each(|(&value, &count)| take(value, count));
            }
            Self::OnDisk(sorted) => {
                let mut run = Run::new(0..sorted.count);
                while let Some((value, count)) = run.next(sorted).map_err(|error| told(&error))? {
                    if take(value, count).is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes values with their counts, descending.
    pub(super) fn each_back(
        &self,
        mut take: impl FnMut(i64, u64) -> ControlFlow<()>,
    ) -> Result<(), TraceError> {
        match self {
            Self::Held(held) => {
                let mut values = held.iter().rev();
                let _ = values.try_for_each(|(&value, &count)| take(value, count));
            }
            Self::OnDisk(sorted) => {
                let mut until = sorted.count;
                while until > 0 {
                    let from = until.saturating_sub(AT_ONCE);
                    let records = sorted.read(from..until).map_err(|error| told(&error))?;
                    for &(value, count) in records.iter().rev() {
                        if take(value, count).is_break() {
                            return Ok(());
                        }
                    }
                    until = from;
                }
            }
        }
        Ok(())
    }
}

/// Records in a temporary file.
#[derive(Debug)]
pub(super) struct Sorted {
    file: File,
    /// Records in the file.
    count: u64,
    /// Bytes of records that follow them.
    pending: Vec<u8>,
}

impl Sorted {
    fn new() -> io::Result<Self> {
        let (file, _) = nameless("values")?;
        Ok(Self {
            file,
            count: 0,
            pending: Vec::new(),
        })
    }

    fn push(&mut self, value: i64, count: u64) {
        self.pending.extend(value.to_le_bytes());
        self.pending.extend(count.to_le_bytes());
    }

    fn is_full(&self) -> bool {
        self.pending.len() as u64 >= AT_ONCE * RECORD
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.pending, self.count * RECORD)?;
        self.count += self.pending.len() as u64 / RECORD;
        self.pending.clear();
        Ok(())
    }

    /// Writes what is pending; if that fails, the file ends where a run began.
    fn write_from(&mut self, run: u64) -> io::Result<()> {
        let written = self.write();
        if written.is_err() {
            self.count = run;
            self.pending.clear();
        }
        written
    }

    fn read(&self, records: Range<u64>) -> io::Result<Vec<(i64, u64)>> {
        let mut bytes = vec![0; ((records.end - records.start) * RECORD) as usize];
        self.file
            .read_exact_at(&mut bytes, records.start * RECORD)?;
        let (words, _) = bytes.as_chunks::<8>();
        let (pairs, _) = words.as_chunks::<2>();
        let record =
            |&[value, count]: &[[u8; 8]; 2]| (i64::from_le_bytes(value), u64::from_le_bytes(count));
        Ok(pairs.iter().map(record).collect())
    }
}

/// A run that is read.
struct Run {
    left: Range<u64>,
    ahead: std::vec::IntoIter<(i64, u64)>,
}

impl Run {
    fn new(left: Range<u64>) -> Self {
        Self {
            left,
            ahead: Vec::new().into_iter(),
        }
    }

    fn next(&mut self, sorted: &Sorted) -> io::Result<Option<(i64, u64)>> {
        if self.ahead.len() == 0 && !self.left.is_empty() {
            let until = self.left.end.min(self.left.start + AT_ONCE);
            self.ahead = sorted.read(self.left.start..until)?.into_iter();
            self.left.start = until;
        }
        Ok(self.ahead.next())
    }
}

/// What went wrong with a temporary file, and what to do.
fn told(error: &io::Error) -> TraceError {
    let folder = std::env::temp_dir();
    TraceError::Io {
        file: folder.display().to_string(),
        reason: format!(
            "values can't be kept in a temporary file there ({error}); free room there, or set TMPDIR to another \
             folder"
        ),
    }
}

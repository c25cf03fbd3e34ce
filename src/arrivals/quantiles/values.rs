//! Different values with their counts in order: in memory, or sorted on disk, in a temporary file that has no name.

use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt as _;

use crate::spill::FixedSort;
use intake::{TraceError, nameless};
use units::SortedMap;

/// Different values that are held in memory. They take 1 MiB.
const MOST_HELD: usize = 1 << 16;

/// Bytes of a value with its count.
const RECORD: u64 = 16;

/// Records that are read or written at once.
const AT_ONCE: u64 = 1 << 10;

/// The bit of a word that orders negative numbers below the others.
const SIGN: u64 = 1 << 63;

/// Values that are being counted.
#[derive(Debug)]
pub(super) struct Counting {
    held: SortedMap<i64, u64>,
    most_held: usize,
    /// Values that are no longer in memory, with their counts; a value may be there several times.
    sort: Option<FixedSort<2>>,
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
            sort: None,
        }
    }

    /// Counts a value once.
    pub(super) fn add(&mut self, value: i64) {
        *self.held.entry(value).or_default() += 1;
        if self.held.len() > self.most_held {
            self.take_out();
        }
    }

    /// Hands the values in memory to the sort.
    fn take_out(&mut self) {
        let most_held = self.most_held;
        let sort = self
            .sort
            .get_or_insert_with(|| FixedSort::holding(most_held));
        for (value, count) in std::mem::take(&mut self.held) {
            sort.push([value as u64 ^ SIGN, count]);
        }
    }

    /// All values in order.
    pub(super) fn finish(mut self) -> Result<Values, TraceError> {
        if self.sort.is_some() {
            self.take_out();
        }
        let Some(sort) = self.sort else {
            return Ok(Values::Held(self.held));
        };
        if !sort.is_on_disk() {
            return held(sort).map(Values::Held);
        }
        let mut all = Sorted::new().map_err(|error| told(&error))?;
        each_once(sort, |value, count| {
            all.push(value, count).map_err(|error| told(&error))
        })?;
        all.write().map_err(|error| told(&error))?;
        Ok(Values::OnDisk(all))
    }
}

/// The values of a sort that could not write to the disk, so that they and all others are in memory.
fn held(sort: FixedSort<2>) -> Result<SortedMap<i64, u64>, TraceError> {
    let mut held = SortedMap::new();
    each_once(sort, |value, count| {
        held.insert(value, count);
        Ok(())
    })?;
    Ok(held)
}

/// Takes each value of a sort once, ascending, with the sum of its counts.
fn each_once(
    sort: FixedSort<2>,
    mut take: impl FnMut(i64, u64) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    let mut records = sort.sorted();
    let mut last: Option<(i64, u64)> = None;
    while let Some([value, count]) = records.next()? {
        let value = (value ^ SIGN) as i64;
        match &mut last {
            Some((known, sum)) if *known == value => *sum += count,
            _ => {
                if let Some((value, count)) = last.replace((value, count)) {
                    take(value, count)?;
                }
            }
        }
    }
    last.map_or(Ok(()), |(value, count)| take(value, count))
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

    fn push(&mut self, value: i64, count: u64) -> io::Result<()> {
        self.pending.extend(value.to_le_bytes());
        self.pending.extend(count.to_le_bytes());
        if self.pending.len() as u64 >= AT_ONCE * RECORD {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.pending, self.count * RECORD)?;
        self.count += self.pending.len() as u64 / RECORD;
        self.pending.clear();
        Ok(())
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

/// The error about a temporary file, with its remedy.
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

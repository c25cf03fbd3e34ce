//! External sort of records of a fixed number of words, such as hashes of names with their places: in memory up to a
//! number of them, and beyond it in sorted runs on disk, which are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;
use std::sync::Arc;

use twox_hash::XxHash3_128;

use super::runs::{AHEAD, Run, Runs};
use intake::{TemporaryFile, TraceError};

/// Bytes of records that are held in memory.
const BYTES_HELD: usize = 4 << 20;

/// Bytes of a word.
const WORD: usize = 8;

/// The key of a record that is known by a text: a hash that no two texts of a trace share by chance. It orders records
/// and finds them, and nothing more depends on it.
pub fn key_of(text: &[u8]) -> [u64; 2] {
    let hash = XxHash3_128::oneshot(text);
    [(hash >> 64) as u64, hash as u64]
}

/// Sorts records by their words. Most differ in the first, by which alone they are compared before all others.
fn sort<const WORDS: usize>(records: &mut [[u64; WORDS]]) {
    records.sort_unstable_by_key(|record| record[0]);
    for alike in records.chunk_by_mut(|one, other| one[0] == other[0]) {
        alike.sort_unstable();
    }
}

/// Records up to now, in any order.
#[derive(Debug)]
pub struct FixedSort<const WORDS: usize> {
    held: Vec<[u64; WORDS]>,
    /// Whether those in memory came in their order.
    is_sorted: bool,
    most_held: usize,
    disk: Option<Runs>,
    /// The last record of the last run on disk.
    last: Option<[u64; WORDS]>,
}

impl<const WORDS: usize> Default for FixedSort<WORDS> {
    fn default() -> Self {
        Self::holding(BYTES_HELD / (WORDS * WORD))
    }
}

impl<const WORDS: usize> FixedSort<WORDS> {
    /// No records yet; a number of them is held in memory.
    pub const fn holding(most_held: usize) -> Self {
        Self {
            held: Vec::new(),
            is_sorted: true,
            most_held,
            disk: None,
            last: None,
        }
    }

    /// Adds a record.
    pub fn push(&mut self, record: [u64; WORDS]) {
        if self.held.len() >= self.most_held && self.take_out().is_err() {
            // Where nothing can be written, all others stay in memory.
            self.most_held = usize::MAX;
        }
        if let Some(last) = self.held.last() {
            self.is_sorted &= *last <= record;
        }
        self.held.push(record);
    }

    fn sort(&mut self) {
        if !self.is_sorted {
            sort(&mut self.held);
            self.is_sorted = true;
        }
    }

    /// Writes the records in memory to disk as a run, or to the end of the last one if they go on with it.
    fn take_out(&mut self) -> io::Result<()> {
        self.sort();
        if self.disk.is_none() {
            self.disk = Some(Runs::new("records")?);
        }
        let Some(disk) = &mut self.disk else {
            return Ok(());
        };
        let goes_on = self.last.is_some() && self.last.as_ref() <= self.held.first();
        let pieces = self.held.chunks((AHEAD / (WORDS * WORD)).max(1));
        let bytes = |records: &[[u64; WORDS]]| -> Vec<u8> {
            let words = records.iter().flatten();
            words.flat_map(|word| word.to_le_bytes()).collect()
        };
        disk.add(goes_on, pieces.map(bytes))?;
        self.last = self.held.last().copied();
        self.held.clear();
        Ok(())
    }

    /// The records in their order.
    pub fn sorted(mut self) -> FixedSorted<WORDS> {
        self.sort();
        let cursors = self.disk.iter().flat_map(|runs| {
            let at_once = runs.ahead_of_each();
            { runs.all.iter() }.map(move |&run| Cursor::new(run, at_once))
        });
        FixedSorted {
            cursors: cursors.collect(),
            disk: self.disk.map(Arc::new),
            held: self.held.into_iter(),
            heads: BinaryHeap::new(),
            has_begun: false,
        }
    }
}

/// Records in their order, which are read once; copies are read from the same place on.
#[derive(Clone, Debug)]
pub struct FixedSorted<const WORDS: usize> {
    disk: Option<Arc<Runs>>,
    cursors: Vec<Cursor<WORDS>>,
    /// The records that never went to the disk, as the last run.
    held: std::vec::IntoIter<[u64; WORDS]>,
    /// The next record of each run.
    heads: BinaryHeap<Reverse<([u64; WORDS], usize)>>,
    has_begun: bool,
}

impl<const WORDS: usize> FixedSorted<WORDS> {
    /// Returns the next record, or `None` at the end.
    ///
    /// # Errors
    /// The temporary file can't be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "its records borrow from no iterator, and reading may fail"
    )]
    pub fn next(&mut self) -> Result<Option<[u64; WORDS]>, TraceError> {
        if self.disk.is_none() {
            return Ok(self.held.next());
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            self.begin()?;
        }
        let Some(mut head) = self.heads.peek_mut() else {
            return Ok(None);
        };
        let Reverse((record, run)) = *head;
        let next = next_of(run, &mut self.cursors, &mut self.held, self.disk.as_deref())?;
        match next {
            Some(next) => *head = Reverse((next, run)),
            None => drop(PeekMut::pop(head)),
        }
        Ok(Some(record))
    }

    fn begin(&mut self) -> Result<(), TraceError> {
        for run in 0..=self.cursors.len() {
            let next = next_of(run, &mut self.cursors, &mut self.held, self.disk.as_deref())?;
            self.heads.extend(next.map(|record| Reverse((record, run))));
        }
        Ok(())
    }
}

/// The next record of a run: of one on disk, or of the last one, which is in memory.
fn next_of<const WORDS: usize>(
    run: usize,
    cursors: &mut [Cursor<WORDS>],
    held: &mut std::vec::IntoIter<[u64; WORDS]>,
    disk: Option<&Runs>,
) -> Result<Option<[u64; WORDS]>, TraceError> {
    match (cursors.get_mut(run), disk) {
        (Some(cursor), Some(disk)) => {
            let next = cursor.next(&disk.file);
            next.map_err(|error| disk.file.failed(&error))
        }
        _ => Ok(held.next()),
    }
}

/// Takes each wanted record in their order, with the last known one that has its first two words, if there is any.
///
/// # Errors
/// A temporary file can't be read.
pub(crate) fn each_joined<const KNOWN: usize, const WANTED: usize>(
    known: FixedSort<KNOWN>,
    wanted: FixedSort<WANTED>,
    mut take: impl FnMut([u64; WANTED], Option<[u64; KNOWN]>),
) -> Result<(), TraceError> {
    let (mut known, mut wanted) = (known.sorted(), wanted.sorted());
    let mut next = known.next()?;
    let mut met: Option<[u64; KNOWN]> = None;
    while let Some(one) = wanted.next()? {
        while let Some(own) = next.filter(|own| own[..2] <= one[..2]) {
            met = Some(own);
            next = known.next()?;
        }
        take(one, met.filter(|own| own[..2] == one[..2]));
    }
    Ok(())
}

/// A run that is read.
#[derive(Clone, Debug)]
struct Cursor<const WORDS: usize> {
    run: Run,
    /// Records that were read ahead.
    ahead: std::vec::IntoIter<[u64; WORDS]>,
    /// Bytes that are read at once, in whole records.
    at_once: u64,
}

impl<const WORDS: usize> Cursor<WORDS> {
    fn new(run: Run, at_once: usize) -> Self {
        let whole = WORDS * WORD;
        Self {
            run,
            ahead: Vec::new().into_iter(),
            at_once: (at_once / whole * whole).max(whole) as u64,
        }
    }

    fn next(&mut self, file: &TemporaryFile) -> io::Result<Option<[u64; WORDS]>> {
        if self.ahead.as_slice().is_empty() && self.run.from < self.run.until {
            let length = self.at_once.min(self.run.until - self.run.from);
            let mut bytes = vec![0; length as usize];
            file.read(&mut bytes, self.run.from)?;
            self.run.from += length;
            let records = bytes.chunks_exact(WORDS * WORD).map(|record| {
                let mut words = record.as_chunks::<WORD>().0.iter();
                std::array::from_fn(|_| words.next().map_or(0, |word| u64::from_le_bytes(*word)))
            });
            self.ahead = records.collect::<Vec<_>>().into_iter();
        }
        Ok(self.ahead.next())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_in_order_wherever_they_are_held(
            records in prop::collection::vec([0_u64..5, 0..u64::MAX], 0..90),
            most_held in 1_usize..40,
        ) {
            let mut sort = FixedSort::holding(most_held);
            for &record in &records {
                sort.push(record);
            }
            let mut sorted = sort.sorted();
            let mut seen = Vec::new();
            while let Some(record) = sorted.next().expect("readable") {
                seen.push(record);
            }
            let mut expected = records;
            expected.sort_unstable();
            prop_assert_eq!(seen, expected);
        }

        #[test]
        fn wanted_records_meet_the_last_known_one_of_their_key(
            known in prop::collection::vec([0_u64..4, 0..3, 0..9], 0..30),
            wanted in prop::collection::vec([0_u64..4, 0..3], 0..30),
        ) {
            let (mut all, mut asked) = (FixedSort::holding(7), FixedSort::holding(7));
            for &own in &known {
                all.push(own);
            }
            for &one in &wanted {
                asked.push(one);
            }
            let mut seen = Vec::new();
            each_joined(all, asked, |one, own| seen.push((one, own))).expect("readable");
            let last = |one: [u64; 2]| known.iter().filter(|own| own[..2] == one).max().copied();
            let mut expected: Vec<_> = wanted.iter().map(|&one| (one, last(one))).collect();
            expected.sort_unstable();
            prop_assert_eq!(seen, expected);
        }
    }
}

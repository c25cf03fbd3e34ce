//! Different values with their counts in order: in memory, or sorted on disk, in a temporary file that has no name.

use std::cell::RefCell;
use std::ops::ControlFlow;

use crate::spill::{FixedSort, Slots};
use intake::TraceError;
use units::SortedMap;

/// Different values that are held in memory. They take 1 MiB.
const MOST_HELD: usize = 1 << 16;

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
            let sort = self
                .sort
                .get_or_insert_with(|| FixedSort::holding(self.most_held));
            take_out(&mut self.held, sort);
        }
    }

    /// All values in order.
    pub(super) fn finish(mut self) -> Result<Values, TraceError> {
        let mut all = Slots::holding(self.most_held);
        let Some(mut sort) = self.sort.take() else {
            for (value, count) in self.held {
                all.push([value as u64, count])?;
            }
            return Ok(Values(RefCell::new(all)));
        };
        take_out(&mut self.held, &mut sort);
        let mut records = sort.sorted();
        let mut last: Option<[u64; 2]> = None;
        while let Some([value, count]) = records.next()? {
            let value = value ^ SIGN;
            match &mut last {
                Some([known, sum]) if *known == value => *sum += count,
                _ => {
                    if let Some(last) = last.replace([value, count]) {
                        all.push(last)?;
                    }
                }
            }
        }
        if let Some(last) = last {
            all.push(last)?;
        }
        Ok(Values(RefCell::new(all)))
    }
}

/// Hands values to a sort.
fn take_out(held: &mut SortedMap<i64, u64>, sort: &mut FixedSort<2>) {
    for (value, count) in std::mem::take(held) {
        sort.push([value as u64 ^ SIGN, count]);
    }
}

/// Values in order, with their counts.
#[derive(Debug)]
pub(super) struct Values(RefCell<Slots<2>>);

impl Values {
    /// Takes values with their counts, ascending.
    pub(super) fn each(
        &self,
        take: impl FnMut(i64, u64) -> ControlFlow<()>,
    ) -> Result<(), TraceError> {
        self.each_of(0..self.count(), take)
    }

    /// Takes values with their counts, descending.
    pub(super) fn each_back(
        &self,
        take: impl FnMut(i64, u64) -> ControlFlow<()>,
    ) -> Result<(), TraceError> {
        self.each_of((0..self.count()).rev(), take)
    }

    fn count(&self) -> u64 {
        self.0.borrow().count()
    }

    fn each_of(
        &self,
        places: impl Iterator<Item = u64>,
        mut take: impl FnMut(i64, u64) -> ControlFlow<()>,
    ) -> Result<(), TraceError> {
        let mut all = self.0.borrow_mut();
        for place in places {
            let [value, count] = all.get(place)?;
            if take(value as i64, count).is_break() {
                break;
            }
        }
        Ok(())
    }
}

//! Sets of completion indexes, and the text in which a job's status writes them: `0-2,5,7,8`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A set of indexes as disjoint intervals in rising order, both ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Indexes(Vec<(i32, i32)>);

impl Indexes {
    /// Reads the text of a status; intervals at or above `completions` are left out, what can't be
    /// read as well.
    pub fn parse(text: &str, completions: i32) -> Self {
        let mut indexes = Self::default();
        for interval in text.split(',') {
            let (first, last) = interval.split_once('-').unwrap_or((interval, interval));
            let (Ok(first), Ok(last)) = (first.parse::<i32>(), last.parse::<i32>()) else {
                continue;
            };
            indexes.add(first, last.min(completions - 1));
        }
        indexes
    }

    /// The set of these intervals as far as they are below `completions`.
    pub fn of_intervals(intervals: &[(i32, i32)], completions: i32) -> Self {
        let mut indexes = Self::default();
        for &(first, last) in intervals {
            indexes.add(first, last.min(completions - 1));
        }
        indexes
    }

    /// Adds one index.
    pub fn insert(&mut self, index: i32) {
        self.add(index, index);
    }

    /// Adds an interval; none if it ends before it begins.
    fn add(&mut self, first: i32, last: i32) {
        if first > last {
            return;
        }
        let start = self.0.partition_point(|known| known.1 + 1 < first);
        let mut merged = (first, last);
        let mut end = start;
        while let Some(known) = self.0.get(end).filter(|known| known.0 <= last + 1) {
            merged = (merged.0.min(known.0), merged.1.max(known.1));
            end += 1;
        }
        self.0.splice(start..end, [merged]);
    }

    /// Adds every index of another set.
    pub fn merge(&mut self, other: &Self) {
        for &(first, last) in &other.0 {
            self.add(first, last);
        }
    }

    /// Whether an index is in it.
    pub fn has(&self, index: i32) -> bool {
        let place = self.0.partition_point(|known| known.1 < index);
        self.0.get(place).is_some_and(|known| known.0 <= index)
    }

    /// Number of indexes in the set.
    pub fn total(&self) -> i32 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Number of indexes in both sets.
    pub fn common(&self, other: &Self) -> i32 {
        let overlap = |one: &(i32, i32), other: &(i32, i32)| {
            (one.1.min(other.1) - one.0.max(other.0) + 1).max(0)
        };
        let with = |one: &(i32, i32)| -> i32 { other.0.iter().map(|own| overlap(one, own)).sum() };
        self.0.iter().map(with).sum()
    }

    /// The lowest indexes below `completions` that are not in it, `count` at most.
    pub fn first_missing(&self, count: usize, completions: i32) -> Vec<i32> {
        let missing = (0..completions).filter(|&index| !self.has(index));
        missing.take(count).collect()
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, &(first, last)) in self.0.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_reads_and_prints_alike() {
        for (text, total) in [("", 0), ("0-2,5,7,8", 6), ("1", 1), ("0,1,3,4", 4)] {
            let indexes = Indexes::parse(text, 100);
            assert_eq!(
                (indexes.to_string(), indexes.total()),
                (text.to_owned(), total)
            );
        }
        assert_eq!(Indexes::parse("0-9,12", 5).to_string(), "0-4");
        let mut indexes = Indexes::parse("0,2", 9);
        indexes.insert(1);
        assert_eq!(indexes.to_string(), "0-2");
        assert_eq!(indexes.first_missing(3, 5), [3, 4]);
        assert_eq!(indexes.common(&Indexes::parse("2-4", 9)), 1);
    }
}

//! Events in order of time, whatever the order of their rows and files: sorted in memory, or on disk where there are many.
//! Events of one instant have the order of the uniform stream (spec: traces.md, section 0): machines come, demands
//! end, machines go, requests change, demands arrive. Those of one object, and others of equal rank, stay in the order of
//! their files, so that what begins and ends at one instant begins first.

use std::hash::Hash;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::prelude::*;
use arrivals::memory::Recorded;
use arrivals::spill::{MOST_HELD, Merged, Order, Spill};

/// The note about a row that is earlier than one above it.
pub(crate) const OUT_OF_ORDER: &str = "events out of order; sorted";

/// The rank of an event among those of its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A machine comes or has another size.
    Comes,
    /// A demand ends or is evicted.
    Ends,
    /// A machine goes or takes no more work.
    Goes,
    /// A request changes.
    Resizes,
    /// A demand arrives or begins.
    Arrives,
}

/// A row of an event, which can be written to disk.
pub(crate) trait Event: Serialize + DeserializeOwned {
    /// The key of the machine or of the demand that the event is about.
    type Object: Hash + Eq;

    /// Returns the machine or the demand that the event is about.
    fn object(&self) -> Self::Object;

    /// Returns the rank among the events of its instant.
    fn rank(&self) -> Rank;
}

/// Rows up to now.
pub(crate) struct Timed<T> {
    held: Vec<TimedRow<T>>,
    most_held: usize,
    spill: Option<Spill>,
    /// The files of the rows, in the order in which they are read.
    files: Vec<Arc<str>>,
    latest: Instant,
}

/// A row with its place.
struct TimedRow<T> {
    at: Instant,
    /// The number of its file.
    file: u32,
    line: u64,
    row: T,
}

impl<T> Default for Timed<T> {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl<T> Timed<T> {
    /// No rows yet; a number of them is held in memory.
    pub(crate) fn holding(most_held: usize) -> Self {
        Self {
            held: Vec::new(),
            most_held,
            spill: None,
            files: Vec::new(),
            latest: Instant::ZERO,
        }
    }

    /// The number of a file.
    fn file(&mut self, name: &Arc<str>) -> u32 {
        // The rows of a file follow each other.
        let known = self.files.iter().rposition(|own| own == name);
        let place = known.unwrap_or_else(|| {
            self.files.push(name.clone());
            self.files.len() - 1
        });
        place as u32
    }
}

impl<T: Event> Timed<T> {
    /// Adds a row of a log in order of time; one without a time stays where it stands.
    pub(crate) fn push(
        &mut self,
        journal: &mut Journal,
        line: u64,
        at: Option<Instant>,
        row: T,
    ) -> Result<(), TraceError> {
        let at = at.unwrap_or(self.latest);
        journal.repair_if(at < self.latest, OUT_OF_ORDER, line)?;
        self.latest = self.latest.max(at);
        self.push_any(journal, line, at, row);
        Ok(())
    }

    /// Adds a row of a log that is in another order.
    pub(crate) fn push_any(&mut self, journal: &Journal, line: u64, at: Instant, row: T) {
        if self.held.len() >= self.most_held && !self.take_out() {
            self.most_held = usize::MAX;
        }
        let file = self.file(&journal.file);
        self.held.push(TimedRow {
            at,
            file,
            line,
            row,
        });
    }

    /// Writes the rows in memory to disk; `false` where that can't be done, so that they and all others stay.
    fn take_out(&mut self) -> bool {
        let stored = self.held.iter().map(TimedRow::store);
        let Some(mut stored) = stored.collect::<Option<Vec<Arrival>>>() else {
            return false;
        };
        let is_out = Spill::take_out(&mut self.spill, Order::Submission, &mut stored);
        if is_out {
            self.held.clear();
        }
        is_out
    }

    /// Takes each row with its line in order of time.
    pub(crate) fn each(
        mut self,
        journal: &mut Journal,
        mut take: impl FnMut(&mut Journal, u64, T) -> Result<(), Refused>,
    ) -> Result<(), TraceError> {
        let files = std::mem::take(&mut self.files);
        let mut rows = self.sorted()?;
        let mut instant: Vec<TimedRow<T>> = Vec::new();
        loop {
            let next = rows.next()?;
            let at = next.as_ref().map(|own| own.at);
            if instant.first().is_some_and(|first| Some(first.at) != at) {
                put_in_rank(&mut instant);
                for own in instant.drain(..) {
                    journal.file = files[own.file as usize].clone();
                    heed(journal, |journal| take(journal, own.line, own.row))?;
                }
            }
            match next {
                Some(row) => instant.push(row),
                None => return Ok(()),
            }
        }
    }

    /// The rows by time, those of one instant as they came.
    fn sorted(mut self) -> Result<Sorted<T>, TraceError> {
        let Some(spill) = self.spill else {
            self.held.sort_by_key(|own| own.at);
            return Ok(Sorted::Held(self.held.into_iter()));
        };
        let stored = self.held.iter().map(TimedRow::store);
        let arrivals = stored.collect::<Option<_>>().ok_or_else(unreadable)?;
        let rest = Recorded {
            arrivals,
            ..Recorded::default()
        };
        let merged = Merged::new(spill, rest, Duration::ZERO);
        Ok(Sorted::Merged(Box::new(merged)))
    }
}

impl<T: Event> TimedRow<T> {
    /// An arrival that stands for the row, because those are what is sorted on disk; `None` if it can't be written.
    fn store(&self) -> Option<Arrival> {
        Some(Arrival {
            members: 0,
            tenant: self.file,
            run_time: Some(Duration::from_nanos(i64::try_from(self.line).ok()?)),
            ..Arrival::new(
                self.at,
                PodName::Text(serde_json::to_string(&self.row).ok()?.into()),
            )
        })
    }

    /// The row that an arrival stands for.
    fn stored(own: &Arrival) -> Option<Self> {
        let PodName::Text(row) = &own.name else {
            return None;
        };
        Some(Self {
            at: own.submit,
            file: own.tenant,
            line: own.run_time?.as_nanos() as u64,
            row: serde_json::from_str(row).ok()?,
        })
    }
}

/// Rows by time.
enum Sorted<T> {
    Held(std::vec::IntoIter<TimedRow<T>>),
    Merged(Box<Merged>),
}

impl<T: Event> Sorted<T> {
    fn next(&mut self) -> Result<Option<TimedRow<T>>, TraceError> {
        match self {
            Self::Held(rows) => Ok(rows.next()),
            Self::Merged(rows) => match rows.next()? {
                None => Ok(None),
                Some(own) => TimedRow::stored(&own).map(Some).ok_or_else(unreadable),
            },
        }
    }
}

/// The failure of a row that does not come back from the disk as it went there.
fn unreadable() -> TraceError {
    TraceError::Io {
        file: "temporary file of sorted events".to_owned(),
        reason: "holds a row that can't be read back; read the trace again".to_owned(),
    }
}

/// Sorts the rows of an instant by rank; one never goes before an earlier one of the same object.
fn put_in_rank<T: Event>(rows: &mut Vec<TimedRow<T>>) {
    if rows.is_sorted_by_key(|own| own.row.rank()) {
        return;
    }
    let mut reached: IndexMap<T::Object, Rank, FxBuildHasher> = IndexMap::default();
    let mut ranked: Vec<(Rank, TimedRow<T>)> = rows
        .drain(..)
        .map(|own| {
            let rank = own.row.rank();
            let known = reached.entry(own.row.object()).or_insert(rank);
            *known = rank.max(*known);
            (*known, own)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    rows.extend(ranked.into_iter().map(|(_, own)| own));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use intake::ledger::RowPolicy;

    /// An event of an object, by the place of its rank.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Own {
        object: u8,
        rank: usize,
    }

    const RANKS: [Rank; 5] = [
        Rank::Comes,
        Rank::Ends,
        Rank::Goes,
        Rank::Resizes,
        Rank::Arrives,
    ];

    impl Event for Own {
        type Object = u8;

        fn object(&self) -> u8 {
            self.object
        }

        fn rank(&self) -> Rank {
            RANKS[self.rank]
        }
    }

    /// The lines of rows `(second, object, rank)` in the order in which they are taken.
    fn taken(rows: &[(i64, u8, usize)], most_held: usize) -> Vec<(u64, Own)> {
        let mut journal = Journal::new("events".into(), RowPolicy::default());
        let mut timed = Timed::holding(most_held);
        for (line, &(second, object, rank)) in (1..).zip(rows) {
            let at = Instant::from_secs(second);
            timed.push_any(&journal, line, at, Own { object, rank });
        }
        let mut seen = Vec::new();
        let take = |_: &mut Journal, line, own| {
            seen.push((line, own));
            Ok(())
        };
        timed.each(&mut journal, take).expect("sorted");
        seen
    }

    fn lines(rows: &[(i64, u8, usize)]) -> Vec<u64> {
        { taken(rows, 9).into_iter() }
            .map(|(line, _)| line)
            .collect()
    }

    #[test]
    fn events_of_one_instant_have_the_order_of_the_stream() {
        let rows = [
            (5, 1, 4),
            (5, 2, 3),
            (5, 3, 2),
            (5, 4, 1),
            (5, 5, 0),
            (4, 6, 4),
        ];
        assert_eq!(lines(&rows), [6, 5, 4, 3, 2, 1]);
        assert_eq!(lines(&[(5, 1, 4), (5, 2, 4), (5, 3, 4)]), [1, 2, 3]);
    }

    #[test]
    fn what_begins_and_ends_at_one_instant_begins_first() {
        // Object 1 arrives and ends; object 2 ends and comes back; object 3 ends.
        let rows = [(5, 1, 4), (5, 1, 1), (5, 2, 1), (5, 2, 4), (5, 3, 1)];
        assert_eq!(lines(&rows), [3, 5, 1, 2, 4]);
    }

    proptest! {
        #[test]
        fn rows_sorted_on_disk_are_those_sorted_in_memory(
            rows in prop::collection::vec((0_i64..6, 0_u8..4, 0_usize..5), 0..60),
            most_held in 1_usize..9,
        ) {
            prop_assert_eq!(taken(&rows, most_held), taken(&rows, usize::MAX));
        }
    }
}

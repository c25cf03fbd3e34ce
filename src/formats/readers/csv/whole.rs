//! Tables that are read to their end before the run: members of gangs come together, and rows of anybody's table stand
//! in any order and count from the first that is taken.

use super::CsvSource;
use crate::parts::gangs::{Gangs, MOST_HELD};
use crate::readers::prelude::*;
use crate::shards::LATER;
use arrivals::memory::{MemorySource, Recorded};
use arrivals::renumbering::{Numbers, Renumbered};
use arrivals::spill::{Held, Order};

/// Zero of the instants of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    /// The trace's own.
    Own,
    /// The earliest submission of a row that is taken.
    First,
}

/// The arrivals of a table with the members of each gang one after the other, in the order of submission; equal
/// times in the order of the file, a gang at the place of its first row.
pub(super) fn together(
    mut source: CsvSource,
    zero: Zero,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    source.rows.whole = Some(FileOrder::default());
    let mut held = Held::new(Order::Place, MOST_HELD);
    let mut gangs = Gangs::new(LATER);
    let mut first: Option<Instant> = None;
    while let Some(arrival) = source.next()? {
        first = Some(first.map_or(arrival.submit, |first| first.min(arrival.submit)));
        if arrival.gang().is_some() {
            gangs.push(&(&arrival).into());
        } else {
            held.push(&(&arrival).into());
        }
    }
    gangs.finish(&mut source.rows.journal, |gang| held.push_gang(gang))?;
    let zero = match (zero, first) {
        (Zero::First, Some(first)) => first.since(Instant::ZERO),
        _ => Duration::ZERO,
    };
    let classes = source.classes().clone();
    let mut recorded = Recorded {
        tenants: source.tenants().to_vec(),
        ledger: source.ledger().clone(),
        files: source.files().to_vec(),
        header: source.header().clone(),
        ..Recorded::default()
    };
    Ok(match held.finish(|| std::mem::take(&mut recorded), zero) {
        Ok(records) => {
            recorded.arrivals = records.into_arrivals();
            let moved = |at: Instant| Instant::from_nanos(at.as_nanos() - zero.as_nanos());
            for arrival in &mut recorded.arrivals {
                arrival.submit = moved(arrival.submit);
                arrival.historic_start = arrival.historic_start.map(moved);
            }
            let classes = Numbers::of(&recorded.arrivals).apply(&mut recorded, &classes)?;
            Box::new(MemorySource::with_classes(recorded, classes))
        }
        Err(merged) => Box::new(Renumbered::new(Box::new(merged.with_classes(classes)))),
    })
}

/// Arrivals in the order of the file, one at a time.
#[derive(Debug, Default)]
pub(super) struct FileOrder {
    next: Option<Arrival>,
    latest: Option<Instant>,
}

impl FileOrder {
    /// Takes the next arrival; whether one above is submitted later.
    pub(super) fn push(&mut self, arrival: Arrival) -> bool {
        let is_late = self.latest.is_some_and(|latest| arrival.submit < latest);
        self.latest = self.latest.max(Some(arrival.submit));
        self.next = Some(arrival);
        is_late
    }

    /// The arrival that was taken last, once.
    pub(super) const fn pop(&mut self) -> Option<Arrival> {
        self.next.take()
    }
}

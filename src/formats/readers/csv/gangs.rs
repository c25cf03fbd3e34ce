//! Tables whose rows are members of gangs: read to their end, so that members come together.

use super::CsvSource;
use crate::parts::gangs::{Gangs, MOST_HELD};
use crate::readers::prelude::*;
use crate::shards::LATER;
use arrivals::memory::{MemorySource, Recorded};
use arrivals::renumbering::{Numbers, Renumbered};
use arrivals::spill::{Held, Order};

/// The arrivals of a table with the members of each gang one after the other, in the order of submission; equal
/// times in the order of the file, a gang at the place of its first row.
pub(super) fn together(mut source: CsvSource) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut held = Held::new(Order::Place, MOST_HELD);
    let mut gangs = Gangs::new(LATER);
    while let Some(arrival) = source.next()? {
        if arrival.gang().is_some() {
            gangs.push(&(&arrival).into());
        } else {
            held.push(&(&arrival).into());
        }
    }
    gangs.finish(&mut source.rows.journal, |gang| held.push_gang(gang))?;
    let classes = source.classes().clone();
    let mut recorded = Recorded {
        tenants: source.tenants().to_vec(),
        ledger: source.ledger().clone(),
        files: source.files().to_vec(),
        header: source.header().clone(),
        ..Recorded::default()
    };
    Ok(
        match held.finish(|| std::mem::take(&mut recorded), Duration::ZERO) {
            Ok(records) => {
                recorded.arrivals = records.into_arrivals();
                let classes = Numbers::of(&recorded.arrivals).apply(&mut recorded, &classes)?;
                Box::new(MemorySource::with_classes(recorded, classes))
            }
            Err(merged) => Box::new(Renumbered::new(Box::new(merged.with_classes(classes)))),
        },
    )
}

//! Records that are held in memory up to a number of them, and on disk beyond it.

use super::{Flat, Merged, Order, Packed, Spill};
use crate::memory::Recorded;
use crate::stream::Arrival;
use units::Duration;

/// Records that go on with a run on disk are written as soon as they are so many: they are in the caches still.
const AT_ONCE: usize = 1 << 12;

/// Records up to now.
#[derive(Debug)]
pub struct Held {
    order: Order,
    records: Packed,
    spill: Option<Spill>,
    /// Number of records that are held in memory at most.
    most: usize,
    /// Number of records in memory at which they are looked at.
    look_at: usize,
    /// Whether the records that were looked at came in their order.
    came_in_order: bool,
}

impl Held {
    /// No records yet, which are to be in an order; a number of them is held in memory.
    pub const fn new(order: Order, most: usize) -> Self {
        Self {
            order,
            records: Packed::new(order),
            spill: None,
            most,
            look_at: most,
            came_in_order: true,
        }
    }

    /// Whether all records came in their order.
    pub fn came_in_order(&self) -> bool {
        let known = self.spill.as_ref();
        let goes_on = known.is_none_or(|own| own.goes_on(&self.records));
        // None are left where the last were written.
        let is_rest_in_order = self.records.is_sorted() && goes_on;
        self.came_in_order && (self.records.count() == 0 || is_rest_in_order)
    }

    /// An empty sort in another order.
    pub fn in_order(self, order: Order) -> Self {
        debug_assert_eq!(self.records.count(), 0, "no record is in the order before");
        Self::new(order, self.most)
    }

    /// Adds an arrival.
    #[inline]
    pub fn push(&mut self, arrival: &Flat<'_>) {
        if self.records.count() >= self.look_at {
            self.take_out();
        }
        self.records.push(arrival);
    }

    /// Adds the members of a gang, which stay together.
    pub fn push_gang(&mut self, members: &[Arrival]) {
        if self.records.count() >= self.look_at {
            self.take_out();
        }
        self.records.push_gang(members);
    }

    /// Writes the records to disk if there are too many of them, or if they go on with what is there.
    #[cold]
    fn take_out(&mut self) {
        self.came_in_order = self.came_in_order();
        let known = self.spill.as_ref();
        let goes_on =
            self.records.is_sorted() && known.is_some_and(|own| own.goes_on(&self.records));
        if !goes_on && self.records.count() < self.most {
            self.look_at = self.most;
            return;
        }
        if self.spill.is_none() {
            self.spill = Spill::new(self.order).ok();
        }
        let is_out =
            { self.spill.as_mut() }.is_some_and(|own| own.write(&mut self.records).is_ok());
        if is_out {
            self.look_at = self.most.min(AT_ONCE);
        } else {
            // Those in memory and all others stay there.
            (self.most, self.look_at) = (usize::MAX, usize::MAX);
        }
    }

    /// The records in memory, if none is on disk; else all of them, with what else is known of their trace. A time is
    /// taken off every instant of those on disk.
    pub fn finish(
        self,
        rest: impl FnOnce() -> Recorded,
        zero: Duration,
    ) -> Result<Packed, Box<Merged>> {
        match self.spill {
            None => Ok(self.records),
            Some(spill) => {
                let merged = Merged::of_records(spill, self.records, rest(), zero);
                Err(Box::new(merged))
            }
        }
    }
}

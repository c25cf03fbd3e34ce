//! Puts rows that are slightly out of order into order while streaming. Logs are sorted by
//! submission as a rule; where they aren't, the offenders are a few rows late. Memory stays that
//! of the window.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use super::stream::Arrival;
use model::PodName;
use units::Instant;

/// Greatest number of rows by which a row may be late.
pub const WINDOW_ROWS: usize = 4_096;

/// A window of arrivals sorted by submission; equal times keep the file's order.
#[derive(Clone, Debug, Default)]
pub struct Lookahead {
    /// A ring of arrivals; those beyond the window are vacant.
    slots: Vec<Arrival>,
    /// The place of the first arrival, and how many there are.
    first: usize,
    count: usize,
    /// The submission of the last arrival of the window.
    last: Instant,
    delivered: Option<Instant>,
}

/// A slot without an arrival.
const VACANT: Arrival = Arrival {
    submit: Instant::ZERO,
    name: PodName::Job(0),
    class: 0,
    members: 1,
    tenant: 0,
    run_time: None,
    time_limit: None,
    historic_start: None,
    links: None,
    part: 0,
    origin: crate::Origin::NONE,
};

/// Result of placing an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is the latest up to now.
    InOrder,
    /// It was moved before later ones.
    Moved,
    /// A later one was delivered already: it was not taken.
    TooLate,
}

impl Lookahead {
    /// Takes the next arrival of the file.
    pub fn push(&mut self, arrival: Arrival) -> Placed {
        let (placed, vacant) = self.make_room(arrival.submit);
        if let Some(vacant) = vacant {
            *vacant = arrival;
        }
        placed
    }

    /// Makes room for the next arrival of the file, which is submitted at an instant: it is set field by field, as
    /// arrivals are large beside the row that they are read from. None if it is too late.
    #[inline(always)]
    pub(super) fn make_room(&mut self, submit: Instant) -> (Placed, Option<&mut Arrival>) {
        if self.delivered.is_some_and(|last| submit < last) {
            return (Placed::TooLate, None);
        }
        if self.count == self.slots.len() {
            self.grow();
        }
        let mut place = self.place(self.count);
        self.count += 1;
        let placed = if self.count == 1 || self.last <= submit {
            self.last = submit;
            Placed::InOrder
        } else {
            place = self.move_vacant(submit);
            Placed::Moved
        };
        let mut slot = self.slots.get_mut(place);
        if let Some(slot) = &mut slot {
            slot.submit = submit;
        }
        (placed, slot)
    }

    /// The place of an arrival of the window.
    #[inline]
    fn place(&self, number: usize) -> usize {
        (self.first + number) & (self.slots.len() - 1)
    }

    /// Doubles the ring, whose length is a power of two.
    #[cold]
    fn grow(&mut self) {
        let length = (2 * self.slots.len()).max(WINDOW_ROWS);
        self.slots.rotate_left(self.first);
        self.first = 0;
        self.slots.resize(length, VACANT);
    }

    /// Moves the vacant slot at the end of the window before all later arrivals; returns its place.
    #[cold]
    fn move_vacant(&mut self, submit: Instant) -> usize {
        let mut number = self.count - 1;
        while number > 0 && submit < self.slots[self.place(number - 1)].submit {
            let (one, other) = (self.place(number - 1), self.place(number));
            self.slots.swap(one, other);
            number -= 1;
        }
        self.place(number)
    }

    /// Whether more rows must be read before the first of the window may be delivered.
    #[inline]
    pub fn wants_more(&self) -> bool {
        self.count < WINDOW_ROWS
    }

    /// The first of the window.
    #[inline(always)]
    pub fn pop(&mut self) -> Option<Arrival> {
        if self.count == 0 {
            return None;
        }
        let slot = self.slots.get_mut(self.first)?;
        self.delivered = Some(slot.submit);
        let arrival = std::mem::replace(slot, VACANT);
        self.count -= 1;
        self.first = self.place(1);
        Some(arrival)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arrival(number: u64, submit: i64) -> Arrival {
        Arrival {
            submit: Instant::from_secs(submit),
            name: PodName::Job(number),
            class: 0,
            members: 1,
            tenant: 0,
            run_time: None,
            time_limit: None,
            historic_start: None,
            links: None,
            part: 0,
            origin: crate::Origin::NONE,
        }
    }

    proptest! {
        #[test]
        fn a_window_sorts_stably(times in proptest::collection::vec(0_i64..50, 0..200)) {
            let mut lookahead = Lookahead::default();
            let mut expected = Vec::new();
            for (number, &time) in times.iter().enumerate() {
                expected.push((time, number as u64));
                prop_assert_ne!(lookahead.push(arrival(number as u64, time)), Placed::TooLate);
            }
            expected.sort_unstable();
            for (time, number) in expected {
                prop_assert_eq!(lookahead.pop(), Some(arrival(number, time)));
            }
            prop_assert_eq!(lookahead.pop(), None);
        }

        #[test]
        fn a_window_that_goes_on_is_a_sorted_list(
            steps in proptest::collection::vec((any::<bool>(), 0_i64..9), 0..400),
            ahead in 0_usize..WINDOW_ROWS,
        ) {
            let mut lookahead = Lookahead {
                slots: vec![VACANT; WINDOW_ROWS],
                first: ahead,
                ..Lookahead::default()
            };
            let (mut plain, mut now) = (Vec::new(), i64::MIN);
            for (number, (is_pushed, time)) in (0_u64..).zip(steps) {
                if !is_pushed {
                    let first = (!plain.is_empty()).then(|| plain.remove(0));
                    let found = lookahead.pop();
                    prop_assert_eq!(&found, &first.map(|(time, number)| arrival(number, time)));
                    now = first.map_or(now, |(time, _)| time);
                } else if lookahead.push(arrival(number, time)) == Placed::TooLate {
                    prop_assert!(time < now);
                } else {
                    plain.push((time, number));
                    plain.sort_unstable();
                }
            }
        }
    }

    #[test]
    fn a_row_beyond_the_window_is_too_late() {
        let mut lookahead = Lookahead::default();
        lookahead.push(arrival(1, 5));
        lookahead.pop();
        assert_eq!(lookahead.push(arrival(2, 4)), Placed::TooLate);
        assert_eq!(lookahead.push(arrival(3, 5)), Placed::InOrder);
    }
}

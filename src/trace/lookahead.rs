//! Puts rows that are slightly out of order into order while streaming. Logs are sorted by
//! submission as a rule; where they aren't, the offenders are a few rows late. Memory stays that
//! of the window.

use std::collections::VecDeque;

use super::stream::Arrival;
use model::PodName;
use units::Instant;

/// Greatest number of rows by which a row may be late.
pub const WINDOW_ROWS: usize = 4_096;

/// A window of arrivals sorted by submission; equal times keep the file's order.
#[derive(Clone, Debug, Default)]
pub struct Lookahead {
    window: VecDeque<Arrival>,
    delivered: Option<Instant>,
}

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
    #[inline]
    pub(super) fn make_room(&mut self, submit: Instant) -> (Placed, Option<&mut Arrival>) {
        if self.delivered.is_some_and(|last| submit < last) {
            return (Placed::TooLate, None);
        }
        let vacant = Arrival {
            submit,
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
        if (self.window.back()).is_none_or(|last| last.submit <= submit) {
            self.window.push_back(vacant);
            return (Placed::InOrder, self.window.back_mut());
        }
        let known = self.window.iter().rposition(|known| known.submit <= submit);
        let position = known.map_or(0, |before| before + 1);
        self.window.insert(position, vacant);
        (Placed::Moved, self.window.get_mut(position))
    }

    /// Whether more rows must be read before the first of the window may be delivered.
    pub fn wants_more(&self) -> bool {
        self.window.len() < WINDOW_ROWS
    }

    /// The first of the window.
    pub fn pop(&mut self) -> Option<Arrival> {
        let arrival = self.window.pop_front()?;
        self.delivered = Some(arrival.submit);
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

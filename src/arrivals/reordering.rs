//! Puts rows that are slightly out of order into order while streaming. Logs are sorted by
//! submission as a rule; where they aren't, the offenders are a few rows late. Memory stays that
//! of the window.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use std::collections::VecDeque;

use crate::stream::Arrival;
use units::Instant;

/// Greatest number of rows by which a row may be late.
pub const WINDOW_ROWS: usize = 4_096;

/// Arrivals of each half of what is held back: at least a window, and as many as are handed over at once, so
/// that they change hands with their buffer.
pub(crate) const HALF_ROWS: usize = 8_192;

/// A window of arrivals sorted by submission; equal times keep the file's order.
///
/// Arrivals are large beside the row that they are read from, so none is moved from one place to another: the
/// later half is filled while the earlier one waits, and is the earlier one then.
#[derive(Debug, Default)]
pub struct Lookahead {
    /// The earlier half, which may be delivered once the later one is full.
    earlier: VecDeque<Arrival>,
    later: Vec<Arrival>,
    /// The submission of the last arrival.
    last: Option<Instant>,
}

/// Result of placing an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is the latest up to now.
    InOrder,
    /// It was moved before later ones.
    Moved,
    /// It is later than the window is long: it was not taken.
    TooLate,
}

impl Lookahead {
    /// Takes the next arrival of the file.
    #[inline(always)]
    pub fn push(&mut self, arrival: Arrival) -> Placed {
        if self.last.is_some_and(|last| arrival.submit < last) {
            return self.move_forward(arrival);
        }
        self.last = Some(arrival.submit);
        self.later.push(arrival);
        Placed::InOrder
    }

    /// Puts an arrival before all that are submitted later.
    #[cold]
    fn move_forward(&mut self, arrival: Arrival) -> Placed {
        let is_in_time = |own: &Arrival| own.submit <= arrival.submit;
        let beyond = (self.later.len() + self.earlier.len()).checked_sub(WINDOW_ROWS);
        let last_beyond = beyond.and_then(|place| match self.earlier.get(place) {
            None => self.later.get(place - self.earlier.len()),
            earlier => earlier,
        });
        if !last_beyond.is_none_or(is_in_time) {
            return Placed::TooLate;
        }
        let place = self.later.iter().rposition(is_in_time);
        if place.is_some() || self.earlier.back().is_none_or(is_in_time) {
            self.later
                .insert(place.map_or(0, |place| place + 1), arrival);
            return Placed::Moved;
        }
        let place = self.earlier.iter().rposition(is_in_time);
        self.earlier
            .insert(place.map_or(0, |place| place + 1), arrival);
        if let Some(last) = self.earlier.pop_back() {
            self.later.insert(0, last);
        }
        Placed::Moved
    }

    /// Whether more rows must be read before the next arrival may be delivered.
    #[inline(always)]
    pub fn wants_more(&mut self) -> bool {
        if self.later.len() >= HALF_ROWS && self.earlier.is_empty() {
            self.turn();
        }
        self.later.len() < HALF_ROWS
    }

    /// Makes the later half the earlier one, which is empty.
    fn turn(&mut self) {
        let spent = std::mem::replace(&mut self.earlier, std::mem::take(&mut self.later).into());
        self.later = spent.into();
        self.later.reserve(HALF_ROWS);
    }

    /// The first arrival of the window.
    #[inline]
    pub fn pop(&mut self) -> Option<Arrival> {
        if self.earlier.is_empty() {
            self.turn();
        }
        self.earlier.pop_front()
    }

    /// Appends arrivals of the window to a buffer of at most this many, at least one if there is one; returns how many.
    pub fn append_to(&mut self, buffer: &mut VecDeque<Arrival>, most: usize) -> usize {
        if self.earlier.is_empty() {
            self.turn();
        }
        let count = self.earlier.len().min(most.saturating_sub(buffer.len()));
        if buffer.is_empty() && count == self.earlier.len() {
            std::mem::swap(buffer, &mut self.earlier);
        } else {
            buffer.extend(self.earlier.drain(..count));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use model::PodName;
    use proptest::prelude::*;

    use super::*;

    fn arrival(number: u64, submit: i64) -> Arrival {
        Arrival::new(Instant::from_secs(submit), PodName::Job(number))
    }

    /// Rows one a second, some of them late by a number of seconds.
    fn rows(late: &[(usize, i64)]) -> Vec<i64> {
        let mut rows: Vec<i64> = (0..3 * HALF_ROWS as i64).collect();
        for &(row, by) in late {
            rows[row] -= by;
        }
        rows
    }

    /// The numbers of rows in the order of a list that is kept sorted, without those that are too late.
    fn sorted(rows: &[i64]) -> (Vec<u64>, usize) {
        let (mut taken, mut too_late): (Vec<(i64, u64)>, usize) = (Vec::new(), 0);
        for (number, &submit) in (0..).zip(rows) {
            let beyond = taken.len().checked_sub(WINDOW_ROWS);
            if beyond.is_some_and(|last| submit < taken[last].0) {
                too_late += 1;
                continue;
            }
            let place = taken.partition_point(|&own| own <= (submit, number));
            taken.insert(place, (submit, number));
        }
        (
            taken.into_iter().map(|(_, number)| number).collect(),
            too_late,
        )
    }

    /// The numbers of rows as a window delivers them, by itself or in buffers.
    fn delivered(rows: &[i64], most: Option<usize>) -> (Vec<u64>, usize) {
        let mut lookahead = Lookahead::default();
        let (mut found, mut too_late) = (Vec::new(), 0);
        let mut rows = (0..).zip(rows.iter().copied());
        let mut buffer = VecDeque::new();
        loop {
            while lookahead.wants_more()
                && let Some((number, submit)) = rows.next()
            {
                let placed = lookahead.push(arrival(number, submit));
                too_late += usize::from(placed == Placed::TooLate);
            }
            match most {
                None => buffer.extend(lookahead.pop()),
                Some(most) => {
                    let appended = lookahead.append_to(&mut buffer, most);
                    assert_eq!(appended, buffer.len(), "all of it");
                }
            }
            if buffer.is_empty() {
                return (found, too_late);
            }
            found.extend(buffer.drain(..).map(|arrival| match arrival.name {
                PodName::Job(number) => number,
                _ => u64::MAX,
            }));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_window_is_a_sorted_list(
            late in proptest::collection::vec(
                (0..3 * HALF_ROWS, prop_oneof![0..9_i64, 4_000..4_200_i64, 0..20_000_i64]), 0..60),
            most in 1..2 * HALF_ROWS,
        ) {
            let rows = rows(&late);
            let expected = sorted(&rows);
            prop_assert_eq!(&delivered(&rows, None), &expected);
            prop_assert_eq!(&delivered(&rows, Some(most)), &expected);
        }
    }

    #[test]
    fn a_row_beyond_the_window_is_too_late() {
        let mut lookahead = Lookahead::default();
        for number in 0..WINDOW_ROWS as i64 {
            lookahead.push(arrival(1, 5 + number));
        }
        assert_eq!(lookahead.push(arrival(2, 4)), Placed::TooLate);
        assert_eq!(lookahead.push(arrival(3, 5)), Placed::Moved);
    }
}

//! Timers of a manager, its engines and its clients, in order of time; equal times are first in,
//! first out (spec: orchestrators-a.md section 11, case 9).

use units::{Instant, SortedMap};

/// Things that are due.
#[derive(Clone, Debug)]
pub(crate) struct Timers<Due> {
    queue: SortedMap<(Instant, u64), Due>,
    entered: u64,
}

impl<Due> Default for Timers<Due> {
    fn default() -> Self {
        Self {
            queue: SortedMap::new(),
            entered: 0,
        }
    }
}

impl<Due> Timers<Due> {
    pub(crate) fn push(&mut self, at: Instant, due: Due) {
        self.entered += 1;
        self.queue.insert((at, self.entered), due);
    }

    /// Next timer that is due by now, with its time.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(Instant, Due)> {
        let (&(at, number), _) = self.queue.first_key_value()?;
        if at > now {
            return None;
        }
        let due = self.queue.remove(&(at, number))?;
        Some((at, due))
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|(&(at, _), _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_are_first_in_first_out_and_what_is_due_now_comes_after_what_waited() {
        let at = Instant::from_secs;
        let mut timers = Timers::default();
        timers.push(at(5), "first at five");
        timers.push(at(3), "at three");
        timers.push(at(5), "second at five");
        assert_eq!(timers.next(), Some(at(3)));
        let mut order = Vec::new();
        while let Some((_, due)) = timers.pop(at(5)) {
            order.push(due);
            if due == "first at five" {
                timers.push(at(5), "for the present");
            }
        }
        let expected = [
            "at three",
            "first at five",
            "second at five",
            "for the present",
        ];
        assert_eq!(order, expected);
        assert_eq!(timers.pop(at(9)), None);
    }
}

//! The work queue of the controller manager: each object once for each controller, in the order in
//! which they were named; again later where that was asked for, and after growing pauses where
//! writes were refused (spec: kubernetes.md part 2: 5 ms · 2^n, at most 1000 s).

use std::collections::VecDeque;

use units::{Duration, Instant, ObjectId, SortedMap, SortedSet};

/// The pause after the first refusal.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1_000);

/// A piece of work: the controller's position, and the object it is to look at.
pub(super) type Work = (usize, ObjectId);

/// Pending work, due now or later.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkQueue {
    /// In order; what is looked at for the first time at this instant.
    ready: VecDeque<Work>,
    /// In order; what was looked at already at this instant. It waits until nothing new happens, so
    /// that many changes at one instant lead to one more look.
    again: VecDeque<Work>,
    /// All that is in one of the two.
    queued: SortedSet<Work>,
    delayed: SortedSet<(Instant, Work)>,
    /// Instant at which each entry of `delayed` is due.
    due: SortedMap<Work, Instant>,
    failures: SortedMap<Work, u32>,
    /// When the work taken last was due, if it was not due yet.
    cleared: Option<Instant>,
    /// Work done at `instant`.
    done: SortedSet<Work>,
    instant: Instant,
}

impl WorkQueue {
    /// Adds work, once.
    pub(super) fn add(&mut self, now: Instant, work: Work) {
        self.turn(now);
        if self.queued.insert(work) {
            if self.done.contains(&work) {
                self.again.push_back(work);
            } else {
                self.ready.push_back(work);
            }
        }
    }

    /// Adds work at an instant; an earlier one that is known stays.
    pub(super) fn add_at(&mut self, at: Instant, work: Work) {
        if let Some(&known) = self.due.get(&work) {
            if known <= at {
                return;
            }
            self.delayed.remove(&(known, work));
        }
        self.due.insert(work, at);
        self.delayed.insert((at, work));
    }

    /// Adds work that failed, after a pause that doubles each time.
    pub(super) fn fail(&mut self, now: Instant, work: Work) {
        let failures = self.failures.entry(work).or_default();
        let factor = 1_i64.checked_shl(*failures).unwrap_or(i64::MAX);
        *failures = (*failures + 1).min(40);
        let pause = FIRST_PAUSE.checked_mul(factor).unwrap_or(LONGEST_PAUSE);
        self.add_at(now.saturating_add(pause.min(LONGEST_PAUSE)), work);
    }

    /// Work was done; the next failure counts as the first.
    pub(super) fn forget_failures(&mut self, work: Work) {
        self.failures.remove(&work);
    }

    /// Takes what comes next; `has_news` says whether something happened since the last look.
    pub(super) fn take(&mut self, now: Instant, has_news: bool) -> Option<Work> {
        self.turn(now);
        while let Some(&(at, work)) = self.delayed.first().filter(|&&(at, _)| at <= now) {
            self.delayed.remove(&(at, work));
            self.due.remove(&work);
            self.add(now, work);
        }
        let work = match self.ready.pop_front() {
            Some(work) => work,
            None if has_news => return None,
            None => self.again.pop_front()?,
        };
        self.queued.remove(&work);
        self.done.insert(work);
        // It asks anew for what it still has to wait for.
        self.cleared = self.due.remove(&work);
        if let Some(at) = self.cleared {
            self.delayed.remove(&(at, work));
        }
        Some(work)
    }

    /// Adds the work taken last at an instant, or at the earlier one at which it was due already: of
    /// the two the original keeps the first.
    pub(super) fn add_again_at(&mut self, now: Instant, at: Instant, work: Work) {
        let known = self.cleared.filter(|known| *known > now);
        self.add_at(known.map_or(at, |known| known.min(at)), work);
    }

    /// Whether anything is to be looked at now.
    pub(super) fn is_idle(&self) -> bool {
        self.queued.is_empty()
    }

    /// Instant at which the next delayed work is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.first().map(|&(at, _)| at)
    }

    fn turn(&mut self, now: Instant) {
        if self.instant != now {
            self.instant = now;
            self.done.clear();
            self.ready.extend(self.again.drain(..));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Work = (0, ObjectId(1));
    const TWO: Work = (0, ObjectId(2));

    #[test]
    fn work_is_done_once_in_order_and_again_when_it_is_quiet() {
        let mut queue = WorkQueue::default();
        let now = Instant::from_secs(1);
        for work in [ONE, TWO, ONE] {
            queue.add(now, work);
        }
        assert_eq!(queue.take(now, true), Some(ONE));
        queue.add(now, ONE);
        assert_eq!(queue.take(now, true), Some(TWO));
        assert_eq!(queue.take(now, true), None);
        assert!(!queue.is_idle());
        assert_eq!(queue.take(now, false), Some(ONE));
        assert_eq!(queue.take(now, false), None);
        assert!(queue.is_idle());
    }

    #[test]
    fn pauses_double_and_end() {
        let mut queue = WorkQueue::default();
        let mut pauses = Vec::new();
        for _ in 0..30 {
            queue.fail(Instant::ZERO, ONE);
            let due = queue.next_due().expect("it was delayed");
            pauses.push(due.since(Instant::ZERO));
            assert_eq!(queue.take(due, false), Some(ONE));
        }
        assert_eq!(pauses[..3], [5, 10, 20].map(Duration::from_millis));
        assert_eq!(pauses[29], LONGEST_PAUSE);
        queue.forget_failures(ONE);
        queue.fail(Instant::ZERO, ONE);
        assert_eq!(queue.next_due(), Some(Instant::ZERO + FIRST_PAUSE));
    }

    #[test]
    fn the_earlier_of_two_times_counts_and_a_look_clears_it() {
        let mut queue = WorkQueue::default();
        queue.add_at(Instant::from_secs(9), ONE);
        queue.add_at(Instant::from_secs(5), ONE);
        queue.add_at(Instant::from_secs(7), ONE);
        assert_eq!(queue.next_due(), Some(Instant::from_secs(5)));
        let now = Instant::from_secs(3);
        queue.add(now, ONE);
        assert_eq!(queue.take(now, true), Some(ONE));
        assert_eq!(queue.next_due(), None);
    }
}

//! Quotas: bounds on what users may ask for at once. Jobs come in bursts of up to tens of thousands
//! of tasks, which a cluster that is used to four fifths in the mean has no room for now and then;
//! users of shared clusters have quotas, so tasks beyond it are held back until enough of what was
//! made has ended. What is made is taken to start when it is submitted.

use units::{Duration, Instant};

/// Into how many equal parts the span is divided; ends within a part count at its end.
const PARTS: i64 = 1 << 18;

/// Present demand, and its future ends.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    most: i64,
    used: i64,
    /// Demand that ends in each part; ends after the span are not stored.
    ends: Vec<i64>,
    part: Duration,
    /// The part up to whose beginning ends are taken in.
    at: usize,
}

impl Quota {
    /// A quota of so much for tasks that arrive within a span. Parts are whole milliseconds, as the
    /// times of tasks are.
    pub(super) fn new(most: i64, span: Duration) -> Self {
        let millis = span.as_nanos() / 1_000_000 / PARTS + 1;
        Self {
            most,
            used: 0,
            ends: vec![0; PARTS as usize],
            part: Duration::from_millis(millis),
            at: 0,
        }
    }

    /// Instant at which a task that asks for `asked` and is ready at an instant is submitted.
    pub(super) fn submit(&mut self, ready: Instant, asked: i64, run_time: Duration) -> Instant {
        let part_of = |at: Instant| (at.as_nanos() / self.part.as_nanos()) as usize;
        let now = part_of(ready);
        while self.at < self.ends.len() && (self.at < now || self.used + asked > self.most) {
            self.used -= self.ends[self.at];
            self.at += 1;
        }
        let begin = Duration::from_nanos(self.at as i64 * self.part.as_nanos());
        let submit = ready.max(Instant::ZERO.saturating_add(begin));
        self.used += asked;
        let end = part_of(submit.saturating_add(run_time));
        if let Some(ends) = self.ends.get_mut(end) {
            *ends += asked;
        }
        submit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_beyond_the_quota_wait_for_ends() {
        let secs = Duration::from_secs;
        let at = |begin: i64| Instant::ZERO.saturating_add(secs(begin));
        let mut quota = Quota::new(10, Duration::from_nanos(secs(PARTS).as_nanos() - 1));
        for (ready, asked, run_time, expected) in [
            (0, 6, 100, 0),
            (1, 4, 50, 1),
            // Ends count at the end of the second they are in.
            (2, 4, 7, 52),
            (3, 6, 7, 101),
            (200, 10, 7, 200),
        ] {
            let submit = quota.submit(at(ready), asked, secs(run_time));
            assert_eq!(submit, at(expected), "ready at {ready}");
        }
    }
}

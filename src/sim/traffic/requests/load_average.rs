//! Recent load of a pod: rates are means over half a minute, as they are measured, not what happens
//! to be at work at an instant.

use std::collections::VecDeque;

use units::Instant;

/// Seconds that a rate is the mean over.
const WINDOW: i64 = 30;

const SECOND: i64 = 1_000_000_000;

/// Tries by the second in which they came to a pod, and in which it began to work on them.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadAverage {
    seconds: VecDeque<Second>,
    /// Instant at which the first request came.
    since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    number: i64,
    arrived: u32,
    begun: u32,
}

impl LoadAverage {
    /// The count of the present second; what is too old is forgotten.
    fn second(&mut self, now: Instant) -> &mut Second {
        self.since.get_or_insert(now);
        let number = now.as_nanos() / SECOND;
        let is_old = |own: &Second| own.number <= number - WINDOW;
        while self.seconds.front().is_some_and(is_old) {
            self.seconds.pop_front();
        }
        if self.seconds.back().is_none_or(|back| back.number != number) {
            self.seconds.push_back(Second {
                number,
                ..Second::default()
            });
        }
        let last = self.seconds.len() - 1;
        &mut self.seconds[last]
    }

    /// A try came.
    pub(super) fn arrived(&mut self, now: Instant) {
        self.second(now).arrived += 1;
    }

    /// A try began to be worked on.
    pub(super) fn begun(&mut self, now: Instant) {
        self.second(now).begun += 1;
    }

    /// Tries a second that came, and that began to be worked on.
    pub(super) fn rates(&self, now: Instant) -> (f64, f64) {
        let Some(since) = self.since else {
            return (0.0, 0.0);
        };
        let first = now.as_nanos() / SECOND - WINDOW + 1;
        let known = self.seconds.iter().filter(|second| second.number >= first);
        let (arrived, begun) = known.fold((0_u64, 0_u64), |(arrived, begun), own| {
            let begun = begun + u64::from(own.begun);
            (arrived + u64::from(own.arrived), begun)
        });
        let from = since.as_nanos().max(first * SECOND);
        let span = (now.as_nanos() - from).max(SECOND) as f64 / SECOND as f64;
        (arrived as f64 / span, begun as f64 / span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means_over_half_a_minute() {
        let at = |millis: i64| Instant::from_nanos(millis * 1_000_000);
        let mut own = LoadAverage::default();
        assert_eq!(own.rates(at(0)), (0.0, 0.0));
        for tenth in 0..600 {
            own.arrived(at(100 * tenth));
            if tenth % 2 == 0 {
                own.begun(at(100 * tenth));
            }
        }
        let is_near = |found: f64, expected: f64| (found - expected).abs() < 1e-9;
        let (arrived, begun) = own.rates(at(60_000));
        assert!(is_near(arrived, 10.0) && is_near(begun, 5.0));
        // No request comes any more.
        assert!(is_near(own.rates(at(70_000)).0, 190.0 / 29.0));
        assert_eq!(own.rates(at(90_000)), (0.0, 0.0));
        let mut young = LoadAverage::default();
        young.arrived(at(100_000));
        assert!(is_near(young.rates(at(100_001)).0, 1.0));
    }
}

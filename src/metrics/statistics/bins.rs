//! A time series in few bins of equal length: when they do not reach, pairs are merged and the bins
//! are twice as long. Memory does not grow with the length of a run.

use units::Instant;

use crate::statistics::span::Span;

/// Width of the first bins: one second.
const FIRST_WIDTH: i64 = 1_000_000_000;

/// Integrals over bins of equal length.
#[derive(Clone, Debug)]
pub struct Bins {
    limit: usize,
    origin: Option<Instant>,
    width: i64,
    areas: Vec<i128>,
    /// The bin that was reached, and where it ends.
    last: (usize, i64),
    reached: Instant,
}

impl Bins {
    /// Bins, at most `limit` of them, an even number.
    pub const fn new(limit: usize) -> Self {
        assert!(limit >= 2 && limit.is_multiple_of(2), "pairs are merged");
        Self {
            limit,
            origin: None,
            width: FIRST_WIDTH,
            areas: Vec::new(),
            last: (0, 0),
            reached: Instant::ZERO,
        }
    }

    /// An amount held for a span, which begins where the last one ended.
    pub fn add(&mut self, amount: i128, span: Span) {
        let origin = *self.origin.get_or_insert(span.from);
        let (mut from, to) = (
            span.from.since(origin).as_nanos(),
            span.to.since(origin).as_nanos(),
        );
        self.reached = span.to;
        if to <= self.last.1 {
            self.areas[self.last.0] += amount * i128::from(to - from);
            return;
        }
        while (to - 1) / self.width >= self.limit as i64 {
            self.double();
        }
        while from < to {
            let index = (from / self.width) as usize;
            if self.areas.len() <= index {
                self.areas.resize(index + 1, 0);
            }
            let next = to.min(self.end_of(index));
            self.areas[index] += amount * i128::from(next - from);
            from = next;
            self.last = (index, self.end_of(index));
        }
    }

    fn double(&mut self) {
        self.areas = self.areas.chunks(2).map(|pair| pair.iter().sum()).collect();
        // The last bin ends where time does.
        self.width = self.width.saturating_mul(2);
    }

    const fn end_of(&self, index: usize) -> i64 {
        self.width.saturating_mul(index as i64 + 1)
    }

    /// Means over the bins that are full.
    pub fn means(&self) -> Vec<f64> {
        let Some(origin) = self.origin else {
            return Vec::new();
        };
        let full = self.reached.since(origin).as_nanos() / self.width;
        let areas = self.areas.iter().take(full as usize);
        areas.map(|&area| area as f64 / self.width as f64).collect()
    }

    /// The length of a bin in nanoseconds.
    pub const fn width_nanos(&self) -> i64 {
        self.width
    }

    /// Beginning of a bin.
    pub fn start(&self, index: usize) -> Instant {
        let origin = self.origin.unwrap_or(Instant::ZERO);
        let offset = self.width.saturating_mul(index as i64);
        origin.saturating_add(units::Duration::from_nanos(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_double_when_time_goes_on() {
        let secs = Instant::from_secs;
        let mut bins = Bins::new(4);
        assert!(bins.means().is_empty());
        for (amount, from, to, expected) in [
            (2, 10, 11, &[2.0][..]),
            (4, 11, 13, &[2.0, 4.0, 4.0]),
            (0, 13, 15, &[3.0, 2.0]),
            (8, 15, 25, &[2.5, 6.0, 8.0]),
        ] {
            let span = Span {
                from: secs(from),
                to: secs(to),
            };
            bins.add(amount, span);
            assert_eq!(bins.means(), expected, "{from} to {to}");
        }
        assert_eq!(bins.start(1), secs(14));
    }

    #[test]
    fn bins_reach_to_the_end_of_time() {
        let mut bins = Bins::new(4);
        let span = |from, to| Span { from, to };
        bins.add(1, span(Instant::ZERO, Instant::from_secs(1)));
        bins.add(1, span(Instant::from_secs(1), Instant::MAX));
        assert!(bins.means().iter().all(|&mean| mean <= 1.0));
    }
}

//! Rare events: values apart from the usual one. How often either side has one is a count, and counts of few
//! tell less than the mean and deviation of values that are nearly all the same.

use rng::math;

use super::student::binomial_cdf;

/// Counts of pairs in which one side alone has an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoneEvents {
    /// Pairs whose second value is above the first.
    pub above: usize,
    /// Pairs whose second value is below the first.
    pub below: usize,
}

impl LoneEvents {
    /// Counts the pairs, where at least half of the values of either side are the same one; `None` elsewhere, and
    /// where no side alone has an event.
    pub fn count(first: &[f64], second: &[f64]) -> Option<Self> {
        let mut all: Vec<f64> = first.iter().chain(second).copied().collect();
        all.sort_unstable_by(f64::total_cmp);
        let groups = all.chunk_by(|one, other| one.total_cmp(other).is_eq());
        let usual = groups.max_by_key(|group| group.len())?[0];
        let is_usual = |value: &f64| value.total_cmp(&usual).is_eq();
        let is_rare =
            |side: &[f64]| 2 * side.iter().filter(|own| is_usual(own)).count() >= side.len();
        if !is_rare(first) || !is_rare(second) {
            return None;
        }
        let mut found = Self::default();
        for (one, other) in first.iter().zip(second) {
            if is_usual(one) != is_usual(other) {
                found.above += usize::from(other > one);
                found.below += usize::from(other < one);
            }
        }
        (found != Self::default()).then_some(found)
    }

    /// The counts of the second values against the first, with both in the other order.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            above: self.below,
            below: self.above,
        }
    }

    /// The one-sided p that the second side has `ratio` times the events of the first, or more: the
    /// exact test of the pairs in which they differ.
    pub fn not_above(self, ratio: f64) -> f64 {
        binomial_cdf(self.above, self.above + self.below, ratio / (1.0 + ratio))
    }

    /// The share of pairs above, halfway to none and all where there are few.
    pub fn share_above(self) -> f64 {
        (self.above as f64 + 0.5) / (self.above + self.below + 1) as f64
    }
}

/// The share of runs below which an event is in none of `n` runs in one of 20 samples, or more.
pub fn unseen_share(n: usize) -> f64 {
    1.0 - math::exp(math::ln(0.05) / n.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_with_an_event_on_one_side_alone_count() {
        let first = [0.0, 0.0, 3.0, 0.0, 7.0, 0.0];
        let second = [0.0, 2.0, 0.0, 0.0, 5.0, 1.0];
        let found = LoneEvents::count(&first, &second);
        assert_eq!(found, Some(LoneEvents { above: 2, below: 1 }));
        assert_eq!(LoneEvents::count(&[1.0, 2.0], &[3.0, 4.0]), None);
        assert_eq!(LoneEvents::count(&[0.0, 2.0, 0.0], &[0.0, 3.0, 0.0]), None);
        assert_eq!(LoneEvents::count(&[], &[]), None);
    }

    /// R: `binom.test(0, 5, alternative = "less")` prints 0.03125, `binom.test(2, 10, 0.6, "less")` 0.01229.
    #[test]
    fn exact_tests_of_few_counts() {
        let p = |above, below, ratio| LoneEvents { above, below }.not_above(ratio);
        assert!((p(0, 5, 1.0) - 0.031_25).abs() < 1e-12);
        assert!((p(2, 8, 1.5) - 0.012_294_553_6).abs() < 1e-9);
        assert!((p(4, 0, 1.0) - 1.0).abs() < 1e-12);
    }
}

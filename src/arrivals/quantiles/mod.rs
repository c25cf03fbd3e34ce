//! Exact quantiles of whole numbers. Different values are counted in memory, and sorted on disk where there are many.

mod values;

use std::ops::ControlFlow;

use rng::math;

use intake::TraceError;
use values::{Counting, Values};

/// Counts of values.
#[derive(Debug, Default)]
pub struct Counted {
    counting: Counting,
    total: u64,
    sum: i128,
}

/// Counts of all values.
#[derive(Debug)]
pub struct Distribution {
    values: Values,
    total: u64,
    sum: i128,
}

/// The percentages of [`Quantiles`].
const PERCENT: [u64; 6] = [10, 25, 50, 75, 90, 99];

/// Distribution of values. A quantile is the smallest value that at least its share of all values
/// doesn't exceed (nearest rank).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// Number of values.
    pub count: u64,
    /// Smallest value.
    pub min: i64,
    /// 10 %.
    pub p10: i64,
    /// 25 %.
    pub p25: i64,
    /// 50 %.
    pub p50: i64,
    /// 75 %.
    pub p75: i64,
    /// 90 %.
    pub p90: i64,
    /// 99 %.
    pub p99: i64,
    /// Largest value.
    pub max: i64,
    /// Arithmetic mean.
    pub mean: f64,
}

/// Heaviness of the tail of positive values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// Variance divided by the square of the mean, C²: 1 for exponential values.
    pub squared_variation: f64,
    /// Share of the sum that the largest 1 % of the values hold.
    pub largest_share: f64,
    /// Estimate of the tail index by Hill, over the largest 1 % of the values: the exponent of a power law, below 2
    /// where the variance is infinite; none with fewer than ten such values, or where they are equal.
    pub index: Option<f64>,
}

impl Counted {
    /// Creates counts of no values; a number of different ones is held in memory.
    pub fn holding(most_held: usize) -> Self {
        Self {
            counting: Counting::holding(most_held),
            total: 0,
            sum: 0,
        }
    }

    /// Counts a value once.
    pub fn add(&mut self, value: i64) {
        self.counting.add(value);
        self.total += 1;
        self.sum += i128::from(value);
    }

    /// Returns the distribution of the values.
    ///
    /// # Errors
    /// They can't be kept in a temporary file, or read back.
    pub fn finish(self) -> Result<Distribution, TraceError> {
        Ok(Distribution {
            values: self.counting.finish()?,
            total: self.total,
            sum: self.sum,
        })
    }
}

impl Distribution {
    /// Returns the tail; `None` where the mean is not above zero.
    ///
    /// # Errors
    /// A temporary file can't be read back.
    pub fn tail(&self) -> Result<Option<Tail>, TraceError> {
        const LEAST: u64 = 10;
        let total = self.total as f64;
        let mean = self.sum as f64 / total;
        if self.total == 0 || mean <= 0.0 {
            return Ok(None);
        }
        let mut squares = 0.0;
        self.values.each(|value, count| {
            let apart = value as f64 - mean;
            squares += apart * apart * count as f64;
            ControlFlow::Continue(())
        })?;
        let variance = squares / total;
        let most = self.total.div_ceil(100);
        let (mut left, mut sum, mut logs) = (most, 0.0, 0.0);
        // The largest value that is not among them.
        let mut threshold = 0;
        self.values.each_back(|value, count| {
            let own = count.min(left);
            sum += value as f64 * own as f64;
            logs += own as f64 * math::ln(value.max(1) as f64);
            left -= own;
            if own < count {
                threshold = value;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        let excess = logs / most as f64 - math::ln(threshold.max(1) as f64);
        let is_known = most >= LEAST && threshold > 0 && excess > 1e-9;
        Ok(Some(Tail {
            squared_variation: variance / (mean * mean),
            largest_share: sum / self.sum as f64,
            index: is_known.then(|| 1.0 / excess),
        }))
    }

    /// Returns values with the share of all values that do not exceed them, ascending: about so many steps and ever
    /// smaller ones towards the end, among them the smallest and the largest value.
    ///
    /// # Errors
    /// A temporary file can't be read back.
    pub fn steps(&self, most: usize) -> Result<Vec<(i64, f64)>, TraceError> {
        let total = self.total as f64;
        let mut steps: Vec<(i64, f64)> = Vec::new();
        let (mut seen, mut next) = (0, 0.0);
        self.values.each(|value, count| {
            seen += count;
            let share = seen as f64 / total;
            if share >= next || seen == self.total {
                steps.push((value, share));
                next = share + (1.0 / most as f64).min(0.2 * (1.0 - share));
            }
            ControlFlow::Continue(())
        })?;
        Ok(steps)
    }

    /// Returns all quantiles; `None` without values.
    ///
    /// # Errors
    /// A temporary file can't be read back.
    pub fn quantiles(&self) -> Result<Option<Quantiles>, TraceError> {
        if self.total == 0 {
            return Ok(None);
        }
        // A quantile is the value at its rank, the first of which is 1.
        let rank = |percent: u64| {
            let rank = (u128::from(self.total) * u128::from(percent)).div_ceil(100);
            rank.max(1) as u64
        };
        let (mut min, mut max, mut seen) = (None, 0, 0);
        let mut found = [0; PERCENT.len()];
        let mut left = 0;
        self.values.each(|value, count| {
            min.get_or_insert(value);
            max = value;
            seen += count;
            while left < PERCENT.len() && seen >= rank(PERCENT[left]) {
                found[left] = value;
                left += 1;
            }
            ControlFlow::Continue(())
        })?;
        let [p10, p25, p50, p75, p90, p99] = found;
        Ok(Some(Quantiles {
            count: self.total,
            min: min.unwrap_or_default(),
            p10,
            p25,
            p50,
            p75,
            p90,
            p99,
            max,
            mean: self.sum as f64 / self.total as f64,
        }))
    }
}

impl Extend<i64> for Counted {
    fn extend<T: IntoIterator<Item = i64>>(&mut self, values: T) {
        for value in values {
            self.add(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tail_of(counted: Counted) -> Option<Tail> {
        { counted.finish() }
            .and_then(|all| all.tail())
            .expect("memory")
    }

    fn quantiles_of(counted: Counted) -> Option<Quantiles> {
        { counted.finish() }
            .and_then(|all| all.quantiles())
            .expect("memory")
    }

    /// What is known of values, a number of different ones of which are held in memory.
    fn known(values: &[i64], most_held: usize) -> impl PartialEq + std::fmt::Debug + use<> {
        let mut counted = Counted::holding(most_held);
        counted.extend(values.iter().copied());
        let all = counted.finish().expect("a temporary folder");
        (all.quantiles(), all.tail(), all.steps(5))
    }

    proptest! {
        #[test]
        fn values_sorted_on_disk_are_those_counted_in_memory(
            values in prop::collection::vec(0_i64..40, 0..300),
            most_held in 1_usize..9,
        ) {
            prop_assert_eq!(known(&values, most_held), known(&values, usize::MAX));
        }
    }

    #[test]
    fn tails_tell_power_laws_from_equal_values() {
        let mut equal = Counted::default();
        equal.extend([5; 2_000]);
        let tail = tail_of(equal).expect("positive");
        assert_eq!((tail.squared_variation, tail.index), (0.0, None));
        assert!((tail.largest_share - 0.01).abs() < 1e-12);
        // Quantiles of a power law with the exponent 1.5.
        let mut law = Counted::default();
        let places = (0..100_000).map(|place| (f64::from(place) + 0.5) / 1e5);
        law.extend(places.map(|p| (1e9 * math::pow(1.0 - p, -1.0 / 1.5)) as i64));
        let index = tail_of(law).expect("positive").index.expect("a tail");
        assert!((index - 1.5).abs() < 0.05, "{index}");
        assert_eq!(tail_of(Counted::default()), None);
    }

    #[test]
    fn steps_begin_with_the_smallest_and_end_with_the_largest_value() {
        let mut counted = Counted::default();
        counted.extend(1..=1_000);
        let all = counted.finish().expect("memory");
        let steps = all.steps(10).expect("memory");
        assert_eq!((steps[0], steps.last()), ((1, 0.001), Some(&(1_000, 1.0))));
        assert!((20..=40).contains(&steps.len()), "{steps:?}");
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        assert_eq!(quantiles_of(Counted::default()), None);
        let mut counted = Counted::default();
        counted.extend(1..=10);
        let quantiles = quantiles_of(counted).expect("ten values");
        assert_eq!((quantiles.p10, quantiles.p25, quantiles.p50), (1, 3, 5));
        assert_eq!((quantiles.p75, quantiles.p90, quantiles.p99), (8, 9, 10));
        assert_eq!((quantiles.min, quantiles.max, quantiles.count), (1, 10, 10));
        assert!((quantiles.mean - 5.5).abs() < 1e-12);
    }
}

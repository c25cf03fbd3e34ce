//! Exact quantiles of whole numbers, in memory that follows the number of different values.

use rng::math;
use units::SortedMap;

/// Counts of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    counts: SortedMap<i64, u64>,
    total: u64,
    sum: i128,
}

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
    /// Counts a value once.
    pub fn add(&mut self, value: i64) {
        *self.counts.entry(value).or_default() += 1;
        self.total += 1;
        self.sum += i128::from(value);
    }

    /// Number of different values.
    pub fn different(&self) -> usize {
        self.counts.len()
    }

    /// The smallest value that at least `percent` of all values don't exceed; `None` without any.
    pub fn at(&self, percent: u64) -> Option<i64> {
        let wanted = (u128::from(self.total) * u128::from(percent))
            .div_ceil(100)
            .max(1);
        let mut seen = 0;
        for (&value, &count) in &self.counts {
            seen += u128::from(count);
            if seen >= wanted {
                return Some(value);
            }
        }
        None
    }

    /// The tail; `None` where the mean is not above zero.
    pub fn tail(&self) -> Option<Tail> {
        const LEAST: u64 = 10;
        let total = self.total as f64;
        let mean = self.sum as f64 / total;
        if self.total == 0 || mean <= 0.0 {
            return None;
        }
        let squares = self.counts.iter().map(|(&value, &count)| {
            let apart = value as f64 - mean;
            apart * apart * count as f64
        });
        let variance = squares.sum::<f64>() / total;
        let most = self.total.div_ceil(100);
        let (mut left, mut sum, mut logs) = (most, 0.0, 0.0);
        // The largest value that is not among them.
        let mut threshold = 0;
        for (&value, &count) in self.counts.iter().rev() {
            let own = count.min(left);
            sum += value as f64 * own as f64;
            logs += own as f64 * math::ln(value.max(1) as f64);
            left -= own;
            if own < count {
                threshold = value;
                break;
            }
        }
        let excess = logs / most as f64 - math::ln(threshold.max(1) as f64);
        let is_known = most >= LEAST && threshold > 0 && excess > 1e-9;
        Some(Tail {
            squared_variation: variance / (mean * mean),
            largest_share: sum / self.sum as f64,
            index: is_known.then(|| 1.0 / excess),
        })
    }

    /// Values with the share of all values that do not exceed them, ascending: about so many steps and ever smaller
    /// ones towards the end, among them the smallest and the largest value.
    pub fn steps(&self, most: usize) -> Vec<(i64, f64)> {
        let total = self.total as f64;
        let mut steps: Vec<(i64, f64)> = Vec::new();
        let (mut seen, mut next) = (0, 0.0);
        let last = self.counts.last_key_value().map(|(value, _)| *value);
        for (&value, &count) in &self.counts {
            seen += count;
            let share = seen as f64 / total;
            if share >= next || Some(value) == last {
                steps.push((value, share));
                next = share + (1.0 / most as f64).min(0.2 * (1.0 - share));
            }
        }
        steps
    }

    /// All quantiles; `None` without values.
    pub fn quantiles(&self) -> Option<Quantiles> {
        Some(Quantiles {
            count: self.total,
            min: *self.counts.first_key_value()?.0,
            p10: self.at(10)?,
            p25: self.at(25)?,
            p50: self.at(50)?,
            p75: self.at(75)?,
            p90: self.at(90)?,
            p99: self.at(99)?,
            max: *self.counts.last_key_value()?.0,
            mean: self.sum as f64 / self.total as f64,
        })
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
    use super::*;

    #[test]
    fn tails_tell_power_laws_from_equal_values() {
        let mut equal = Counted::default();
        equal.extend([5; 2_000]);
        let tail = equal.tail().expect("positive");
        assert_eq!((tail.squared_variation, tail.index), (0.0, None));
        assert!((tail.largest_share - 0.01).abs() < 1e-12);
        // Quantiles of a power law with the exponent 1.5.
        let mut law = Counted::default();
        let places = (0..100_000).map(|place| (f64::from(place) + 0.5) / 1e5);
        law.extend(places.map(|p| (1e9 * math::pow(1.0 - p, -1.0 / 1.5)) as i64));
        let index = law.tail().expect("positive").index.expect("a tail");
        assert!((index - 1.5).abs() < 0.05, "{index}");
        assert_eq!(Counted::default().tail(), None);
    }

    #[test]
    fn steps_begin_with_the_smallest_and_end_with_the_largest_value() {
        let mut counted = Counted::default();
        counted.extend(1..=1_000);
        let steps = counted.steps(10);
        assert_eq!((steps[0], steps.last()), ((1, 0.001), Some(&(1_000, 1.0))));
        assert!((20..=40).contains(&steps.len()), "{steps:?}");
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let mut counted = Counted::default();
        assert_eq!(counted.quantiles(), None);
        counted.extend(1..=10);
        let quantiles = counted.quantiles().expect("ten values");
        assert_eq!((quantiles.p10, quantiles.p25, quantiles.p50), (1, 3, 5));
        assert_eq!((quantiles.p75, quantiles.p90, quantiles.p99), (8, 9, 10));
        assert_eq!((quantiles.min, quantiles.max, quantiles.count), (1, 10, 10));
        assert!((quantiles.mean - 5.5).abs() < 1e-12);
    }
}

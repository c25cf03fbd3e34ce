//! Exact quantiles of whole numbers, in memory that follows the number of different values.

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

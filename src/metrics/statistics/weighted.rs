//! Percentiles weighted by time (metrics.md 5.5): the smallest value that held, or anything below
//! it, for at least the asked share of the time (inverse of the weighted distribution, type 1).

use crate::statistics::samples::{EXACT_DISTINCT, Percentile, bucket_middle};
use units::SortedMap;

/// Values below this have a place of their own.
const DENSE: u64 = 1 << 12;

/// Counts, weighted by the time for which each held.
#[derive(Clone, Debug, Default)]
pub struct WeightedCounts {
    dense: Vec<i128>,
    sparse: SortedMap<i64, i128>,
    total: i128,
    most: u64,
    approx: bool,
}

impl WeightedCounts {
    /// A value held for so many nanoseconds.
    #[inline]
    pub fn add(&mut self, value: u64, nanos: i64) {
        let weight = i128::from(nanos);
        self.total += weight;
        self.most = self.most.max(value);
        if value < DENSE {
            let index = value as usize;
            if self.dense.len() <= index {
                self.dense.resize(index + 1, 0);
            }
            self.dense[index] += weight;
        } else {
            self.add_sparse(value, weight);
        }
    }

    fn add_sparse(&mut self, value: u64, weight: i128) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        let key = if self.approx {
            bucket_middle(value)
        } else {
            value
        };
        *self.sparse.entry(key).or_default() += weight;
        if !self.approx && self.sparse.len() > EXACT_DISTINCT {
            self.approx = true;
            for (value, weight) in std::mem::take(&mut self.sparse) {
                *self.sparse.entry(bucket_middle(value)).or_default() += weight;
            }
        }
    }

    /// The smallest value that, with all below it, held for at least a share of the time; `None`
    /// if nothing held for a time.
    pub fn percentile(&self, percentile: Percentile) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let needed = self.total * i128::from(percentile.per_mille);
        let mut passed = 0;
        let dense = (0_u64..)
            .zip(&self.dense)
            .map(|(value, &held)| (value, held));
        let sparse = self
            .sparse
            .iter()
            .map(|(&value, &held)| (value as u64, held));
        dense
            .chain(sparse)
            .find(|&(_, held)| {
                passed += held * 1_000;
                held > 0 && passed >= needed
            })
            .map(|(value, _)| value.min(self.most))
    }

    /// The largest value that held for a time.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// Whether values stand for buckets.
    pub fn is_approx(&self) -> bool {
        self.approx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_first_value_that_reaches_the_share() {
        for (held, percentile, expected) in [
            (&[][..], Percentile::P99, None),
            (&[(7, 1)], Percentile::P50, Some(7)),
            (&[(0, 50), (3, 50)], Percentile::P50, Some(0)),
            (&[(0, 49), (3, 51)], Percentile::P50, Some(3)),
            (&[(9_000, 1), (1, 98), (2, 1)], Percentile::P99, Some(2)),
            (&[(9_000, 2), (1, 98)], Percentile::P99, Some(9_000)),
            (&[(0, 99), (1 << 40, 2)], Percentile::P99, Some(1 << 40)),
        ] {
            let mut weighted = WeightedCounts::default();
            for &(value, nanos) in held {
                weighted.add(value, nanos);
            }
            assert_eq!(weighted.percentile(percentile), expected, "{held:?}");
        }
    }

    #[test]
    fn beyond_a_million_values_they_are_kept_in_buckets() {
        let mut weighted = WeightedCounts::default();
        for value in 0..2 * EXACT_DISTINCT as u64 {
            weighted.add(value * 1_000, 1);
        }
        assert!(weighted.is_approx() && weighted.sparse.len() < 10_000);
        let found = weighted.percentile(Percentile::P50).expect("values") as f64;
        let exact = EXACT_DISTINCT as f64 * 1_000.0;
        assert!((found / exact - 1.0).abs() < 0.01, "{found}");
        assert_eq!(weighted.most(), 2_000_000_000 - 1_000);
    }
}

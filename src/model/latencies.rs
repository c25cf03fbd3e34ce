//! Latencies of requests over stretches: the reports to clients, added up.

use super::traffic::LatencyProfile;
use units::SortedMap;

/// Latencies of requests: profiles with counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    counts: SortedMap<u32, u64>,
}

/// Latencies in ascending order with their weights.
#[derive(Clone, Debug, Default)]
pub struct SortedLatencies {
    points: Vec<(i64, f64)>,
    total: f64,
}

impl Latencies {
    /// Adds requests.
    pub fn add(&mut self, own: &[(u32, u64)]) {
        for &(profile, count) in own {
            *self.counts.entry(profile).or_default() += count;
        }
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        for (&profile, &count) in &other.counts {
            *self.counts.entry(profile).or_default() += count;
        }
    }

    /// Number of requests.
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// All latencies in order. `profiles` is what the numbers stand for.
    pub fn sorted(&self, profiles: &[LatencyProfile]) -> SortedLatencies {
        let mut points: Vec<(i64, f64)> = Vec::new();
        for (&profile, &count) in &self.counts {
            let Some(own) = profiles.get(profile as usize) else {
                continue;
            };
            let weighed = own.points.iter();
            points.extend(weighed.map(|&(value, part)| (value, part * count as f64)));
        }
        points.sort_by_key(|point| point.0);
        let total = points.iter().map(|(_, weight)| weight).sum();
        SortedLatencies { points, total }
    }
}

impl SortedLatencies {
    /// The smallest latency that so many of a thousand are within, in nanoseconds (metrics.md 5.5,
    /// by weight); `None` of nothing.
    pub fn percentile(&self, per_mille: u32) -> Option<i64> {
        let goal = self.total * f64::from(per_mille) / 1000.0;
        let mut passed = 0.0;
        for &(value, weight) in &self.points {
            passed += weight;
            // A hair less than all counts as all: weights are sums of fractions.
            if passed >= goal * (1.0 - 1e-12) {
                return Some(value);
            }
        }
        self.points.last().map(|(value, _)| *value)
    }

    /// The mean in nanoseconds.
    pub fn mean(&self) -> Option<f64> {
        let sum: f64 = self
            .points
            .iter()
            .map(|&(value, weight)| value as f64 * weight)
            .sum();
        (self.total > 0.0).then(|| sum / self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        // The worked example of orchestrators-a.md 9.5.
        let values = [12, 7, 3, 9, 15, 22, 8, 5, 11, 40];
        let profiles: Vec<LatencyProfile> = (values.iter())
            .map(|&value| LatencyProfile {
                points: [(value, 1.0)].into(),
            })
            .collect();
        let mut own = Latencies::default();
        own.add(&(0..10).map(|profile| (profile, 1)).collect::<Vec<_>>());
        let sorted = own.sorted(&profiles);
        let found = [500, 900, 950].map(|per_mille| sorted.percentile(per_mille));
        assert_eq!(found, [Some(9), Some(22), Some(40)]);
    }
}

//! The saturation test, before any mean that stands for a steady state (metrics.md 5.6): whether the
//! backlog grows, by the Theil–Sen slope with a bootstrap interval, while demand is at or above
//! capacity. Then there is no steady state: such means have no value in a window that asks for
//! one, and the rate of growth is reported instead.

use rng::{Stream, math};

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::{ClusterState, Resource};
use crate::record::tables::{NoSteadyState, Tables};
use crate::statistics::bins::Bins;
use crate::statistics::span::Span;
use crate::values::{Direction, Range, Statistic, Values};

const UNSTABLE: Statistic = Statistic::amount("unstable", "bool", Direction::Lower);
const BACKLOG_GROWTH: Statistic = growth("backlog_growth");
const BACKLOG_GROWTH_LOW: Statistic = growth("backlog_growth.low");
const BACKLOG_GROWTH_HIGH: Statistic = growth("backlog_growth.high");

/// `saturation.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "saturation",
    title: Title::new("saturation"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Whether the backlog grows because demand exceeds capacity: 1 is unstable.",
    statistics: &[
        UNSTABLE,
        BACKLOG_GROWTH,
        BACKLOG_GROWTH_LOW,
        BACKLOG_GROWTH_HIGH,
    ],
    formula: "backlog_growth: Theil-Sen slope (median of the slopes between all pairs) of the means \
              of pending pods over 24 to 48 equal parts of the window; low, high: its 95 % interval, \
              199 bootstrap samples of the parts; unstable: low > 0 and `demand` of some resource \
              at least 1",
    denominators: "none: a slope",
    census: "pods created and not bound, whenever submitted",
    censoring: "none: a state, not a duration",
    source: "metrics.md 5.6, saturation test",
    construct: |_| Box::new(Saturation::default()),
};

/// A slope, which is negative where the backlog shrinks.
const fn growth(name: &'static str) -> Statistic {
    Statistic::amount(name, "pods/h", Direction::Lower).within(Range::ANY)
}

/// Parts of the window at most; at least half as many once it is a minute long.
const PARTS: usize = 48;

/// Parts below which nothing is said.
const LEAST_PARTS: usize = 8;

/// Bootstrap samples; the interval is from the 5th to the 195th.
const SAMPLES: u64 = 199;
const LOW: usize = 4;
const HIGH: usize = 194;

#[derive(Clone, Debug)]
struct Saturation {
    backlog: Bins,
}

impl Default for Saturation {
    fn default() -> Self {
        Self {
            backlog: Bins::new(PARTS),
        }
    }
}

/// Result of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Verdict {
    /// Pods an hour, with its interval.
    growth: [f64; 3],
    /// The largest demand ratio, with its resource.
    demand: Option<(f64, &'static str)>,
}

impl Verdict {
    fn is_unstable(&self) -> bool {
        self.growth[1] > 0.0 && self.demand.is_some_and(|(ratio, _)| ratio >= 1.0)
    }
}

impl Saturation {
    fn verdict(&self, end: &RunEnd<'_>) -> Option<Verdict> {
        let means = self.backlog.means();
        if means.len() < LEAST_PARTS {
            return None;
        }
        let per_hour = 3.6e12 / self.backlog.width_nanos() as f64;
        Some(Verdict {
            growth: slope_with_interval(&means).map(|slope| slope * per_hour),
            demand: largest_demand(end),
        })
    }
}

/// The largest demand ratio, with its resource.
fn largest_demand(end: &RunEnd<'_>) -> Option<(f64, &'static str)> {
    let areas = &end.state.areas;
    let demand = Resource::ALL.into_iter().filter_map(|resource| {
        let demand = areas.demand(resource);
        let ratio = demand.ratio(&areas.capacity(resource), "capacity");
        ratio.ok().map(|ratio| (ratio, resource.name()))
    });
    demand.max_by(|a, b| a.0.total_cmp(&b.0))
}

/// The Theil–Sen slope per step of equally spaced values, and its 95 % interval.
fn slope_with_interval(values: &[f64]) -> [f64; 3] {
    let all: Vec<usize> = (0..values.len()).collect();
    let mut slopes = Vec::with_capacity(values.len() * values.len() / 2);
    let slope = theil_sen(values, &all, &mut slopes);
    let pairs = sorted_pairs(values);
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|sample| {
            let mut stream = Stream::new(0, "saturation-bootstrap", sample);
            let count = values.len() as u64;
            let drawn: Vec<usize> = (0..count).map(|_| stream.below(count) as usize).collect();
            resampled(&pairs, &drawn).unwrap_or_else(|| theil_sen(values, &drawn, &mut slopes))
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    [slope, samples[LOW], samples[HIGH]]
}

/// The slopes between all pairs of points with their points, in ascending order.
fn sorted_pairs(values: &[f64]) -> Vec<(f64, usize, usize)> {
    let mut pairs = Vec::with_capacity(values.len() * values.len() / 2);
    for a in 0..values.len() {
        for b in 0..a {
            pairs.push(((values[a] - values[b]) / (a - b) as f64, a, b));
        }
    }
    pairs.sort_unstable_by(|x, y| x.0.total_cmp(&y.0));
    pairs
}

/// Result of [`theil_sen`] for points drawn with repetition, without sorting the slopes again: a
/// slope counts as often as its points were drawn. `None` where that is a zero, whose sign depends
/// on the order of the points, or without a pair.
fn resampled(pairs: &[(f64, usize, usize)], drawn: &[usize]) -> Option<f64> {
    let mut times = [0_usize; PARTS];
    for &point in drawn {
        times[point] += 1;
    }
    // All pairs less those of a point with itself.
    let alone: usize = times.iter().map(|&times| times * times).sum();
    let count = (drawn.len() * drawn.len() - alone) / 2;
    let middle = count / 2;
    let (mut passed, mut lower) = (0, None);
    for &(slope, a, b) in pairs {
        let here = times[a] * times[b];
        if here == 0 {
            continue;
        }
        passed += here;
        if passed >= middle && lower.is_none() {
            lower = Some(slope);
        }
        if passed > middle {
            let lower = lower.filter(|_| count.is_multiple_of(2) && middle > 0);
            let median = lower.map_or(slope, |lower| f64::midpoint(lower, slope));
            return (slope != 0.0 && lower != Some(0.0)).then_some(median);
        }
    }
    None
}

/// The median of the slopes between all pairs of the drawn points; 0 without a pair.
fn theil_sen(values: &[f64], drawn: &[usize], slopes: &mut Vec<f64>) -> f64 {
    slopes.clear();
    for (position, &a) in drawn.iter().enumerate() {
        for &b in &drawn[..position] {
            if a != b {
                let run = a as f64 - b as f64;
                slopes.push((values[a] - values[b]) / run);
            }
        }
    }
    if slopes.is_empty() {
        return 0.0;
    }
    let middle = slopes.len() / 2;
    let is_even = slopes.len().is_multiple_of(2);
    let (below, &mut upper, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
    match below.iter().copied().max_by(f64::total_cmp) {
        Some(lower) if is_even => f64::midpoint(lower, upper),
        _ => upper,
    }
}

impl Collector for Saturation {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Spans]
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        self.backlog.add(i128::from(state.pending), span);
    }

    fn tables(&self, end: &RunEnd<'_>, tables: &mut Tables) {
        // The demand is known at once; the interval of the growth takes a bootstrap.
        let verdict = largest_demand(end)
            .filter(|&(ratio, _)| ratio >= 1.0)
            .and_then(|_| self.verdict(end))
            .filter(Verdict::is_unstable);
        let Some((verdict, (ratio, resource))) =
            verdict.and_then(|verdict| Some((verdict, verdict.demand?)))
        else {
            return;
        };
        let [growth, low, high] = verdict.growth;
        tables.put(NoSteadyState(format!(
            "unstable: the backlog grows by {} pods/h (95 % interval {} to {}) at a demand of {} \
             times the {resource} capacity; there is no steady state",
            rounded(growth),
            rounded(low),
            rounded(high),
            rounded(ratio)
        )));
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let Some(verdict) = self.verdict(end) else {
            values.put_undefined("the measured window is too short to tell");
            return;
        };
        let unstable = f64::from(u8::from(verdict.is_unstable()));
        let [growth, low, high] = verdict.growth;
        values.put(UNSTABLE, Ok(unstable));
        values.put(BACKLOG_GROWTH, Ok(growth));
        values.put(BACKLOG_GROWTH_LOW, Ok(low));
        values.put(BACKLOG_GROWTH_HIGH, Ok(high));
    }
}

/// Three decimals are enough in words.
fn rounded(value: f64) -> f64 {
    math::round_half_even(value * 1_000.0) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slopes_are_medians_and_outliers_do_not_move_them() {
        let check = |values: &[f64], expected: f64| {
            let all: Vec<usize> = (0..values.len()).collect();
            let found = theil_sen(values, &all, &mut Vec::new());
            assert!((found - expected).abs() < 1e-12, "{values:?}: {found}");
        };
        check(&[], 0.0);
        check(&[5.0], 0.0);
        check(&[1.0, 3.0], 2.0);
        check(&[0.0, 1.0, 2.0, 3.0, 90.0], 1.0);
        // Slopes 0, 1, 0.5: the middle one.
        check(&[0.0, 0.0, 1.0], 0.5);
        // Six slopes 0, 1/2, 2/3, 1, 1, 1: between the third and the fourth.
        check(&[0.0, 0.0, 1.0, 2.0], 5.0 / 6.0);
        // Six slopes 1, 0, -1, -1, -2, -3: between the third and the fourth.
        check(&[0.0, 1.0, 0.0, -3.0], -1.0);
    }

    proptest! {
        #[test]
        fn resampling_equals_sorting_anew(
            values in prop::collection::vec(-4_i32..9, 2..PARTS),
            draws in prop::collection::vec(any::<prop::sample::Index>(), 0..PARTS),
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let drawn: Vec<usize> = draws.iter().map(|draw| draw.index(values.len())).collect();
            let plain = theil_sen(&values, &drawn, &mut Vec::new());
            if let Some(found) = resampled(&sorted_pairs(&values), &drawn) {
                prop_assert_eq!(found.to_bits(), plain.to_bits());
            }
        }
    }

    #[test]
    fn the_interval_tells_growth_from_none() {
        let growing: Vec<f64> = (0..40)
            .map(|n| f64::from(n) + f64::from(n * 7 % 5))
            .collect();
        let [slope, low, high] = slope_with_interval(&growing);
        assert!(low > 0.9 && low <= slope && slope <= high && high < 1.1);
        let flat: Vec<f64> = (0..40).map(|n| f64::from(n * 7 % 5)).collect();
        let [_, low, high] = slope_with_interval(&flat);
        assert!(low <= 0.0 && high >= 0.0);
    }
}

//! Balance: how evenly the nodes are filled (metrics.md 5.1): coefficient of variation, largest over
//! mean, and Gini coefficient of the allocation ratios of the nodes that are up, weighted by time.
//!
//! Ratios rather than amounts, so that nodes of different sizes compare. They are kept in
//! thousand-millionths as integers, and everything that is asked of them is kept up to date with
//! each node that changes ([`crate::statistics::spread`]).

use rng::math;

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::{NodeChange, NodeRow, RESOURCES, Resource};
use crate::statistics::integral::{Integral, float, nearest, product};
use crate::statistics::spread::Spread;
use crate::values::{Direction, Range, Statistic, Values, of_each};

/// The statistics of each resource.
const EACH: [Statistic; 3] = [
    Statistic::ratio("cv", Direction::None).within(Range::FROM_ZERO),
    Statistic::ratio("max_over_mean", Direction::None).within(Range::FROM_ZERO),
    Statistic::ratio("gini", Direction::None),
];

/// `balance.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "balance",
    title: Title::new("balance"),
    group: Group::Capacity.at(70),
    short_lists: &[],
    series: &[],
    summary: "Imbalance of allocation between nodes; 0 is even (max_over_mean: 1 is even). \
              Packing raises it on purpose.",
    statistics: &of_each::<3, 3, 9>(["cpu", "memory", "gpu"], EACH),
    formula: "of a(n) = allocated(n, r) / C(n, r): cv = standard deviation / mean; max_over_mean = \
              max / mean; gini = sum of |a(i) - a(j)| over all pairs i < j, over nodes x sum of a; \
              each as a mean over time",
    denominators: "the time in the measured window in which any pod reserves the resource on a node \
                   that is up",
    census: "nodes that are up and have the resource",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, balance",
    construct: |_| Box::new(Balance::default()),
};

/// One in the integers that ratios are kept in.
const ONE: i128 = ONE_WORD as i128;
const ONE_WORD: i64 = 1_000_000_000;

/// Marker for no ratio: every ratio is above it.
const NO_RATIO: i64 = i64::MIN;

/// The resources that balance is taken of.
const TAKEN: [Resource; 3] = [Resource::Cpu, Resource::Memory, Resource::Gpu];

#[derive(Clone, Debug, Default)]
struct Balance {
    by_resource: [Ratios; 3],
    /// The allocation ratios of each node; [`NO_RATIO`] of one that has none.
    by_node: Vec<[i64; 3]>,
}

/// The ratios of all nodes, and what they came to up to a reading of the clock.
#[derive(Clone, Debug, Default)]
struct Ratios {
    spread: Spread,
    since: i64,
    /// Of `cv`, `max_over_mean` and `gini`.
    area: [Integral; 3],
    nanos: i64,
}

impl Ratios {
    fn measures(&self) -> [i128; 3] {
        let count = self.spread.count() as f64;
        let sum = float(self.spread.sum());
        let variance = float(self.spread.squares()) * count - sum * sum;
        let cv = math::sqrt(variance.max(0.0)) / sum;
        let max = self.spread.max().unwrap_or(0) as f64 * count / sum;
        let gini = float(self.spread.differences()) / (count * sum);
        let one = ONE as f64;
        [nearest(cv * one), nearest(max * one), nearest(gini * one)]
    }

    /// The present ratios held up to a reading of the clock.
    #[inline]
    fn settle(&mut self, clock: i64) {
        let nanos = clock - self.since;
        self.since = clock;
        if nanos == 0 || self.spread.sum() == 0 {
            return;
        }
        let measures = self.measures();
        for (area, measure) in self.area.iter_mut().zip(measures) {
            area.add(measure, nanos);
        }
        self.nanos += nanos;
    }
}

/// The allocation ratio of a node in thousand-millionths, rounded half up; `None` if it has none.
fn ratio(row: &NodeRow, resource: Resource) -> Option<i64> {
    let index = resource as usize;
    let (allocated, capacity) = (row.allocated[index], row.allocatable[index]);
    (row.up && capacity > 0).then(|| parts(allocated, capacity))
}

/// `allocated / capacity` in thousand-millionths, rounded half up.
fn parts(allocated: i64, capacity: i64) -> i64 {
    if !(0..=capacity).contains(&allocated) || capacity > i64::MAX / 2 {
        return exact_parts(allocated, capacity);
    }
    // A floating-point quotient is off by one at most here; the product tells in which direction.
    // That is much cheaper than a division in 128 bits.
    let near = (allocated as f64 / capacity as f64 * 1e9 + 0.5) as i64;
    let rest =
        product(2 * ONE_WORD, allocated) + i128::from(capacity) - product(2 * capacity, near);
    if rest < 0 {
        near - 1
    } else if rest >= i128::from(2 * capacity) {
        near + 1
    } else {
        near
    }
}

fn exact_parts(allocated: i64, capacity: i64) -> i64 {
    let (allocated, capacity) = (i128::from(allocated), i128::from(capacity));
    ((2 * ONE * allocated + capacity) / (2 * capacity)) as i64
}

impl Collector for Balance {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Nodes]
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        let rows = change.rows();
        if self.by_node.len() < rows {
            self.by_node.resize(rows, [NO_RATIO; 3]);
        }
        let before = self.by_node[change.node().index()];
        let mut now = [NO_RATIO; TAKEN.len()];
        let times = change.nodes.len() as u64;
        for (index, ratios) in self.by_resource.iter_mut().enumerate() {
            let before = before[index];
            now[index] = ratio(change.now, TAKEN[index]).unwrap_or(NO_RATIO);
            let now = now[index];
            if before == now {
                continue;
            }
            ratios.settle(change.clock);
            let spread = &mut ratios.spread;
            match (before, now) {
                (NO_RATIO, now) => spread.insert_many(now, times),
                (before, NO_RATIO) => spread.remove_many(before, times),
                (before, now) => spread.replace_many(before, now, times),
            }
        }
        for node in change.nodes {
            self.by_node[node.index()] = now;
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        for (resource, mut ratios) in TAKEN.into_iter().zip(self.by_resource.clone()) {
            ratios.settle(end.clock());
            let name = resource.name();
            for (statistic, area) in EACH.into_iter().zip(&ratios.area) {
                let value = match ratios.nanos {
                    0 => Err(format!("0/0: no pod reserved {name} on a node that was up")),
                    nanos => area.mean(nanos).map(|mean| mean / ONE as f64),
                };
                values.put(statistic.of(name), value);
            }
        }
    }
}

const _: () = assert!(TAKEN.len() < RESOURCES, "pod slots are not balanced");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ratios_equal_the_exact_quotient(
            capacity in 1_i64..=i64::MAX / 2,
            shift in 0_u32..62,
            share in 0_i64..=1_000_000,
            apart in -2_i64..3,
        ) {
            let capacity = (capacity >> shift).max(1);
            // Around every millionth, where halves round up, and just beyond both ends.
            let near = i128::from(capacity) * i128::from(share) / 1_000_000;
            let allocated = near as i64 + apart;
            prop_assert_eq!(parts(allocated, capacity), exact_parts(allocated, capacity));
        }
    }
}

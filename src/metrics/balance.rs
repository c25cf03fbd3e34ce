//! Balance: how evenly the nodes are filled (metrics.md 5.1): coefficient of variation, largest over
//! mean, and Gini coefficient of the allocation ratios of the nodes that are up, weighted by time.
//!
//! Ratios rather than amounts, so that nodes of different sizes compare. They are kept in
//! thousand-millionths as integers, and everything that is asked of them is kept up to date with
//! each node that changes ([`super::spread`]).

use crate::rng::math;

use super::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use super::integral::Integral;
use super::registry::{Direction, MetricEntry, Statistic};
use super::spread::Spread;
use super::state::{ClusterState, NodeChange, NodeRow, RESOURCES, Resource};

/// `balance.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "balance",
    summary: "How unevenly the nodes are filled; 0 is even (max_over_mean: 1 is even). Packing \
              raises it on purpose.",
    statistics: &[
        Statistic::ratio("cpu.cv", Direction::None),
        Statistic::ratio("cpu.max_over_mean", Direction::None),
        Statistic::ratio("cpu.gini", Direction::None),
        Statistic::ratio("memory.cv", Direction::None),
        Statistic::ratio("memory.max_over_mean", Direction::None),
        Statistic::ratio("memory.gini", Direction::None),
        Statistic::ratio("gpu.cv", Direction::None),
        Statistic::ratio("gpu.max_over_mean", Direction::None),
        Statistic::ratio("gpu.gini", Direction::None),
    ],
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
const ONE: i128 = 1_000_000_000;

/// The resources that balance is taken of.
const TAKEN: [Resource; 3] = [Resource::Cpu, Resource::Memory, Resource::Gpu];

#[derive(Clone, Debug, Default)]
struct Balance {
    by_resource: [Ratios; 3],
}

#[derive(Clone, Debug, Default)]
struct Ratios {
    spread: Spread,
    /// `cv`, `max_over_mean` and `gini` of the present values, unless they changed since.
    now: Option<[i128; 3]>,
    area: [Integral; 3],
    nanos: i64,
}

impl Ratios {
    fn measures(&self) -> [i128; 3] {
        let count = self.spread.count() as f64;
        let sum = self.spread.sum() as f64;
        let variance = self.spread.squares() as f64 * count - sum * sum;
        let cv = math::sqrt(variance.max(0.0)) / sum;
        let max = self.spread.max().unwrap_or(0) as f64 * count / sum;
        let gini = self.spread.differences() as f64 / (count * sum);
        [cv, max, gini].map(|measure| math::round_half_even(measure * ONE as f64) as i128)
    }

    fn held(&mut self, nanos: i64) {
        if self.spread.sum() == 0 {
            return;
        }
        let now = match self.now {
            Some(now) => now,
            None => *self.now.insert(self.measures()),
        };
        for (area, measure) in self.area.iter_mut().zip(now) {
            area.add(measure, nanos);
        }
        self.nanos += nanos;
    }
}

/// The allocation ratio of a node in thousand-millionths, rounded half up; `None` if it has none.
fn ratio(row: &NodeRow, resource: Resource) -> Option<i64> {
    let index = resource as usize;
    let (allocated, capacity) = (row.allocated[index], row.allocatable[index]);
    (row.up && capacity > 0).then(|| {
        let (allocated, capacity) = (i128::from(allocated), i128::from(capacity));
        ((2 * ONE * allocated + capacity) / (2 * capacity)) as i64
    })
}

impl Collector for Balance {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Nodes, Heard::Spans]
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        for (resource, ratios) in TAKEN.into_iter().zip(&mut self.by_resource) {
            let before = ratio(change.before, resource);
            let now = ratio(change.now, resource);
            if before == now {
                continue;
            }
            if let Some(before) = before {
                ratios.spread.remove(before);
            }
            if let Some(now) = now {
                ratios.spread.insert(now);
            }
            ratios.now = None;
        }
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        for ratios in &mut self.by_resource {
            ratios.held(span.nanos());
        }
    }

    fn finish(&self, _end: &RunEnd<'_>) -> Vec<MetricValue> {
        let mut values = Vec::new();
        for (resource, ratios) in TAKEN.into_iter().zip(&self.by_resource) {
            let name = resource.name();
            for (statistic, area) in ["cv", "max_over_mean", "gini"].iter().zip(&ratios.area) {
                let id = format!("balance.{name}.{statistic}");
                let value = match ratios.nanos {
                    0 => Err(format!("0/0: no pod reserved {name} on a node that was up")),
                    nanos => area.mean(nanos).map(|mean| mean / ONE as f64),
                };
                values.push(MetricValue::new(id, value));
            }
        }
        values
    }
}

const _: () = assert!(TAKEN.len() < RESOURCES, "pod slots are not balanced");

//! Fit count and hole filling: how many pods of a unit the cluster still has room for on its nodes,
//! and how many it would have if what is free lay together (metrics.md 5.1).

use crate::cluster::GpuColumns;
use crate::model::gpu::DEVICE_MILLI;

use super::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use super::integral::Integral;
use super::mix::{MixShape, fit_count};
use super::recorder::Setup;
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{Amounts, ClusterState, NodeChange, RESOURCES, Row};

/// `fit_count.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "fit_count",
    summary: "How many more pods of a unit fit on the nodes as they are, and the share of those that \
              would fit if all free capacity lay together.",
    statistics: &[
        count("core_4gib.mean"),
        count("core_4gib.end"),
        Statistic::ratio("core_4gib.ratio", Direction::Higher),
        count("typical.mean"),
        count("typical.end"),
        Statistic::ratio("typical.ratio", Direction::Higher),
        count("largest.mean"),
        count("largest.end"),
        Statistic::ratio("largest.ratio", Direction::Higher),
        count("whole_gpu.mean"),
        count("whole_gpu.end"),
        Statistic::ratio("whole_gpu.ratio", Direction::Higher),
    ],
    formula: "mean: integral of sum over nodes of min over r of floor(free(n, r) / U(r)) dt, over \
              W1 - W0; ratio: that integral over the integral of min over r of floor(sum of \
              free(n, r) / U(r)); units U: one core and 4 GiB; the workload's most frequent shape \
              (typical); its shape with the most cpu, then memory (largest); one whole GPU device",
    denominators: "length of the measured window (counts); what would fit if free capacity lay \
                   together (ratios)",
    census: "nodes that take new pods; fit by cpu, memory, pod slots and GPU devices alone",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, hole filling / fit count",
    construct: |setup| Box::new(FitCount::new(setup)),
};

const fn count(name: &'static str) -> Statistic {
    Statistic::amount(name, "pods", Direction::Higher).noise(0.01)
}

/// Names of the units, in the order of the statistics.
const UNITS: [&str; 4] = ["core_4gib", "typical", "largest", "whole_gpu"];

#[derive(Clone, Debug)]
struct FitCount {
    units: [Option<Unit>; 4],
    free: Amounts,
}

/// A unit that pods are counted in.
#[derive(Clone, Debug)]
struct Unit {
    requests: Row,
    gpu: GpuColumns,
    by_node: Vec<i64>,
    fitting: i128,
    together: i128,
    fitting_area: Integral,
    together_area: Integral,
    last: i128,
}

impl Unit {
    fn new(requests: Row, gpu: GpuColumns) -> Self {
        Self {
            requests,
            gpu,
            by_node: Vec::new(),
            fitting: 0,
            together: 0,
            fitting_area: Integral::default(),
            together_area: Integral::default(),
            last: 0,
        }
    }

    fn of_shape(shape: Option<&MixShape>) -> Option<Self> {
        shape.map(|shape| Self::new(shape.requests, shape.gpu))
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        let index = change.node.index();
        if self.by_node.len() <= index {
            self.by_node.resize(index + 1, 0);
        }
        let shape = (&self.requests, self.gpu);
        let now = fit_count(change.node, change.now, shape, change.store);
        let before = std::mem::replace(&mut self.by_node[index], now);
        self.fitting += i128::from(now) - i128::from(before);
    }

    /// How many would fit if everything free lay together.
    fn gather(&mut self, free: &Amounts) {
        let mut together = i128::MAX;
        for index in 0..RESOURCES {
            let unit = self.requests[index];
            if unit > 0 {
                // Division of machine words is several times cheaper.
                let fit = match i64::try_from(free.0[index]) {
                    Ok(free) => i128::from(free / unit),
                    Err(_) => free.0[index] / i128::from(unit),
                };
                together = together.min(fit);
            }
        }
        self.together = together;
    }
}

impl FitCount {
    fn new(setup: &Setup) -> Self {
        let none = GpuColumns::default();
        let device = GpuColumns {
            devices: 1,
            milli_per_device: DEVICE_MILLI,
            models: u64::MAX,
        };
        let mix = setup.mix.as_deref();
        Self {
            units: [
                Some(Unit::new([1_000, 4 << 30, 0, 1], none)),
                Unit::of_shape(mix.and_then(|mix| mix.shapes.first())),
                Unit::of_shape(mix.and_then(|mix| mix.largest.as_ref())),
                Some(Unit::new([0, 0, i64::from(DEVICE_MILLI), 1], device)),
            ],
            free: Amounts::default(),
        }
    }
}

impl Collector for FitCount {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Nodes, Heard::Spans]
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        self.free.add(&change.before.room(), -1);
        self.free.add(&change.now.room(), 1);
        for unit in self.units.iter_mut().flatten() {
            unit.node(change);
            unit.gather(&self.free);
        }
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        for unit in self.units.iter_mut().flatten() {
            unit.fitting_area.add(unit.fitting, nanos);
            unit.together_area.add(unit.together, nanos);
            unit.last = unit.fitting;
        }
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let mut values = Vec::new();
        for (name, unit) in UNITS.into_iter().zip(&self.units) {
            let found = match unit {
                Some(unit) => {
                    let clipped = end.window.to < end.at;
                    let last = if clipped { unit.last } else { unit.fitting };
                    let under = "what would fit together";
                    [
                        unit.fitting_area.mean(end.window_nanos()),
                        Ok(last as f64),
                        unit.fitting_area.ratio(&unit.together_area, under),
                    ]
                }
                None => {
                    [(); 3].map(|()| Err("the shapes of the workload are not known".to_owned()))
                }
            };
            for (statistic, value) in ["mean", "end", "ratio"].into_iter().zip(found) {
                values.push(MetricValue::new(
                    format!("fit_count.{name}.{statistic}"),
                    value,
                ));
            }
        }
        values
    }
}

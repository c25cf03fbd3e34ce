//! Fit count and hole filling: how many pods of a unit the cluster still has room for on its nodes,
//! and how many it would have if what is free lay together (metrics.md 5.1).

use cluster::GpuColumns;
use model::gpu::DEVICE_MILLI;

use crate::families::packing::fitting::FitShape;
use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::setup::Setup;
use crate::record::setup::mix::MixShape;
use crate::record::state::{ClusterState, NodeChange, Row};
use crate::statistics::integral::{Level, product};
use crate::statistics::span::Span;
use crate::values::{Direction, Statistic, Values, of_each};

const MEAN: Statistic = count("mean");
const END: Statistic = count("end");
const RATIO: Statistic = Statistic::ratio("ratio", Direction::Higher);

/// `fit_count.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "fit_count",
    title: Title::new("fit count"),
    group: Group::Capacity.at(90),
    short_lists: &[],
    series: &[],
    summary: "Number of further pods of a given shape that fit on the nodes, and its share of the \
              number that would fit if all free capacity were on one node.",
    statistics: &of_each::<4, 3, 12>(UNITS, [MEAN, END, RATIO]),
    formula: "mean: integral of sum over nodes of min over r of floor(free(n, r) / U(r)) dt, over \
              W1 - W0; ratio: that integral over the integral of min over r of floor(sum of \
              free(n, r) / U(r)); units U: one core and 4 GiB; the workload's most frequent shape \
              (typical); its shape with the most cpu, then memory (largest); one whole GPU device",
    denominators: "length of the measured window (counts); the number that would fit if the free \
                   capacity were on one node (ratios)",
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
    /// Number of pods of each unit that fit each node.
    by_node: Vec<[i64; 4]>,
    /// Whether what is free changed since measured time last passed.
    stale: bool,
}

/// A unit that pods are counted in.
#[derive(Clone, Debug)]
struct Unit {
    shape: FitShape,
    fitting: Level,
    together: Level,
}

impl Unit {
    fn new(requests: Row, gpu: GpuColumns) -> Self {
        Self {
            shape: FitShape::new(requests, gpu),
            fitting: Level::default(),
            together: Level::default(),
        }
    }

    fn of_shape(shape: Option<&MixShape>) -> Option<Self> {
        shape.map(|shape| Self::new(shape.requests, shape.gpu))
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
            by_node: Vec::new(),
            stale: false,
        }
    }
}

impl Collector for FitCount {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Nodes, EventKind::Spans]
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        let rows = change.rows();
        if self.by_node.len() < rows {
            self.by_node.resize(rows, [0; 4]);
        }
        let before = self.by_node[change.node().index()];
        let mut now = [0; 4];
        for (index, unit) in self.units.iter_mut().enumerate() {
            let Some(unit) = unit else { continue };
            let fitting = unit.shape.count(change.now, change.devices);
            now[index] = unit.shape.within_gpus_left(fitting, change.now);
            let more = product(now[index] - before[index], change.times());
            if more != 0 {
                let fitting = unit.fitting.amount() + more;
                unit.fitting.set(fitting, change.clock);
            }
        }
        for node in change.nodes {
            self.by_node[node.index()] = now;
        }
        self.stale = true;
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        // All nodes that changed at an instant make one change of what is free in sum.
        if std::mem::take(&mut self.stale) {
            let clock = state.areas.clock() - span.nanos();
            let row = state.room.as_row();
            for unit in self.units.iter_mut().flatten() {
                let together = unit.shape.together(&state.room, row.as_ref());
                unit.together.set(together, clock);
            }
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let clock = end.clock();
        for (name, unit) in UNITS.into_iter().zip(&self.units) {
            let found = match unit {
                Some(unit) => {
                    let last = if end.window.to < end.at {
                        unit.fitting.last(clock).unwrap_or(0)
                    } else {
                        unit.fitting.amount()
                    };
                    let fitting = unit.fitting.area(clock);
                    let together = unit.together.area(clock);
                    [
                        fitting.mean(end.window_nanos()),
                        Ok(last as f64),
                        fitting.ratio(&together, "the number that would fit on one node"),
                    ]
                }
                None => {
                    [(); 3].map(|()| Err("the shapes of the workload are not known".to_owned()))
                }
            };
            for (statistic, value) in [MEAN, END, RATIO].into_iter().zip(found) {
                values.put(statistic.of(name), value);
            }
        }
    }
}

//! Allocation: how much of the capacity is reserved by pods (metrics.md 5.1).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::live_series::LiveSeries;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::state::{ClusterState, RESOURCES, Resource};
use crate::statistics::integral::{Peak, ratio};
use crate::statistics::span::Span;
use crate::values::{Direction, Range, Statistic, Values, of_each};

const MEAN: Statistic = Statistic::ratio("mean", Direction::Higher).within(Range::FROM_ZERO);
const PEAK: Statistic = Statistic::ratio("peak", Direction::Higher).within(Range::FROM_ZERO);
const END: Statistic = Statistic::ratio("end", Direction::Higher).within(Range::FROM_ZERO);
const ZERO_CAPACITY_TIME: Statistic = Statistic::amount("zero_capacity_time", "s", Direction::None);

/// `allocation.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "allocation",
    title: Title::new("allocation"),
    group: Group::Capacity.at(20),
    short_lists: &[
        ShortList::Headline.at(50, &["gpu"]),
        ShortList::Headline.at(150, &["cpu"]),
        ShortList::Headline.at(160, &["memory"]),
        ShortList::Gated.at(10, &["gpu.mean"]),
        ShortList::Gated.at(100, &["cpu.mean"]),
        ShortList::Gated.at(110, &["memory.mean"]),
        ShortList::GatedOfFillUp.at(10, &["gpu.end"]),
        ShortList::GatedOfFillUp.at(40, &["cpu.end"]),
        ShortList::GatedOfFillUp.at(50, &["memory.end"]),
        ShortList::Sweep.at(10, &["gpu.end"]),
        ShortList::Sweep.at(90, &["cpu.mean"]),
        ShortList::Sweep.at(100, &["memory.mean"]),
    ],
    series: &[
        LiveSeries::of_cluster("allocation.cpu", |state| share(state, Resource::Cpu)),
        LiveSeries::of_cluster("allocation.memory", |state| share(state, Resource::Memory)),
        LiveSeries::of_cluster("allocation.gpu", |state| share(state, Resource::Gpu)),
    ],
    summary: "Share of the capacity that pods reserve, regardless of their usage. Pods without \
              requests still take a pod slot.",
    statistics: &of_each::<4, 4, 16>(Resource::NAMES, [MEAN, PEAK, END, ZERO_CAPACITY_TIME]),
    formula: "mean: integral of sum of q(i, r) over bound pods, over integral of sum of C(n, r) \
              over nodes that exist; peak: the largest ratio of the sums that lasted for some \
              time or held at the end; end: the ratio at the end; zero_capacity_time: time during \
              which resources were reserved while no node was up that has any",
    denominators: "allocatable amounts of the nodes that exist, up or not, as in \
                   `capacity.*.allocatable`: the same for every candidate, whenever its system \
                   takes a node to be down",
    census: "pods that hold a node: bound, starting, running; holds are not allocation; above 1 where \
             a system commits more than there is",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, allocation ratio",
    construct: |_| Box::new(Allocation::default()),
};

fn share(state: &ClusterState, resource: Resource) -> Option<f64> {
    let (part, whole) = (state.allocated.of(resource), state.allocatable.of(resource));
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[derive(Clone, Debug, Default)]
struct Allocation {
    by_resource: [Share; RESOURCES],
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    peak: Peak,
    zero_capacity_nanos: i64,
}

impl Collector for Allocation {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Spans]
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        for (resource, share) in Resource::ALL.into_iter().zip(&mut self.by_resource) {
            let allocated = state.allocated.of(resource);
            let capacity = state.allocatable.of(resource);
            share.peak.offer(allocated, capacity);
            if state.capacity.of(resource) == 0 && allocated > 0 {
                share.zero_capacity_nanos += span.nanos();
            }
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        for (resource, share) in Resource::ALL.into_iter().zip(&self.by_resource) {
            let name = resource.name();
            let under = format!("{name} capacity");
            let (allocated, capacity) = (
                end.state.allocated.of(resource),
                end.state.allocatable.of(resource),
            );
            let mut peak = share.peak;
            peak.offer(allocated, capacity);
            let mean = if end.window_nanos() == 0 {
                Err("the measured window has no length".to_owned())
            } else {
                let areas = &end.state.areas;
                let allocated = areas.allocated(resource);
                allocated.ratio(&areas.allocatable(resource), &under)
            };
            values.put(MEAN.of(name), mean);
            values.put(PEAK.of(name), peak.value(&under));
            values.put(END.of(name), ratio(allocated, capacity, &under));
            let nanos = share.zero_capacity_nanos;
            values.put(ZERO_CAPACITY_TIME.of(name), Ok(nanos as f64 / 1e9));
        }
    }
}

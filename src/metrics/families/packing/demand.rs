//! Demand: what pods want to have, running and pending, over what there is (metrics.md 5.1).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::{ClusterState, RESOURCES, Resource};
use crate::statistics::integral::Peak;
use crate::statistics::span::Span;
use crate::values::{Direction, Range, Statistic, Values, of_each};

const MEAN: Statistic = Statistic::ratio("mean", Direction::None).within(Range::FROM_ZERO);
const PEAK: Statistic = Statistic::ratio("peak", Direction::None).within(Range::FROM_ZERO);

/// `demand.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "demand",
    title: Title::new("demand"),
    group: Group::Capacity.at(30),
    short_lists: &[],
    series: &[],
    summary: "Requests of all pods, pending ones included, over the capacity; if it stays above \
              1, no scheduler can keep up.",
    statistics: &of_each::<4, 2, 8>(Resource::NAMES, [MEAN, PEAK]),
    formula: "mean: integral of sum of q(i, r) over bound and pending pods, over integral of sum \
              of C(n, r) over nodes that exist; peak: the largest ratio of the sums that lasted \
              for some time; undefined if pods asked while no node offered any",
    denominators: "allocatable amounts of the nodes that exist, as in `allocation`",
    census: "all pods alive in the measured window, whenever submitted",
    censoring: "none: a state, not a duration",
    source: "metrics.md 5.1, demand ratio",
    construct: |_| Box::new(Demand::default()),
};

#[derive(Clone, Debug, Default)]
struct Demand {
    peak: [Peak; RESOURCES],
    /// Marks resources that pods asked for while no node offered any.
    had_no_capacity: [bool; RESOURCES],
}

impl Collector for Demand {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Spans]
    }

    fn held(&mut self, state: &ClusterState, _span: Span) {
        for index in 0..RESOURCES {
            let wanted = state.allocated.0[index] + state.wanted.0[index];
            let capacity = state.allocatable.0[index];
            self.peak[index].offer(wanted, capacity);
            self.had_no_capacity[index] |= capacity <= 0 && wanted > 0;
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let areas = &end.state.areas;
        for resource in Resource::ALL {
            let (name, index) = (resource.name(), resource as usize);
            let under = format!("{name} capacity");
            let demand = areas.demand(resource);
            let mean = demand.ratio(&areas.allocatable(resource), &under);
            values.put(MEAN.of(name), mean);
            let peak = if self.had_no_capacity[index] {
                Err(format!("pods asked for {name} while no node offered any"))
            } else {
                self.peak[index].value(&under)
            };
            values.put(PEAK.of(name), peak);
        }
    }
}

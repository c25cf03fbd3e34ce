//! Wasted work: what pods of jobs reserved in attempts that came to nothing (metrics.md 5.4, lost
//! work).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::Resource;
use crate::values::{Direction, Reading, Statistic, Values};

const PODS: Statistic = Statistic::amount("pods", "pods", Direction::Lower);
const CPU: Statistic = Statistic::amount("cpu", "core-hours", Direction::Lower).noise(0.01);
const GPU: Statistic = Statistic::amount("gpu", "gpu-hours", Direction::Lower).noise(0.01);
const SHARE: Statistic = Statistic::ratio("share", Direction::Lower);

/// `wasted_work.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "wasted_work",
    title: Title::new("wasted work"),
    group: Group::Service.at(90),
    short_lists: &[],
    series: &[],
    summary: "Resources that pods of jobs reserved in unsuccessful attempts, and their share.",
    statistics: &[PODS, CPU, GPU, SHARE],
    formula: "sum of q(i, r) x time on the node in W over pods of jobs that ended without \
              success; share: that sum over the sum of all pods of ended jobs, for cpu",
    denominators: "core-hours of pods of jobs that ended",
    census: "pods of Job objects that held a node: failed, killed, evicted, lost or cancelled; \
             `goodput` covers the outcomes of all pods",
    censoring: "pods alive at the end are neither wasted nor in the denominator",
    source: "metrics.md 5.4, lost work",
    construct: |_| Box::new(WastedWork),
};

#[derive(Clone, Debug)]
struct WastedWork;

impl Collector for WastedWork {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let totals = end.workloads.totals();
        let (cpu, gpu) = (Resource::Cpu as usize, Resource::Gpu as usize);
        // Milli-core-nanoseconds in core-hours.
        let hours = |resource: usize| {
            let area = totals.wasted[resource].mean(3_600_000_000_000);
            area.map(|milli| milli / 1_000.0)
        };
        let share =
            totals.wasted[cpu].ratio(&totals.worked[cpu], "core-hours of pods of jobs that ended");
        let n = totals.wasted_pods;
        values.put(PODS, Reading::count(n));
        values.put(CPU, Reading::new(hours(cpu)).over(n));
        values.put(GPU, Reading::new(hours(gpu)).over(n));
        values.put(SHARE, Reading::new(share).over(n));
    }
}

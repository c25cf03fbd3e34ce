//! Recovery: how long it takes until a loss is answered, and until it is made good
//! (orchestrators-a.md 9.4: time to detect, time to repair).

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::workloads::{Row, Sums};
use crate::statistics::distribution::Distribution;

/// `time_to_recover.*`.
pub const RECOVER: MetricEntry = MetricEntry {
    subject: "time_to_recover",
    title: Title::new("time to recover"),
    group: Group::Service.at(30),
    short_lists: &[
        ShortList::Headline.at(30, &["max"]),
        ShortList::GatedOfWorkloads.at(20, &["mean"]),
    ],
    summary: "From a loss of ready pods that nobody meant to full strength again.",
    statistics: &[
        Statistic::seconds("mean"),
        Statistic::seconds("p50"),
        Statistic::seconds("p90"),
        Statistic::seconds("p99"),
        Statistic::seconds("max"),
        Statistic::amount("losses", "losses", Direction::Lower),
        Statistic::amount("unrepaired", "losses", Direction::Lower),
    ],
    formula: "for every workload, from the first loss while nothing was lost before to the first \
              instant from which on ready >= desired for a time; losses within are part of it",
    denominators: "losses in W",
    census: "losses by failed pods, lost or silent nodes, taints, preemption, spot and node pressure; \
             not what users, rollouts, drains, the descheduler or consolidation take; what is made \
             good within an instant, or while more pods than wanted are ready, is none",
    censoring: "not made good by the end: right-censored at its age, counted in `unrepaired`; \
                percentiles by Kaplan-Meier, mean null above 1 % censored",
    source: "metrics.md 5.4; orchestrators-a.md 9.4, time to repair",
    construct: |_| Box::new(Recovery(&RECOVER, |sums| &sums.repairs)),
};

/// `time_to_detect.*`.
pub const DETECT: MetricEntry = MetricEntry {
    subject: "time_to_detect",
    title: Title::new("time to detect"),
    group: Group::Service.at(40),
    short_lists: &[],
    summary: "From a loss of ready pods that nobody meant to the first pod created after it.",
    statistics: &[
        Statistic::seconds("mean"),
        Statistic::seconds("p50"),
        Statistic::seconds("p90"),
        Statistic::seconds("p99"),
        Statistic::seconds("max"),
    ],
    formula: "for every loss of `time_to_recover`, from the loss to the creation of the next pod of \
              the workload: the controller's first action",
    denominators: "losses in W that were answered by a pod, or are open",
    census: "as in `time_to_recover`; losses that healed without a new pod have none",
    censoring: "not answered by the end: right-censored at its age",
    source: "orchestrators-a.md 9.4, time to detect",
    construct: |_| Box::new(Recovery(&DETECT, |sums| &sums.detections)),
};

#[derive(Clone, Copy, Debug)]
struct Recovery(&'static MetricEntry, fn(&Sums) -> &Distribution);

impl Collector for Recovery {
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let Self(entry, times) = self;
        let workloads = end.workloads;
        let mut all = Distribution::of("loss");
        for row in workloads.rows() {
            all.join(times(&row.sums));
        }
        let mut values = all.values(entry.subject);
        if entry.statistics.len() > values.len() {
            let unrepaired = |row: &Row| row.sums.unrepaired;
            let open = workloads.rows().iter().map(unrepaired).sum();
            let id = |name| format!("{}.{name}", entry.subject);
            values.push(MetricValue::count(id("losses"), all.count()));
            values.push(MetricValue::count(id("unrepaired"), open));
        }
        workloads.without(values)
    }
}

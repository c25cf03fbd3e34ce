//! Missing replicas: wanted pods that were not ready (metrics.md 5.4).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::statistics::integral::Integral;
use crate::values::{Direction, Statistic, Values};

const MEAN: Statistic = Statistic::amount("mean", "pods", Direction::Lower).noise(0.01);
const POD_HOURS: Statistic =
    Statistic::amount("pod_hours", "pod-hours", Direction::Lower).noise(0.01);
const MAX: Statistic = Statistic::amount("max", "pods", Direction::Lower);

/// `missing_replicas.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "missing_replicas",
    title: Title::new("missing replicas"),
    group: Group::Service.at(20),
    short_lists: &[ShortList::Headline.at(20, &["max"])],
    series: &[],
    summary: "Desired pods that were not ready: on average, in total, and at the worst instant.",
    statistics: &[MEAN, POD_HOURS, MAX],
    formula: "integral over W of the sum over workloads of max(0, desired - ready), over |W|; in \
              pod-hours; max: the largest sum over all workloads that lasted for some time",
    denominators: "the length of W",
    census: "workloads as in `availability`, from their first instant: one that starts lacks its pods, too",
    censoring: "none: integrals over W",
    source: "metrics.md 5.4, availability, replica-weighted",
    construct: |_| Box::new(MissingReplicas),
};

#[derive(Clone, Debug)]
struct MissingReplicas;

impl Collector for MissingReplicas {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let workloads = end.workloads;
        let mut missing: Integral = workloads.total(|sums| &sums.desired);
        missing.take(&workloads.total(|sums| &sums.ready));
        let present = workloads.present();
        let mut put = |statistic, value: Result<f64, String>| {
            values.put(statistic, present.clone().and(value));
        };
        put(MEAN, missing.mean(end.window_nanos()));
        put(POD_HOURS, missing.mean(3_600_000_000_000));
        put(MAX, Ok(workloads.totals().worst_missing as f64));
    }
}

//! Evictions by queues: workloads of Kueue that lost their quota, by reason.

use units::{Instant, ObjectId, SortedMap};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Reading, Statistic, Values};

const PREEMPTED: Statistic = Statistic::occurrences("preempted", Direction::Lower);
const GIVEN_UP: Statistic = Statistic::occurrences("given_up", Direction::Lower);
const NOT_READY: Statistic = Statistic::occurrences("not_ready", Direction::Lower);
const OTHERS: Statistic = Statistic::occurrences("others", Direction::Lower);
const WORST_QUEUE: Statistic = Statistic::occurrences("worst_queue", Direction::Lower);
const WORKLOADS: Statistic = Statistic::amount("workloads", "jobs", Direction::Lower);

/// `queue_evictions.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "queue_evictions",
    title: Title::new("evictions by queues"),
    group: Group::Service.at(72),
    short_lists: &[],
    series: &[],
    summary: "Workloads of Kueue that lost their quota, by reason.",
    statistics: &[
        PREEMPTED,
        GIVEN_UP,
        NOT_READY,
        OTHERS,
        WORST_QUEUE,
        WORKLOADS,
    ],
    formula: "preempted: quota for another workload; given_up: deactivated, as after its longest time; \
              not_ready: pods were not ready in time; others: any other reason; worst_queue: the largest number of \
              evictions in a local queue, its remark has every queue with one; workloads: those that were \
              evicted once or more",
    denominators: "none",
    census: "evictions in W of workloads that held quota",
    censoring: "none: counts",
    source: "batch-on-kubernetes.md 1.10",
    construct: |_| Box::new(QueueEvictions::default()),
};

#[derive(Clone, Debug, Default)]
struct QueueEvictions {
    /// Time of the last eviction of each workload.
    last: SortedMap<ObjectId, Instant>,
    preempted: u64,
    given_up: u64,
    not_ready: u64,
    others: u64,
    /// Evictions by local queue, for any reason.
    queues: SortedMap<String, u64>,
    has_any: bool,
}

impl Collector for QueueEvictions {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Objects]
    }

    fn event(&mut self, change: &Change<'_>) {
        let Some((id, own)) = change.workload() else {
            return;
        };
        self.has_any = true;
        let Some(evicted) = own.holding("Evicted").filter(|_| change.in_window()) else {
            return;
        };
        if self.last.insert(id, evicted.since) == Some(evicted.since) {
            return;
        }
        let count = match &*evicted.reason {
            "Preempted" => &mut self.preempted,
            "PodsReadyTimeout" => &mut self.not_ready,
            reason if reason.starts_with("Deactivated") => &mut self.given_up,
            _ => &mut self.others,
        };
        *count += 1;
        let queue = format!("{}/{}", own.namespace, own.queue);
        *self.queues.entry(queue).or_default() += 1;
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        if !self.has_any {
            values.put_undefined("no workload has a queue");
            return;
        }
        values.put(PREEMPTED, Reading::count(self.preempted));
        values.put(GIVEN_UP, Reading::count(self.given_up));
        values.put(NOT_READY, Reading::count(self.not_ready));
        values.put(OTHERS, Reading::count(self.others));
        let largest = self.queues.values().copied().max().unwrap_or(0);
        let each = self.queues.iter();
        let each: Vec<String> = each.map(|(queue, own)| format!("{queue} {own}")).collect();
        let remark = (!each.is_empty()).then(|| each.join(", "));
        values.put(WORST_QUEUE, Reading::count(largest).remark(remark));
        values.put(WORKLOADS, Reading::count(self.last.len() as u64));
    }
}

//! The census of pods: what became of every pod that was submitted.

use model::{EndReason, Event, Pod};

use crate::record::change_batch::ChangeBatch;
use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::live_series::LiveSeries;
use crate::record::presentation::{Group, ShortList, Title};
use crate::values::{Direction, Reading, Statistic, Values};

const CREATED: Statistic = pods("created", Direction::None);
const BOUND: Statistic = pods("bound", Direction::None);
const NEVER_PLACED: Statistic = pods("never_placed", Direction::Lower);
const SUCCEEDED: Statistic = pods("succeeded", Direction::None);
const FAILED: Statistic = pods("failed", Direction::Lower);
const REJECTED: Statistic = pods("rejected", Direction::Lower);
const EVICTED: Statistic = pods("evicted", Direction::Lower);
const CANCELLED: Statistic = pods("cancelled", Direction::None);
const RUNNING_AT_END: Statistic = pods("running_at_end", Direction::None);
const PENDING_AT_END: Statistic = pods("pending_at_end", Direction::Lower);

/// `pods.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "pods",
    title: Title::continued("pods"),
    group: Group::Census.at(10),
    short_lists: &[
        ShortList::Headline.at(70, &["never_placed"]),
        ShortList::Gated.at(30, &["never_placed"]),
        ShortList::GatedOfFillUp.at(30, &["never_placed"]),
        ShortList::Sweep.at(30, &["never_placed"]),
    ],
    series: &[LiveSeries::of_cluster("pods.running", |state| {
        Some(state.running as f64)
    })],
    summary: "Outcomes of the submitted pods.",
    statistics: &[
        CREATED,
        BOUND,
        NEVER_PLACED,
        SUCCEEDED,
        FAILED,
        REJECTED,
        EVICTED,
        CANCELLED,
        RUNNING_AT_END,
        PENDING_AT_END,
    ],
    formula: "counts; created = bound + never_placed = succeeded + failed + rejected + evicted + \
              cancelled + running_at_end + pending_at_end",
    denominators: "none: counts",
    census: "pods submitted in the measured window; failed: error or time limit; rejected: by the \
             scheduler or by the node it was bound to; evicted: evicted or node lost; \
             running_at_end: all pods that hold a node; never_placed: pods that never had a node, \
             whatever their outcome; one that moves while it runs stays one",
    censoring: "none: open pods have categories of their own",
    source: "metrics.md 5.0, census",
    construct: |_| Box::new(PodCensus::default()),
};

const fn pods(name: &'static str, direction: Direction) -> Statistic {
    Statistic::amount(name, "pods", direction)
}

#[derive(Clone, Debug, Default)]
struct PodCensus {
    /// Pods, those that others go on as among them.
    created: u64,
    bound: u64,
    /// Pods that go on as others.
    moved: u64,
    succeeded: u64,
    failed: u64,
    rejected: u64,
    evicted: u64,
    cancelled: u64,
}

impl Collector for PodCensus {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Alike, EventKind::Ended]
    }

    fn alike(&mut self, deeds: &ChangeBatch) {
        if deeds.kind.is_some_and(|kind| kind.measured) {
            self.created += deeds.created as u64;
            self.bound += deeds.bound as u64;
        }
    }

    fn event(&mut self, change: &Change<'_>) {
        if let Event::PodEnded { pod, reason } = change.event
            && change.measures(pod.id)
        {
            *match reason {
                EndReason::Completed => &mut self.succeeded,
                EndReason::TimeLimit | EndReason::Error => &mut self.failed,
                EndReason::Rejected | EndReason::Refused(_) => &mut self.rejected,
                EndReason::NodeLost | EndReason::Evicted(_) => &mut self.evicted,
                EndReason::Cancelled => &mut self.cancelled,
                EndReason::Moved => &mut self.moved,
            } += 1;
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let measured = |pod: &&Pod| end.measured.has(pod.pod.id);
        let living = end.store.pods().iter().filter(measured);
        let (mut running, mut pending) = (0, 0);
        for pod in living {
            if pod.phase.holds_node() {
                running += 1;
            } else {
                pending += 1;
            }
        }
        let (created, bound) = (self.created - self.moved, self.bound - self.moved);
        let mut put = |statistic, count| {
            values.put(statistic, Reading::count(count).over(created));
        };
        put(CREATED, created);
        put(BOUND, bound);
        put(NEVER_PLACED, created - bound);
        put(SUCCEEDED, self.succeeded);
        put(FAILED, self.failed);
        put(REJECTED, self.rejected);
        put(EVICTED, self.evicted);
        put(CANCELLED, self.cancelled);
        put(RUNNING_AT_END, running);
        put(PENDING_AT_END, pending);
    }
}

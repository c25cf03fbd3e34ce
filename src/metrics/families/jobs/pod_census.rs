//! The census of pods: what became of every pod that was submitted.

use model::{EndReason, Event, Pod};

use crate::record::collector::{Change, Collector, Heard, MetricValue, RunEnd};
use crate::record::deeds::Deeds;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};

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
    summary: "Outcomes of the submitted pods.",
    statistics: &[
        pods("created", Direction::None),
        pods("bound", Direction::None),
        pods("never_placed", Direction::Lower),
        pods("succeeded", Direction::None),
        pods("failed", Direction::Lower),
        pods("rejected", Direction::Lower),
        pods("evicted", Direction::Lower),
        pods("cancelled", Direction::None),
        pods("running_at_end", Direction::None),
        pods("pending_at_end", Direction::Lower),
    ],
    formula: "counts; created = bound + never_placed = succeeded + failed + rejected + evicted + \
              cancelled + running_at_end + pending_at_end",
    denominators: "none: counts",
    census: "pods submitted in the measured window; failed: error or time limit; rejected: by the \
             scheduler or by the node it was bound to; evicted: evicted or node lost; \
             running_at_end: all pods that hold a node; never_placed: pods that never had a node, \
             whatever their outcome",
    censoring: "none: open pods have categories of their own",
    source: "metrics.md 5.0, census",
    construct: |_| Box::new(PodCensus::default()),
};

const fn pods(name: &'static str, direction: Direction) -> Statistic {
    Statistic::amount(name, "pods", direction)
}

#[derive(Clone, Debug, Default)]
struct PodCensus {
    created: u64,
    bound: u64,
    succeeded: u64,
    failed: u64,
    rejected: u64,
    evicted: u64,
    cancelled: u64,
}

impl Collector for PodCensus {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Alike, Heard::Ended]
    }

    fn alike(&mut self, deeds: &Deeds) {
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
            } += 1;
        }
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
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
        let counts = [
            self.created,
            self.bound,
            self.created - self.bound,
            self.succeeded,
            self.failed,
            self.rejected,
            self.evicted,
            self.cancelled,
            running,
            pending,
        ];
        ENTRY
            .ids()
            .zip(counts)
            .map(|((id, _), count)| MetricValue {
                n: Some(self.created),
                ..MetricValue::count(id, count)
            })
            .collect()
    }
}

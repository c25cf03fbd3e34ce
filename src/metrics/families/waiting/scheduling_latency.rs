//! Scheduling latency in simulated time: from the creation of a pod to its binding, which is queue
//! and decision and nothing else, and how many decisions are taken (metrics.md 5.2, 5.4).
//!
//! The time that deciding takes comes from the scenario's decision-time model, so these values are
//! reproducible; what this program itself takes is never among the metrics.

use model::Event;

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::statistics::integral::ratio;
use crate::values::{Direction, Reading, Statistic, Values};

const DECISIONS: Statistic = Statistic::amount("decisions", "decisions", Direction::None);
const DECISIONS_PER_SECOND: Statistic =
    Statistic::amount("decisions_per_second", "1/s", Direction::None).noise(0.02);
const FAILED_SHARE: Statistic = Statistic::ratio("failed_share", Direction::Lower);

/// `scheduling_latency.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "scheduling_latency",
    title: Title::new("scheduling latency"),
    group: Group::Waiting.at(60),
    short_lists: &[],
    series: &[],
    summary: "Time from a pod's creation to its binding (queue and decision), and the number of \
              decisions.",
    statistics: &[
        MEAN.steady(),
        P50.steady(),
        P90.steady(),
        P99.steady(),
        MAX,
        DECISIONS,
        DECISIONS_PER_SECOND,
        FAILED_SHARE,
    ],
    formula: "binding minus creation, per pod; decisions: bindings and failed attempts in W; \
              decisions_per_second: decisions over W1 - W0; failed_share: failed attempts over \
              decisions",
    denominators: "pods submitted in the measured window that were bound or are open; W1 - W0; \
                   decisions",
    census: "pods that ended unbound (rejected, cancelled) have no latency; `pods.*` counts them",
    censoring: "unbound at the end: right-censored at its age; percentiles by Kaplan-Meier, mean \
                null above 1 % censored",
    source: "metrics.md 5.2, start-up split (queue and decision); 5.4, scheduling latency (i)",
    construct: |_| Box::new(SchedulingLatency::default()),
};

#[derive(Clone, Debug)]
struct SchedulingLatency {
    times: Distribution,
    bound: u64,
    failed: u64,
}

impl Default for SchedulingLatency {
    fn default() -> Self {
        Self {
            times: Distribution::of("pod"),
            bound: 0,
            failed: 0,
        }
    }
}

impl Collector for SchedulingLatency {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Bound, EventKind::Unschedulable]
    }

    fn event(&mut self, change: &Change<'_>) {
        match change.event {
            Event::PodBound { pod, .. } => {
                self.bound += u64::from(change.in_window());
                if let Some(record) = change.pod
                    && change.measures(pod.id)
                {
                    self.times.add(record.bound.since(record.created));
                }
            }
            Event::PodUnschedulable { .. } => self.failed += u64::from(change.in_window()),
            _ => {}
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let mut times = self.times.clone();
        let open = end
            .store
            .pods()
            .iter()
            .filter(|pod| !pod.phase.holds_node());
        for pod in open.filter(|pod| end.measured.has(pod.pod.id)) {
            times.add_at_least(end.at.since(pod.created));
        }
        times.put(values);
        let decisions = self.bound + self.failed;
        let rate = end
            .window_hours()
            .map(|hours| decisions as f64 / hours / 3_600.0);
        let share = ratio(i128::from(self.failed), i128::from(decisions), "decisions");
        values.put(DECISIONS, Reading::count(decisions));
        values.put(DECISIONS_PER_SECOND, Reading::new(rate).over(decisions));
        values.put(FAILED_SHARE, Reading::new(share).over(decisions));
    }
}

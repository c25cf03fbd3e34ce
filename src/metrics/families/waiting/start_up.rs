//! Start-up after the decision, stage by stage: from binding until the node begins to start the pod,
//! from there until it runs, and both together (metrics.md 5.2). The stage before, queue and
//! decision, is `scheduling_latency`.

use model::{Event, PodPhase, PodRef};
use units::{Instant, PodId};

use crate::record::collector::{Change, Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, Title};
use crate::record::registry::{MetricEntry, Statistic};
use crate::statistics::distribution::Distribution;

/// `start_up.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "start_up",
    title: Title::new("start up"),
    group: Group::Waiting.at(40),
    short_lists: &[],
    summary: "How long pods took from binding to running, by stage.",
    statistics: &[
        Statistic::seconds("dispatch.mean"),
        Statistic::seconds("dispatch.p50"),
        Statistic::seconds("dispatch.p90"),
        Statistic::seconds("dispatch.p99"),
        Statistic::seconds("dispatch.max"),
        Statistic::seconds("start.mean"),
        Statistic::seconds("start.p50"),
        Statistic::seconds("start.p90"),
        Statistic::seconds("start.p99"),
        Statistic::seconds("start.max"),
        Statistic::seconds("total.mean"),
        Statistic::seconds("total.p50"),
        Statistic::seconds("total.p90"),
        Statistic::seconds("total.p99"),
        Statistic::seconds("total.max"),
    ],
    formula: "dispatch: binding until the node begins to start the pod; start: from there until it \
              runs; total: both; a node that reports no beginning dispatches and starts at once \
              when the pod runs, all of it being start",
    denominators: "pods submitted in the measured window that were bound and reached the end of the \
                   stage, or live in it",
    census: "pods that ended within a stage have no value for it",
    censoring: "in a stage at the end: right-censored at its age there; percentiles by \
                Kaplan-Meier, mean null above 1 % censored",
    source: "metrics.md 5.2, start-up latency, split",
    construct: |_| Box::new(StartUp::default()),
};

#[derive(Clone, Debug)]
struct StartUp {
    dispatch: Distribution,
    start: Distribution,
    total: Distribution,
    begun: Begun,
}

/// When nodes began to start pods. Most pods run before anybody else is started, so the last one is
/// kept apart, and rows are there only for those that take time.
#[derive(Clone, Debug, Default)]
struct Begun {
    last: Option<(PodRef, Instant)>,
    /// By row of the pod, as far as there are any.
    rows: Vec<(PodId, Instant)>,
}

/// No pod is given this identity: a store refuses to count so far.
const NOBODY: PodId = PodId(u32::MAX);

impl Begun {
    fn begin(&mut self, pod: PodRef, at: Instant) {
        if let Some((other, at)) = self.last.replace((pod, at)) {
            let row = other.slot.index();
            if self.rows.len() <= row {
                self.rows.resize(row + 1, (NOBODY, Instant::ZERO));
            }
            self.rows[row] = (other.id, at);
        }
    }

    fn of(&self, pod: PodRef) -> Option<Instant> {
        match self.last {
            Some((last, at)) if last == pod => Some(at),
            _ => {
                let (id, at) = *self.rows.get(pod.slot.index())?;
                (id == pod.id).then_some(at)
            }
        }
    }

    /// The same of a pod that nobody asks for again.
    fn take(&mut self, pod: PodRef) -> Option<Instant> {
        let at = self.of(pod);
        if self.last.is_some_and(|(last, _)| last == pod) {
            self.last = None;
        }
        at
    }
}

impl Default for StartUp {
    fn default() -> Self {
        Self {
            dispatch: Distribution::of("pod"),
            start: Distribution::of("pod"),
            total: Distribution::of("pod"),
            begun: Begun::default(),
        }
    }
}

impl Collector for StartUp {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Starting, Heard::Running]
    }

    fn event(&mut self, change: &Change<'_>) {
        let (Event::PodStarting { pod } | Event::PodRunning { pod }) = change.event else {
            return;
        };
        let Some(record) = change.pod.filter(|_| change.measures(pod.id)) else {
            return;
        };
        if let Event::PodStarting { .. } = change.event {
            self.begun.begin(*pod, change.at);
            self.dispatch.add(change.at.since(record.bound));
            return;
        }
        let begun = self.begun.take(*pod);
        let from = begun.unwrap_or(record.bound);
        if begun.is_none() {
            self.dispatch.add(record.bound.since(record.bound));
        }
        self.start.add(change.at.since(from));
        self.total.add(change.at.since(record.bound));
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let mut stages = self.clone();
        for pod in end.store.pods().iter() {
            if !end.measured.has(pod.pod.id) {
                continue;
            }
            match (pod.phase, self.begun.of(pod.pod)) {
                (PodPhase::Bound, _) => stages.dispatch.add_at_least(end.at.since(pod.bound)),
                (PodPhase::Starting, Some(begun)) => {
                    stages.start.add_at_least(end.at.since(begun));
                }
                _ => continue,
            }
            stages.total.add_at_least(end.at.since(pod.bound));
        }
        [
            ("dispatch", &stages.dispatch),
            ("start", &stages.start),
            ("total", &stages.total),
        ]
        .into_iter()
        .flat_map(|(stage, times)| times.values(&format!("{}.{stage}", ENTRY.subject)))
        .collect()
    }
}

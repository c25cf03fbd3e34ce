//! Start-up after the decision, stage by stage: from binding until the node begins to start the pod,
//! from there until it runs, and both together (metrics.md 5.2). The stage before, queue and
//! decision, is `scheduling_latency`.

use model::{Event, PodPhase, PodRef};
use units::{Instant, PodId};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::values::{Values, of_each};

/// The stages of a start, in the order of the statistics.
const STAGES: [&str; 3] = ["dispatch", "start", "total"];

/// `start_up.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "start_up",
    title: Title::new("start up"),
    group: Group::Waiting.at(40),
    short_lists: &[],
    series: &[],
    summary: "Time from a pod's binding until it runs, by stage.",
    statistics: &of_each::<3, 5, 15>(STAGES, [MEAN, P50, P90, P99, MAX]),
    formula: "dispatch: binding until the node begins to start the pod; start: from then until it \
              runs; total: both; for a node that does not report the beginning, all of the time \
              counts as start",
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
    begun: StartTimes,
}

/// Instants at which nodes began to start pods. Most pods run before another one is started, so
/// the last one is kept apart, and rows are there only for those that take time.
#[derive(Clone, Debug, Default)]
struct StartTimes {
    last: Option<(PodRef, Instant)>,
    /// By row of the pod, as far as there are any.
    rows: Vec<(PodId, Instant)>,
}

/// No pod is given this identity: a store refuses to count so far.
const NOBODY: PodId = PodId(u32::MAX);

impl StartTimes {
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

    /// Removes and returns the instant of a pod that is not needed again.
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
            begun: StartTimes::default(),
        }
    }
}

impl Collector for StartUp {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Starting, EventKind::Running]
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

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
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
        let all = [&stages.dispatch, &stages.start, &stages.total];
        for (stage, times) in STAGES.into_iter().zip(all) {
            times.put_of(stage, values);
        }
    }
}

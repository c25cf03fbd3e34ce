//! Age of the backlog: how long the oldest pod without a place has been waiting (metrics.md 5.2). A
//! queue can be short and starve some pod all the same.

use std::collections::VecDeque;

use cluster::Store;
use model::{Event, PodPhase, PodRef};
use units::Instant;

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::ClusterState;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Statistic, Values};

const MEAN: Statistic = Statistic::seconds("mean").steady();
const MAX: Statistic = Statistic::seconds("max");
const END: Statistic = Statistic::seconds("end");

/// `backlog_age.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "backlog_age",
    title: Title::new("backlog age"),
    group: Group::Waiting.at(80),
    short_lists: &[],
    series: &[],
    summary: "Age of the oldest pending pod.",
    statistics: &[MEAN, MAX, END],
    formula: "age(t) = t - the earliest submission of the pods that are pending at t, 0 if there \
              are none; mean: integral of age dt over W1 - W0; max: its supremum in W; end: \
              age(W1)",
    denominators: "length of the measured window W1 - W0",
    census: "pods created and not bound, whenever submitted",
    censoring: "none: a state, not a duration",
    source: "metrics.md 5.2, backlog age",
    construct: |_| Box::new(BacklogAge::default()),
};

#[derive(Clone, Debug, Default)]
struct BacklogAge {
    /// Pods in order of creation: those that are pending and some that are no more; the first one
    /// is pending.
    queue: VecDeque<(PodRef, Instant)>,
    /// Twice the integral of the age.
    doubled: Integral,
    most_nanos: i64,
    /// The earliest submission at the end of the last span.
    last: Option<Instant>,
}

impl BacklogAge {
    /// Forgets pods that have a place: at the front always, all of them when they are most.
    fn tidy(&mut self, store: &Store) {
        let is_pending = |pod: PodRef| {
            let record = store.pods().get(pod);
            record.is_some_and(|record| record.phase == PodPhase::Pending)
        };
        while self.queue.front().is_some_and(|&(pod, _)| !is_pending(pod)) {
            self.queue.pop_front();
        }
        if self.queue.len() > 2 * store.pods().living() + 64 {
            self.queue.retain(|&(pod, _)| is_pending(pod));
        }
    }
}

impl Collector for BacklogAge {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Created, EventKind::Settled, EventKind::Spans]
    }

    fn event(&mut self, change: &Change<'_>) {
        if let Event::PodCreated(created) = change.event {
            self.queue.push_back((created.pod, change.at));
        }
    }

    fn settled(&mut self, store: &Store, _pending: u64, _is_changed: bool) {
        if !self.queue.is_empty() {
            self.tidy(store);
        }
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        self.last = self.queue.front().map(|&(_, created)| created);
        let Some(oldest) = self.last else { return };
        let from = span.from.since(oldest).as_nanos();
        let to = span.to.since(oldest).as_nanos();
        // The age grows from one to the other: a trapezium.
        self.doubled
            .add(i128::from(from) + i128::from(to), span.nanos());
        self.most_nanos = self.most_nanos.max(to);
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let window = end.window_nanos();
        let mean = self.doubled.mean(window).map(|mean| mean / 2.0 / 1e9);
        let oldest = if end.window.to < end.at {
            self.last
        } else {
            self.queue.front().map(|&(_, created)| created)
        };
        let last = oldest.map_or(0.0, |oldest| end.window.to.since(oldest).as_secs_f64());
        let most = if window > 0 {
            Ok(self.most_nanos as f64 / 1e9)
        } else {
            Err("the measured window has no length".to_owned())
        };
        values.put(MEAN, mean);
        values.put(MAX, most);
        values.put(END, Ok(last));
    }
}

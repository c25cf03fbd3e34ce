//! The recorder: watches one cell and ends in its metrics, tables and series.

pub mod class_recorder;
mod finish;
pub mod outcome;

use std::io;
use std::sync::Arc;

use thiserror::Error;

use cluster::{self, Incident, Observer, Store};
use model::{Event, Pod, TrafficNames, TrafficStretch};
use units::{Duration, Instant};

use crate::alerts::{AlertBook, AlertLog, InjectedFault, Route, follow};
use crate::families::packing::arrived_demand::ArrivedDemand;
use crate::record::change_batch::{ChangeBatch, Kind, pod_of};
use crate::record::collector::{Change, Collector, EventKind, RunEnd, UsageSample};
use crate::record::consistency::Consistency;
use crate::record::entry::MetricEntry;
use crate::record::fragments::FragmentTracker;
use crate::record::jobs::JobTracker;
use crate::record::live_series::SeriesSource;
use crate::record::pod_table::{self, PodSink};
use crate::record::series::{ROWS_MAX, Series, SeriesSink};
use crate::record::setup::{Purpose, Setup};
use crate::record::state::{ClusterState, Reservation, class_requests};
use crate::record::successors::{Successors, loses_node};
use crate::record::window::MeasuredWindow;
use crate::record::workloads::Workloads;
use crate::registry::{AlertSeries, REGISTRY};
use crate::statistics::span::Span;
use crate::values::Values;

use class_recorder::ClassRecorder;

/// Reason a run has no results.
#[derive(Debug, Error)]
pub enum RecordError {
    /// A table could not be written.
    #[error("can't write {what}: {source}")]
    Sink {
        /// Name of the table.
        what: &'static str,
        /// Error of the sink.
        source: io::Error,
    },
    /// A time series exceeds the maximum number of rows.
    #[error(
        "metrics.resolution: the time series has more than {} by {at}; give a larger resolution, or \
         end the run earlier (`stop: {{at: 30d}}`)",
        units::plural::count(*rows, "row")
    )]
    TooManyRows {
        /// The most rows there may be.
        rows: u64,
        /// Instant at which the limit was reached.
        at: Instant,
    },
    /// The program contradicts itself.
    #[error("an invariant broke: {0}")]
    Inconsistent(String),
}

/// Recorder of one cell, from its start to its end: an observer of the store that ends in metrics.
///
/// ```
/// use std::sync::Arc;
///
/// use cluster::{Observer, Store};
/// use metrics::{Recorder, Setup};
/// use model::Node;
/// use units::Instant;
///
/// let mut store = Store::new();
/// let mut recorder = Recorder::new(&Setup::default());
/// let event = store.node_added(Arc::new(Node::default()));
/// let at = Instant::from_secs(15);
/// store.apply(at, event.clone()).expect("a node may join");
/// recorder.observe(at, &event, None, &store);
/// recorder.settled(at, &store);
///
/// let metrics = recorder.finish(Instant::from_secs(60), &store).expect("a consistent record");
/// let nodes = metrics.get("capacity.nodes.mean").expect("a metric of the registry");
/// assert_eq!(nodes.value, Some(0.75));
/// ```
pub struct Recorder<'s> {
    purpose: Purpose,
    unsteady: Option<String>,
    measured: MeasuredWindow,
    /// Instant from which the present state holds.
    since: Instant,
    state: ClusterState,
    /// The state just before the window closed, where it closed before the run ended.
    closing: Option<Box<ClusterState>>,
    jobs: JobTracker,
    entries: Vec<MetricEntry>,
    /// One for each entry.
    collectors: Vec<Box<dyn Collector>>,
    /// Classes of pods that are measured by themselves.
    selected: Vec<ClassRecorder>,
    /// Subscribed collectors by [`EventKind`].
    hearers: [Vec<usize>; EventKind::ALL.len()],
    /// Changes of identical pods since the totals were updated.
    deeds: ChangeBatch,
    successors: Successors,
    workloads: Workloads,
    book: AlertBook,
    /// The source of the values of each alert rule; `None` of a name that nothing has.
    alert_series: Vec<Option<AlertSeries>>,
    injected: Vec<InjectedFault>,
    route: Arc<Route>,
    consistency: Consistency,
    arrived: Option<(ArrivedDemand, usize)>,
    series: Option<Series<'s>>,
    pods: Option<Box<dyn PodSink + 's>>,
    failed: Option<RecordError>,
}

impl<'s> Recorder<'s> {
    /// A recorder with every metric of the registry.
    pub fn new(setup: &Setup) -> Self {
        Self::of(setup, REGISTRY)
    }

    /// A recorder with these metrics.
    pub fn of(setup: &Setup, entries: &[MetricEntry]) -> Self {
        let fragments = setup.typical.clone().map(FragmentTracker::new);
        let collectors: Vec<Box<dyn Collector>> = entries
            .iter()
            .map(|entry| (entry.construct)(setup))
            .collect();
        let rules = setup.alerts.iter();
        let alert_series: Vec<_> = rules.map(|rule| AlertSeries::of(&rule.series)).collect();
        let about = alert_series.iter().map(|own| own.map(AlertSeries::about));
        let hearers = EventKind::ALL.map(|heard| {
            let hears = |&index: &usize| collectors[index].hears().contains(&heard);
            (0..collectors.len()).filter(hears).collect()
        });
        Self {
            purpose: setup.purpose,
            unsteady: setup.unsteady.clone(),
            measured: MeasuredWindow::new(setup.window),
            since: Instant::ZERO,
            state: ClusterState::new(fragments),
            closing: None,
            jobs: JobTracker::new(setup.keeps_work),
            selected: (setup.selections.iter())
                .map(|selection| ClassRecorder::new(selection, setup, entries))
                .collect(),
            entries: entries.to_vec(),
            collectors,
            hearers,
            deeds: ChangeBatch::default(),
            successors: Successors::default(),
            workloads: Workloads::new(setup.min_ready_percent).with_subsets(
                (setup.selections.iter()).filter_map(|selection| selection.workload.clone()),
            ),
            book: AlertBook::new(&setup.alerts, about.collect()),
            alert_series,
            injected: Vec::new(),
            route: Arc::clone(&setup.route),
            consistency: Consistency::default(),
            arrived: None,
            series: None,
            pods: None,
            failed: None,
        }
    }

    /// Follows the arrived demand too, for tables with this many columns of one percent.
    #[must_use]
    pub fn with_arrived(mut self, columns: usize) -> Self {
        self.arrived = Some((ArrivedDemand::default(), columns));
        self
    }

    /// Hands a time series to a sink.
    #[must_use]
    pub fn with_series(mut self, resolution: Duration, sink: Box<dyn SeriesSink + 's>) -> Self {
        self.series = Some(Series::new(resolution, sink));
        self
    }

    /// Hands the table of pods to a sink.
    #[must_use]
    pub fn with_pods(mut self, sink: Box<dyn PodSink + 's>) -> Self {
        self.pods = Some(sink);
        self
    }

    /// The present state held until an instant, at whose first change the store may be already.
    #[inline]
    fn hold_until(&mut self, at: Instant, store: &Store) {
        if at > self.since {
            while let Some(due) = self.book.due_before(at) {
                self.evaluate(due, store);
            }
            self.hold(at);
        }
    }

    /// Evaluates alert rules about metrics, of the measured window so far.
    fn evaluate(&mut self, due: Instant, store: &Store) {
        if due > self.since {
            self.hold(due);
        }
        self.tell_deeds();
        self.catch_up();
        let mut workloads = self.workloads.clone();
        workloads.close(due, &self.measured);
        let end = RunEnd {
            at: due,
            window: self.measured.of_run(due),
            measured: &self.measured,
            state: self.closing.as_deref().unwrap_or(&self.state),
            store,
            workloads: &workloads,
            alerts: &AlertLog::default(),
        };
        let has_begun = end.window.from <= end.window.to && end.window.from <= due;
        let (entries, collectors) = (&self.entries, &self.collectors);
        let alert_series = &self.alert_series;
        self.book.evaluate(|rule| {
            let Some(AlertSeries::Metric { subject, place, .. }) = alert_series[rule] else {
                return None;
            };
            let family = entries.iter().position(|entry| entry.subject == subject);
            let family = family.filter(|_| has_begun)?;
            let mut values = Values::of(entries[family].statistics);
            collectors[family].finish(&end, &mut values);
            values.reading(place)?.value
        });
    }

    fn hold(&mut self, at: Instant) {
        let whole = Span {
            from: self.since,
            to: at,
        };
        self.tell_deeds();
        self.consistency.held(&self.state, whole);
        let (state, alert_series) = (&self.state, &self.alert_series);
        self.book
            .held(whole, |rule| match alert_series[rule]?.live()? {
                SeriesSource::Cluster(value) => value(state),
                SeriesSource::Service(_) => None,
            });
        if let Some(span) = self.measured.clip(whole) {
            self.catch_up();
            self.state.hold(span.nanos());
            for &index in &self.hearers[EventKind::Spans as usize] {
                self.collectors[index].held(&self.state, span);
            }
            if self.measured.closed().is_some_and(|closed| closed <= at) {
                self.close();
            }
        }
        if let Some(series) = &mut self.series
            && let Err(source) = series.held(&self.state, at)
        {
            if source.kind() == io::ErrorKind::QuotaExceeded && self.failed.is_none() {
                let rows = ROWS_MAX;
                self.failed = Some(RecordError::TooManyRows { rows, at });
            }
            note(&mut self.failed, "the time series", Err(source));
            self.series = None;
        }
        self.since = at;
    }

    /// Remembers the state at the end of the window.
    fn close(&mut self) {
        if self.closing.is_none() {
            self.tell_deeds();
            self.catch_up();
            self.closing = Some(Box::new(self.state.clone()));
        }
    }

    fn refresh(&mut self, store: &Store) {
        let (collectors, hearers) = (&mut self.collectors, &self.hearers);
        let is_changed = self.state.refresh(store, |change| {
            for &index in &hearers[EventKind::Nodes as usize] {
                collectors[index].node(change);
            }
        });
        for &index in &hearers[EventKind::Settled as usize] {
            collectors[index].settled(store, self.state.pending, is_changed);
        }
    }

    /// Records a change of a pod, to be reported with those of similar pods.
    #[inline]
    fn add_deed(&mut self, event: &Event, pod: &Pod, store: &Store) {
        let kind = Kind::of(pod, self.measured.has(pod.pod.id));
        if self.deeds.kind != Some(kind) {
            self.tell_deeds();
            self.deeds = ChangeBatch::of(kind, class_requests(store, pod.class));
        }
        self.deeds.add(event, pod);
    }

    /// Brings totals up to date, and tells of what alike pods did.
    fn tell_deeds(&mut self) {
        if self.deeds.changes == 0 {
            return;
        }
        let clock = self.state.areas.clock();
        self.state.take_in(&self.deeds);
        self.consistency.take_in(&self.deeds, clock);
        for &index in &self.hearers[EventKind::Alike as usize] {
            self.collectors[index].alike(&self.deeds);
        }
        self.deeds.clear();
    }

    /// Follows the arrived demand, where it is followed.
    #[inline]
    fn follow_demand(&mut self, event: &Event, pod: &Pod, store: &Store) {
        if let Some((arrived, _)) = &mut self.arrived
            && arrived.is_decision(event, pod.pod)
        {
            self.tell_deeds();
            if let Some((arrived, _)) = &mut self.arrived {
                arrived.decided(pod, &mut self.state, store);
            }
        }
    }

    /// Follows a `Job` object.
    fn follow_job_object(&mut self, at: Instant, event: &Event) {
        let Event::Object(change) = event else {
            return;
        };
        let closed = self.measured.closed();
        self.jobs.object_changed(at, change, &mut self.measured);
        if closed != self.measured.closed() {
            self.close();
        }
    }

    /// Tells of the nodes that changed since measured time last passed.
    fn catch_up(&mut self) {
        let (collectors, hearers) = (&mut self.collectors, &self.hearers);
        self.state.catch_up(|change| {
            for &index in &hearers[EventKind::Nodes as usize] {
                collectors[index].node(change);
            }
        });
    }

    /// Tells whom it concerns of the jobs that ended.
    fn tell_jobs(&mut self, at: Instant, store: &Store) {
        while let Some(job) = self.jobs.next_ended(at) {
            for &index in &self.hearers[EventKind::Jobs as usize] {
                self.collectors[index].job(&job);
            }
            for class in &mut self.selected {
                class.job(&job, store);
            }
        }
    }
}

impl Observer for Recorder<'_> {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.hold_until(at, store);
        let pod = pod_of(event, ended, store);
        if let Some(pod) = pod {
            let closed = self.measured.closed();
            self.jobs.apply(at, event, pod, store, &mut self.measured);
            if closed != self.measured.closed() {
                self.close();
            }
            self.add_deed(event, pod, store);
            let about = Reservation {
                pod,
                requests: &self.deeds.requests,
            };
            self.state.follow(event, Some(about), store);
            self.consistency.apply(at, event, about, &self.state, store);
            self.follow_demand(event, pod, store);
        } else {
            self.state.follow(event, None, store);
            if let Event::PodChanged { change, .. } = event {
                let clock = self.state.areas.clock();
                self.consistency.resized(change, clock, store);
            }
            self.follow_job_object(at, event);
        }
        let moves = self.successors.apply(event, pod);
        for class in &mut self.selected {
            class.follow(pod, &self.workloads);
        }
        self.workloads
            .apply(at, event, ended, store, &self.measured);
        let change = Change {
            at,
            event,
            pod,
            requests: &self.deeds.requests,
            store,
            measured: &self.measured,
            pending: self.state.pending,
        };
        let (collectors, hearers) = (&mut self.collectors, &self.hearers);
        let selected = &mut self.selected;
        let mut tell = |heard: EventKind| {
            for &index in &hearers[heard as usize] {
                collectors[index].event(&change);
            }
            for class in &mut *selected {
                class.event(heard, &change);
            }
        };
        if let Some(heard) = EventKind::of(event) {
            tell(heard);
        }
        if moves {
            tell(EventKind::Moved);
        }
        if let (Event::PodEnded { reason, .. }, Some(pod)) = (event, pod)
            && loses_node(*reason, pod)
        {
            tell(EventKind::Lost);
        }
        self.tell_jobs(at, store);
        if let (Some(pods), Event::PodEnded { reason, .. }, Some(pod)) =
            (&mut self.pods, event, ended)
            && let Err(source) = pods.row(&pod_table::row(pod, Some((at, *reason)), store))
        {
            note(&mut self.failed, "the table of pods", Err(source));
            self.pods = None;
        }
    }

    fn incident(&mut self, at: Instant, incident: Incident, _store: &Store) {
        if !self.book.rules().is_empty() {
            follow(&mut self.injected, at, incident);
        }
    }

    fn settled(&mut self, _at: Instant, store: &Store) {
        self.refresh(store);
    }

    fn usage(&mut self, at: Instant, store: &Store, news: cluster::UsageNews<'_>) {
        self.hold_until(at, store);
        for &index in &self.hearers[EventKind::Usage as usize] {
            self.collectors[index].usage(&UsageSample {
                at,
                store,
                nodes: news.nodes,
                usage: news.usage,
                measured: &self.measured,
            });
        }
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        let alert_series = &self.alert_series;
        let value = |rule: usize| match alert_series[rule]?.live()? {
            SeriesSource::Service(value) => value(stretch, names),
            SeriesSource::Cluster(_) => None,
        };
        self.book.traffic(stretch, names, value);
        // Stretches are cut where measuring begins and ends.
        if !self.measured.has_instant(stretch.from) {
            return;
        }
        for &index in &self.hearers[EventKind::Traffic as usize] {
            self.collectors[index].traffic(stretch, names);
        }
    }
}

/// Keeps the first failure.
fn note(failed: &mut Option<RecordError>, what: &'static str, written: io::Result<()>) {
    if let (None, Err(source)) = (&failed, written) {
        *failed = Some(RecordError::Sink { what, source });
    }
}

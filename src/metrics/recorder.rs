//! The recorder: watches one cell and ends in its metrics, tables and series.

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::cluster::fragmentation::TypicalPods;
use crate::cluster::{Observer, Store};
use crate::model::{Event, Pod};
use crate::units::{Duration, Instant};

use super::arrived::{Arrived, ArrivedTables};
use super::bounded_slowdown::USUAL_BOUND;
use super::collector::{Collector, MetricValue, RunEnd, Span};
use super::consistency::Consistency;
use super::fragments::FragmentTracker;
use super::jobs::JobTracker;
use super::pod_table::{self, PodSink};
use super::registry::{MetricEntry, REGISTRY};
use super::series::{Series, SeriesSink};
use super::state::ClusterState;

/// What metrics are taken with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where the measured window begins (the end of the warm-up): jobs submitted at or after it are
    /// measured, integrals begin there.
    pub measured_from: Instant,
    /// The bound τ of the bounded slowdown.
    pub slowdown_bound: Duration,
    /// The workload that fragmentation is measured against.
    pub typical: Option<Arc<TypicalPods>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            measured_from: Instant::ZERO,
            slowdown_bound: USUAL_BOUND,
            typical: None,
        }
    }
}

/// Why a run has no results.
#[derive(Debug, Error)]
pub enum RecordError {
    /// A table could not be written.
    #[error("can't write {what}: {source}")]
    Sink {
        /// Which table.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The program contradicts itself.
    #[error("an invariant broke: {0}")]
    Inconsistent(String),
}

/// What a run ends in.
#[derive(Clone, Debug, Default)]
pub struct RunMetrics {
    /// Every value, in the order of the registry.
    pub values: Vec<MetricValue>,
    /// The events of a fill-up and what their tables are made of, where they were followed.
    pub arrived: Option<ArrivedTables>,
}

impl RunMetrics {
    /// The value of an id.
    pub fn get(&self, id: &str) -> Option<&MetricValue> {
        self.values.iter().find(|value| value.id == id)
    }
}

/// Watches one cell from its zero to its end.
pub struct Recorder<'s> {
    measured_from: Instant,
    /// Since when the present state holds.
    since: Instant,
    state: ClusterState,
    jobs: JobTracker,
    collectors: Vec<Box<dyn Collector>>,
    consistency: Consistency,
    arrived: Option<(Arrived, usize)>,
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
        Self {
            measured_from: setup.measured_from,
            since: Instant::ZERO,
            state: ClusterState::new(fragments),
            jobs: JobTracker::new(setup.measured_from),
            collectors: entries
                .iter()
                .map(|entry| (entry.construct)(setup))
                .collect(),
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
        self.arrived = Some((Arrived::default(), columns));
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

    /// Ends the record: closes integrals, hands over open jobs and pods, checks consistency.
    ///
    /// # Errors
    /// If a table could not be written at any time of the run, or an assertion failed.
    pub fn finish(mut self, at: Instant, store: &Store) -> Result<RunMetrics, RecordError> {
        self.state.refresh(store);
        self.hold_until(at);
        for job in self.jobs.open(at, store) {
            for collector in &mut self.collectors {
                collector.job(&job);
            }
        }
        if let Some(series) = &mut self.series {
            note(
                &mut self.failed,
                "the time series",
                series.end(&self.state, at),
            );
        }
        if let Some(pods) = &mut self.pods {
            let written = pod_table::living_rows(store).try_for_each(|row| pods.row(&row));
            note(&mut self.failed, "the table of pods", written);
        }
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        self.consistency
            .finish(at, &self.state, store)
            .map_err(RecordError::Inconsistent)?;
        let end = RunEnd {
            at,
            measured_from: self.measured_from,
            state: &self.state,
            store,
        };
        Ok(RunMetrics {
            values: self
                .collectors
                .iter()
                .flat_map(|collector| collector.finish(&end))
                .collect(),
            arrived: self
                .arrived
                .map(|(arrived, columns)| arrived.tables(&self.state, columns)),
        })
    }

    /// The present state held until an instant.
    fn hold_until(&mut self, at: Instant) {
        if at <= self.since {
            return;
        }
        let whole = Span {
            from: self.since,
            to: at,
        };
        self.consistency.held(&self.state, whole);
        if at > self.measured_from {
            let measured = Span {
                from: self.since.max(self.measured_from),
                to: at,
            };
            for collector in &mut self.collectors {
                collector.held(&self.state, measured);
            }
        }
        if let Some(series) = &mut self.series
            && let Err(source) = series.held(&self.state, at)
        {
            note(&mut self.failed, "the time series", Err(source));
            self.series = None;
        }
        self.since = at;
    }
}

impl Observer for Recorder<'_> {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.hold_until(at);
        self.state.apply(event, ended, store);
        self.consistency.apply(at, event, ended, store);
        if let Some((arrived, _)) = &mut self.arrived {
            arrived.apply(event, ended, &mut self.state, store);
        }
        for collector in &mut self.collectors {
            collector.event(at, event, ended, store);
        }
        if let Some(job) = self.jobs.apply(at, event, ended, store) {
            for collector in &mut self.collectors {
                collector.job(&job);
            }
        }
        if let (Some(pods), Event::PodEnded { reason, .. }, Some(pod)) =
            (&mut self.pods, event, ended)
            && let Err(source) = pods.row(&pod_table::row(pod, Some((at, *reason)), store))
        {
            note(&mut self.failed, "the table of pods", Err(source));
            self.pods = None;
        }
    }

    fn settled(&mut self, _at: Instant, store: &Store) {
        self.state.refresh(store);
    }
}

/// Keeps the first failure.
fn note(failed: &mut Option<RecordError>, what: &'static str, written: io::Result<()>) {
    if let (None, Err(source)) = (&failed, written) {
        *failed = Some(RecordError::Sink { what, source });
    }
}

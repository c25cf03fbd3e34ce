//! The trait that every metric implements, and what it hands back.

use crate::cluster::Store;
use crate::model::{Event, Pod};
use crate::units::Instant;

use super::jobs::JobRecord;
use super::state::ClusterState;

/// One value of a finished run. Undefined is `None` with its reason, never 0 or 100 %.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricValue {
    /// `SUBJECT.STATISTIC`, as the registry lists it.
    pub id: String,
    /// The value in the unit that the registry gives; `None` if it is undefined.
    pub value: Option<f64>,
    /// Why there is no value, or what to know about it.
    pub reason: Option<String>,
    /// Whether it was taken from buckets rather than from every value.
    pub approx: bool,
    /// How many observations are behind it, where it is taken over jobs or pods.
    pub n: Option<u64>,
}

impl MetricValue {
    /// A value, or the reason why there is none.
    pub fn new(id: impl Into<String>, value: Result<f64, String>) -> Self {
        let (value, reason) = match value {
            Ok(value) => (Some(value), None),
            Err(reason) => (None, Some(reason)),
        };
        Self {
            id: id.into(),
            value,
            reason,
            approx: false,
            n: None,
        }
    }

    /// A count.
    pub fn count(id: impl Into<String>, count: u64) -> Self {
        Self {
            n: Some(count),
            ..Self::new(id, Ok(count as f64))
        }
    }

    /// The value with the number of observations behind it.
    pub fn over(self, n: u64) -> Self {
        Self { n: Some(n), ..self }
    }

    /// The value with a remark; a reason that is there already stays.
    pub fn remark(self, remark: Option<String>) -> Self {
        Self {
            reason: self.reason.or(remark),
            ..self
        }
    }
}

/// A stretch of time in which nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The instant after whose changes the state holds.
    pub from: Instant,
    /// The instant at which something changes again.
    pub to: Instant,
}

impl Span {
    /// Its length in nanoseconds.
    #[inline]
    pub const fn nanos(self) -> i64 {
        self.to.since(self.from).as_nanos()
    }
}

/// The end of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunEnd<'a> {
    /// The horizon: when the run ended.
    pub at: Instant,
    /// Where the measured window begins.
    pub measured_from: Instant,
    /// The cluster's totals then.
    pub state: &'a ClusterState,
    /// The cluster then.
    pub store: &'a Store,
}

impl RunEnd<'_> {
    /// Length of the measured window in nanoseconds; 0 if the run ended before it began.
    pub fn window_nanos(&self) -> i64 {
        self.at.since(self.measured_from).as_nanos().max(0)
    }
}

/// Collects one family of metrics over one run.
pub trait Collector: CloneCollector + Send {
    /// A change was applied, at any time of the run.
    fn event(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        let _ = (at, event, ended, store);
    }

    /// A state held for a span of positive length within the measured window.
    fn held(&mut self, state: &ClusterState, span: Span) {
        let _ = (state, span);
    }

    /// A job's life is known: it is over, or the run is. Jobs submitted before the measured window
    /// come too and say so.
    fn job(&mut self, job: &JobRecord) {
        let _ = job;
    }

    /// The values of the run. Every span up to its end was handed over, and every job.
    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue>;
}

/// Copies a collector, for a run that forks.
pub trait CloneCollector {
    /// An equal collector that goes its own way from here.
    fn clone_collector(&self) -> Box<dyn Collector>;
}

impl<T: Collector + Clone + 'static> CloneCollector for T {
    fn clone_collector(&self) -> Box<dyn Collector> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Collector> {
    fn clone(&self) -> Self {
        (**self).clone_collector()
    }
}

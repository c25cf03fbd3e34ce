//! The state of a cluster over time, sampled at a fixed resolution and handed to a sink row by row,
//! so that memory does not grow with the length of a run.
//!
//! A row at a grid instant shows the state after all changes of that instant (right-continuous). A
//! last row at the end of the run closes the series, on the grid or not.

use std::io;

use units::{Duration, Instant};

use crate::record::state::{Amounts, ClusterState};

/// One row of a time series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesRow {
    /// Instant of the row.
    pub at: Instant,
    /// Total requests of pods: milli-cores, bytes, milli-GPU.
    pub allocated: Amounts,
    /// Capacity of the nodes that are up, in the same units.
    pub capacity: Amounts,
    /// Pods without a place.
    pub pending: u64,
    /// Pods that hold a node.
    pub holding: u64,
    /// Pods that run.
    pub running: u64,
    /// Nodes that are up.
    pub nodes_up: u64,
    /// Fragmented part of the idle GPU, in milli-GPU; `None` without a workload to measure against.
    pub gpu_fragmented_milli: Option<f64>,
    /// Idle GPU, in milli-GPU.
    pub gpu_idle_milli: i128,
}

/// Sink for the rows of a time series, which come in order of time.
///
/// ```
/// use std::io;
///
/// use cluster::Store;
/// use metrics::{Recorder, SeriesRow, SeriesSink, Setup};
/// use units::{Duration, Instant};
///
/// struct Print;
///
/// impl SeriesSink for Print {
///     fn row(&mut self, row: &SeriesRow) -> io::Result<()> {
///         println!("{}: {} pods pending", row.at, row.pending);
///         Ok(())
///     }
/// }
///
/// let minute = Duration::from_secs(60);
/// let recorder = Recorder::new(&Setup::default()).with_series(minute, Box::new(Print));
/// recorder.finish(Instant::from_secs(90), &Store::new()).expect("a consistent record");
/// ```
pub trait SeriesSink {
    /// Takes one row.
    ///
    /// # Errors
    /// If it can't be written; no further row comes.
    fn row(&mut self, row: &SeriesRow) -> io::Result<()>;
}

/// Samples a cluster's state on a grid.
pub struct Series<'s> {
    resolution: Duration,
    /// The next grid instant to show; `None` beyond the end of time.
    due: Option<Instant>,
    sink: Box<dyn SeriesSink + 's>,
    /// Rows handed over.
    rows: u64,
}

/// The most rows of a time series; more would fill a disk before they were of any use.
pub const ROWS_MAX: u64 = 10_000_000;

/// Whether a series over a time has more rows than can be used.
pub fn has_too_many_rows(length: Duration, resolution: Duration) -> bool {
    let rows = length.as_nanos() / resolution.as_nanos().max(1);
    resolution > Duration::ZERO && rows > ROWS_MAX as i64
}

impl<'s> Series<'s> {
    /// A series with rows at 0, `resolution`, 2 `resolution`, …; a resolution of no length gives the
    /// first and the last row only.
    pub fn new(resolution: Duration, sink: Box<dyn SeriesSink + 's>) -> Self {
        Self {
            resolution,
            due: Some(Instant::ZERO),
            sink,
            rows: 0,
        }
    }

    /// The state held from an instant until just before `until`, with everything before shown.
    #[inline]
    pub fn held(&mut self, state: &ClusterState, until: Instant) -> io::Result<()> {
        while let Some(at) = self.due.filter(|&at| at < until) {
            if self.rows >= ROWS_MAX {
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            self.rows += 1;
            self.sink.row(&row(at, state))?;
            self.due = if self.resolution > Duration::ZERO {
                at.checked_add(self.resolution)
            } else {
                None
            };
        }
        Ok(())
    }

    /// Closes the series with the state at the end.
    pub fn end(&mut self, state: &ClusterState, at: Instant) -> io::Result<()> {
        self.held(state, at)?;
        self.sink.row(&row(at, state))
    }
}

fn row(at: Instant, state: &ClusterState) -> SeriesRow {
    let fragments = state.fragments.as_ref();
    SeriesRow {
        at,
        allocated: state.allocated,
        capacity: state.capacity,
        pending: state.pending,
        holding: state.holding,
        running: state.running,
        nodes_up: state.nodes_up,
        gpu_fragmented_milli: fragments.map(|tracker| tracker.total().fragmented()),
        gpu_idle_milli: state.gpu_idle_milli(),
    }
}

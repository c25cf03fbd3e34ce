//! Metrics: each definition once, fed by the stream of changes (spec: metrics.md).
//!
//! A [`Recorder`] watches one cell. It keeps what many metrics share (the cluster's totals, the
//! jobs' lives) once, and hands three things to every [`Collector`]: changes, stretches of time in
//! which nothing changed, and jobs whose life is known. [`registry`] lists all of them as data.
//!
//! Ground rules (metrics.md 5.0): integers and exact 128-bit integrals; one division, at the end;
//! a state holds from the instant after all of its changes; undefined is null with its reason.

pub mod arrived;
pub mod collector;
pub mod consistency;
pub mod distribution;
pub mod fragments;
pub mod integral;
pub mod jobs;
pub mod pairwise;
pub mod pod_table;
pub mod recorder;
pub mod registry;
pub mod samples;
pub mod series;
pub mod state;

pub mod allocation;
pub mod bounded_slowdown;
pub mod capacity;
pub mod first_wait;
pub mod fragmentation;
pub mod job_census;
pub mod makespan;
pub mod pending_time;
pub mod pod_census;
pub mod queue_length;
pub mod throughput;
pub mod turnaround;

#[cfg(test)]
mod edge_cases;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod published;

pub use arrived::ArrivedTables;
pub use collector::{Collector, MetricValue, RunEnd, Span};
pub use jobs::{JobOutcome, JobRecord};
pub use pod_table::{PodRow, PodSink};
pub use recorder::{RecordError, Recorder, RunMetrics, Setup};
pub use registry::{Direction, MetricEntry, REGISTRY, Statistic};
pub use series::{SeriesRow, SeriesSink};
pub use state::{Amounts, ClusterState, Resource};

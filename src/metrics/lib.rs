//! Metrics: each definition once, fed by the stream of changes (spec: metrics.md).
//!
//! A [`Recorder`] watches one cell. It keeps what many metrics share (the cluster's totals, the
//! jobs' lives) once, and hands five things to the [`Collector`]s that ask for them: changes, what alike
//! pods did within an instant, stretches of time in which nothing changed, nodes that are not as they
//! were, and jobs whose life is known.
//! [`registry`] lists all metrics as data.
//!
//! Ground rules (metrics.md 5.0): integers and exact 128-bit integrals; one division, at the end;
//! a state holds from the instant after all of its changes; undefined is null with its reason.

pub mod alerts;
pub mod amounts;
pub mod areas;
pub mod arrived;
pub mod bins;
pub mod collector;
pub mod consistency;
pub mod deeds;
pub mod diagnosis;
pub mod distribution;
pub mod economics;
pub mod filling;
pub mod fitting;
pub mod fragments;
pub mod integral;
pub mod jobs;
pub mod mix;
pub mod node_rows;
pub mod pairwise;
pub mod pod_table;
pub mod power;
pub mod presentation;
pub mod ratios;
pub mod recorder;
pub mod registry;
pub mod samples;
pub mod series;
pub mod services;
pub mod setup;
pub mod shares;
pub mod spread;
pub mod state;
pub mod successors;
pub mod tallest;
pub mod tenants;
pub mod traffic_totals;
pub mod turns;
pub mod usage;
pub mod warm_up;
pub mod weighted;
pub mod window;
pub mod workloads;

pub mod allocation;
pub mod autoscalers;
pub mod availability;
pub mod backlog_age;
pub mod balance;
pub mod blast_radius;
pub mod capacity;
pub mod churn;
pub mod cost;
pub mod demand;
pub mod disruptions;
pub mod energy;
pub mod fairness;
pub mod fights;
pub mod first_wait;
pub mod fit_count;
pub mod fragmentation;
pub mod functions;
pub mod goodput;
pub mod image_pull;
pub mod job_census;
pub mod largest_hole;
pub mod latency;
pub mod latency_objective;
pub mod makespan;
pub mod measured_window;
pub mod missing_replicas;
pub mod mix_fragmentation;
pub mod pay_per_use;
pub mod pending_time;
pub mod pod_census;
pub mod queue_length;
pub mod recovery;
pub mod requests;
pub mod restarts;
pub mod rollouts;
pub mod saturation;
pub mod scaling;
pub mod scheduling_latency;
pub mod service_saturation;
pub mod slowdown;
pub mod start_up;
pub mod starting;
pub mod stranding;
pub mod throughput;
pub mod turnaround;
pub mod wasted_work;
pub mod weighted_wait;
pub mod work_conservation;

#[cfg(test)]
mod edge_cases;
#[cfg(test)]
mod edge_values;
#[cfg(test)]
mod edge_windows;
#[cfg(test)]
mod fixture;
pub mod oom_kills;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod published;

pub use areas::Areas;
pub use arrived::ArrivedTables;
pub use collector::{Change, Collector, Heard, MetricValue, RunEnd, Span};
pub use cost::{CostTable, NodeKindCost, TenantCost};
pub use deeds::{Deeds, Kind};
pub use economics::{Billing, Economics, NodeEconomics};
pub use jobs::{JobOutcome, JobRecord};
pub use mix::WorkloadMix;
pub use pod_table::{PodRow, PodSink};
pub use power::{Power, PowerCurve};
pub use presentation::{Group, Placement, ShortList, ShortListed, Title};
pub use recorder::{RecordError, Recorder, RunMetrics};
pub use registry::{Direction, MetricEntry, REGISTRY, Statistic};
pub use series::{SeriesRow, SeriesSink};
pub use setup::{Purpose, Setup};
pub use state::{Amounts, ClusterState, NodeChange, NodeRow, Resource};
pub use warm_up::WarmUpFinder;
pub use window::{Measured, Window};

//! Metrics: each definition once, fed by the stream of changes (spec: metrics.md).
//!
//! A [`Recorder`] watches one cell. It keeps what many metrics share (the cluster's totals, the
//! jobs' lives) once, and hands five things to the [`Collector`]s that ask for them: changes, what alike
//! pods did within an instant, stretches of time in which nothing changed, nodes that are not as they
//! were, and jobs whose life is known.
//! [`registry`] lists all metrics as data.
//!
//! The rooms, from the lowest:
//!
//! - [`values`]: statistics, readings of them, and the set of readings of a family;
//! - [`statistics`]: integrals, percentiles and distributions, which know nothing of clusters;
//! - [`alerts`]: alert rules at work, and the notifications that they send;
//! - [`record`]: the trait of collectors and what they share: totals, jobs, workloads, the window;
//! - [`families`]: one file per family of metrics, in folders by what they are about;
//! - [`registry`]: the list of all families, and the values that alert rules can be about;
//! - [`recorder`]: the recorder itself;
//! - [`diagnosis`]: faults of workloads, found from their record.
//!
//! Ground rules (metrics.md 5.0): integers and exact 128-bit integrals; one division, at the end;
//! a state holds from the instant after all of its changes; undefined is null with its reason.

pub mod alerts;
pub mod diagnosis;
pub mod families;
pub mod record;
pub mod recorder;
pub mod registry;
pub mod statistics;
pub mod values;

#[cfg(test)]
mod tests;

pub use families::autoscaling::autoscalers;
pub use families::autoscaling::fights;
pub use families::disruption::blast_radius::NO_LOSS;
pub use families::jobs::job_census::UnfinishedJobs;
pub use families::jobs::makespan::IdleBefore;
pub use families::money::cost::{CostTable, NodeKindCost, TenantCost};
pub use families::money::functions;
pub use families::money::pay_per_use;
pub use families::packing::arrived_demand;
pub use families::packing::arrived_demand::ArrivedTables;
pub use families::sharing::queues;
pub use families::traffic::services;
pub use families::traffic::traffic_totals;
pub use families::waiting::slowdown;
pub use record::areas::Areas;
pub use record::change_batch::{ChangeBatch, Kind};
pub use record::collector::{Change, Collector, EventKind, RunEnd, UsageSample};
pub use record::entry::MetricEntry;
pub use record::gpus;
pub use record::jobs::{JobOutcome, JobRecord};
pub use record::live_series::{LiveSeries, SeriesSource};
pub use record::pod_table;
pub use record::pod_table::{Demand, Job, PodRow, PodSink};
pub use record::presentation::{Group, Placement, ShortList, ShortListPlace, Title};
pub use record::selection::Selection;
pub use record::series::{ROWS_MAX, SeriesRow, SeriesSink, has_too_many_rows};
pub use record::setup::economics;
pub use record::setup::economics::{Billing, Economics, NodeEconomics};
pub use record::setup::mix::WorkloadMix;
pub use record::setup::power;
pub use record::setup::power::{Power, PowerCurve};
pub use record::setup::{HypervisorRoom, Purpose, Setup};
pub use record::state::{Amounts, ClusterState, NodeChange, NodeRow, Resource};
pub use record::tables::{NoSteadyState, Table, Tables};
pub use record::warm_up::WarmUpFinder;
pub use record::window::{MeasuredWindow, Window};
pub use record::workloads;
pub use recorder::class_recorder::{NO_MEMBER, is_of_jobs, is_of_workloads};
pub use recorder::outcome::RunMetrics;
pub use recorder::{RecordError, Recorder};
pub use registry::REGISTRY;
pub use statistics::span::Span;
pub use values::{Direction, MetricValue, Range, Reading, Statistic, Values, of_each};

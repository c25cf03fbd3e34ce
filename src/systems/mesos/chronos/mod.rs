//! Chronos: repeating and dependent jobs on offers of Mesos.
//!
//! Follows mesos/chronos: `JobScheduler.scala`, `JobUtils.scala`, `Iso8601Expressions.scala`,
//! `TaskManager.scala`, `JobGraph.scala` (spec: orchestrators-b.md section 3).

pub mod calendar;
pub mod graph;
pub mod job;
pub mod schedule;

use units::Duration;

/// How long the main loop sleeps when nothing is due.
pub const IDLE_SLEEP: Duration = Duration::from_secs(60);
/// How long it sleeps at first.
pub const FIRST_SLEEP: Duration = Duration::from_secs(1);
/// Between two reconciliations with Mesos.
pub const RECONCILIATION_INTERVAL: Duration = Duration::from_secs(600);
/// What a task asks for unless its job says otherwise: thousandths of cores, MB, MB of disk.
pub const DEFAULT_RESOURCES: (i64, i64, i64) = (100, 128, 256);

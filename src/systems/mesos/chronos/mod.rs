//! Chronos: repeating and dependent jobs on offers of Mesos.
//!
//! Follows mesos/chronos: `JobScheduler.scala`, `JobUtils.scala`, `Iso8601Expressions.scala`,
//! `TaskManager.scala`, `JobGraph.scala` (spec: orchestrators-b.md section 3).

pub mod calendar;
pub mod graph;
pub mod job;
pub mod schedule;
pub mod section;

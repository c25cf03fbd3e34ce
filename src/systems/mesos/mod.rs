//! Apache Mesos: a master that offers agents' free resources to frameworks by dominant-resource
//! fairness, and the frameworks that accept or decline: Marathon, Chronos, a batch framework with
//! delay scheduling; DC/OS as their composition.
//!
//! Follows apache/mesos `src/master/allocator/mesos/hierarchical.cpp`, `sorter/drf/sorter.cpp`,
//! `src/master/master.cpp` (1.10), mesosphere/marathon (1.9 classes), mesos/chronos, and
//! mesosphere/marathon-autoscale (spec: orchestrators-b.md sections 1 to 4). Where the original
//! iterates an unordered map, names come in byte order.

pub mod agent;
pub mod allocator;
pub mod autoscale;
pub mod batch;
pub mod chronos;
pub mod columns;
pub mod component;
pub mod dcos;
pub mod drf_tasks;
mod entry;
pub mod fast;
pub mod framework;
pub mod marathon;
pub mod master;
pub mod observer;
pub mod options;
pub mod resources;
pub mod sorter;
pub mod workload;

pub use entry::ENTRY;

#[cfg(test)]
mod tests;

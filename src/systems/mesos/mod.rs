//! Apache Mesos: a master that offers agents' free resources to frameworks by dominant-resource
//! fairness, and the frameworks that accept or decline: Marathon, Chronos, a batch framework with
//! delay scheduling; DC/OS as their composition.
//!
//! Follows apache/mesos `src/master/allocator/mesos/hierarchical.cpp`, `sorter/drf/sorter.cpp`,
//! `src/master/master.cpp` (1.10), mesosphere/marathon (1.9 classes), mesos/chronos, and
//! mesosphere/marathon-autoscale (spec: orchestrators-b.md sections 1 to 4). Where the original
//! iterates an unordered map, names come in byte order.

pub mod allocator;
pub mod autoscale;
pub mod batch;
pub mod chronos;
pub mod drf_tasks;
pub mod marathon;
pub mod master;
pub mod observer;
pub mod resources;
pub mod sorter;

#[cfg(test)]
mod tests;

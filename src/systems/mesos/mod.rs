//! Apache Mesos: a master that offers agents' free resources to frameworks by dominant-resource
//! fairness, and the frameworks that accept or decline: Marathon, Chronos, a batch framework with
//! delay scheduling; DC/OS as their composition.
//!
//! Follows apache/mesos `src/master/allocator/mesos/hierarchical.cpp`, `sorter/drf/sorter.cpp`,
//! `src/master/master.cpp` (1.10), mesosphere/marathon (1.9 classes), mesos/chronos, and
//! mesosphere/marathon-autoscale (spec: orchestrators-b.md sections 1 to 4). Where the original
//! iterates an unordered map, names come in byte order.
//!
//! A cluster of three masters, as a caller builds it from the registry:
//!
//! ```
//! use systems::mesos::options::MesosOptions;
//! use systems::mesos::section::Mesos;
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let stated = Mesos { masters: 3, ..Mesos::default() };
//! let options = MesosOptions::new(&stated).expect("options");
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(options),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("mesos")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "mesos-master");
//! # Ok::<(), systems::SystemError>(())
//! ```

pub mod agent;
pub mod autoscale;
pub mod batch;
pub mod beside;
mod checks;
pub mod chronos;
pub mod columns;
pub mod component;
pub mod dcos;
pub mod drf_tasks;
mod entry;
pub mod fast;
pub mod fit;
pub mod framework;
pub mod marathon;
pub mod master;
pub mod observer;
pub mod options;
#[cfg(test)]
mod plain;
pub mod roles;
pub mod section;
mod stated;
pub mod workload;

pub use entry::ENTRY;

#[cfg(test)]
mod tests;

//! `OpenStack` Nova: a filter scheduler places instances on hypervisors, each in a virtual machine that
//! boots; a host that falls silent takes no more, and nothing of it is started elsewhere unless an
//! operator evacuates it.
//!
//! Follows openstack/nova 00a0304: `scheduler/manager.py`, `host_manager.py`, `nova/weights.py`,
//! `scheduler/filters/*`, `scheduler/weights/*`, `conf/{scheduler,compute,service}.py`
//! (spec: orchestrators-a.md section 6).
//!
//! A scheduler that stacks instances instead of spreading them, as a caller builds it from the
//! registry:
//!
//! ```
//! use systems::nova::NovaOptions;
//! use systems::nova::weigher::Weigher;
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let mut options = NovaOptions::default();
//! options.rules.multipliers.set(Weigher::Memory, -1.0);
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(options),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("nova")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "nova-scheduler");
//! # Ok::<(), systems::SystemError>(())
//! ```

mod agent;
pub mod aggregate;
mod component;
mod entry;
pub mod fast;
pub mod filter;
pub(crate) mod fit;
pub mod flavor;
pub mod hints;
pub mod host;
pub mod machines;
pub mod migration;
pub mod network;
pub mod options;
pub mod query;
mod rules;
pub mod scheduler;
pub mod section;
pub mod service;
pub mod weigher;

pub use entry::ENTRY;
pub(crate) use entry::WITH_HINTS;
pub use options::NovaOptions;

#[cfg(test)]
mod tests;

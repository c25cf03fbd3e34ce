//! Docker Swarm (classic): one manager that picks an engine for every container, and moves the
//! containers of lost engines where their policy asks for it.
//!
//! Follows docker-archive/classicswarm 3cc018d: `scheduler/strategy`, `scheduler/filter`,
//! `cluster/engine.go`, `cluster/watchdog.go`, `cli/manage.go` (spec: orchestrators-a.md section
//! 1). Where the original walks a hash map, engines come in their order and containers by name.
//!
//! A cluster of three managers, as a caller builds it from the registry:
//!
//! ```
//! use systems::swarm::SwarmOptions;
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(SwarmOptions {
//!         managers: 3,
//!         ..SwarmOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("swarm")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "swarm-manager");
//! # Ok::<(), systems::SystemError>(())
//! ```

pub mod cluster;
pub mod contact;
pub mod container;
pub mod discovery;
pub mod engine;
pub mod expression;
pub mod filter;
pub mod manager;
pub mod options;
pub mod request;
pub mod scheduler;
pub mod strategy;
pub mod watchdog;

mod component;
mod entry;
mod primary;
mod standing;
mod watch;

#[cfg(test)]
mod tests;

pub use entry::ENTRY;
pub use options::SwarmOptions;

//! Docker Swarm (classic): one manager that picks an engine for every container, and moves the
//! containers of lost engines where their policy asks for it.
//!
//! Follows docker-archive/classicswarm 3cc018d: `scheduler/strategy`, `scheduler/filter`,
//! `cluster/engine.go`, `cluster/watchdog.go`, `cli/manage.go` (spec: orchestrators-a.md section
//! 1). Where the original walks a hash map, engines come in their order and containers by name.

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
mod workloads;

#[cfg(test)]
mod tests;

pub use entry::ENTRY;
pub use options::SwarmOptions;

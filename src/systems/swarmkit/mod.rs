//! `SwarmKit` (swarm mode): orchestrators keep services at their size, a scheduler places their
//! tasks, agents walk each task up its ladder, managers agree by Raft.
//!
//! Follows moby/swarmkit 3e72cb6: `manager/scheduler`, `manager/orchestrator`,
//! `manager/dispatcher`, `manager/constraint`, `manager/state/raft/raft.go`,
//! `agent/exec/controller.go` (spec: orchestrators-a.md section 2). Where the original walks a hash
//! map, ids come in byte order.
//!
//! A cluster of five managers, as a caller builds it from the registry:
//!
//! ```
//! use systems::swarmkit::SwarmKitOptions;
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(SwarmKitOptions {
//!         managers: 5,
//!         ..SwarmKitOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("swarmkit")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "swarmkit-manager");
//! # Ok::<(), systems::SystemError>(())
//! ```

pub mod agent;
mod component;
pub mod constraint;
pub mod dispatcher;
pub mod enforcer;
mod entry;
pub(crate) mod fit;
pub mod global;
pub mod ladder;
mod memory;
mod needs;
pub mod node;
mod nodes;
pub mod options;
mod orchestrate;
pub mod pipeline;
pub mod raft;
pub mod replicated;
pub mod request;
pub mod restart;
mod restarting;
mod rollout;
pub mod scheduler;
pub mod section;
mod service;
pub mod spread;
pub mod task;
pub mod update;

#[cfg(test)]
mod tests;

pub use entry::ENTRY;
pub use options::SwarmKitOptions;

//! `CoreOS` Fleet: one engine in the cluster schedules systemd units to machines by their number,
//! agents reconcile what they have with what they should have.
//!
//! Follows coreos/fleet 4522498: `engine/{engine,scheduler,reconciler,state}.go`,
//! `agent/{state,reconcile,agent,task}.go`, `job/job.go`, `machine/machine.go`,
//! `server/monitor.go` (spec: orchestrators-a.md section 5). Where the original walks a hash map,
//! units and machines come by name.
//!
//! An engine whose first round comes after a second, as a caller builds it from the registry:
//!
//! ```
//! use systems::fleet::options::{FleetOptions, FleetSetup};
//! use systems::{SystemOptions, SystemRequest, registry};
//! use units::Duration;
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(FleetSetup {
//!         options: FleetOptions {
//!             first_round: Duration::from_secs(1),
//!             ..FleetOptions::default()
//!         },
//!         ..FleetSetup::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("fleet")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "fleet-engine");
//! # Ok::<(), systems::SystemError>(())
//! ```

pub mod agent;
pub mod agent_of_nodes;
pub mod component;
pub mod engine;
mod entry;
pub mod fast;
pub mod options;
pub mod presence;
pub mod unit;
pub mod unit_file;

pub use entry::ENTRY;

#[cfg(test)]
mod tests;

//! Borg: one master over a cell of machines, which admits jobs by quota, scans its pending tasks from
//! high to low priority, packs them by a score, kills tasks of lower priority where that makes room,
//! and lends out what tasks were promised and do not use.
//!
//! Follows Verma and others, "Large-scale cluster management at Google with Borg", `EuroSys`'15
//! (spec: orchestrators-b.md section 5).
//!
//! A cell that takes the best of ten machines with room, as a caller builds it from the registry:
//!
//! ```
//! use systems::borg::BorgOptions;
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(BorgOptions {
//!         candidates: Some(10),
//!         ..BorgOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("borg")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "borgmaster");
//! # Ok::<(), systems::SystemError>(())
//! ```

pub mod allocs;
pub mod cell;
mod component;
mod entry;
pub mod fit;
pub mod machine;
pub mod options;
pub mod pending;
pub mod quota;
pub mod section;

pub use entry::ENTRY;
pub use options::BorgOptions;

#[cfg(test)]
mod tests;

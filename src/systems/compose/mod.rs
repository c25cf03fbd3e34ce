//! Docker Compose: the services of a project as containers on one host. Services start when what
//! they depend on has started, is healthy or has done its work; the engine of the host starts
//! containers again by their restart policy, after a delay that doubles.
//!
//! Follows compose-spec/compose-spec 170098b and docker/compose f729794 (spec: orchestrators-a.md
//! section 3).

mod engine;
mod entry;
mod host;
pub mod options;
mod problem;
pub mod project;
pub mod restart;
pub mod section;
#[cfg(test)]
mod tests;

pub use entry::ENTRY;
pub use options::{ComposeOptions, ServiceOptions};

//! Systems: how each one modelled composes components and policies, and its node agent. Every
//! system is one file here and one line in the [`registry`].

pub mod batch;
pub mod entry;
pub mod kubernetes;
pub mod plain_agent;
pub mod registry;

pub use entry::{KubeRequest, SystemEntry, SystemError, SystemParts, SystemRequest, TimeLimits};

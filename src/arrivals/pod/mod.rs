//! Settings of pods in Kubernetes' notation, for the project's own table.

pub mod affinity;
pub mod rules;
pub mod settings;
pub mod template;
pub mod volumes;

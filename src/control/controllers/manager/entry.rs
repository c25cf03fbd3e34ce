//! The entry by which a controller stands in the registry.

use super::{Controller, ControllerOptions};

/// The registry entry of a controller.
#[derive(Clone, Copy)]
pub struct ControllerEntry {
    /// The name, unique in the registry.
    pub name: &'static str,
    /// The purpose, in one sentence.
    pub summary: &'static str,
    /// The constructor of a controller that has read nothing of the log yet.
    pub build: fn(&ControllerOptions) -> Box<dyn Controller>,
}

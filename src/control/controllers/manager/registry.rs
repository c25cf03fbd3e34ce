//! Every controller of the manager, in written order. To add one: write its file and add one line
//! here.

use super::Controller;
use super::{deployment, replica_set};

/// What is known of a controller.
#[derive(Clone, Copy)]
pub struct ControllerEntry {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Makes one that has seen nothing yet.
    pub build: fn(&super::ControllerOptions) -> Box<dyn Controller>,
}

/// The controllers.
pub const CONTROLLERS: &[ControllerEntry] = &[deployment::ENTRY, replica_set::ENTRY];

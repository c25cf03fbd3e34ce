//! The cluster in the form of the Kubernetes API, as `kubectl` reads and writes it: what is shown, how it
//! is chosen, and the requests that its changes are. It decides nothing.
//!
//! - `resources`: the kinds and their paths, and what clients ask before anything else.
//! - `objects`: pods, nodes, events and usage as objects.
//! - `selector`: choice of objects by labels and fields.
//! - `columns`: tables of objects.
//! - `patch`: an object as a patch makes it.
//! - `changes`: requests of the control plane that a change is.

pub(crate) mod changes;
mod columns;
pub(crate) mod objects;
mod patch;
pub(crate) mod resources;
pub(crate) mod selector;
pub(crate) mod table;

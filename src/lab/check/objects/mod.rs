//! What a scenario reads, as objects: those of its manifests and its own parts.

mod documents;

pub(crate) use documents::manifests;
pub use documents::{Document, Documents, ObjectKey};

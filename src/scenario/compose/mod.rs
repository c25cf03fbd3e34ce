//! Docker Compose files (compose-spec of 2026): text in, checked project out (spec:
//! orchestrators-a.md section 3). Nothing of a file is dropped: a field is modelled, listed as one
//! without effect, or refused with its position.

mod amount;
mod declared;
mod deploy;
mod devices;
pub mod experiment;
mod fields;
mod interpolate;
mod ipam;
mod load;
mod merge;
pub mod objects;
mod paths;
mod ports;
pub mod project;
mod published;
mod read;
mod service;
mod shapes;
#[cfg(test)]
mod tests;

pub use interpolate::{Variables, environment};
pub use load::Open;
pub use project::{Project, Service};

use crate::NamedText;
use crate::diagnostic::Rejected;
use crate::tree::{Sources, Span};

/// System that a project is to run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Project on one host.
    Compose,
    /// Stack of `SwarmKit`.
    SwarmKit,
    /// Objects of Kubernetes.
    Kubernetes,
}

impl Target {
    /// Name of the system.
    pub const fn system(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::SwarmKit => "swarmkit",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// Inputs of [`read`].
#[derive(Clone, Copy)]
pub struct ReadRequest<'a> {
    /// Compose files, later ones laid over earlier ones.
    pub files: &'a [NamedText<'a>],
    /// Name of the project, where the files state none.
    pub name: &'a str,
    /// Whether the name goes before that of the files.
    pub is_named: bool,
    /// Variables that the files may name.
    pub variables: &'a Variables,
    /// Profiles that are on; `*` is all.
    pub profiles: &'a [String],
    /// System that the project is to run as.
    pub target: Target,
    /// Opens files that the files include or extend.
    pub open: Open<'a>,
}

/// A variable without a value.
#[derive(Clone, Debug)]
struct Unset {
    name: String,
    span: Span,
    /// Fields around the value.
    path: Vec<String>,
}

/// A field that has no effect, or none as it is meant.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Remark {
    /// Name of the service; empty for what concerns the project.
    pub service: String,
    /// The field, as a path within the service or the file.
    pub field: String,
    /// Position: file, line and column.
    pub place: String,
    /// Effect of the field, in words.
    pub effect: String,
}

/// Reads a project.
///
/// # Errors
/// The findings, each with its position, if there is any.
pub fn read(request: &ReadRequest<'_>) -> Result<Project, Box<Rejected>> {
    let mut loader = load::Loader::new(request, Sources::default());
    let tree = loader.project();
    let project = tree.map(|tree| read::project(&mut loader, &tree));
    let load::Loader {
        sources, findings, ..
    } = loader;
    match project {
        Some(project) if findings.is_empty() => Ok(project),
        _ => Err(Box::new(Rejected { findings, sources })),
    }
}

//! Making an experiment of compose files: an experiment file beside the objects that it names, ready
//! for `run`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use super::folder::{Existing, FolderError, write_file};
use intake::Input;
pub use scenario::compose::Remark;
use scenario::compose::{Project, ReadRequest, Target, Variables, experiment, objects, read};
use scenario::{NamedText, Rejected};

/// Inputs and destination of an import.
#[derive(Clone, Debug)]
pub struct ComposePlan<'a> {
    /// Compose files with their texts, later ones laid over earlier ones.
    pub files: &'a [(String, String)],
    /// Name of the project, where the files state none.
    pub name: String,
    /// Whether the name goes before that of the files.
    pub is_named: bool,
    /// Name of the experiment's file where neither the user nor the files name the project; `None` is
    /// the project's name.
    pub stem: Option<String>,
    /// Variables that the files may name.
    pub variables: Variables,
    /// Profiles that are on.
    pub profiles: Vec<String>,
    /// System that the project runs as.
    pub target: Target,
    /// The experiment file to be written; `None` has the project's name.
    pub scenario: Option<PathBuf>,
    /// Folder of an experiment file without a name of its own.
    pub folder: PathBuf,
    /// Policy for existing files.
    pub existing: Existing,
}

/// Reason nothing was imported.
#[derive(Debug, Error)]
pub enum ComposeError {
    /// The files are wrong.
    #[error("{} in the compose files", units::plural::count(.0.findings.len(), "error"))]
    Rejected(Box<Rejected>),
    /// The experiment would take the place of a compose file.
    #[error("{}: is an input file and is not overwritten; choose another name with `--name`",
        .0.display())]
    OverInput(PathBuf),
    /// The experiment can't be written as YAML.
    #[error("the experiment can't be written: {0}")]
    Text(String),
    /// The experiment can't be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Summary of an import.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComposeSummary {
    /// The experiment file.
    pub scenario: PathBuf,
    /// The objects beside it.
    pub objects: PathBuf,
    /// Name of the project.
    pub project: String,
    /// Name of the system that it runs as.
    pub system: &'static str,
    /// Number of services.
    pub services: u64,
    /// Services whose profiles are off.
    pub off: Vec<String>,
    /// Number of containers.
    pub containers: u64,
    /// Fields without effect, or with another than is meant.
    pub remarks: Vec<Remark>,
}

/// Text of a file.
fn text_of(path: &str) -> Result<String, String> {
    let text = Input::path(path).read_to_string();
    text.map_err(|error| {
        if Path::new(path).exists() {
            error.to_string()
        } else {
            "no such file".to_owned()
        }
    })
}

/// Reads compose files and writes their experiment: all of it or nothing.
pub fn import_compose(plan: &ComposePlan<'_>) -> Result<ComposeSummary, ComposeError> {
    let files: Vec<NamedText<'_>> = plan
        .files
        .iter()
        .map(|(name, text)| NamedText { name, text })
        .collect();
    let request = ReadRequest {
        files: &files,
        name: &plan.name,
        is_named: plan.is_named,
        variables: &plan.variables,
        profiles: &plan.profiles,
        target: plan.target,
        open: &text_of,
    };
    let project = read(&request).map_err(ComposeError::Rejected)?;
    let scenario = plan.scenario.clone();
    let is_unnamed = !plan.is_named && project.name == plan.name;
    let stem = plan.stem.as_ref().filter(|_| is_unnamed);
    let scenario = scenario.unwrap_or_else(|| free_path(plan, stem.unwrap_or(&project.name)));
    let stem = scenario.file_stem().unwrap_or_default().to_string_lossy();
    let manifests = scenario.with_file_name(format!("{stem}.objects.yaml"));
    for path in [&scenario, &manifests] {
        if is_input(plan, path) {
            return Err(ComposeError::OverInput(path.clone()));
        }
        if plan.existing == Existing::Refuse && path.symlink_metadata().is_ok() {
            let path = path.clone();
            return Err(FolderError::FileExists(path).into());
        }
    }
    let file = manifests.file_name().unwrap_or_default().to_string_lossy();
    let text = experiment::experiment(&project, plan.target, &file).map_err(ComposeError::Text)?;
    let written = objects::text(&project, plan.target).map_err(ComposeError::Text)?;
    write_file(&manifests, written.as_bytes(), plan.existing)?;
    write_file(&scenario, text.as_bytes(), plan.existing)?;
    Ok(summary(plan, project, scenario, manifests))
}

fn is_input(plan: &ComposePlan<'_>, path: &Path) -> bool {
    let written = path.canonicalize().ok();
    let is_same = |name: &str| Path::new(name).canonicalize().ok() == written;
    written.is_some() && plan.files.iter().any(|(name, _)| is_same(name))
}

/// The experiment file of a project: its name, unless a compose file has that.
fn free_path(plan: &ComposePlan<'_>, name: &str) -> PathBuf {
    let path = plan.folder.join(format!("{name}.yaml"));
    if is_input(plan, &path) {
        plan.folder.join(format!("{name}-experiment.yaml"))
    } else {
        path
    }
}

fn summary(
    plan: &ComposePlan<'_>,
    project: Project,
    scenario: PathBuf,
    objects: PathBuf,
) -> ComposeSummary {
    ComposeSummary {
        scenario,
        objects,
        system: plan.target.system(),
        services: project.services.len() as u64,
        containers: project
            .services
            .iter()
            .map(|own| u64::from(own.replicas))
            .sum(),
        project: project.name,
        off: project.off,
        remarks: project.remarks,
    }
}

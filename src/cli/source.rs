//! Experiment files as commands take them: a path, `-` for standard input, or the bundled one.

use std::path::{Path, PathBuf};

use intake::{Input, TraceError};
use lab::names::Registered;
use lab::paths::bases;
use scenario::{Color, Experiment, LoadOptions, Rejected, SearchPath, load};
use units::nearest;
use world::inputs::{self, BUNDLED, DiskAndEmbedded};

use super::{Failure, Global, terminal};

/// Text of an experiment file.
#[derive(Clone)]
pub(super) struct Source {
    /// Name of the file in messages.
    pub(super) name: String,
    /// Content of the file.
    pub(super) text: String,
    /// Folders in which its files are searched.
    pub(super) search: SearchPath,
    /// Kinds whose objects are left out of its manifests.
    pub(super) ignored: Vec<String>,
    /// Whether the programs that it names may run.
    pub(super) allows_external: bool,
}

impl Source {
    /// Reads an experiment file; without a path the bundled one.
    pub(super) fn read(global: &Global, path: Option<&Path>) -> Result<Self, Failure> {
        let (name, text, base_dir) = match path {
            None => (
                BUNDLED.0.to_owned(),
                BUNDLED.1.to_owned(),
                inputs::embedded_folder(),
            ),
            Some(path) => {
                let (name, text) = text_of(path)?;
                let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
                (name, text, base)
            }
        };
        Ok(Self::of(global, name, text, base_dir))
    }

    /// Wraps a text that is already read.
    pub(super) fn of(global: &Global, name: String, text: String, base_dir: PathBuf) -> Self {
        let mut traces_dirs = global.traces_dirs();
        // The scenario of a result tells where its paths start; results have files of such names too.
        let mut bases = bases(&text, &base_dir);
        bases.retain(|base| base.as_os_str().is_empty() || base.is_dir());
        let base_dir = if bases.is_empty() {
            base_dir
        } else {
            bases.remove(0)
        };
        traces_dirs.splice(0..0, bases);
        Self {
            name,
            text,
            search: SearchPath {
                base_dir,
                traces_dirs,
                built_in: Some(inputs::embedded_folder()),
            },
            ignored: global.ignore.clone(),
            allows_external: global.allow_external,
        }
    }

    /// Options for loading it.
    pub(super) fn options<'a>(&'a self, sets: &'a [String]) -> LoadOptions<'a> {
        LoadOptions {
            sets,
            search: &self.search,
            lookup: &DiskAndEmbedded,
            names: &Registered,
        }
    }

    /// Loads the experiment; prints its errors.
    pub(super) fn experiment(&self, sets: &[String]) -> Result<Experiment, Failure> {
        let loaded = load(&self.text, &self.name, self.options(sets));
        let mut experiment = loaded.map_err(|rejected| told(&rejected))?;
        self.complete(&mut experiment);
        Ok(experiment)
    }

    /// Applies to the loaded experiment what the flags of all commands say.
    pub(super) fn complete(&self, experiment: &mut Experiment) {
        experiment.ignore_kinds(&self.ignored);
        if self.allows_external {
            experiment.allow_external();
        }
    }
}

/// Name and text of a file given by the user, `-` being standard input.
pub(super) fn text_of(path: &Path) -> Result<(String, String), Failure> {
    let input = Input::argument(&path.display().to_string())?;
    let text = (input.read_to_string()).map_err(|error| no_scenario(path, &error))?;
    Ok((input.name.to_string(), text))
}

/// Failure with the errors of an experiment file, as they are shown.
pub(super) fn told(rejected: &Rejected) -> Failure {
    let color = if terminal::color() {
        Color::On
    } else {
        Color::Off
    };
    Failure::input(within(rejected).render(color).trim_end())
}

/// Findings about an experiment, without lines of files that a link brings in from outside of its repository.
pub(super) fn within(rejected: &Rejected) -> Rejected {
    let mut rejected = rejected.clone();
    rejected
        .sources
        .hide(|name| leads_outside(Path::new(name)).unwrap_or(false));
    rejected
}

/// Whether a path leads outside of the repository that it is written in.
fn leads_outside(path: &Path) -> Option<bool> {
    let real = path.canonicalize().ok()?;
    let folder = std::path::absolute(path).ok()?.parent()?.to_path_buf();
    let root = repository(&folder).canonicalize().ok()?;
    Some(!real.starts_with(root))
}

/// The nearest repository that a folder is in; else the current folder, if that holds it.
pub(super) fn repository(folder: &Path) -> PathBuf {
    let of_git = folder.ancestors().find(|above| above.join(".git").exists());
    let current = std::env::current_dir().and_then(|own| own.canonicalize());
    let current = current.ok().filter(|own| folder.starts_with(own));
    let found = of_git.map(Path::to_path_buf).or(current);
    found.unwrap_or_else(|| folder.to_path_buf())
}

/// Failure of an experiment file that cannot be read.
fn no_scenario(path: &Path, error: &TraceError) -> Failure {
    if path.exists() || path == Path::new("-") {
        return Failure::input(error);
    }
    let advice = beside(path).map_or_else(
        || "correct the path (`windtunnel run` without one runs the bundled experiment)".to_owned(),
        |name| format!("did you mean `{}`?", path.with_file_name(name).display()),
    );
    Failure::input(format!("{}: no such file; {advice}", path.display()))
}

/// The file of the same folder whose name is nearest to that of a path.
fn beside(path: &Path) -> Option<String> {
    let folder = match path.parent()? {
        folder if folder == Path::new("") => Path::new("."),
        folder => folder,
    };
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = files
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    let wanted = path.file_name()?.to_str()?;
    nearest::nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned)
}

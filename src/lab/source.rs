//! Experiment files as users give them: a path, `-` for standard input, a text, or the bundled one.

use std::path::{Path, PathBuf};

use intake::{Input, TraceError};
use scenario::schema::{AnswerFunction, AnswerSource};
use scenario::{
    Experiment, LoadOptions, NamedText, Rejected, SearchPath, load, load_with_variants,
};
use serde_json::{Value as Json, json};
use thiserror::Error;
use units::nearest;
use world::inputs::{self, BUNDLED};

use super::inside::FilesBelow;
use super::names::Registered;
use super::paths::bases;

/// Surroundings of an experiment file: what a caller says beside it.
pub trait Surroundings {
    /// Folders of traces, in the order in which they are searched.
    fn traces_dirs(&self) -> Vec<PathBuf>;

    /// Kinds whose objects are left out of manifests.
    fn ignored(&self) -> Vec<String>;

    /// Whether the programs that experiments name may run.
    fn allows_external(&self) -> bool;

    /// Files that experiments may name.
    fn files(&self) -> FilesBelow {
        FilesBelow::anywhere()
    }
}

/// Reason why an experiment file can't be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The system, or a bound of inputs, refuses it.
    #[error(transparent)]
    Input(#[from] TraceError),
    /// There is no such file.
    #[error("{}: no such file; {advice}", path.display())]
    Missing {
        /// Path as given.
        path: PathBuf,
        /// Advice.
        advice: String,
    },
}

/// Function outside that decides in a variant of its own.
#[derive(Clone, Debug)]
pub struct FunctionVariant {
    /// Name of the variant.
    pub name: String,
    /// The variant, a map from its name to overrides as below `variants:`.
    pub text: String,
    /// The function.
    pub function: AnswerFunction,
}

/// Reason why an experiment has no variant for a function.
#[derive(Debug, Error)]
pub enum FunctionError {
    /// The name is that of another variant.
    #[error(
        "policy: the experiment has a variant `{0}` already; name the policy otherwise, as in \
         `policy={{\"mine\": …}}`"
    )]
    Taken(String),
    /// The overrides are wrong.
    #[error("the settings of a policy are wrong")]
    Rejected(Box<Rejected>),
}

/// Text of an experiment file.
#[derive(Clone)]
pub struct Source {
    /// Name of the file in messages.
    pub name: String,
    /// Content of the file.
    pub text: String,
    /// Folders in which its files are searched.
    pub search: SearchPath,
    /// Kinds whose objects are left out of its manifests.
    pub ignored: Vec<String>,
    /// Whether the programs that it names may run.
    pub allows_external: bool,
    /// Files that it may name.
    pub files: FilesBelow,
}

impl Source {
    /// Reads an experiment file; without a path the bundled one.
    pub fn read(around: &dyn Surroundings, path: Option<&Path>) -> Result<Self, SourceError> {
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
        Ok(Self::of(around, name, text, base_dir))
    }

    /// Wraps a text that is already read.
    pub fn of(around: &dyn Surroundings, name: String, text: String, base_dir: PathBuf) -> Self {
        let mut traces_dirs = around.traces_dirs();
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
            ignored: around.ignored(),
            allows_external: around.allows_external(),
            files: around.files(),
        }
    }

    /// Options for loading it.
    pub fn options<'a>(&'a self, sets: &'a [String]) -> LoadOptions<'a> {
        LoadOptions {
            sets,
            search: &self.search,
            lookup: &self.files,
            names: &Registered,
        }
    }

    /// Loads the experiment.
    ///
    /// # Errors
    /// If the file is wrong.
    pub fn experiment(&self, sets: &[String]) -> Result<Experiment, Box<Rejected>> {
        let mut experiment = load(&self.text, &self.name, self.options(sets))?;
        self.complete(&mut experiment);
        Ok(experiment)
    }

    /// Plans of further variants, a map from names to overrides as below `variants:`.
    ///
    /// # Errors
    /// If an override is wrong.
    pub fn variants(
        &self,
        variants: NamedText<'_>,
        sets: &[String],
    ) -> Result<Experiment, Box<Rejected>> {
        let own = NamedText {
            name: &self.name,
            text: &self.text,
        };
        load_with_variants(own, Some(variants), self.options(sets))
    }

    /// Adds to the loaded experiment a variant for each function, in which it decides.
    ///
    /// # Errors
    /// If a name is taken, or an override is wrong.
    pub fn add_functions(
        &self,
        experiment: &mut Experiment,
        functions: &[FunctionVariant],
        sets: &[String],
    ) -> Result<(), FunctionError> {
        for own in functions {
            let taken = experiment.variants.iter().any(|plan| plan.name == own.name);
            if taken {
                return Err(FunctionError::Taken(own.name.clone()));
            }
            let text = NamedText {
                name: &format!("policy `{}`", own.name),
                text: &own.text,
            };
            let mut other = self.variants(text, sets).map_err(FunctionError::Rejected)?;
            self.complete(&mut other);
            other.answer_programs(&AnswerSource::Function {
                function: own.function.clone(),
                record: None,
            });
            experiment.variants.extend(other.variants);
        }
        Ok(())
    }

    /// Applies to the loaded experiment what the flags of all commands say.
    pub fn complete(&self, experiment: &mut Experiment) {
        experiment.ignore_kinds(&self.ignored);
        if self.allows_external {
            experiment.allow_external();
        }
    }
}

/// Text of a variant in which a program or a function outside gives nodes points, in a pipeline that has no other score.
pub fn external_variant(name: &str, external: &Json) -> String {
    let settings = json!({
        "system.name": "pipeline",
        "system.scheduler.profile": "first-fit",
        "system.scheduler.external": external,
    });
    json!({ name: settings }).to_string()
}

/// Name and text of a file given by the user, `-` being standard input.
pub fn text_of(path: &Path) -> Result<(String, String), SourceError> {
    let input = Input::argument(&path.display().to_string())?;
    let text = (input.read_to_string()).map_err(|error| no_scenario(path, error))?;
    Ok((input.name.to_string(), text))
}

/// Findings about an experiment, without lines of files that a link brings in from outside of its repository.
pub fn within(rejected: &Rejected) -> Rejected {
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
pub fn repository(folder: &Path) -> PathBuf {
    let of_git = folder.ancestors().find(|above| above.join(".git").exists());
    let current = std::env::current_dir().and_then(|own| own.canonicalize());
    let current = current.ok().filter(|own| folder.starts_with(own));
    let found = of_git.map(Path::to_path_buf).or(current);
    found.unwrap_or_else(|| folder.to_path_buf())
}

/// Error of an experiment file that cannot be read.
fn no_scenario(path: &Path, error: TraceError) -> SourceError {
    if path.exists() || path == Path::new("-") {
        return error.into();
    }
    let advice = beside(path).map_or_else(
        || "correct the path (`windtunnel run` without one runs the bundled experiment)".to_owned(),
        |name| format!("did you mean `{}`?", path.with_file_name(name).display()),
    );
    SourceError::Missing {
        path: path.to_path_buf(),
        advice,
    }
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

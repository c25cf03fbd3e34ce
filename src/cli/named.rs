//! Runs as commands name them: a result folder or an experiment file, with `:VARIANT` if it has
//! several.

use std::path::{Path, PathBuf};

use lab::diff::Side;
use lab::folder::EXTERNAL;
use lab::results;
use lab::summary::{Summary, VariantSummary};
use lab::travel::{FORK_FILE, Fork};
use report::result_files::fork_of;
use scenario::Experiment;

use super::source::Source;
use super::{Failure, Global, terminal};
use units::{Instant, plural};

/// One run, with its experiment.
pub(super) struct NamedRun {
    /// Label of the run in messages.
    pub(super) label: String,
    /// Experiment of the run.
    pub(super) experiment: Experiment,
    /// Index of its variant in the experiment.
    pub(super) variant: usize,
    /// Recorded summary, if the run is a result folder.
    pub(super) recorded: Option<Summary>,
    /// Path of the experiment file.
    pub(super) file: PathBuf,
    /// Instant at which it parted from another run and the experiment up to there, if it is a fork.
    pub(super) before: Option<(Instant, Experiment)>,
}

impl NamedRun {
    /// Recorded results of its variant.
    pub(super) fn recorded_variant(&self) -> Option<&VariantSummary> {
        self.recorded.as_ref()?.variants.get(self.variant)
    }

    /// Side of a comparison that simulates it again.
    pub(super) fn side(&self) -> Side<'_> {
        Side {
            label: self.label.clone(),
            scenario: &self.experiment.variants[self.variant].scenario,
            files: &self.experiment.files,
            before: (self.before.as_ref()).and_then(|(at, before)| {
                let variant = before.variants.get(self.variant)?;
                Some((*at, &variant.scenario))
            }),
        }
    }

    /// Prints a note if the run, simulated again unchanged, has another digest than recorded.
    pub(super) fn note_other_digest(&self, digest: &str, sets: &[String]) {
        let recorded = self.recorded_variant().filter(|_| sets.is_empty());
        if let Some(variant) = recorded.filter(|variant| variant.digest != digest) {
            let program = self.recorded.as_ref();
            let program = program.map_or("", |of| of.windtunnel.as_str());
            terminal::complain(&format!(
                "note: {} was recorded with digest {} by windtunnel {program}; simulating it \
                 again gives a different run: its inputs or the program have changed",
                self.label,
                &variant.digest[..variant.digest.len().min(12)]
            ));
        }
    }
}

/// Experiment, with its recorded summary if it comes from a result folder.
pub(super) fn experiment(
    global: &Global,
    path: &Path,
    sets: &[String],
) -> Result<(Experiment, Option<Summary>), Failure> {
    let is_folder = path.is_dir() || path.extension().is_some_and(|ending| ending == "partial");
    if !is_folder {
        return Ok((Source::read(global, Some(path))?.experiment(sets)?, None));
    }
    let run = results::read(path)?;
    let scenario = run.folder.join("scenario.yaml");
    let mut experiment = Source::read(global, Some(&scenario))?.experiment(sets)?;
    let answers = run.folder.join(EXTERNAL);
    if answers.is_dir() && !global.allow_external {
        experiment.replay_external(&answers);
    }
    Ok((experiment, Some(run.summary)))
}

/// State of a fork before it branched off: its scenario alone does not reproduce it.
pub(super) fn before_fork(
    global: &Global,
    fork: Option<&Fork>,
    file: &Path,
    base: &Path,
) -> Result<Option<(Instant, Experiment)>, Failure> {
    let Some(fork) = fork else { return Ok(None) };
    let name = format!("{} (before the fork)", file.display());
    let source = Source::of(global, name, fork.scenario.clone(), base.to_path_buf());
    Ok(Some((fork.at(), source.experiment(&[])?)))
}

/// Reads `PATH` or `PATH:VARIANT`.
pub(super) fn run(global: &Global, text: &str, sets: &[String]) -> Result<NamedRun, Failure> {
    let (path, variant) = match text.rsplit_once(':') {
        Some((path, variant)) if !Path::new(text).exists() => (PathBuf::from(path), Some(variant)),
        _ => (PathBuf::from(text), None),
    };
    let (experiment, recorded) = experiment(global, &path, sets)?;
    let names: Vec<&str> = (experiment.variants.iter())
        .map(|variant| variant.name.as_str())
        .collect();
    let position = match (variant, names.as_slice()) {
        (None, [_]) => 0,
        (None, [first, ..]) => {
            return Err(Failure::input(format!(
                "{text}: has {}; say which, such as {text}:{first} (it has {})",
                plural::count(names.len(), "variant"),
                names.join(", ")
            )));
        }
        (Some(name), names) => match names.iter().position(|known| *known == name) {
            Some(position) => position,
            None => {
                return Err(Failure::input(format!(
                    "{}: has no variant `{name}`; it has {}",
                    path.display(),
                    names.join(", ")
                )));
            }
        },
        (None, []) => return Err(Failure::input(format!("{text}: has nothing to run"))),
    };
    let fork = match recorded {
        Some(_) => fork_of(&path)?,
        None => None,
    };
    Ok(NamedRun {
        label: text.to_owned(),
        before: before_fork(global, fork.as_ref(), &path.join(FORK_FILE), &path)?,
        experiment,
        variant: position,
        file: if recorded.is_some() {
            path.join("scenario.yaml")
        } else {
            path
        },
        recorded,
    })
}

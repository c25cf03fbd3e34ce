//! Reading an experiment file for the commands that make many runs of it.

use std::path::{Path, PathBuf};

use crate::lab::inputs::{self, BUNDLED, DiskAndEmbedded};
use crate::lab::names::Registered;
use crate::scenario::{
    Color, Experiment, LoadOptions, NamedText, Rejected, SearchPath, load_with_variants,
};
use crate::trace::Input;

use super::run::{MessageFormat, no_scenario};
use super::{Exit, Failure, Global, terminal};

/// What an experiment is read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// The file; the bundled one without it.
    pub(super) path: Option<&'a Path>,
    /// `PATH=VALUE` of each `--set`.
    pub(super) sets: &'a [String],
    /// Variants instead of its own: what messages call them, and their text.
    pub(super) variants: Option<(&'a str, &'a str)>,
    /// How findings are printed.
    pub(super) messages: MessageFormat,
}

/// Reads an experiment; what is wrong with it is printed here.
pub(super) fn read(global: &Global, reading: Reading<'_>) -> Result<(Experiment, String), Failure> {
    let (name, text, base_dir) = match reading.path {
        None => {
            let (name, text) = BUNDLED;
            (name.to_owned(), text.to_owned(), inputs::embedded_folder())
        }
        Some(path) => {
            let (name, text) = text_of(path)?;
            let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
            (name, text, base)
        }
    };
    let search = search(global, base_dir);
    let options = LoadOptions {
        sets: reading.sets,
        search: &search,
        lookup: &DiskAndEmbedded,
        names: &Registered,
    };
    let experiment = NamedText {
        name: &name,
        text: &text,
    };
    let variants = (reading.variants).map(|(name, text)| NamedText { name, text });
    match load_with_variants(experiment, variants, options) {
        Ok(experiment) => Ok((experiment, text)),
        Err(rejected) => Err(told(&rejected, reading.messages)),
    }
}

/// The name and the text of a file of a user's choice, `-` being standard input.
pub(super) fn text_of(path: &Path) -> Result<(String, String), Failure> {
    let input = Input::argument(&path.display().to_string()).map_err(Failure::input)?;
    let text = input
        .read_to_string()
        .map_err(|error| no_scenario(path, &error))?;
    Ok((input.name.to_string(), text))
}

fn search(global: &Global, base_dir: PathBuf) -> SearchPath {
    SearchPath {
        base_dir,
        traces_dirs: terminal::traces_dirs(global),
        built_in: Some(inputs::embedded_folder()),
    }
}

fn told(rejected: &Rejected, messages: MessageFormat) -> Failure {
    match messages {
        MessageFormat::Human => {
            let color = if terminal::color() {
                Color::On
            } else {
                Color::Off
            };
            terminal::complain(rejected.render(color).trim_end());
        }
        MessageFormat::Json => terminal::print(&format!("{:#}\n", rejected.to_json())),
    }
    Failure::silent(Exit::Input)
}

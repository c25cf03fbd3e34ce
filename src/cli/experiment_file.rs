//! Reading an experiment file for the commands that make many runs of it.

use std::path::Path;

use scenario::{Experiment, NamedText, Rejected, load_with_variants};

use super::run::MessageFormat;
use super::source::{self, Source};
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
    let source = Source::read(global, reading.path)?;
    let experiment = NamedText {
        name: &source.name,
        text: &source.text,
    };
    let variants = (reading.variants).map(|(name, text)| NamedText { name, text });
    match load_with_variants(experiment, variants, source.options(reading.sets)) {
        Ok(experiment) => Ok((experiment, source.text)),
        Err(rejected) => Err(told(&rejected, reading.messages)),
    }
}

/// Prints what is wrong with an experiment file in a form.
pub(super) fn told(rejected: &Rejected, messages: MessageFormat) -> Failure {
    match messages {
        MessageFormat::Human => source::told(rejected),
        MessageFormat::Json => {
            terminal::print(&format!("{:#}\n", rejected.to_json()));
            Failure::silent(Exit::Input)
        }
    }
}

//! Reading of an experiment file for the commands that run it many times.

use std::path::Path;

use lab::run::prepare;
use scenario::{Experiment, FileLookup, LoadOptions, NamedText, Rejected, load_with_variants};
use world::FileSource;

use super::source::{self, Source, Surroundings as _};
use super::{Exit, Failure, Global, terminal};

/// Output format of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum MessageFormat {
    /// Text with the location in the file.
    #[default]
    Human,
    /// JSON, for editors and other tools.
    Json,
}

/// Inputs that an experiment is read from.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Path of the file; `None` for the bundled one.
    pub path: Option<&'a Path>,
    /// Values `PATH=VALUE` of each `--set`.
    pub sets: &'a [String],
    /// Variants that replace those of the file.
    pub variants: Option<NamedText<'a>>,
    /// Output format of findings.
    pub messages: MessageFormat,
}

/// Reads an experiment; prints its errors.
pub fn read(global: &Global, reading: Reading<'_>) -> Result<(Experiment, String), Failure> {
    read_by(global, reading, &global.files())
}

/// Reads an experiment whose files a lookup finds; prints its errors.
pub fn read_by(
    global: &Global,
    reading: Reading<'_>,
    lookup: &dyn FileLookup,
) -> Result<(Experiment, String), Failure> {
    let source = Source::read(global, reading.path)?;
    let experiment = NamedText {
        name: &source.name,
        text: &source.text,
    };
    let options = LoadOptions {
        lookup,
        ..source.options(reading.sets)
    };
    match load_with_variants(experiment, reading.variants, options) {
        Ok(mut experiment) => {
            source.complete(&mut experiment);
            Ok((experiment, source.text))
        }
        Err(rejected) => Err(told(&rejected, reading.messages)),
    }
}

/// Prints the errors of an experiment file in the given format.
pub(super) fn told(rejected: &Rejected, messages: MessageFormat) -> Failure {
    match messages {
        MessageFormat::Human => source::told(rejected),
        MessageFormat::Json => {
            terminal::print(&format!("{:#}\n", source::within(rejected).to_json()));
            Failure::silent(Exit::Input)
        }
    }
}

/// Loads an experiment that was written as `run` does, so that a run refuses nothing of it.
pub(super) fn check_written(global: &Global, path: &Path) -> Result<(), Failure> {
    let reading = Reading {
        path: Some(path),
        sets: &[],
        variants: None,
        messages: MessageFormat::Human,
    };
    let experiment = read(global, reading)?.0;
    let files = FileSource::of(&experiment.files);
    for variant in &experiment.variants {
        prepare(&variant.scenario, &files).map_err(Failure::input)?;
    }
    Ok(())
}

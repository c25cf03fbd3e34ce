//! Experiment files as commands take them: a path, `-` for standard input, or the bundled one.

use std::path::PathBuf;

use lab::inside::FilesBelow;
use lab::source::SourceError;
use scenario::{Color, Rejected};

pub(super) use lab::source::{Source, Surroundings, repository, text_of, within};

use super::{Failure, Global, terminal};

impl Surroundings for Global {
    fn traces_dirs(&self) -> Vec<PathBuf> {
        Self::traces_dirs(self)
    }

    fn ignored(&self) -> Vec<String> {
        self.ignore.clone()
    }

    fn allows_external(&self) -> bool {
        self.allow_external
    }

    fn files(&self) -> FilesBelow {
        if self.within.is_empty() {
            return FilesBelow::anywhere();
        }
        let traces = Self::traces_dirs(self);
        let folders = self.within.iter().chain(&traces);
        FilesBelow::new(folders.filter_map(|own| own.canonicalize().ok()).collect())
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::input(error)
    }
}

impl From<Box<Rejected>> for Failure {
    fn from(rejected: Box<Rejected>) -> Self {
        told(&rejected)
    }
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

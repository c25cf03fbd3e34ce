//! Reasons for which nothing can be tuned; mistakes of candidates are answered instead.

use std::path::PathBuf;

use thiserror::Error;

use crate::compare::CompareError;
use crate::diff::DiffError;
use crate::experiment::ExperimentError;
use crate::folder::FolderError;
use intake::TraceError;
use scenario::Rejected;

/// Reason for which nothing can be tuned.
#[derive(Debug, Error)]
pub enum TuneError {
    /// An option or the experiment does not go with tuning.
    #[error("{0}")]
    Input(String),
    /// An experiment file is wrong.
    #[error("the experiment file is wrong")]
    Rejected(Box<Rejected>),
    /// The base has no result.
    #[error("the base: {0}")]
    Base(String),
    /// The log is of another search.
    #[error(
        "{}: holds the log of another search ({what}); choose another folder with `--out`, or remove it",
        path.display()
    )]
    Other {
        /// File of the log.
        path: PathBuf,
        /// Part that differs.
        what: &'static str,
    },
    /// The log is damaged.
    #[error("{}:{line}: {reason}; remove this line, and its candidate is measured again", path.display())]
    Damaged {
        /// File of the log.
        path: PathBuf,
        /// Number of the line.
        line: usize,
        /// The problem.
        reason: String,
    },
    /// There is no such metric, or it has no better direction.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// An input can't be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The folder can't be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// It was interrupted, or the threads can't be started.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// Two runs can't be compared decision by decision.
    #[error(transparent)]
    Diff(#[from] DiffError),
}

impl From<Box<Rejected>> for TuneError {
    fn from(rejected: Box<Rejected>) -> Self {
        Self::Rejected(rejected)
    }
}

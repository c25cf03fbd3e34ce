//! Sweeps: one experiment at many points × variants × seeds, on every core and over many machines.
//!
//! Every run has a key, the hash of everything that decides its result: the program, the scenario
//! with every default filled in, the seed, the content of the files it reads. Its record is one
//! file named after the key, written under a temporary name and renamed. So a kill at any moment
//! loses nothing that was finished, nothing is run twice, shards may run anywhere, and the table is
//! a function of the records: its bytes do not tell how often the sweep was interrupted.

pub mod axis;
pub mod design;
pub mod engine;
mod execute;
mod merge;
mod plan;
pub mod record;
pub mod sensitivity;
pub mod shard;
mod store;
mod table;

use std::path::PathBuf;

use thiserror::Error;

use intake::TraceError;
use scenario::Rejected;

use super::folder::FolderError;
use super::own_program::ProgramError;
use super::run::RunError;
use units::plural;

pub use execute::{Executed, Execution, execute, run_alone};
pub use merge::{Merged, merge};
pub(crate) use plan::FILE_NAME;
pub use plan::{Grounds, Plan, PlannedRun, SweepFile, SweepReleases, SweptExperiment, plan};
pub use shard::Shard;
pub use store::{SweepFolder, When};
pub use table::{CSV_NAME, PARQUET_NAME, SweepTable, keep};

/// Reason a sweep can't go on.
#[derive(Debug, Error)]
pub enum SweepError {
    /// An option that names a field is wrong.
    #[error("{option} `{text}`: {why}\nhelp: {help}")]
    Axis {
        /// The option.
        option: &'static str,
        /// Text given.
        text: String,
        /// The problem.
        why: String,
        /// Advice.
        help: &'static str,
    },
    /// Options that don't go together.
    #[error("{0}")]
    Design(String),
    /// Too many points.
    #[error(
        "the sweep has more than {}; give fewer values, or sample with --latin N",
        plural::count(*.0, "point")
    )]
    TooMany(usize),
    /// The experiment is wrong at a point.
    #[error("the experiment file is wrong at {at}")]
    Rejected {
        /// The point, in words.
        at: String,
        /// The findings.
        rejected: Box<Rejected>,
    },
    /// Runs that depend on more than the experiment and its files.
    #[error("a run of the sweep {0}")]
    OwnProgram(String),
    /// A file can't be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A file can't be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A run has no result.
    #[error("{at}: {source}")]
    Run {
        /// Name of the run, in words.
        at: String,
        /// Reason the run has no result.
        source: Box<RunError>,
    },
    /// It was interrupted.
    #[error("interrupted")]
    Interrupted {
        /// Number of finished runs.
        finished: usize,
        /// Number of all runs.
        runs: usize,
    },
    /// The threads can't be started.
    #[error("can't start {}: {reason}", plural::count(*threads, "thread"))]
    Threads {
        /// Number of threads asked for.
        threads: usize,
        /// Error of the system.
        reason: String,
    },
    /// The folder holds another sweep.
    #[error(
        "{path}: holds another sweep ({1}); choose another folder with `--out`, or reuse it with \
         `--force`: runs that both sweeps have are kept, the table is replaced", path = .0.display()
    )]
    Other(PathBuf, String),
    /// The folder, or a shard, was made by another program.
    #[error(
        "{}: was made by windtunnel {found}, but {expected} needs windtunnel {wanted}; runs of \
         different programs are not mixed: run the whole sweep with one program",
        path.display()
    )]
    Program {
        /// The folder.
        path: PathBuf,
        /// The program that made it.
        found: String,
        /// Part that should be equal.
        expected: &'static str,
        /// The program that was expected.
        wanted: String,
    },
    /// Folders to be merged hold different sweeps.
    #[error("{}: holds another sweep than {} ({what}); merge shards of one sweep",
        path.display(), first.display())]
    Unlike {
        /// The folder.
        path: PathBuf,
        /// The one that came first.
        first: PathBuf,
        /// Part that differs.
        what: String,
    },
    /// Records are missing.
    #[error(
        "{missing} of {} {} missing, the first is {first}; {cure}: nothing was written",
        plural::count(*runs, "run"),
        plural::either(*missing, "is", "are")
    )]
    Gap {
        /// Number of missing runs.
        missing: usize,
        /// Number of all runs.
        runs: usize,
        /// The first, in words.
        first: String,
        /// Advice.
        cure: String,
    },
    /// A file of a sweep is damaged.
    #[error("{}: {reason}; {cure}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        reason: String,
        /// Advice.
        cure: &'static str,
    },
    /// There is no sweep.
    #[error("{}: not the folder of a sweep (it holds no {}); give the folder that `sweep --out` \
        named",
        .0.display(), plan::FILE_NAME)]
    Missing(PathBuf),
    /// A shard that can't be.
    #[error("--shard `{text}`: {why}; {help}")]
    Shard {
        /// Text given.
        text: String,
        /// The problem.
        why: String,
        /// Advice.
        help: &'static str,
    },
    /// A metric that no run has.
    #[error("there is no metric `{id}` in these runs{near}")]
    Metric {
        /// Metric asked for.
        id: String,
        /// Name that may have been meant.
        near: String,
    },
}

impl From<ProgramError> for SweepError {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Trace(error) => error.into(),
            ProgramError::Unknown(_) => Self::OwnProgram(error.to_string()),
        }
    }
}

impl SweepError {
    /// The exit code of this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Axis { .. }
            | Self::Design(_)
            | Self::TooMany(..)
            | Self::OwnProgram(_)
            | Self::Rejected { .. }
            | Self::Trace(_)
            | Self::Other(..)
            | Self::Gap { .. }
            | Self::Damaged { .. }
            | Self::Missing(..)
            | Self::Metric { .. }
            | Self::Shard { .. } => 2,
            Self::Unlike { .. } | Self::Program { .. } => 3,
            Self::Folder(error) => error.exit_code(),
            Self::Run { source, .. } => match &**source {
                RunError::Build(_)
                | RunError::Sim(sim::SimError::Trace(_) | sim::SimError::Declaration { .. }) => 2,
                RunError::Sim(_) | RunError::Record(_) | RunError::Stopped { .. } => 101,
            },
            Self::Interrupted { .. } => 130,
            Self::Threads { .. } => 101,
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "these tests damage files on purpose"
)]
mod tests;

//! Failures of runs and result folders as exit codes and messages.

use super::{Exit, Failure, interrupt};
use intake::TraceError;
use lab::experiment::{ExperimentError, is_input};
use lab::folder::FolderError;
use lab::results::ResultsError;
use lab::run::RunError;
use lab::snapshot::SnapshotError;
use sim::SimError;
use world::BuildError;

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        of_folder(&error)
    }
}

impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        match &error {
            ExperimentError::Interrupted => Self::silent(interrupt::exit()),
            ExperimentError::Folder(folder) => of_folder(folder),
            ExperimentError::Trace(_) => Self::input(error),
            ExperimentError::Variant { source, .. } => {
                let failure = run_failure(source);
                let (own, whole) = (source.to_string(), error.to_string());
                Self {
                    message: failure.message.replacen(&own, &whole, 1),
                    ..failure
                }
            }
            ExperimentError::Broken { .. }
            | ExperimentError::Limit(_)
            | ExperimentError::Threads { .. } => Self::incomplete(error),
        }
    }
}

impl From<ResultsError> for Failure {
    fn from(error: ResultsError) -> Self {
        match error.exit_code() {
            4 => Self::new(Exit::NothingMeasured, error),
            _ => Self::input(error),
        }
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        Self::input(error)
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        Self::input(error)
    }
}

fn of_folder(error: &FolderError) -> Failure {
    match error.exit_code() {
        2 => Failure::input(error),
        _ => Failure::incomplete(error),
    }
}

/// Returns whether the input of a run was wrong, so that its output is useless.
pub(super) fn is_refusal(error: &ExperimentError) -> bool {
    match error {
        ExperimentError::Trace(_) => true,
        ExperimentError::Variant { source, .. } => is_input(source),
        _ => false,
    }
}

/// Failure of a variant without results.
pub(super) fn run_failure(error: &RunError) -> Failure {
    match error {
        RunError::Build(BuildError::Trace(bad @ TraceError::BadRow { .. }))
        | RunError::Sim(SimError::Trace(bad @ TraceError::BadRow { .. })) => {
            Failure::input(format!(
                "{bad}\nhelp: correct the row, or leave such rows out: `onBadRow: skip` beside the path of the file, or \
                 `run --on-bad-row skip` for all files"
            ))
        }
        error if is_input(error) => Failure::input(error),
        error => Failure::incomplete(error),
    }
}

//! Failures of runs and result folders as exit codes and messages.

use super::{Exit, Failure};
use intake::TraceError;
use lab::experiment::{ExperimentError, is_input};
use lab::run::RunError;
use sim::SimError;
use world::BuildError;

/// Failure of a result folder.
pub(super) fn folder_failure(error: &lab::folder::FolderError) -> Failure {
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

/// Exit code and message of a failed run.
pub(super) fn failure(error: ExperimentError, interrupted: Exit) -> Failure {
    match &error {
        ExperimentError::Interrupted => Failure::silent(interrupted),
        ExperimentError::Folder(folder) => folder_failure(folder),
        ExperimentError::Trace(_) => Failure::input(error),
        ExperimentError::Variant { source, .. } => Failure {
            message: run_failure(source).message.replacen(
                &source.to_string(),
                &error.to_string(),
                1,
            ),
            ..run_failure(source)
        },
        ExperimentError::Threads { .. } => Failure::incomplete(error),
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

//! Shared parts of the commands that read a snapshot: reading it, the scheduler's configuration,
//! and warnings about ignored input.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use lab::snapshot::profile::read_profiles;
use lab::snapshot::{Snapshot, SnapshotError};
use scheduler::kube::{KubeProfile, Release};
use trace::Input;

use super::{Failure, Global, terminal};

/// Number of warnings printed without `--verbose`.
const WARNINGS_TOLD: usize = 10;

/// Scheduler that decides, with its configuration.
#[derive(Clone, Debug, Args)]
pub(super) struct SchedulerArguments {
    /// Scheduler configuration, a `KubeSchedulerConfiguration` file [default: built-in defaults]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Release of the scheduler to follow
    #[arg(long, value_enum, default_value_t = ReleaseName::V134)]
    pub(super) release: ReleaseName,
}

/// Release of the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReleaseName {
    /// Release 1.34.
    #[value(name = "1.34")]
    V134,
    /// Release 1.36.
    #[value(name = "1.36")]
    V136,
}

impl SchedulerArguments {
    /// Returns whether anything but the defaults is requested.
    pub(super) fn is_stated(&self) -> bool {
        self.config.is_some() || self.release != ReleaseName::V134
    }

    /// Profiles of the scheduler; prints warnings about doubtful configuration.
    pub(super) fn profiles(&self, global: &Global) -> Result<Vec<KubeProfile>, Failure> {
        let release = match self.release {
            ReleaseName::V134 => Release::V1_34,
            ReleaseName::V136 => Release::V1_36,
        };
        let config = self.config.as_ref().map(Input::path);
        let read = read_profiles(config.as_ref(), release);
        let (profiles, doubts) = read.map_err(|error| failed(&error))?;
        tell(global, &doubts);
        Ok(profiles)
    }
}

/// Failure of a snapshot that cannot be read, or cannot answer the question.
pub(super) fn failed(error: &SnapshotError) -> Failure {
    Failure::input(error)
}

/// Reads a snapshot and prints what was left out.
pub(super) fn read(global: &Global, paths: &[PathBuf]) -> Result<Snapshot, Failure> {
    let snapshot = Snapshot::read(paths, &terminal::traces_dirs(global));
    let snapshot = snapshot.map_err(|error| failed(&error))?;
    tell(global, &snapshot.warnings);
    Ok(snapshot)
}

/// Removes nodes with their pods.
pub(super) fn without(snapshot: &mut Snapshot, nodes: &[String]) -> Result<(), Failure> {
    for node in nodes {
        snapshot.lose_node(node).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Prints warnings.
pub(super) fn tell(global: &Global, warnings: &[String]) {
    if global.quiet {
        return;
    }
    let most = if global.verbose {
        usize::MAX
    } else {
        WARNINGS_TOLD
    };
    for warning in warnings.iter().take(most) {
        terminal::complain(&format!("warning: {warning}"));
    }
    if warnings.len() > most {
        let more = warnings.len() - most;
        terminal::complain(&format!("warning: and {more} more; --verbose prints all"));
    }
}

//! What the commands that look at a snapshot have in common: reading it, the scheduler's
//! configuration, and telling what was left out.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use control::scheduler::kube::{KubeProfile, Release};
use lab::snapshot::profile::read_profiles;
use lab::snapshot::{Snapshot, SnapshotError};
use trace::Input;

use super::{Failure, Global, terminal};

/// How many warnings are told unless `--verbose` asks for all.
const WARNINGS_TOLD: usize = 10;

/// The scheduler that decides.
#[derive(Clone, Debug, Args)]
pub(super) struct SchedulerArguments {
    /// The scheduler's configuration, a `KubeSchedulerConfiguration` file [default: its defaults]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Which release of the scheduler is followed
    #[arg(long, value_enum, default_value_t = ReleaseName::V134)]
    pub(super) release: ReleaseName,
}

/// A release that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReleaseName {
    /// 1.34.
    #[value(name = "1.34")]
    V134,
    /// 1.36.
    #[value(name = "1.36")]
    V136,
}

impl SchedulerArguments {
    /// Whether anything but the defaults is asked for.
    pub(super) fn is_stated(&self) -> bool {
        self.config.is_some() || self.release != ReleaseName::V134
    }

    /// The profiles; what in the configuration is hardly meant is told.
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

/// A snapshot that can't be read, or not be asked what was asked.
pub(super) fn failed(error: &SnapshotError) -> Failure {
    Failure::input(error)
}

/// Reads a snapshot and tells what was left out.
pub(super) fn read(global: &Global, paths: &[PathBuf]) -> Result<Snapshot, Failure> {
    let snapshot = Snapshot::read(paths, &terminal::traces_dirs(global));
    let snapshot = snapshot.map_err(|error| failed(&error))?;
    tell(global, &snapshot.warnings);
    Ok(snapshot)
}

/// Takes nodes away with their pods.
pub(super) fn without(snapshot: &mut Snapshot, nodes: &[String]) -> Result<(), Failure> {
    for node in nodes {
        snapshot.lose_node(node).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Tells warnings.
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
        terminal::complain(&format!("warning: and {more} more; --verbose tells all"));
    }
}

//! Shared parts of the commands that read a snapshot: reading it, the scheduler's configuration,
//! and warnings about ignored input.

use std::mem::ManuallyDrop;
use std::path::PathBuf;

use clap::Args;

use intake::Input;
use k8s::kind_named;
use lab::explain::defects::deciding;
pub(super) use lab::place::request::{self, described};
use lab::snapshot::profile::{read_config, read_profiles};
use lab::snapshot::{Snapshot, SnapshotOptions};
use model::Release;
use scheduler::kube::{Cache, KubeProfile, PodInfo};

use super::{Failure, Global, terminal};

/// Number of warnings printed without `--verbose`.
const WARNINGS_TOLD: usize = 10;

/// Scheduler that decides, with its configuration.
#[derive(Clone, Debug, Args)]
pub(super) struct SchedulerArguments {
    /// Scheduler configuration, a `KubeSchedulerConfiguration` file [default: built-in defaults]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Release of the scheduler to follow, 1.30 to 1.36 [default: that of the newest kubelet, or 1.34]
    #[arg(long, value_parser = Release::find)]
    pub(super) release: Option<Release>,
}

impl SchedulerArguments {
    /// Returns whether anything but the defaults is requested.
    pub(super) fn is_stated(&self) -> bool {
        self.config.is_some() || self.release.is_some()
    }

    /// Profiles of the scheduler of a release; prints warnings about doubtful configuration.
    pub(super) fn profiles(
        &self,
        global: &Global,
        release: Release,
    ) -> Result<Vec<KubeProfile>, Failure> {
        let config = self.config.as_ref().map(Input::path);
        let (profiles, doubts) = read_profiles(config.as_ref(), release.changes())?;
        tell(global, &doubts);
        Ok(profiles)
    }
}

/// Words about each defect of the release without which a pod's attempt would end otherwise.
pub(super) fn deciding_defects(
    scheduler: &SchedulerArguments,
    profile: &KubeProfile,
    cache: &Cache,
    pod: &PodInfo,
) -> Result<Vec<String>, Failure> {
    let config = scheduler.config.as_ref().map(Input::path);
    let (config, _) = read_config(config.as_ref())?;
    deciding(&config, profile, cache, pod).map_err(Failure::input)
}

/// Kinds whose objects are left out.
pub(super) fn ignored(global: &Global) -> Result<Vec<&'static str>, Failure> {
    let named = global.ignore.iter().map(|word| kind_named(word));
    let named: Result<_, String> = named.collect();
    named.map_err(|why| Failure::input(format!("--ignore: {why}")))
}

/// Reads a snapshot, in which the rules of the stated release decide or else those of the newest
/// kubelet, and prints what was left out.
pub(super) fn read(
    global: &Global,
    paths: &[PathBuf],
    stated: Option<Release>,
) -> Result<ManuallyDrop<Snapshot>, Failure> {
    let (folders, ignored) = (global.traces_dirs(), ignored(global)?);
    let options = SnapshotOptions {
        traces_dirs: &folders,
        release: stated,
        ignored: &ignored,
        ..SnapshotOptions::default()
    };
    let mut snapshot = Snapshot::read(paths, &options)?;
    tell(global, &snapshot.warnings);
    doubt_allotment(global, &mut snapshot);
    // The command ends with it: to give its pods back one by one is a tenth of the whole work.
    Ok(ManuallyDrop::new(snapshot))
}

/// Warns of claims on devices that the release does not allot, once they are there.
pub(super) fn doubt_allotment(global: &Global, snapshot: &mut Snapshot) {
    if let Some(doubt) = request::doubt_allotment(snapshot) {
        tell(global, std::slice::from_ref(&doubt));
    }
}

/// Removes nodes with their pods.
pub(super) fn without(snapshot: &mut Snapshot, nodes: &[String]) -> Result<(), Failure> {
    for node in nodes {
        snapshot.lose_node(node)?;
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

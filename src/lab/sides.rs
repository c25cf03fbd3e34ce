//! The sides of a comparison: two runs, each of which can be run up to an instant and looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use super::run::{ForkedScenario, Prepared, RunError, prepare, profile_choice, run_silently};
use cluster::fragmentation::TypicalPods;
use cluster::{Observer, Store};
use model::{Event, Pod};
use policy::{Setup, build_profile};
use scenario::{Files, Scenario};
use scheduler::{Profile, Reason};
use units::{Instant, Revision};
use world::FileSource;

/// One of two runs.
#[derive(Clone, Debug)]
pub struct Side<'a> {
    /// Label of the run.
    pub label: String,
    /// Scenario to run.
    pub scenario: &'a Scenario,
    /// Files of the side.
    pub files: &'a Files,
    /// Instant at which the run parted from another, and the scenario up to there, if it is a fork.
    pub before: Option<(Instant, &'a Scenario)>,
}

impl Side<'_> {
    /// Nodes and workload of the run.
    pub(crate) fn prepare(&self) -> Result<Prepared, RunError> {
        let files = FileSource::of(self.files);
        Ok(prepare(self.scenario_at(Instant::ZERO), &files)?)
    }

    /// The scenario by which the run decides at an instant.
    pub(crate) fn scenario_at(&self, at: Instant) -> &Scenario {
        self.forked().at(at)
    }

    /// The scenario over its fork.
    pub(crate) const fn forked(&self) -> ForkedScenario<'_> {
        ForkedScenario {
            scenario: self.scenario,
            before: self.before,
        }
    }
}

/// Reason runs can't be compared.
#[derive(Debug, Error)]
pub enum DiffError {
    /// A side can't be run.
    #[error("{label}: {source}")]
    Run {
        /// Label of the run.
        label: String,
        /// Reason the run has no result.
        source: Box<RunError>,
    },
    /// It was interrupted.
    #[error("interrupted")]
    Interrupted,
}

pub(super) fn failed(side: &Side<'_>) -> impl Fn(RunError) -> DiffError {
    let label = side.label.clone();
    move |source| DiffError::Run {
        label: label.clone(),
        source: Box::new(source),
    }
}

/// Keeps a copy of the store at a revision and stops the run there.
struct Stopped<'s> {
    at: u64,
    store: Option<Store>,
    stop: &'s AtomicBool,
}

impl Observer for Stopped<'_> {
    fn observe(&mut self, _at: Instant, _event: &Event, _ended: Option<&Pod>, store: &Store) {
        if store.revision().0 == self.at {
            self.store = Some(store.fork());
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs a side until the change at an instant that has a revision comes next. The cluster there, and the profile
/// that decides; systems that plan jobs have none.
pub(crate) fn stop_before(
    side: &Side<'_>,
    at: Instant,
    revision: Revision,
    interrupted: &AtomicBool,
) -> Result<(Option<Store>, Option<Profile>), DiffError> {
    let failed = failed(side);
    let prepared = side.prepare().map_err(&failed)?;
    let setup = Setup {
        seed: side.scenario_at(at).seed,
        scheduler: 0,
        typical_pods: prepared
            .typical
            .clone()
            .unwrap_or_else(|| Arc::new(TypicalPods::default())),
        gpu_models: world::gpu_models(&prepared.nodes),
        node_ranks: prepared.workload.node_ranks.as_deref().map(Arc::from),
    };
    let stop = AtomicBool::new(false);
    let mut stopped = Stopped {
        at: revision.0.saturating_sub(1),
        store: None,
        stop: &stop,
    };
    run_silently(side.forked(), prepared, &mut stopped, &stop).map_err(failed)?;
    if interrupted.load(Ordering::Relaxed) {
        return Err(DiffError::Interrupted);
    }
    Ok((stopped.store, profile(side.scenario_at(at), &setup)))
}

/// The profile that decides; `None` for systems without one.
fn profile(scenario: &Scenario, setup: &Setup) -> Option<Profile> {
    let entry = systems::registry::find(&scenario.system.name).ok()?;
    // kube-scheduler itself ranks by its own plugins, which this pipeline's do not explain.
    if entry.scheduler != systems::SchedulerKind::Pipeline {
        return None;
    }
    let choice = profile_choice(scenario).ok()?;
    build_profile(&choice, setup).ok()
}

/// A reason with the name of its resource.
pub(crate) fn reason_words(store: &Store, reason: Reason) -> String {
    match reason {
        Reason::Insufficient(id) => format!("Insufficient {}", store.extended().text(id.index())),
        Reason::Text(text) => text.to_owned(),
    }
}

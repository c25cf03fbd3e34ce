//! Runs without metrics: benchmarks, runs for an observer, and runs that answer a question.

use std::sync::atomic::AtomicBool;

use cluster::Observer;
use model::{PodRef, Text};
use scenario::Scenario;
use scheduler::pipeline::evaluate::Form;
use sim::{End, RunControl, SettingsChange, Simulation};
use units::{Duration, Instant};

use super::watching::Nobody;
use super::{Prepared, RunError, Stopover, stopover, world};

/// Runs a prepared variant and measures nothing: what measuring costs is judged against it.
pub fn run_unmeasured(
    scenario: &Scenario,
    prepared: Prepared,
    form: Form,
    control: &mut RunControl<'_>,
) -> Result<End, RunError> {
    run_watched(scenario, prepared, form, &mut Nobody, control)
}

/// Runs a prepared variant for an observer, without metrics.
pub fn run_watched(
    scenario: &Scenario,
    prepared: Prepared,
    form: Form,
    observer: &mut dyn Observer,
    control: &mut RunControl<'_>,
) -> Result<End, RunError> {
    let (options, cell, _) = world(scenario, prepared, form)?;
    let mut simulation = Simulation::new(options, vec![cell], observer)?;
    Ok(simulation.run(control)?)
}

/// A scenario, and the one before it where the run is a fork.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForkedScenario<'s> {
    /// The scenario, up to the end.
    pub(crate) scenario: &'s Scenario,
    /// Instant of the fork, and the scenario up to there.
    pub(crate) before: Option<(Instant, &'s Scenario)>,
}

impl<'s> ForkedScenario<'s> {
    /// The scenario by which the run decides at an instant.
    pub(crate) fn at(self, at: Instant) -> &'s Scenario {
        match self.before {
            Some((fork, before)) if at < fork => before,
            _ => self.scenario,
        }
    }
}

/// Runs a prepared side for an observer, without metrics and without a sign of how far it is.
pub(crate) fn run_silently(
    side: ForkedScenario<'_>,
    prepared: Prepared,
    observer: &mut dyn Observer,
    interrupted: &AtomicBool,
) -> Result<End, RunError> {
    let mut control = RunControl {
        interrupted,
        progress: &mut |_| {},
    };
    let strayed = AtomicBool::new(false);
    with_fork(
        side,
        prepared,
        observer,
        &strayed,
        |simulation, fork| match fork {
            Some((mut stop, turn)) => stopover::run(simulation, &mut stop, turn, &mut control),
            None => Ok(simulation.run(&mut control)?),
        },
    )
}

/// A stop at a fork, and what changes there.
type ForkPoint<'s> = (Stopover<'s>, Option<SettingsChange>);

/// A simulation of a prepared side, and its fork if it is one.
fn with_fork<T>(
    side: ForkedScenario<'_>,
    prepared: Prepared,
    observer: &mut dyn Observer,
    strayed: &AtomicBool,
    simulate: impl FnOnce(&mut Simulation<'_>, Option<ForkPoint<'_>>) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let form = Form::Incremental;
    let fork = match side.before {
        Some((at, before)) => {
            let stop = Stopover::between(at, Some(before), side.scenario, strayed);
            let turn = stopover::turn(&stop, &prepared, form)?;
            Some((stop, turn))
        }
        None => None,
    };
    let (options, cell, _) = world(side.at(Instant::ZERO), prepared, form)?;
    let mut simulation = Simulation::new(options, vec![cell], observer)?;
    simulate(&mut simulation, fork)
}

/// A question about a pod at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) at: Instant,
    pub(crate) pod: PodRef,
}

/// The last answer of a side's schedulers about a pod that has no node once an instant is over.
///
/// # Errors
/// The side can't be run.
pub(crate) fn waiting_at(
    side: ForkedScenario<'_>,
    prepared: Prepared,
    question: Question,
    interrupted: &AtomicBool,
) -> Result<Option<Text>, RunError> {
    let after = question.at.saturating_add(Duration::from_nanos(1));
    let mut control = RunControl {
        interrupted,
        progress: &mut |_| {},
    };
    let strayed = AtomicBool::new(false);
    with_fork(side, prepared, &mut Nobody, &strayed, |simulation, fork| {
        if let Some((mut stop, turn)) = fork.filter(|(stop, _)| stop.at < after) {
            stopover::reach(simulation, &mut stop, turn, &mut control)?;
        }
        simulation.run_until(after, &mut control)?;
        Ok(simulation.waiting_message(0, question.pod))
    })
}

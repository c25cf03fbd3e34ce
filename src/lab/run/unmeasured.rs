//! Runs without metrics: benchmarks, runs for an observer, and runs that answer a question.

use std::sync::atomic::AtomicBool;

use cluster::Observer;
use model::{PodRef, Text};
use scenario::Scenario;
use scheduler::pipeline::evaluate::Form;
use sim::{End, RunControl, Simulation};
use units::{Duration, Instant};

use super::watching::Nobody;
use super::{Prepared, RunError, world};

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

/// Runs a prepared variant for an observer, without metrics and without a sign of how far it is.
pub(crate) fn run_silently(
    scenario: &Scenario,
    prepared: Prepared,
    observer: &mut dyn Observer,
    interrupted: &AtomicBool,
) -> Result<End, RunError> {
    let mut control = RunControl {
        interrupted,
        progress: &mut |_| {},
    };
    run_watched(
        scenario,
        prepared,
        Form::Incremental,
        observer,
        &mut control,
    )
}

/// A question about a pod at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) at: Instant,
    pub(crate) pod: PodRef,
}

/// The last answer of a variant's schedulers about a pod that has no node once an instant is over.
///
/// # Errors
/// The variant can't be run.
pub(crate) fn waiting_at(
    scenario: &Scenario,
    prepared: Prepared,
    question: Question,
    interrupted: &AtomicBool,
) -> Result<Option<Text>, RunError> {
    let (options, cell, _) = world(scenario, prepared, Form::Incremental)?;
    let mut nobody = Nobody;
    let mut simulation = Simulation::new(options, vec![cell], &mut nobody)?;
    let after = question.at.saturating_add(Duration::from_nanos(1));
    let mut control = RunControl {
        interrupted,
        progress: &mut |_| {},
    };
    simulation.run_until(after, &mut control)?;
    Ok(simulation.waiting_message(0, question.pod))
}

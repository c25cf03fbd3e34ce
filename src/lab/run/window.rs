//! Stretch of a run that is measured: as it is stated, or after a warm-up whose end is found by a run
//! of its own.

use std::sync::Arc;

use metrics::{Purpose, WarmUpFinder, Window};
use scenario::Scenario;
use scenario::schema::MeasuredWindow;
use scheduler::pipeline::evaluate::Form;
use sim::{RunControl, Simulation};
use systems::mapping::Mapping;
use units::{Duration, Instant};
use world::{BuildError, Remarks};

use super::{Prepared, RunError, world};

/// End of the warm-up of a run, or why it can't be found.
pub type WarmUpEnd = Result<Instant, String>;

/// End of the warm-up by MSER-5, found by a run of its own.
pub(crate) fn warm_up(
    scenario: &Scenario,
    prepared: &Prepared,
    form: Form,
    control: &mut RunControl<'_>,
) -> Result<WarmUpEnd, RunError> {
    let again = Prepared {
        workload: prepared.workload.fork().map_err(BuildError::Trace)?,
        nodes: prepared.nodes.clone(),
        typical: prepared.typical.clone(),
        mix: Arc::clone(&prepared.mix),
        economics: Arc::clone(&prepared.economics),
        kube: prepared.kube.clone(),
        controllers: prepared.controllers.clone(),
        operations: prepared.operations.clone(),
        failures: prepared.failures.clone(),
        usage: prepared.usage.clone(),
        options: prepared.options.clone(),
        mapping: Mapping::default(),
        autoscaling: prepared.autoscaling.clone(),
        images: prepared.images.clone(),
        start_up: prepared.start_up.clone(),
        provider: prepared.provider.clone(),
        traffic: prepared.traffic.clone(),
        releases: Vec::new(),
        remarks: Remarks::default(),
        probe: prepared.probe.clone(),
        warm_up: None,
    };
    let (options, cell, _) = world(scenario, again, form)?;
    let mut finder = WarmUpFinder::default();
    let mut simulation = Simulation::new(options, vec![cell], &mut finder)?;
    let end = match simulation.run(control) {
        Err(error) if error.keeps_results() => simulation.stopped(),
        end => end?,
    };
    let store = simulation.into_store(0);
    let found = finder.finish(end.at, &store);
    Ok(found.map(|from| from.max(warmup_end(scenario))))
}

/// End of the warm-up as stated.
pub(super) fn warmup_end(scenario: &Scenario) -> Instant {
    Instant::ZERO + scenario.metrics.warmup
}

/// A run that is measured as a whole is described as it was; whoever cuts it is after a steady
/// state.
pub(super) fn purpose(scenario: &Scenario) -> Purpose {
    let metrics = &scenario.metrics;
    if metrics.window == MeasuredWindow::Full && metrics.warmup == Duration::ZERO {
        Purpose::Describe
    } else {
        Purpose::SteadyState
    }
}

/// The window that a scenario states.
pub(super) fn declared_window(scenario: &Scenario) -> Window {
    match scenario.metrics.window {
        MeasuredWindow::Full | MeasuredWindow::Auto => Window::since(warmup_end(scenario)),
        MeasuredWindow::Time { from, to } => Window::Time {
            from: from.map_or(warmup_end(scenario), |from| Instant::ZERO + from),
            until: to.map(|to| Instant::ZERO + to),
        },
        MeasuredWindow::Jobs { from, until } => Window::Jobs { from, until },
    }
}

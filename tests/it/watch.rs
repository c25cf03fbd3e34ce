//! Runs of experiments while a test looks on.

use std::sync::atomic::AtomicBool;

use windtunnel::cluster::Observer;
use windtunnel::lab::run::{Outcome, RunError, Tables, prepare, run, run_watched};
use windtunnel::scenario::{Files, Scenario};
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::sim::{End, RunControl};
use windtunnel::world::FileSource;

/// Runs what a scenario declares without measuring, while somebody looks on.
pub(crate) fn watch(
    scenario: &Scenario,
    files: &Files,
    eyes: &mut dyn Observer,
) -> Result<End, RunError> {
    watch_in(Form::Incremental, scenario, files, eyes)
}

/// Runs what a scenario declares in a form without measuring, while somebody looks on.
pub(crate) fn watch_in(
    form: Form,
    scenario: &Scenario,
    files: &Files,
    eyes: &mut dyn Observer,
) -> Result<End, RunError> {
    let prepared = prepare(scenario, &FileSource::of(files))?;
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    run_watched(scenario, prepared, form, eyes, &mut control)
}

/// Runs and measures what a scenario declares, while somebody looks on.
pub(crate) fn measure(
    scenario: &Scenario,
    files: &Files,
    eyes: &mut dyn Observer,
) -> Result<Outcome, RunError> {
    let prepared = prepare(scenario, &FileSource::of(files))?;
    let tables = Tables {
        watch: Some(eyes),
        ..Tables::default()
    };
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    run(scenario, prepared, Form::Incremental, tables, &mut control)
}

//! A run that stops on its way.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Prepared, RunError, options, system};
use scenario::Scenario;
use scheduler::pipeline::evaluate::Form;
use sim::{End, EndCause, RunControl, RunPosition, SettingsChange, SimError, Simulation};
use units::{Instant, plural};

/// A stop on the way of a run.
pub struct Stopover<'s> {
    pub(in super::super) at: Instant,
    pub(in super::super) expected: Option<RunPosition>,
    pub(in super::super) changed: Option<&'s Scenario>,
    /// Whether the scheduler is another one from there on.
    pub(in super::super) is_replaced: bool,
    pub(in super::super) reached: Option<RunPosition>,
    pub(in super::super) strayed: &'s AtomicBool,
}

impl<'s> Stopover<'s> {
    /// A stop at which another scenario follows on one, if that is known.
    pub(in super::super) fn between(
        at: Instant,
        before: Option<&Scenario>,
        scenario: &'s Scenario,
        strayed: &'s AtomicBool,
    ) -> Self {
        let parts = before.filter(|before| *before != scenario);
        Self {
            at,
            expected: None,
            changed: parts.map(|_| scenario),
            is_replaced: parts
                .is_some_and(|before| before.system.scheduler != scenario.system.scheduler),
            reached: None,
            strayed,
        }
    }
}

/// Changes from the stop on, if there are any.
pub(super) fn turn(
    stopover: &Stopover<'_>,
    prepared: &Prepared,
    form: Form,
) -> Result<Option<SettingsChange>, RunError> {
    let Some(changed) = stopover.changed else {
        return Ok(None);
    };
    let parts = system(changed, prepared, form)?;
    let options = options(changed, &prepared.start_up, parts.stepping)?;
    Ok(Some(SettingsChange {
        components: stopover.is_replaced.then(|| vec![parts.components]),
        stop: options.stop,
        decision_time: options.decision_time,
        start_up: options.start_up,
        node_loss: options.node_loss,
    }))
}

/// Runs to the stop and takes its turn there, and goes on to the end.
pub(super) fn run(
    simulation: &mut Simulation<'_>,
    stopover: &mut Stopover<'_>,
    turn: Option<SettingsChange>,
    control: &mut RunControl<'_>,
) -> Result<End, RunError> {
    match reach(simulation, stopover, turn, control)? {
        Some(end) => Ok(end),
        None => Ok(simulation.run(control)?),
    }
}

/// Runs to the stop, looks whether it is where it should be, and takes its turn there; the end,
/// if the run was interrupted before.
pub(super) fn reach(
    simulation: &mut Simulation<'_>,
    stopover: &mut Stopover<'_>,
    turn: Option<SettingsChange>,
    control: &mut RunControl<'_>,
) -> Result<Option<End>, RunError> {
    if stopover.is_replaced {
        simulation.keep_log();
    }
    if let Some(end) = simulation.run_until(stopover.at, control)? {
        if end.cause == EndCause::Interrupted {
            return Ok(Some(end));
        }
        return Err(RunError::Sim(SimError::Declaration {
            what: format!("a snapshot at {}", stopover.at),
            why: format!("the run ends at {}", end.at),
        }));
    }
    let standing = simulation.standing();
    if let Some(expected) = stopover
        .expected
        .as_ref()
        .filter(|&known| *known != standing)
    {
        stopover.strayed.store(true, Ordering::Relaxed);
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        return Err(RunError::Sim(SimError::Declaration {
            what: format!("the snapshot at {}", stopover.at),
            why: format!(
                "replayed to that time, the run has digest {} after {}, but the snapshot {} after \
                 {}: it was edited, or taken by a program that decides differently",
                short(&standing.digest),
                plural::count(standing.changes, "change"),
                short(&expected.digest),
                expected.changes
            ),
        }));
    }
    stopover.reached = Some(standing);
    if let Some(turn) = turn {
        simulation.turn(stopover.at, turn)?;
    }
    Ok(None)
}

//! Stopping a simulation at an instant, looking at it, and going on, perhaps otherwise.

use std::sync::atomic::AtomicBool;

use control::Component;
use units::Instant;

use super::driver::Simulation;
use super::{DecisionTime, End, NodeLoss, RunControl, SimError, StartUp, Stop};

/// Progress of a simulation: equal standings of one scenario mean equal courses so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPosition {
    /// The last instant at which something happened.
    pub at: Instant,
    /// Changes so far, over all cells.
    pub changes: u64,
    /// Decisions so far, over all cells.
    pub decisions: u64,
    /// Digest over all changes so far.
    pub digest: String,
}

/// Changes of settings from an instant on.
pub struct SettingsChange {
    /// The control plane of every cell, which reads the whole log anew; `None` where the old ones
    /// go on.
    pub components: Option<Vec<Vec<Box<dyn Component>>>>,
    /// Condition under which the run is over.
    pub stop: Stop,
    /// Time of decisions.
    pub decision_time: DecisionTime,
    /// Time of starts.
    pub start_up: StartUp,
    /// Fate of pods on lost nodes.
    pub node_loss: NodeLoss,
}

impl Simulation<'_> {
    /// Runs until nothing is left that happens at `until` or before. The end, if it came first.
    pub fn run_until(
        &mut self,
        until: Instant,
        control: &mut RunControl<'_>,
    ) -> Result<Option<End>, SimError> {
        self.advance(Some(until), control)
    }

    /// Keeps the whole log, so that control planes can be replaced later.
    pub fn keep_log(&mut self) {
        self.keeps_log = true;
    }

    /// Progress of the simulation.
    pub fn standing(&self) -> RunPosition {
        let end = self.end(super::EndCause::Interrupted);
        RunPosition {
            at: end.at,
            changes: end.changes,
            decisions: end.decisions,
            digest: end.digest,
        }
    }

    /// Goes on otherwise from an instant to which it was run. Control planes that are replaced are
    /// gone: what they claimed without binding is given up, what they were deciding on is not decided.
    /// The new ones read the whole log, as a new leader does that is built from the durable store; it
    /// has to be kept for them.
    ///
    /// # Errors
    /// If the store refuses to give up a hold.
    pub fn turn(&mut self, at: Instant, turn: SettingsChange) -> Result<(), SimError> {
        // Nothing happens between the last event and this.
        let now = self.ctx.now().max(at);
        self.ctx.pass_to(now);
        let options = self.ctx.options_mut();
        options.stop = turn.stop;
        options.decision_time = turn.decision_time;
        options.node_loss = turn.node_loss;
        options.start_up = turn.start_up.clone();
        let lag = options.view_lag;
        for cell in &mut self.cells {
            cell.nodes_mut().set_start_up(turn.start_up.clone());
        }
        let Some(components) = turn.components else {
            return Ok(());
        };
        for (cell, components) in self.cells.iter_mut().zip(components) {
            self.ctx.enter(cell.number());
            for release in cell.control().releases() {
                cell.happened(&mut self.ctx, release)?;
            }
            cell.control_mut().employ(components, lag, false);
        }
        self.settle_all(&AtomicBool::new(false)).map(drop)
    }
}

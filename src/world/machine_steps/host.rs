//! A host of Docker Machine from step to step: whether it runs, is away or is not there, and what its user
//! takes it for after a step that failed.

use control::docker_machine::{Absence, Outcome, Phase, Step};
use scenario::schema::MachineStep;
use sim::CreationOutcome;
use units::Instant;

use super::Away;

/// Turn in the course of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Its engine does not answer from now on.
    Goes,
    /// Its engine answers again.
    Comes,
    /// It is destroyed.
    Removed,
    /// It is made, and its node joins.
    Created,
    /// It was to be made, and is not.
    NotCreated(Phase),
}

/// Result of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It was carried out.
    Well,
    /// It was carried out and failed, for a reason.
    Failed(String),
    /// The driver did not remove the host, which Docker Machine has forgotten all the same.
    Forgotten(String),
    /// The host was not as the order takes it to be, as a step before failed.
    WithoutEffect,
}

/// State of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Its engine answers.
    #[default]
    Runs,
    /// It is stopped, or did not come up.
    Away,
    /// It is not there.
    Gone,
    /// Its creation failed; what was made of it has to be removed.
    HalfMade,
    /// It is there, and Docker Machine knows it no more.
    Forgotten,
}

/// A host after its steps so far.
#[derive(Debug, Default)]
pub(super) struct Host {
    turns: Vec<(Instant, Turn)>,
    state: State,
    /// End of the last step, where it takes time and came to an end.
    free: Option<Instant>,
    /// Whether the last step failed, so that it is not as its user takes it to be.
    has_failed: bool,
}

impl Host {
    /// A host before its first step: one that is created first is not there.
    pub(super) fn before(first: MachineStep) -> Self {
        let mut host = Self::default();
        if first == MachineStep::Create {
            host.turns.push((Instant::ZERO, Turn::Removed));
            host.state = State::Gone;
        }
        host
    }

    /// Whether its node leaves the cluster, or joins it.
    pub(super) fn leaves(&self) -> bool {
        let is_of_life = |turn: &Turn| matches!(turn, Turn::Removed | Turn::Created);
        self.turns.iter().any(|(_, turn)| is_of_life(turn))
    }

    /// Its turns, in order of time.
    pub(super) fn turns(&self) -> impl Iterator<Item = (Instant, Turn)> {
        self.turns.iter().copied()
    }

    /// Spans in which its engine does not answer.
    pub(super) fn spans(&self) -> Vec<Away> {
        let mut spans: Vec<Away> = Vec::new();
        for &(at, turn) in &self.turns {
            match (turn, spans.last_mut()) {
                (Turn::Goes, _) => spans.push((at, None)),
                (Turn::Comes, Some((_, until))) => *until = Some(at),
                _ => {}
            }
        }
        spans
    }

    /// Whether the step before has ended.
    ///
    /// # Errors
    /// It has not, in words.
    pub(super) fn is_free(&self, at: Instant, node: &str) -> Result<(), String> {
        match self.free.filter(|free| at < *free) {
            None => Ok(()),
            Some(free) => Err(format!(
                "the step before of `{node}` ends only at {}; order this one later",
                free.since(Instant::ZERO)
            )),
        }
    }

    /// Whether there is no host of its name.
    pub(super) const fn can_create(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    /// Something of its name is there when it is to be created.
    ///
    /// # Errors
    /// It is there as its user takes it to be, in words.
    pub(super) fn refuses_creation(&self, node: &str) -> Result<Done, String> {
        let is_known = matches!(self.state, State::Runs | State::Away) && !self.has_failed;
        if is_known {
            return Err(format!("`{node}` is there at that time; remove it before"));
        }
        Ok(Done::WithoutEffect)
    }

    /// It was created, or half of it.
    pub(super) fn created(&mut self, created: CreationOutcome) -> Done {
        self.free = Some(created.at);
        self.has_failed = created.fails_in.is_some();
        match created.fails_in {
            None => {
                self.state = State::Runs;
                self.turns.push((created.at, Turn::Created));
                Done::Well
            }
            Some(phase) => {
                self.state = State::HalfMade;
                self.turns.push((created.at, Turn::NotCreated(phase)));
                Done::Failed(phase.to_string())
            }
        }
    }

    /// It is removed, unless the driver fails; one that Docker Machine is forced to forget stays then.
    ///
    /// # Errors
    /// It is not there, in words.
    pub(super) fn remove(
        &mut self,
        at: Instant,
        node: &str,
        is_forced: bool,
        outcome: Outcome,
    ) -> Result<Done, String> {
        match self.state {
            State::Gone => return Err(gone(node)),
            State::Forgotten => return Ok(Done::WithoutEffect),
            State::Runs | State::Away | State::HalfMade => {}
        }
        let is_half_made = self.state == State::HalfMade;
        if let Some(part) = outcome.failed {
            self.has_failed = true;
            if !is_forced {
                return Ok(Done::Failed(part.to_string()));
            }
            self.state = if is_half_made {
                State::Gone
            } else {
                State::Forgotten
            };
            return Ok(Done::Forgotten(part.to_string()));
        }
        let after = outcome.absence.and_then(|own| own.from);
        let end = at.saturating_add(after.unwrap_or_default());
        if !is_half_made {
            self.turns.push((end, Turn::Removed));
        }
        (self.state, self.free, self.has_failed) = (State::Gone, Some(end), false);
        Ok(Done::Well)
    }

    /// Carries a step out on a host that is there.
    ///
    /// # Errors
    /// The step does not follow from the one before, in words.
    pub(super) fn take(
        &mut self,
        at: Instant,
        node: &str,
        step: Step,
        outcome: Outcome,
    ) -> Result<Done, String> {
        let had_failed = self.has_failed;
        match (step, self.state) {
            (_, State::Gone) => return Err(gone(node)),
            (_, State::HalfMade | State::Forgotten) => return Ok(Done::WithoutEffect),
            (Step::Start, State::Away) => self.comes_up(at, outcome),
            (Step::Restart, State::Away) if had_failed => self.comes_up(at, outcome),
            // One that did not come up is off from now on.
            (Step::Stop | Step::Kill, State::Away) if had_failed => self.has_failed = false,
            (Step::Upgrade | Step::Provision, State::Away) | (Step::Start, State::Runs)
                if had_failed =>
            {
                return Ok(Done::WithoutEffect);
            }
            (_, State::Away) => {
                return Err(format!("`{node}` is stopped at that time; start it before"));
            }
            (Step::Start, State::Runs) => {
                return Err(format!(
                    "`{node}` runs at that time; stop or kill it before"
                ));
            }
            (_, State::Runs) => self.goes(at, outcome),
        }
        Ok(match outcome.failed {
            None => Done::Well,
            Some(part) => Done::Failed(part.to_string()),
        })
    }

    /// The host is away, and comes up unless the step fails.
    fn comes_up(&mut self, at: Instant, outcome: Outcome) {
        self.has_failed = outcome.failed.is_some();
        if let Some(span) = outcome.absence.and_then(|own| own.until) {
            self.comes(at.saturating_add(span));
        }
    }

    /// The host is there, and goes unless the step fails before.
    fn goes(&mut self, at: Instant, outcome: Outcome) {
        self.has_failed = outcome.failed.is_some();
        if let Some(Absence { from, until }) = outcome.absence {
            let from = at.saturating_add(from.unwrap_or_default());
            self.turns.push((from, Turn::Goes));
            self.state = State::Away;
            if let Some(span) = until {
                self.comes(at.saturating_add(span));
            }
        }
    }

    fn comes(&mut self, at: Instant) {
        self.turns.push((at, Turn::Comes));
        (self.state, self.free) = (State::Runs, Some(at));
    }
}

/// The error that there is no host for a step.
fn gone(node: &str) -> String {
    format!("`{node}` is not there at that time; create it before")
}

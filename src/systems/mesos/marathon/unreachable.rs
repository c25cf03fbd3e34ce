//! Instances on agents that can't be reached: replaced after a while, forgotten after a longer one
//! (spec: orchestrators-b.md section 2.6; marathon `UnreachableStrategy.scala`,
//! `InstanceTrackerActor`).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use model::Text;
use units::{Duration, Instant, SortedMap};

/// Times at which an instance that can't be reached is replaced and forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreachableStrategy {
    /// Time after which the instance is replaced.
    pub inactive_after: Duration,
    /// Time after which the instance is forgotten.
    pub expunge_after: Duration,
}

/// An instance would be forgotten before it is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "inactiveAfterSeconds ({inactive}) is more than expungeAfterSeconds ({expunge}); expected at \
     most as much"
)]
pub struct StrategyError {
    /// Time after which the instance is replaced.
    pub inactive: Duration,
    /// Time after which the instance is forgotten.
    pub expunge: Duration,
}

/// Instant of the first sweep for instances to be forgotten.
const FIRST_SWEEP: Instant = Instant::from_secs(300);
/// Between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

impl UnreachableStrategy {
    /// Refuses to forget before it replaces.
    ///
    /// # Errors
    /// It would.
    pub fn check(&self) -> Result<(), StrategyError> {
        if self.inactive_after <= self.expunge_after {
            return Ok(());
        }
        Err(StrategyError {
            inactive: self.inactive_after,
            expunge: self.expunge_after,
        })
    }

    /// Instant at which an instance that can't be reached since then is forgotten: at once, or at a
    /// sweep.
    fn expunged(&self, since: Instant) -> Instant {
        if self.expunge_after <= Duration::ZERO {
            return since;
        }
        let due = since.saturating_add(self.expunge_after);
        let late = due.since(FIRST_SWEEP).as_nanos().max(0);
        let sweep = SWEEP_INTERVAL.as_nanos();
        let sweeps = late / sweep + i64::from(late % sweep > 0);
        let wait = SWEEP_INTERVAL.checked_mul(sweeps);
        FIRST_SWEEP.saturating_add(wait.unwrap_or(Duration::MAX))
    }
}

/// Action on an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A replacement is launched; it no longer counts.
    Replace(Text),
    /// It is forgotten.
    Expunge(Text),
    /// It is back and counts again.
    Running(Text),
    /// The number of instances that are too many.
    ScaleDown(u64),
    /// It is back although it was forgotten, and is killed.
    Kill(Text),
}

/// Standing of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Standing {
    Unreachable { since: Instant },
    Replaced { since: Instant },
    Expunged,
}

/// The instances that can't be reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tracker {
    strategy: UnreachableStrategy,
    instances: SortedMap<Text, Standing>,
}

impl Tracker {
    /// A tracker of nobody.
    pub fn new(strategy: UnreachableStrategy) -> Self {
        Self {
            strategy,
            instances: SortedMap::new(),
        }
    }

    /// Instances are replaced and forgotten after these times from now on.
    pub fn set_strategy(&mut self, strategy: UnreachableStrategy) {
        self.strategy = strategy;
    }

    /// An instance can't be reached.
    pub fn lost(&mut self, now: Instant, id: Text) -> Vec<Action> {
        self.instances
            .insert(id, Standing::Unreachable { since: now });
        self.step(now)
    }

    /// An instance is back.
    pub fn returned(&mut self, now: Instant, id: &Text) -> Vec<Action> {
        let mut actions = self.step(now);
        match self.instances.remove(id) {
            Some(Standing::Unreachable { .. }) => actions.push(Action::Running(id.clone())),
            Some(Standing::Replaced { .. }) => {
                actions.extend([Action::Running(id.clone()), Action::ScaleDown(1)]);
            }
            Some(Standing::Expunged) => actions.push(Action::Kill(id.clone())),
            None => {}
        }
        actions
    }

    /// Replaces and forgets what is due.
    pub fn step(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        let strategy = self.strategy;
        for (id, standing) in &mut self.instances {
            if let Standing::Unreachable { since } = *standing
                && since.saturating_add(strategy.inactive_after) <= now
            {
                actions.push(Action::Replace(id.clone()));
                *standing = Standing::Replaced { since };
            }
            if let Standing::Replaced { since } = *standing
                && strategy.expunged(since) <= now
            {
                actions.push(Action::Expunge(id.clone()));
                *standing = Standing::Expunged;
            }
        }
        actions
    }

    /// Instant at which something is due next.
    pub fn wakes(&self) -> Option<Instant> {
        let due = |standing: &Standing| match *standing {
            Standing::Unreachable { since } => {
                Some(since.saturating_add(self.strategy.inactive_after))
            }
            Standing::Replaced { since } => Some(self.strategy.expunged(since)),
            Standing::Expunged => None,
        };
        self.instances.values().filter_map(due).min()
    }
}

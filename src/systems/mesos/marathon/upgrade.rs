//! Rolling upgrades: how many old instances die at once, how many new ones start, and what follows
//! (spec: orchestrators-b.md section 2.3; marathon `TaskReplaceActor.scala`).

use std::collections::VecDeque;

use model::Text;
use serde::{Deserialize, Serialize};
use units::SortedSet;

/// Upgrade strategy of an application.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpgradeStrategy {
    /// Share of the instances that stays healthy.
    pub minimum_health_capacity: f64,
    /// Share by which there may be more instances.
    pub maximum_over_capacity: f64,
    /// Whether instances keep their disk, so that old ones have to go first.
    pub is_resident: bool,
}

impl UpgradeStrategy {
    /// The defaults: of stateful applications half may be gone, and no more run than are wanted.
    pub fn default_of(is_resident: bool) -> Self {
        let (minimum, over) = if is_resident { (0.5, 0.0) } else { (1.0, 1.0) };
        Self {
            minimum_health_capacity: minimum,
            maximum_over_capacity: over,
            is_resident,
        }
    }
}

/// The bounds of an upgrade and its first move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradePlan {
    /// Healthy instances at least.
    pub min_healthy: u64,
    /// Instances at most.
    pub max_capacity: u64,
    /// Old instances that die at once.
    pub kill_now: u64,
    /// New instances that start at once.
    pub start_now: u64,
}

/// The bounds for so many wanted instances with `healthy` of `current` old ones.
pub fn plan(strategy: &UpgradeStrategy, instances: u64, healthy: u64, current: u64) -> UpgradePlan {
    let wanted = instances as f64;
    let min_healthy = (wanted * strategy.minimum_health_capacity).ceil() as u64;
    let mut max_capacity = (wanted * (1.0 + strategy.maximum_over_capacity)).floor() as u64;
    let mut kill_now = healthy.saturating_sub(min_healthy);
    // Nothing could move: one more may run, or one old one goes first.
    if min_healthy == max_capacity && max_capacity <= healthy {
        if strategy.is_resident {
            kill_now = healthy - min_healthy + 1;
        } else {
            max_capacity += 1;
        }
    }
    if instances < current {
        kill_now = kill_now.max(current - instances);
    }
    UpgradePlan {
        min_healthy,
        max_capacity,
        kill_now,
        start_now: instances.min(max_capacity.saturating_sub(current)),
    }
}

/// An order of an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// An old instance is killed.
    Kill(Text),
    /// New instances start; the n-th ever is the new instance n, from 1.
    Start(u64),
}

/// Instances that an upgrade finds.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Old ones, each with whether it is healthy.
    pub old: Vec<(Text, bool)>,
    /// New ones of an upgrade that is begun anew: their numbers from 1, and whether they are ready.
    pub new: Vec<(u64, bool)>,
    /// Number of those that were told to end and have not. To the original they are there: each stands
    /// for one more that is too many (`currentInstances`, independent of the goal).
    pub ending: u64,
    /// Number of old ones that waited for an offer; they end at once, before any other.
    pub scheduled: u64,
}

/// An upgrade under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upgrade {
    plan: UpgradePlan,
    instances: u64,
    started: u64,
    ready: SortedSet<u64>,
    /// Old instances in the order in which they are killed; fixed at the start.
    to_kill: VecDeque<Text>,
    active: SortedSet<Text>,
}

impl Upgrade {
    /// An upgrade, or one that is begun anew, of what there is, and its first orders.
    pub fn begin(
        strategy: &UpgradeStrategy,
        instances: u64,
        before: &Before,
    ) -> (Self, Vec<Action>) {
        let Before { old, new, .. } = before;
        let ready: SortedSet<u64> = { new.iter() }
            .filter_map(|&(number, is_ready)| is_ready.then_some(number))
            .collect();
        let healthy = old.iter().filter(|(_, is_healthy)| *is_healthy).count() + ready.len();
        let there = (old.len() + new.len()) as u64;
        let current = there + before.ending + before.scheduled;
        let plan = plan(strategy, instances, healthy as u64, current);
        let (good, bad): (Vec<_>, Vec<_>) = old.iter().partition(|(_, is_healthy)| *is_healthy);
        let mut upgrade = Self {
            plan,
            instances,
            started: new.len() as u64,
            ready,
            to_kill: bad
                .into_iter()
                .chain(good)
                .map(|(id, _)| id.clone())
                .collect(),
            active: old.iter().map(|(id, _)| id.clone()).collect(),
        };
        let mut actions = Vec::new();
        for _ in before.scheduled..plan.kill_now {
            upgrade.kill_next(&mut actions);
        }
        upgrade.start(&mut actions);
        (upgrade, actions)
    }

    /// The upgrade's bounds.
    pub fn plan(&self) -> UpgradePlan {
        self.plan
    }

    /// A new instance is healthy and ready: one more old one goes, unless the instance was ready before.
    pub fn new_ready(&mut self, new: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.ready.insert(new) {
            self.kill_next(&mut actions);
        }
        actions
    }

    /// A new instance failed; it is started again under its name, which counts as no new start.
    pub fn new_failed(&mut self, new: u64) {
        self.ready.remove(&new);
    }

    /// An old instance ended, killed or by itself: there is room for new ones.
    pub fn old_ended(&mut self, old: &Text) -> Vec<Action> {
        let mut actions = Vec::new();
        self.active.remove(old);
        self.start(&mut actions);
        actions
    }

    /// Whether all new instances are ready and no old one is left.
    pub fn is_done(&self) -> bool {
        self.ready.len() as u64 >= self.instances && self.active.is_empty()
    }

    /// An old instance that died by itself keeps its place; when its turn comes, nothing is killed.
    fn kill_next(&mut self, actions: &mut Vec<Action>) {
        if let Some(next) = self.to_kill.pop_front()
            && self.active.contains(&next)
        {
            actions.push(Action::Kill(next));
        }
    }

    fn start(&mut self, actions: &mut Vec<Action>) {
        let taken = self.active.len() as u64 + self.started;
        let room = self.plan.max_capacity.saturating_sub(taken);
        for _ in 0..room.min(self.instances.saturating_sub(self.started)) {
            self.started += 1;
            actions.push(Action::Start(self.started));
        }
    }
}

//! The rollout of a version: its deployer, hooks, and the sizes of the old and the new replication
//! controller, step by step, at once, or by a script of the user (spec: orchestrators-a.md section 8.2; the
//! rolling updater of kubectl, on which the original builds).

mod hook;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use control::errands::Standing;
use units::{Duration, Instant};

use super::deployment::Bounds;
pub use hook::{Hook, HookPolicy, Moment};
use hook::{HookEnd, HookRun};

/// Times and hooks of rollouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutRules {
    /// Time between growing the new controller and shrinking the old one.
    pub update_period: Duration,
    /// Time between two rounds.
    pub interval: Duration,
    /// Time without progress after which the rollout fails.
    pub timeout: Duration,
    /// Time after which the rollout fails in any case.
    pub deadline: Duration,
    /// Hook before anything is scaled.
    pub pre: Option<Hook>,
    /// Hook between the end of the old pods and the first new one, where all are replaced at once.
    pub mid: Option<Hook>,
    /// Hook after all new pods are available.
    pub post: Option<Hook>,
    /// The script of a deployer of the user's own, which takes the place of both strategies; empty if there
    /// is none.
    pub script: Arc<[ScriptStep]>,
}

/// A step of a deployer of the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptStep {
    /// Time from the start of the deployer.
    pub after: Duration,
    /// Size that the new controller gets, in percent of the replicas, rounded up.
    pub new: u32,
    /// Size that the old controller gets, in percent of the replicas, rounded down.
    pub old: u32,
}

impl Default for RolloutRules {
    fn default() -> Self {
        Self {
            update_period: Duration::from_secs(1),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(600),
            deadline: Duration::from_secs(21_600),
            pre: None,
            mid: None,
            post: None,
            script: Arc::default(),
        }
    }
}

/// Way in which old pods are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Step by step, within bounds.
    Rolling(Bounds),
    /// All old pods end before the first new one starts. Where there is an old version, one new pod has to
    /// become available before the others start, for which nothing waits then (`recreate.go`).
    Recreate,
    /// As the script of the rules says.
    Custom,
}

/// A pod that works for a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Helper {
    /// The deployer, which lasts as long as the rollout.
    Deployer,
    /// A run of a hook, counted from 0.
    Hook(Moment, u32),
}

/// Standings of the pods that work for a rollout.
pub trait Crew {
    /// Standing of a pod.
    fn standing(&self, helper: Helper) -> Standing;
}

/// Sizes of the controllers as the rollout finds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Wanted pods of the old version.
    pub old: i64,
    /// Pods of the old version that have not ended.
    pub old_pods: i64,
    /// Wanted pods of the new version.
    pub new: i64,
    /// Available pods of the new version.
    pub new_available: i64,
    /// `true` if there is a completed version before.
    pub has_old: bool,
}

/// Changes that a rollout asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// New size of the old controller.
    pub old: Option<i64>,
    /// New size of the new controller.
    pub new: Option<i64>,
    /// Pod that the rollout starts.
    pub start: Option<Helper>,
    /// Instant at which the rollout looks again, whether anything changes or not.
    pub wake: Option<Instant>,
    /// End of the rollout: whether it succeeded.
    pub end: Option<bool>,
}

/// Part of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The deployer has yet to run.
    Deployer,
    /// A hook runs, or waits for its next run.
    Hook(Moment, HookRun),
    /// All old pods end.
    Clear,
    /// The new controller grows, from an instant on.
    Grow(Instant),
    /// The old controller shrinks, from an instant on.
    Shrink(Instant),
    /// The script runs.
    Script(Script),
}

/// Progress of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Script {
    /// Number of the next step.
    at: usize,
    /// Instant at which the deployer started.
    since: Instant,
}

/// A rollout under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollout {
    strategy: Strategy,
    desired: i64,
    started: Instant,
    phase: Phase,
    /// Instant of the last progress.
    progress: Instant,
    /// Sizes at the last progress.
    seen: Sizes,
}

impl Rollout {
    /// A rollout to a number of pods that begins now.
    pub fn new(now: Instant, strategy: Strategy, desired: i64) -> Self {
        Self {
            strategy,
            desired,
            started: now,
            phase: Phase::Deployer,
            progress: now,
            seen: Sizes::default(),
        }
    }

    /// One look: what to scale and to start, when to look again, and whether the rollout has ended.
    pub fn step(
        &mut self,
        now: Instant,
        sizes: Sizes,
        crew: &dyn Crew,
        rules: &RolloutRules,
    ) -> Step {
        if sizes != self.seen {
            (self.seen, self.progress) = (sizes, now);
        }
        let deadline = self.started.saturating_add(rules.deadline);
        let is_lost = crew.standing(Helper::Deployer) == Standing::Failed;
        let mut step = if is_lost || now >= deadline {
            ended(false)
        } else {
            self.act(now, sizes, crew, rules)
        };
        if step.end.is_none() {
            step.wake = Some(step.wake.map_or(deadline, |at| at.min(deadline)));
        }
        step
    }

    /// Time that is left of the rollout's deadline.
    pub fn left(&self, now: Instant, rules: &RolloutRules) -> Duration {
        self.started.saturating_add(rules.deadline).since(now)
    }

    /// The run of a hook that the rollout has come to.
    pub fn hook(&self) -> Option<Helper> {
        match self.phase {
            Phase::Hook(moment, run) => Some(run.helper(moment)),
            _ => None,
        }
    }

    fn act(&mut self, now: Instant, sizes: Sizes, crew: &dyn Crew, rules: &RolloutRules) -> Step {
        // Every phase that is over leads to the next; there are no more than six.
        loop {
            match self.phase {
                Phase::Deployer => match crew.standing(Helper::Deployer) {
                    Standing::Absent => return start(Helper::Deployer),
                    Standing::Waiting => return Step::default(),
                    _ if self.strategy == Strategy::Custom => {
                        let script = Script { at: 0, since: now };
                        (self.phase, self.progress) = (Phase::Script(script), now);
                    }
                    _ => self.enter(now, Moment::Pre),
                },
                Phase::Script(script) => return self.script(now, script, rules),
                Phase::Hook(moment, run) => {
                    let hook = hook::of(moment, rules);
                    let mut run = run;
                    let end = run.look(now, moment, hook, crew);
                    self.phase = Phase::Hook(moment, run);
                    match end {
                        HookEnd::Starts(helper) => return start(helper),
                        HookEnd::Runs => return Step::default(),
                        HookEnd::Waits(until) => return wake_at(until),
                        HookEnd::Failed => return ended(false),
                        HookEnd::Done if moment == Moment::Post => return ended(true),
                        HookEnd::Done => self.leave(now, moment),
                    }
                }
                Phase::Clear if sizes.old > 0 => {
                    return Step {
                        old: Some(0),
                        ..self.waiting(now, rules)
                    };
                }
                // Pods that do not end in time are left to it.
                Phase::Clear if sizes.old_pods > 0 && now < self.times_out(rules) => {
                    return wake_at(self.times_out(rules));
                }
                Phase::Clear => self.enter(now, Moment::Mid),
                Phase::Grow(from) | Phase::Shrink(from) if now < from => return wake_at(from),
                Phase::Grow(_) => {
                    if let Some(step) = self.grow(now, sizes, rules) {
                        return step;
                    }
                }
                Phase::Shrink(_) => {
                    if let Some(step) = self.shrink(now, sizes, rules) {
                        return step;
                    }
                }
            }
        }
    }

    /// Grows the new controller; `None` if that leads to the next phase at once.
    fn grow(&mut self, now: Instant, sizes: Sizes, rules: &RolloutRules) -> Option<Step> {
        if self.is_done(sizes) {
            self.enter(now, Moment::Post);
            return None;
        }
        let size = self.grown(sizes);
        if size == sizes.new {
            self.phase = Phase::Shrink(now);
            return None;
        }
        let next = now.saturating_add(rules.update_period);
        self.phase = Phase::Shrink(next);
        Some(Step {
            new: Some(size),
            wake: Some(next),
            ..Step::default()
        })
    }

    /// Shrinks the old controller; `None` if that leads to the next phase at once.
    fn shrink(&mut self, now: Instant, sizes: Sizes, rules: &RolloutRules) -> Option<Step> {
        let size = self.shrunk(sizes);
        if size == sizes.old {
            // Nothing can be done before a pod changes.
            if self.grown(sizes) != sizes.new || self.is_done(sizes) {
                self.phase = Phase::Grow(now);
                return None;
            }
            return Some(self.waiting(now, rules));
        }
        let next = now.saturating_add(rules.interval);
        self.phase = Phase::Grow(next);
        Some(Step {
            old: Some(size),
            wake: Some(next),
            ..Step::default()
        })
    }

    /// Goes on with the script: the steps that are due, of which the last counts.
    fn script(&mut self, now: Instant, script: Script, rules: &RolloutRules) -> Step {
        let Script { mut at, since } = script;
        let mut step = Step::default();
        while let Some(own) = rules.script.get(at) {
            let due = since.saturating_add(own.after);
            if now < due {
                step.wake = Some(due);
                break;
            }
            let part = |percent: u32| self.desired.saturating_mul(i64::from(percent));
            step.new = Some(part(own.new).div_euclid(100) + i64::from(part(own.new) % 100 > 0));
            step.old = Some(part(own.old) / 100);
            at += 1;
        }
        self.phase = Phase::Script(Script { at, since });
        step.end = (at >= rules.script.len()).then_some(true);
        step
    }

    /// Waits for pods, until there was no progress for too long.
    fn waiting(&self, now: Instant, rules: &RolloutRules) -> Step {
        let until = self.times_out(rules);
        if now >= until {
            ended(false)
        } else {
            wake_at(until)
        }
    }

    /// Instant at which there was no progress for too long.
    fn times_out(&self, rules: &RolloutRules) -> Instant {
        self.progress.saturating_add(rules.timeout)
    }

    /// Whether all pods are new, and available as far as the strategy asks for it.
    fn is_done(&self, sizes: Sizes) -> bool {
        let is_recreate = self.strategy == Strategy::Recreate;
        let is_cleared = sizes.old == 0 && (is_recreate || sizes.old_pods == 0);
        let is_accepted = sizes.new_available >= self.desired
            || (is_recreate && sizes.has_old && self.desired > 1);
        is_cleared && sizes.new == self.desired && is_accepted
    }

    /// Size that the new controller may have.
    fn grown(&self, sizes: Sizes) -> i64 {
        match self.strategy {
            Strategy::Recreate
                if sizes.has_old && sizes.new <= 1 && sizes.new_available < sizes.new.max(1) =>
            {
                self.desired.min(1)
            }
            Strategy::Recreate | Strategy::Custom => self.desired,
            Strategy::Rolling(bounds) => {
                let free = (bounds.max_total - sizes.old - sizes.new).max(0);
                (sizes.new + free).min(self.desired)
            }
        }
    }

    /// Size that the old controller may have. Its pods that are not available go first, so that no more
    /// than the bound are missing.
    fn shrunk(&self, sizes: Sizes) -> i64 {
        match self.strategy {
            Strategy::Recreate | Strategy::Custom => 0,
            Strategy::Rolling(bounds) => {
                let surplus = (sizes.old + sizes.new_available - bounds.min_available).max(0);
                (sizes.old - surplus).max(0)
            }
        }
    }

    /// Begins a hook, which takes no time where there is none.
    fn enter(&mut self, now: Instant, moment: Moment) {
        self.phase = Phase::Hook(moment, HookRun::first(now));
    }

    /// Goes on after a hook that does not end the rollout.
    fn leave(&mut self, now: Instant, moment: Moment) {
        self.progress = now;
        self.phase = match (moment, self.strategy) {
            (Moment::Pre, Strategy::Recreate) => Phase::Clear,
            _ => Phase::Grow(now),
        };
    }
}

fn start(helper: Helper) -> Step {
    Step {
        start: Some(helper),
        ..Step::default()
    }
}

fn wake_at(at: Instant) -> Step {
    Step {
        wake: Some(at),
        ..Step::default()
    }
}

fn ended(success: bool) -> Step {
    Step {
        end: Some(success),
        ..Step::default()
    }
}

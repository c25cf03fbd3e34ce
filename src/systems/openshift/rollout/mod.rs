//! The rollout of a version: hooks, and the sizes of the old and the new replication controller, step by
//! step or at once (spec: orchestrators-a.md section 8.2; the rolling updater of kubectl, on which the
//! original builds).

#[cfg(test)]
mod tests;

use units::{Duration, Instant};

use super::deployment::Bounds;
use crate::parts::delay::Growth;

/// Delays of a hook that is run again, which are those of a pod that is restarted.
const HOOK_DELAYS: Growth = Growth {
    first: Duration::from_secs(10),
    factor: 2.0,
    most: Duration::from_secs(300),
};

/// Treatment of a hook that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HookPolicy {
    /// The rollout fails.
    #[default]
    Abort,
    /// The hook is run again, 10 s later and then twice as long each time, up to 5 min.
    Retry,
    /// The rollout goes on.
    Ignore,
}

/// A hook: a pod that is run before, in or after a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Time that a run takes.
    pub takes: Duration,
    /// Number of its runs that fail, of each rollout the first ones.
    pub failures: u32,
    /// Treatment of a run that fails.
    pub policy: HookPolicy,
}

/// Times and hooks of rollouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        }
    }
}

/// Way in which old pods are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Step by step, within bounds.
    Rolling(Bounds),
    /// All old pods end before the first new one starts.
    Recreate,
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
}

/// Changes that a rollout asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// New size of the old controller.
    pub old: Option<i64>,
    /// New size of the new controller.
    pub new: Option<i64>,
    /// Instant at which the rollout looks again, whether anything changes or not.
    pub wake: Option<Instant>,
    /// End of the rollout: whether it succeeded.
    pub end: Option<bool>,
}

/// Part of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A hook runs until an instant, or waits until then for its next run.
    Hook(Moment, HookRun),
    /// All old pods end.
    Clear,
    /// The new controller grows, from an instant on.
    Grow(Instant),
    /// The old controller shrinks, from an instant on.
    Shrink(Instant),
}

/// Place of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Pre,
    Mid,
    Post,
}

/// A run of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HookRun {
    until: Instant,
    /// Number of runs that failed.
    failed: u32,
    /// `false` while the next run is waited for.
    is_running: bool,
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
    pub fn new(now: Instant, strategy: Strategy, desired: i64, rules: &RolloutRules) -> Self {
        let mut own = Self {
            strategy,
            desired,
            started: now,
            phase: Phase::Clear,
            progress: now,
            seen: Sizes::default(),
        };
        own.enter(now, Moment::Pre, rules);
        own
    }

    /// One look: what to scale, when to look again, and whether the rollout has ended.
    pub fn step(&mut self, now: Instant, sizes: Sizes, rules: &RolloutRules) -> Step {
        if sizes != self.seen {
            (self.seen, self.progress) = (sizes, now);
        }
        let deadline = self.started.saturating_add(rules.deadline);
        let mut step = if now >= deadline {
            Step {
                end: Some(false),
                ..Step::default()
            }
        } else {
            self.act(now, sizes, rules)
        };
        if step.end.is_none() {
            step.wake = Some(step.wake.map_or(deadline, |at| at.min(deadline)));
        }
        step
    }

    fn act(&mut self, now: Instant, sizes: Sizes, rules: &RolloutRules) -> Step {
        // Every phase that is over leads to the next; there are no more than five.
        loop {
            match self.phase {
                Phase::Hook(moment, run) => match self.hook(now, moment, run, rules) {
                    HookEnd::Runs(wake) => return wake_at(wake),
                    HookEnd::Failed => return ended(false),
                    HookEnd::Done if moment == Moment::Post => return ended(true),
                    HookEnd::Done => self.leave(now, moment),
                },
                Phase::Clear if sizes.old > 0 => {
                    return Step {
                        old: Some(0),
                        ..self.waiting(now, rules)
                    };
                }
                Phase::Clear if sizes.old_pods > 0 => return self.waiting(now, rules),
                Phase::Clear => self.enter(now, Moment::Mid, rules),
                Phase::Grow(from) | Phase::Shrink(from) if now < from => return wake_at(from),
                Phase::Grow(_) => {
                    if self.is_done(sizes) {
                        self.enter(now, Moment::Post, rules);
                        continue;
                    }
                    let size = self.grown(sizes);
                    if size == sizes.new {
                        self.phase = Phase::Shrink(now);
                        continue;
                    }
                    let next = now.saturating_add(rules.update_period);
                    self.phase = Phase::Shrink(next);
                    return Step {
                        new: Some(size),
                        wake: Some(next),
                        ..Step::default()
                    };
                }
                Phase::Shrink(_) => {
                    let size = self.shrunk(sizes);
                    if size == sizes.old {
                        // Nothing can be done before a pod changes.
                        if self.grown(sizes) != sizes.new || self.is_done(sizes) {
                            self.phase = Phase::Grow(now);
                            continue;
                        }
                        return self.waiting(now, rules);
                    }
                    let next = now.saturating_add(rules.interval);
                    self.phase = Phase::Grow(next);
                    return Step {
                        old: Some(size),
                        wake: Some(next),
                        ..Step::default()
                    };
                }
            }
        }
    }

    /// Waits for pods, until there was no progress for too long.
    fn waiting(&self, now: Instant, rules: &RolloutRules) -> Step {
        let until = self.progress.saturating_add(rules.timeout);
        if now >= until {
            ended(false)
        } else {
            wake_at(until)
        }
    }

    /// Whether all pods are new, and available.
    fn is_done(&self, sizes: Sizes) -> bool {
        let is_cleared = sizes.old == 0 && sizes.old_pods == 0;
        is_cleared && sizes.new == self.desired && sizes.new_available >= self.desired
    }

    /// Size that the new controller may have.
    fn grown(&self, sizes: Sizes) -> i64 {
        match self.strategy {
            Strategy::Recreate => self.desired,
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
            Strategy::Recreate => 0,
            Strategy::Rolling(bounds) => {
                let surplus = (sizes.old + sizes.new_available - bounds.min_available).max(0);
                (sizes.old - surplus).max(0)
            }
        }
    }

    const fn hook_at(moment: Moment, rules: &RolloutRules) -> Option<Hook> {
        match moment {
            Moment::Pre => rules.pre,
            Moment::Mid => rules.mid,
            Moment::Post => rules.post,
        }
    }

    /// Begins a hook, which takes no time where there is none.
    fn enter(&mut self, now: Instant, moment: Moment, rules: &RolloutRules) {
        let takes = Self::hook_at(moment, rules).map_or(Duration::ZERO, |hook| hook.takes);
        let run = HookRun {
            until: now.saturating_add(takes),
            failed: 0,
            is_running: true,
        };
        self.phase = Phase::Hook(moment, run);
    }

    /// Goes on after a hook that does not end the rollout.
    fn leave(&mut self, now: Instant, moment: Moment) {
        self.progress = now;
        self.phase = match (moment, self.strategy) {
            (Moment::Pre, Strategy::Recreate) => Phase::Clear,
            _ => Phase::Grow(now),
        };
    }

    fn hook(
        &mut self,
        now: Instant,
        moment: Moment,
        mut run: HookRun,
        rules: &RolloutRules,
    ) -> HookEnd {
        let Some(hook) = Self::hook_at(moment, rules) else {
            return HookEnd::Done;
        };
        while now >= run.until {
            if !run.is_running {
                (run.until, run.is_running) = (run.until.saturating_add(hook.takes), true);
                continue;
            }
            if run.failed >= hook.failures {
                return HookEnd::Done;
            }
            run.failed += 1;
            match hook.policy {
                HookPolicy::Abort => return HookEnd::Failed,
                HookPolicy::Ignore => return HookEnd::Done,
                HookPolicy::Retry => {
                    let delay = HOOK_DELAYS.after(run.failed);
                    (run.until, run.is_running) = (run.until.saturating_add(delay), false);
                }
            }
        }
        self.phase = Phase::Hook(moment, run);
        HookEnd::Runs(run.until)
    }
}

/// State of a hook.
enum HookEnd {
    /// It runs, or waits for its next run, until an instant.
    Runs(Instant),
    /// The rollout goes on.
    Done,
    /// The rollout fails.
    Failed,
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

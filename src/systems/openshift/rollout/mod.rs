//! The rollout of a version: its deployer, hooks, and the sizes of the old and the new replication
//! controller, step by step, at once, or by a script of the user (spec: orchestrators-a.md section 8.2; the
//! rolling updater of kubectl, on which the original builds).

#[cfg(test)]
mod failures;
mod hook;
mod recreate;
mod rules;
mod step;
#[cfg(test)]
mod tests;

use control::errands::ErrandStatus;
use units::{Duration, Instant};

use super::deployment::Bounds;
use hook::HookEnd;
pub(super) use hook::of as hook_of;
pub use hook::{Hook, HookPolicy, Moment};
use recreate::Side;
pub use rules::{RolloutRules, ScriptStep};
pub use step::{Failure, Step};
use step::{complete, failed, start, wake_at};

/// Time between two looks of a deployer that replaces all pods at once (`recreate.go`).
const LOOK: Duration = Duration::from_secs(1);

/// Time in which the deployer of a user's own has to be created (`DefaultRecreateTimeoutSeconds`).
const CUSTOM_TIMEOUT: Duration = Duration::from_secs(600);

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
    /// A hook, whose container is run again in its pod where it is retried.
    Hook(Moment),
}

/// Standings of the pods that work for a rollout.
pub trait Crew {
    /// Standing of a pod.
    fn standing(&self, helper: Helper) -> ErrandStatus;
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
    /// Pods of the new version that have not ended; fewer than wanted where a quota refuses them.
    pub new_pods: i64,
    /// Available pods of the new version.
    pub new_available: i64,
    /// `true` if there is a completed version before.
    pub has_old: bool,
}

/// Part of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The deployer has yet to run.
    Deployer,
    /// A hook runs.
    Hook(Moment),
    /// The new controller grows, in a round of a rolling update.
    Grow(Round),
    /// The old controller shrinks in that round.
    Shrink(Round),
    /// Both controllers have their sizes, which are looked at once more at an instant.
    Settle(Instant),
    /// The old controller is told to have no pods.
    Clear,
    /// Its pods are looked at from an instant on, until none is left.
    Emptied(Instant),
    /// The new controller is told to have pods: one, or all.
    Fill(i64),
    /// Its pods are looked at until there are as many.
    Made(Filling),
    /// The pods of that number are looked at from an instant on, until they are available.
    Accept(i64, Instant),
    /// The script runs.
    Script(Script),
}

/// Pods that the new controller is told to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Filling {
    size: i64,
    /// Instant at which it was told so.
    since: Instant,
    /// Whether they have to become available: not the rest of them, once the first one has.
    is_accepted: bool,
}

/// A round of a rolling update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Round {
    /// Instant of its next step.
    at: Instant,
    /// Whether a controller was scaled in it.
    has_scaled: bool,
    /// Instant at which the new controller was scaled, while its pods are not all there.
    unmade_since: Option<Instant>,
}

impl Round {
    /// A round in which nothing was scaled yet.
    const fn new(at: Instant) -> Self {
        Self {
            at,
            has_scaled: false,
            unmade_since: None,
        }
    }
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
    /// Instant at which the new controller was made.
    made: Instant,
    started: Instant,
    phase: Phase,
    /// Instant of the last progress.
    progress: Instant,
}

impl Rollout {
    /// A rollout to a number of pods that begins now; its controller was `made` by then.
    pub fn new(now: Instant, strategy: Strategy, desired: i64, made: Instant) -> Self {
        Self {
            strategy,
            desired,
            made,
            started: now,
            phase: Phase::Deployer,
            progress: now,
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
        let deadline = self.started.saturating_add(rules.deadline);
        let mut step = if crew.standing(Helper::Deployer) == ErrandStatus::Failed {
            failed(Failure::DeployerLost)
        } else if now >= deadline {
            failed(Failure::Deadline)
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

    /// Whether no deployer could be created within the time-out, in whole seconds
    /// (`RolloutExceededTimeoutSeconds` of openshift-controller-manager).
    fn is_new_for_too_long(&self, now: Instant, rules: &RolloutRules) -> bool {
        let seconds = |span: Duration| span.as_nanos().div_euclid(1_000_000_000);
        let timeout = if self.strategy == Strategy::Custom {
            CUSTOM_TIMEOUT
        } else {
            rules.timeout
        };
        let is_limited = seconds(timeout) > 0;
        is_limited && seconds(now.since(self.made)) > seconds(timeout)
    }

    /// The hook that the rollout has come to.
    pub const fn hook(&self) -> Option<Helper> {
        match self.phase {
            Phase::Hook(moment) => Some(Helper::Hook(moment)),
            _ => None,
        }
    }

    fn act(&mut self, now: Instant, sizes: Sizes, crew: &dyn Crew, rules: &RolloutRules) -> Step {
        // Every phase that is over leads to the next; none comes twice at one instant.
        loop {
            let step = match self.phase {
                Phase::Deployer => match crew.standing(Helper::Deployer) {
                    ErrandStatus::Absent if self.is_new_for_too_long(now, rules) => {
                        Some(failed(Failure::NoDeployer))
                    }
                    ErrandStatus::Absent => Some(start(Helper::Deployer)),
                    ErrandStatus::Waiting => Some(Step::default()),
                    _ if self.strategy == Strategy::Custom => {
                        let script = Script { at: 0, since: now };
                        self.phase = Phase::Script(script);
                        None
                    }
                    _ => self.enter(Moment::Pre),
                },
                Phase::Script(script) => Some(self.script(now, script, rules)),
                Phase::Hook(moment) => match hook::look(moment, rules, crew) {
                    HookEnd::Starts => Some(start(Helper::Hook(moment))),
                    HookEnd::Runs => Some(Step::default()),
                    HookEnd::Failed => Some(failed(Failure::Hook(moment))),
                    HookEnd::Done => self.leave(now, moment, sizes),
                },
                Phase::Grow(round) => self.grow(now, round, sizes, rules),
                Phase::Shrink(round) => self.shrink(now, round, sizes, rules),
                Phase::Settle(at) if now < at => Some(wake_at(at)),
                Phase::Settle(_) | Phase::Fill(0) => self.enter(Moment::Post),
                Phase::Clear if sizes.old == 0 => {
                    self.phase = Phase::Emptied(now);
                    None
                }
                Phase::Clear => Some(self.scale(now, Phase::Emptied, 0, Side::Old)),
                Phase::Emptied(_) if sizes.old > 0 => {
                    Some(self.scale(now, Phase::Emptied, 0, Side::Old))
                }
                Phase::Emptied(since) => self.emptied(now, since, sizes, rules),
                Phase::Fill(size) => Some(self.fill(now, size, true)),
                Phase::Made(filling) => self.made(now, filling, sizes, rules),
                Phase::Accept(size, since) => self.accept(now, size, since, sizes, rules),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// Grows the new controller; `None` if that leads to the next phase at once.
    fn grow(
        &mut self,
        now: Instant,
        round: Round,
        sizes: Sizes,
        rules: &RolloutRules,
    ) -> Option<Step> {
        if now < round.at {
            return Some(wake_at(round.at));
        }
        if sizes.new == self.desired && sizes.old == 0 {
            self.phase = Phase::Settle(now.saturating_add(rules.interval));
            return None;
        }
        let size = self.grown(sizes);
        let has_scaled = size != sizes.new;
        let seen = if has_scaled {
            now.saturating_add(rules.interval)
        } else {
            now
        };
        let at = seen.saturating_add(rules.update_period);
        self.phase = Phase::Shrink(Round {
            at,
            has_scaled,
            unmade_since: has_scaled.then_some(now),
        });
        has_scaled.then(|| Step {
            new: Some(size),
            wake: Some(at),
            ..Step::default()
        })
    }

    /// Waits for the pods that the new controller was told to have, which fails with the time-out (`scaleAndWait` of
    /// `rolling_updater.go`): those that a quota refuses are never there.
    fn await_new(
        &mut self,
        now: Instant,
        mut round: Round,
        since: Instant,
        sizes: Sizes,
        rules: &RolloutRules,
    ) -> Option<Step> {
        let first = since.saturating_add(rules.interval);
        let until = since.saturating_add(rules.timeout);
        if sizes.new_pods < sizes.new {
            return Some(if now < until {
                wake_at(until)
            } else {
                failed(Failure::Stalled)
            });
        }
        let seen = first.saturating_add(rules.update_period);
        if now > seen {
            round.at = tick(first, rules.interval, now).saturating_add(rules.update_period);
        }
        round.unmade_since = None;
        self.phase = Phase::Shrink(round);
        None
    }

    /// Shrinks the old controller; `None` if that leads to the next phase at once. A round in which neither
    /// is scaled is no progress, and the next one is as long as the update period.
    fn shrink(
        &mut self,
        now: Instant,
        round: Round,
        sizes: Sizes,
        rules: &RolloutRules,
    ) -> Option<Step> {
        if now < round.at {
            return Some(wake_at(round.at));
        }
        let next = |at| Phase::Grow(Round::new(at));
        if let Some(since) = round.unmade_since {
            return self.await_new(now, round, since, sizes, rules);
        }
        let look = tick(round.at, rules.update_period, now);
        let size = self.shrunk(sizes);
        if size != sizes.old {
            if now < look {
                return Some(wake_at(look));
            }
            let at = now.saturating_add(rules.interval);
            self.progress = at;
            self.phase = next(at);
            return Some(Step {
                old: Some(size),
                wake: Some(at),
                ..Step::default()
            });
        }
        if round.has_scaled {
            self.progress = now;
            self.phase = next(now);
            return None;
        }
        let until = self.progress.saturating_add(rules.timeout);
        if now == look && now >= until {
            return Some(failed(Failure::Stalled));
        }
        if self.grown(sizes) != sizes.new || (sizes.new == self.desired && sizes.old == 0) {
            self.phase = next(look);
            return None;
        }
        // Nothing can be scaled before a pod changes.
        Some(wake_at(tick(round.at, rules.update_period, until.max(now))))
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
        step.end = (at >= rules.script.len()).then_some(Ok(()));
        step
    }

    /// Size that the new controller may have.
    fn grown(&self, sizes: Sizes) -> i64 {
        let Strategy::Rolling(bounds) = self.strategy else {
            return self.desired;
        };
        let free = (bounds.max_total - sizes.old - sizes.new).max(0);
        (sizes.new + free).min(self.desired)
    }

    /// Size that the old controller may have. Its pods that are not available go first, so that no more
    /// than the bound are missing.
    fn shrunk(&self, sizes: Sizes) -> i64 {
        let Strategy::Rolling(bounds) = self.strategy else {
            return 0;
        };
        let surplus = (sizes.old + sizes.new_available - bounds.min_available).max(0);
        (sizes.old - surplus).max(0)
    }

    /// Begins a hook, which takes no time where there is none.
    fn enter<T>(&mut self, moment: Moment) -> Option<T> {
        self.phase = Phase::Hook(moment);
        None
    }

    /// Goes on after a hook that does not end the rollout. A rolling update without a version before it
    /// starts all its pods (`rolling.go`).
    fn leave(&mut self, now: Instant, moment: Moment, sizes: Sizes) -> Option<Step> {
        self.phase = match (moment, self.strategy) {
            (Moment::Post, _) => return Some(complete()),
            (Moment::Pre, Strategy::Rolling(_)) if sizes.has_old => {
                self.progress = now;
                Phase::Grow(Round::new(now))
            }
            (Moment::Pre, Strategy::Rolling(_)) => Phase::Fill(self.desired),
            (Moment::Pre, _) if sizes.has_old => Phase::Clear,
            (Moment::Pre, _) => Phase::Hook(Moment::Mid),
            // Where there is an old version, one pod has to become available before the others start.
            (Moment::Mid, _) if sizes.has_old => Phase::Fill(self.desired.min(1)),
            (Moment::Mid, _) => Phase::Fill(self.desired),
        };
        None
    }
}

/// The first look from an instant on, of those that follow one another in a period.
fn tick(since: Instant, period: Duration, from: Instant) -> Instant {
    let (passed, period) = (from.since(since).as_nanos(), period.as_nanos());
    if passed <= 0 {
        return since;
    }
    if period <= 0 {
        return from;
    }
    let looks = passed / period + i64::from(passed % period > 0);
    since.saturating_add(Duration::from_nanos(looks.saturating_mul(period)))
}

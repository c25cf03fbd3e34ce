//! Hooks of a rollout: pods that are run before, in or after it, and what their failures lead to.

use control::errands::Standing;
use units::{Duration, Instant};

use super::{Crew, Helper, RolloutRules};
use crate::parts::delay::Growth;

/// Delays of a hook that is run again, which are those of a pod that is restarted.
const DELAYS: Growth = Growth {
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

/// Place of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before anything is scaled.
    Pre,
    /// Between the end of the old pods and the first new one.
    Mid,
    /// After all new pods are available.
    Post,
}

impl Moment {
    /// Name of the moment in names of pods.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Mid => "mid",
            Self::Post => "post",
        }
    }
}

impl Hook {
    /// Whether a run fails, counted from 0.
    pub const fn fails(self, run: u32) -> bool {
        run < self.failures
    }
}

/// The hook of a moment.
pub(super) const fn of(moment: Moment, rules: &RolloutRules) -> Option<Hook> {
    match moment {
        Moment::Pre => rules.pre,
        Moment::Mid => rules.mid,
        Moment::Post => rules.post,
    }
}

/// A run of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HookRun {
    /// Number of runs that failed.
    failed: u32,
    /// Instant from which the next run may start.
    from: Instant,
}

/// State of a hook.
pub(super) enum HookEnd {
    /// A run of it starts.
    Starts(Helper),
    /// A run of it goes on.
    Runs,
    /// It waits for its next run until an instant.
    Waits(Instant),
    /// The rollout goes on.
    Done,
    /// The rollout fails.
    Failed,
}

impl HookRun {
    /// The first run, which may start now.
    pub(super) const fn first(now: Instant) -> Self {
        Self {
            failed: 0,
            from: now,
        }
    }

    /// The pod of the run.
    pub(super) const fn helper(self, moment: Moment) -> Helper {
        Helper::Hook(moment, self.failed)
    }

    /// Looks after the run.
    pub(super) fn look(
        &mut self,
        now: Instant,
        moment: Moment,
        hook: Option<Hook>,
        crew: &dyn Crew,
    ) -> HookEnd {
        let Some(hook) = hook else {
            return HookEnd::Done;
        };
        let helper = self.helper(moment);
        match crew.standing(helper) {
            Standing::Absent if now < self.from => HookEnd::Waits(self.from),
            Standing::Absent => HookEnd::Starts(helper),
            Standing::Waiting | Standing::Running => HookEnd::Runs,
            Standing::Done => HookEnd::Done,
            Standing::Failed => match hook.policy {
                HookPolicy::Abort => HookEnd::Failed,
                HookPolicy::Ignore => HookEnd::Done,
                HookPolicy::Retry => {
                    self.failed += 1;
                    self.from = now.saturating_add(DELAYS.after(self.failed));
                    HookEnd::Waits(self.from)
                }
            },
        }
    }
}

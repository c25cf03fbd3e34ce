//! Hooks of a rollout: pods that are run before, in or after it, and what their failures lead to.

use control::errands::ErrandStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Duration;

use super::{Crew, Helper, RolloutRules};

/// Treatment of a hook that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "OpenShiftHookFailure")]
pub enum HookPolicy {
    /// The rollout fails.
    #[default]
    Abort,
    /// The hook's container is started again in its pod: at once, 10 s later, and then after twice as long
    /// each time, up to 5 min.
    Retry,
    /// The rollout goes on.
    Ignore,
}

/// Hook of a rollout: a pod that runs once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "OpenShiftHook")]
pub struct Hook {
    /// Time that a run takes.
    pub takes: Duration,
    /// Number of runs that fail, of each rollout the first ones; default 0.
    #[serde(default)]
    pub failures: u32,
    /// Treatment of a run that fails (`failurePolicy`); default `abort`.
    #[serde(default, rename = "failurePolicy")]
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

/// The hook of a moment.
pub(in crate::openshift) const fn of(moment: Moment, rules: &RolloutRules) -> Option<Hook> {
    match moment {
        Moment::Pre => rules.pre,
        Moment::Mid => rules.mid,
        Moment::Post => rules.post,
    }
}

/// State of a hook.
pub(super) enum HookEnd {
    /// Its pod starts.
    Starts,
    /// Its pod goes on.
    Runs,
    /// The rollout goes on.
    Done,
    /// The rollout fails.
    Failed,
}

/// Looks after the pod of a hook. One that is retried fails only when its pod does, which is too late or
/// gone (`lifecycle.go`).
pub(super) fn look(moment: Moment, rules: &RolloutRules, crew: &dyn Crew) -> HookEnd {
    let Some(hook) = of(moment, rules) else {
        return HookEnd::Done;
    };
    match crew.standing(Helper::Hook(moment)) {
        ErrandStatus::Absent => HookEnd::Starts,
        ErrandStatus::Waiting | ErrandStatus::Running => HookEnd::Runs,
        ErrandStatus::Done => HookEnd::Done,
        ErrandStatus::Failed => match hook.policy {
            HookPolicy::Abort | HookPolicy::Retry => HookEnd::Failed,
            HookPolicy::Ignore => HookEnd::Done,
        },
    }
}

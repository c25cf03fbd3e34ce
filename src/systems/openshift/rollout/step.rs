//! Steps of a rollout: the changes that one look at it asks for, and its end.

use units::Instant;

use super::{Helper, Moment};

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
    /// End of the rollout.
    pub end: Option<Result<(), Failure>>,
}

/// Cause for which a rollout fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No deployer could be created in time.
    NoDeployer,
    /// The deployer failed, was evicted or lost with its node.
    DeployerLost,
    /// The rollout took longer than a deployer may run.
    Deadline,
    /// A hook failed, or its pod could not be created.
    Hook(Moment),
    /// Nothing could be scaled, or no new pod was available, for the time-out.
    Stalled,
}

impl Failure {
    /// The cause, as the end of a sentence about the rollout.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::NoDeployer => "the deployer could not be created within `timeout`",
            Self::DeployerLost => "the deployer was lost",
            Self::Deadline => "longer than `activeDeadline`",
            Self::Hook(Moment::Pre) => "the hook `pre` failed",
            Self::Hook(Moment::Mid) => "the hook `mid` failed",
            Self::Hook(Moment::Post) => "the hook `post` failed",
            Self::Stalled => "no progress within `timeout`",
        }
    }
}

pub(super) fn start(helper: Helper) -> Step {
    Step {
        start: Some(helper),
        ..Step::default()
    }
}

pub(super) fn wake_at(at: Instant) -> Step {
    Step {
        wake: Some(at),
        ..Step::default()
    }
}

pub(super) fn complete() -> Step {
    Step {
        end: Some(Ok(())),
        ..Step::default()
    }
}

pub(super) fn failed(why: Failure) -> Step {
    Step {
        end: Some(Err(why)),
        ..Step::default()
    }
}

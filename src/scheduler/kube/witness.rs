//! Looking over the scheduler's shoulder: whoever explains a decision of a run is shown every
//! attempt with what the scheduler knew, and can change nothing.

use super::cycle::Outcome;
use super::{Cache, KubeProfile, PodInfo};
use units::Instant;

/// An attempt, as it was when it was taken.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// When.
    pub at: Instant,
    /// The scheduler's cache during the attempt.
    pub cache: &'a Cache,
    /// The profile that decided.
    pub profile: &'a KubeProfile,
    /// The pod.
    pub pod: &'a PodInfo,
    /// Where among the nodes its search began.
    pub start: usize,
    /// Outcome of the attempt.
    pub outcome: &'a Outcome,
}

/// An observer of every attempt of a scheduler.
pub trait Witness: std::fmt::Debug + Send + Sync {
    /// An attempt was taken; nothing of it has been carried out yet.
    fn attempted(&self, sight: Sight<'_>);
}

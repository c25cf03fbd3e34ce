//! Observer of scheduling attempts: code that explains a decision of a run is shown every
//! attempt with what the scheduler knew, and can change nothing.

use super::cycle::Outcome;
use super::{Cache, KubeProfile, PodInfo};
use units::Instant;

/// An attempt, as it was when it was taken.
#[derive(Clone, Copy)]
pub struct AttemptView<'a> {
    /// Instant of the attempt.
    pub at: Instant,
    /// The scheduler's cache during the attempt.
    pub cache: &'a Cache,
    /// The profile that decided.
    pub profile: &'a KubeProfile,
    /// The pod.
    pub pod: &'a PodInfo,
    /// Position among the nodes at which the search began.
    pub start: usize,
    /// Outcome of the attempt.
    pub outcome: &'a Outcome,
}

/// An observer of every attempt of a scheduler.
///
/// A witness that counts the attempts that found a node:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use scheduler::kube::cycle::Outcome;
/// use scheduler::kube::{Cache, KubeProfile, PodInfo, AttemptView, Witness};
/// use units::Instant;
///
/// #[derive(Debug, Default)]
/// struct Placements(AtomicU64);
///
/// impl Witness for Placements {
///     fn attempted(&self, sight: AttemptView<'_>) {
///         if let Outcome::Placed(_) = sight.outcome {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let placements = Placements::default();
/// placements.attempted(AttemptView {
///     at: Instant::ZERO,
///     cache: &Cache::default(),
///     profile: &KubeProfile::default(),
///     pod: &PodInfo::default(),
///     start: 0,
///     outcome: &Outcome::Placed(0),
/// });
/// assert_eq!(placements.0.into_inner(), 1);
/// ```
pub trait Witness: std::fmt::Debug + Send + Sync {
    /// An attempt was taken; nothing of it has been carried out yet.
    fn attempted(&self, sight: AttemptView<'_>);
}

//! Attempts after a refusal that says nothing about the cluster: nothing has to change before the
//! next one may succeed, so it comes after a while by itself.

use cluster::Conflict;
use control::Outbox;
use units::{Duration, Instant};

/// Wait before the next attempt: kube-scheduler's first back-off (spec: kubernetes.md 1.3).
const WAIT: Duration = Duration::from_secs(1);

/// The next attempt after writes that the API refused by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Nothing was refused.
    #[default]
    None,
    /// A write was refused since the last step.
    Refused,
    /// The next attempt is due at this instant.
    At(Instant),
}

impl Retry {
    /// Takes note of a refused write.
    pub(crate) fn refused(&mut self, conflict: &Conflict) {
        if *self == Self::None && *conflict == Conflict::Refused {
            *self = Self::Refused;
        }
    }

    /// Whether the next attempt is due.
    pub(crate) fn is_due(self, now: Instant) -> bool {
        matches!(self, Self::At(at) if at <= now)
    }

    /// Asks for the wake-up that the next attempt needs.
    pub(crate) fn ask(&mut self, now: Instant, out: &mut Outbox) {
        if *self == Self::Refused {
            *self = Self::At(now.saturating_add(WAIT));
        }
        if let Self::At(at) = *self {
            out.wake_at(at);
        }
    }
}

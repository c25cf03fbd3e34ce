//! The control plane's own outages: no component acts, running containers are untouched; then it
//! catches up with what happened (spec: orchestrators-b.md 10.3).

use super::{Change, Strike, Timeline};
use crate::units::{Duration, Instant};

/// An outage of every component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPlaneOutage {
    /// When it begins, after the start.
    pub at: Duration,
    /// How long it lasts; `None` is for good.
    pub lasts: Option<Duration>,
}

impl ControlPlaneOutage {
    pub(super) fn timelines(self) -> Vec<Timeline> {
        let at = Instant::ZERO.saturating_add(self.at);
        let mut strikes = vec![Strike {
            at,
            change: Change::ControlPlane { is_up: false },
        }];
        strikes.extend(self.lasts.map(|lasts| Strike {
            at: at.saturating_add(lasts),
            change: Change::ControlPlane { is_up: true },
        }));
        vec![Timeline::scripted(strikes)]
    }
}

//! Maintenance that was announced: nodes are cordoned and drained as budgets allow, are down for the
//! time of the window whether they are empty or not, and come back (spec: orchestrators-b.md 10.3).

use super::{Change, FailureError, Layout, Strike, Target, Timeline};
use crate::hosts::Trouble;
use units::{Duration, Instant};

/// A window of maintenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// Nodes of the maintenance.
    pub target: Target,
    /// Time at which the nodes go down, after the start.
    pub at: Duration,
    /// Time for which the nodes are down.
    pub lasts: Duration,
    /// Time of the notice before the nodes are cordoned and drained.
    pub notice: Duration,
}

impl Maintenance {
    pub(super) fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        let down = Instant::ZERO.saturating_add(self.at);
        let ahead = (self.at.as_nanos() - self.notice.as_nanos()).max(0);
        let notice = Instant::from_nanos(ahead);
        let up = down.saturating_add(self.lasts);
        let nodes = layout.find(&self.target)?;
        let mut strikes = Vec::new();
        for (at, change) in [
            (notice, Change::Vacate as fn(_) -> _),
            (down, |node| Change::Begin(node, Trouble::Crash)),
            (up, |node| Change::End(node, Trouble::Crash)),
            (up, Change::Uncordon),
        ] {
            let strike = |&node| Strike {
                at,
                change: change(node),
            };
            strikes.extend(nodes.iter().map(strike));
        }
        Ok(vec![Timeline::scripted(strikes)])
    }
}

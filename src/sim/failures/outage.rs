//! Outages written down: nodes, zones or domains that go down or are cut off at an instant, for a
//! time or for good (spec: orchestrators-b.md 10.2, 10.3).

use super::{Change, FailureError, Layout, Strike, Target, Timeline};
use crate::hosts::Trouble;
use units::{Duration, Instant};

/// An outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Target of the failure.
    pub target: Target,
    /// Fault of the nodes.
    pub trouble: Trouble,
    /// Beginning of the outage, after the start.
    pub at: Duration,
    /// Length of the outage; `None` is for good.
    pub lasts: Option<Duration>,
}

impl Outage {
    pub(super) fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        let begin = Instant::ZERO.saturating_add(self.at);
        let mut strikes = Vec::new();
        for node in layout.find(&self.target)? {
            strikes.push(Strike {
                at: begin,
                change: Change::Begin(node, self.trouble),
            });
            strikes.extend(self.lasts.map(|lasts| Strike {
                at: begin.saturating_add(lasts),
                change: Change::End(node, self.trouble),
            }));
        }
        Ok(vec![Timeline::scripted(strikes)])
    }
}

//! Nodes that come and go: reached for a while, silent for a while (spec: orchestrators-b.md 10.3).

use super::{Change, FailureError, Layout, Strike, Target, Timeline};
use crate::hosts::Trouble;
use units::{Duration, Instant};

/// Nodes whose link to the control plane comes and goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// Target of the failure.
    pub target: Target,
    /// Beginning of the flapping, after the start.
    pub at: Duration,
    /// Length of the flapping; `None` is for good.
    pub lasts: Option<Duration>,
    /// Time from one loss to the next; more than nothing.
    pub every: Duration,
    /// Length of each fall.
    pub down: Duration,
}

impl Flapping {
    pub(super) fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        let first = Instant::ZERO.saturating_add(self.at);
        let end = self
            .lasts
            .map_or(Instant::MAX, |lasts| first.saturating_add(lasts));
        let (every, down) = (self.every.max(Duration::from_nanos(1)), self.down);
        let nodes = layout.find(&self.target)?.into_iter();
        let timelines = nodes.map(|node| {
            let mut at = first;
            let mut is_cut = false;
            Timeline::drawn(std::iter::from_fn(move || {
                is_cut = !is_cut;
                if !is_cut {
                    let back = at.saturating_add(down);
                    at = at.saturating_add(every);
                    let change = Change::End(node, Trouble::Partition);
                    return Some(Strike { at: back, change });
                }
                (at < end).then_some(Strike {
                    at,
                    change: Change::Begin(node, Trouble::Partition),
                })
            }))
        });
        Ok(timelines.collect())
    }
}

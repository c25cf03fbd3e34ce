//! Crashes and repairs of nodes by distributions, each node from its own stream, so that one node
//! more changes nothing for the others (spec: orchestrators-b.md 10.1).

use super::{Change, FailureError, Layout, Strike, Target, Timeline};
use crate::rng::Distribution;
use crate::sim::hosts::Trouble;
use crate::units::Instant;

/// Nodes that crash and are repaired, again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeCrash {
    /// Which.
    pub target: Target,
    /// From the end of a repair to the next crash.
    pub between: Distribution,
    /// From the crash to the end of the repair.
    pub repair: Distribution,
}

impl NodeCrash {
    pub(super) fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        let nodes = layout.find(&self.target)?.into_iter();
        let timelines = nodes.map(|node| {
            let mut stream = layout.stream("node-crash", node);
            let Self {
                between, repair, ..
            } = self.clone();
            let (mut now, mut is_down) = (Instant::ZERO, false);
            Timeline::drawn(std::iter::from_fn(move || {
                let law = if is_down { &repair } else { &between };
                let at = now.saturating_add(law.sample(&mut stream));
                // Nothing lies beyond the end of time; a law of zeros would never get on.
                if at == Instant::MAX || (at == now && is_down) {
                    return None;
                }
                now = at;
                is_down = !is_down;
                let change = if is_down {
                    Change::Begin(node, Trouble::Crash)
                } else {
                    Change::End(node, Trouble::Crash)
                };
                Some(Strike { at, change })
            }))
        });
        Ok(timelines.collect())
    }
}

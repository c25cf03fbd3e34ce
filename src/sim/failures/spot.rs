//! Spot capacity: nodes that are taken back with a short notice, and replaced after a while
//! (spec: orchestrators-b.md 10.3).

use super::{Change, FailureError, Layout, Strike, Target, Timeline};
use crate::rng::Distribution;
use crate::sim::hosts::Trouble;
use crate::units::{Duration, Instant};

/// Nodes that are taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// Which.
    pub target: Target,
    /// For how long one is had.
    pub kept: Distribution,
    /// How long before its end that is said: it is cordoned and its pods are told to end.
    pub notice: Duration,
    /// How long until another takes its place.
    pub replaced: Distribution,
}

impl Spot {
    pub(super) fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        let nodes = layout.find(&self.target)?.into_iter();
        let timelines = nodes.map(|node| {
            let mut stream = layout.stream("spot", node);
            let Self {
                kept,
                notice,
                replaced,
                ..
            } = self.clone();
            let (mut now, mut next) = (Instant::ZERO, 0_u8);
            Timeline::drawn(std::iter::from_fn(move || {
                let (after, change) = match next {
                    0 => (kept.sample(&mut stream), Change::Drain(node)),
                    1 => (notice, Change::Begin(node, Trouble::Crash)),
                    2 => (
                        replaced.sample(&mut stream),
                        Change::End(node, Trouble::Crash),
                    ),
                    _ => (Duration::ZERO, Change::Uncordon(node)),
                };
                let at = now.saturating_add(after);
                if at == Instant::MAX || (next == 2 && at == now) {
                    return None;
                }
                (now, next) = (at, (next + 1) % 4);
                Some(Strike { at, change })
            }))
        });
        Ok(timelines.collect())
    }
}

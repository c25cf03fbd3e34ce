//! Outages of whole domains by distributions: everything in a rack, under a power feed or in a zone
//! is down while it is (spec: orchestrators-b.md 10.2).

use super::{Change, FailureError, Layout, Strike, Target, Timeline};
use crate::hosts::Trouble;
use rng::Distribution;
use units::Instant;

/// Domains that fail and are repaired, again and again, each by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainOutage {
    /// Nodes that the outage strikes.
    pub target: Target,
    /// Time from the end of a repair to the next failure.
    pub between: Distribution,
    /// Time from the failure to the end of the repair.
    pub repair: Distribution,
}

impl DomainOutage {
    pub(super) fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        let domains = layout.groups(&self.target)?.into_iter();
        let domains = domains.filter(|domain| !domain.nodes.is_empty());
        let timelines = domains.map(|domain| {
            let mut stream = layout.stream_of("domain-outage", &domain);
            let nodes = domain.nodes;
            let Self {
                between, repair, ..
            } = self.clone();
            let (mut now, mut is_down) = (Instant::ZERO, false);
            let turns = std::iter::from_fn(move || {
                let law = if is_down { &repair } else { &between };
                let at = now.saturating_add(law.sample(&mut stream));
                if at == Instant::MAX || (at == now && is_down) {
                    return None;
                }
                now = at;
                is_down = !is_down;
                Some((at, is_down))
            });
            Timeline::drawn(turns.flat_map(move |(at, is_down)| {
                let change = if is_down { Change::Begin } else { Change::End };
                let strike = move |node| Strike {
                    at,
                    change: change(node, Trouble::Crash),
                };
                nodes.clone().into_iter().map(strike)
            }))
        });
        Ok(timelines.collect())
    }
}

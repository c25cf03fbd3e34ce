//! Spot capacity: nodes that are taken back with a short notice, and replaced after a while; by
//! themselves, or a share of a pool at a time (spec: orchestrators-b.md 10.3).

use super::exposure::NewNode;
use super::layout::Group;
use super::merge::{Batch, merged};
use super::{Change, FailureError, Layout, Strike, Target, Timeline};
use crate::hosts::Trouble;
use rng::{Distribution, Law, Stream, math};
use units::{Duration, Instant, NodeId};

/// A month of those probabilities of interruption that providers publish.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Time over which a pool announces to all nodes that it takes them back.
const POOL_SPREAD: Duration = Duration::from_secs(120);

/// Nodes that are taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// Nodes that are taken back; if each domain of a label is a target, those are pools that take
    /// back together.
    pub target: Target,
    /// Time for which a node is kept; from one time to the next that a pool takes back.
    pub kept: Distribution,
    /// Time of the notice before the node's end: the node is cordoned and its pods are asked to
    /// end.
    pub notice: Duration,
    /// Time until another node takes the place.
    pub replaced: Distribution,
    /// Share of a pool that is taken back at a time.
    pub share: f64,
}

/// Interruptions in a month from the probability that there is one.
pub fn interruptions_per_month(probability: f64) -> f64 {
    -math::ln_1p(-probability)
}

/// The probability of an interruption within so many days.
pub fn interrupted_within(per_month: f64, days: f64) -> f64 {
    -math::exp_m1(-per_month * days / 30.0)
}

/// Time for which a node is kept that is taken back within a month with a probability; `None` if
/// never.
pub fn kept_by_month(probability: f64) -> Option<Distribution> {
    let months = 1.0 / interruptions_per_month(probability);
    let mean = Duration::checked_from_secs_f64(MONTH.as_secs_f64() * months)?;
    Distribution::new(Law::Exponential { mean }).ok()
}

impl Spot {
    pub(super) fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        if let Target::Each(_) = self.target {
            return self.pools(layout);
        }
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

    /// Pools that take back some of their nodes within minutes. One that is away is not taken.
    fn pools(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        let pools = layout.groups(&self.target)?.into_iter();
        let timelines = pools.map(|pool| Timeline::drawn(merged(self.batches(layout, pool))));
        Ok(timelines.collect())
    }

    /// Batches of nodes that a pool takes back within minutes, one after the other.
    fn batches(
        &self,
        layout: &Layout<'_>,
        pool: Group,
    ) -> impl FnMut() -> Option<Batch> + Send + 'static {
        let mut stream = layout.stream_of("spot-pool", &pool);
        let nodes = pool.nodes;
        let spot = self.clone();
        let mut now = Instant::ZERO;
        let mut back: Vec<Instant> = vec![Instant::ZERO; nodes.len()];
        move || {
            let begins = now.saturating_add(spot.kept.sample(&mut stream));
            if begins == Instant::MAX || begins == now {
                return None;
            }
            now = begins;
            let mut strikes = Vec::new();
            for (node, back) in nodes.iter().zip(&mut back) {
                strikes.extend(spot.take(&mut stream, *node, begins, back));
            }
            Some(Batch { begins, strikes })
        }
    }

    /// The strikes of a node of a pool that takes back, if the node is of the share.
    fn take(
        &self,
        stream: &mut Stream,
        node: NodeId,
        begins: Instant,
        back: &mut Instant,
    ) -> Vec<Strike> {
        if stream.unit_f64() >= self.share || *back > begins {
            return Vec::new();
        }
        let spread = POOL_SPREAD.as_nanos() as u64;
        let later = Duration::from_nanos(stream.below(spread) as i64);
        let told = begins.saturating_add(later);
        let gone = told.saturating_add(self.notice);
        *back = gone.saturating_add(self.replaced.sample(stream));
        taken(node, told, gone, *back).into()
    }

    /// The strikes of a node that joins a pool at an instant: it is taken back when others are. A pool
    /// takes back at the same times whether or not it has the node.
    pub(super) fn joined(&self, layout: &Layout<'_>, pool: Group, joined: NewNode<'_>) -> Timeline {
        let NewNode { id, node, at } = joined;
        let mut stream = Stream::of(layout.seed, "spot-pool", pool.who.with(&node.name));
        let mut batches = self.batches(layout, pool);
        let (spot, mut back) = (self.clone(), at);
        Timeline::drawn(merged(move || {
            let begins = batches()?.begins;
            let strikes = if begins < at {
                Vec::new()
            } else {
                spot.take(&mut stream, id, begins, &mut back)
            };
            Some(Batch { begins, strikes })
        }))
    }
}

fn taken(node: NodeId, told: Instant, gone: Instant, back: Instant) -> [Strike; 4] {
    [
        (told, Change::Drain(node)),
        (gone, Change::Begin(node, Trouble::Crash)),
        (back, Change::End(node, Trouble::Crash)),
        (back, Change::Uncordon(node)),
    ]
    .map(|(at, change)| Strike { at, change })
}

//! Crashes and repairs of nodes by distributions, each node from its own stream, so that one node
//! more changes nothing for the others (spec: orchestrators-b.md 10.1); and bursts, in which the
//! crash of one takes others along (10.2).

use super::merge::{Batch, merged};
use super::{Change, FailureError, Layout, Strike, Target, Timeline};
use crate::hosts::Trouble;
use rng::{Distribution, Stream};
use units::{Duration, Instant, NodeId};

/// Nodes that crash, or are slow, and are repaired, again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeCrash {
    /// Nodes that crash.
    pub target: Target,
    /// Fault of the nodes.
    pub trouble: Trouble,
    /// Time from the end of a repair to the next crash.
    pub between: Distribution,
    /// Time from the crash to the end of the repair.
    pub repair: Distribution,
    /// Crashes that take others along.
    pub burst: Option<Burst>,
}

/// Crashes that take others along.
#[derive(Clone, Debug, PartialEq)]
pub struct Burst {
    /// Probability that a crash is the first of several.
    pub probability: f64,
    /// Probability that there is one more after the second, and so on.
    pub more: f64,
    /// The label of the domains that most of the others are of.
    pub within: Option<String>,
    /// Probability that another is of the same domain.
    pub share: f64,
    /// Within what time they crash.
    pub spread: Duration,
}

impl NodeCrash {
    pub(super) fn timelines(&self, layout: &Layout<'_>) -> Result<Vec<Timeline>, FailureError> {
        let nodes = layout.find(&self.target)?;
        let domains = match self.burst.as_ref().and_then(|burst| burst.within.as_ref()) {
            Some(label) => layout.groups(&Target::Each(label.clone()))?,
            None => Vec::new(),
        };
        let trouble = self.trouble;
        let timelines = nodes.iter().map(|&node| {
            let mut crashes = self.crashes(layout, node);
            let Some(burst) = self.burst.clone() else {
                return Timeline::drawn(crashes.flat_map(move |(begin, end)| {
                    let ends = (end < Instant::MAX).then_some(Strike {
                        at: end,
                        change: Change::End(node, trouble),
                    });
                    let begins = Strike {
                        at: begin,
                        change: Change::Begin(node, trouble),
                    };
                    std::iter::once(begins).chain(ends)
                }));
            };
            let mut members = Members {
                stream: layout.stream("burst", node),
                head: node,
                all: nodes.clone(),
                near: domains
                    .iter()
                    .find(|domain| domain.nodes.contains(&node))
                    .map(|domain| domain.nodes.clone()),
                burst,
                repair: self.repair.clone(),
                trouble,
            };
            Timeline::drawn(merged(move || {
                let (begins, end) = crashes.next()?;
                let mut strikes = spell(node, trouble, begins, end).to_vec();
                strikes.extend(members.of(begins));
                Some(Batch { begins, strikes })
            }))
        });
        Ok(timelines.collect())
    }

    /// Instants at which a node crashes and is whole again.
    fn crashes(
        &self,
        layout: &Layout<'_>,
        node: NodeId,
    ) -> impl Iterator<Item = (Instant, Instant)> + Send + 'static {
        let purpose = match self.trouble {
            Trouble::Slow(_) => "slow-node",
            _ => "node-crash",
        };
        let mut stream = layout.stream(purpose, node);
        let (between, repair) = (self.between.clone(), self.repair.clone());
        let mut now = Instant::ZERO;
        std::iter::from_fn(move || {
            let begin = now.saturating_add(between.sample(&mut stream));
            let end = begin.saturating_add(repair.sample(&mut stream));
            // Nothing lies beyond the end of time; a law of zeros would never get on.
            if begin == Instant::MAX || end == now {
                return None;
            }
            now = end;
            Some((begin, end))
        })
    }
}

fn spell(node: NodeId, trouble: Trouble, begin: Instant, end: Instant) -> [Strike; 2] {
    [
        Strike {
            at: begin,
            change: Change::Begin(node, trouble),
        },
        Strike {
            at: end,
            change: Change::End(node, trouble),
        },
    ]
}

/// Nodes that the crashes of a node take along.
struct Members {
    stream: Stream,
    head: NodeId,
    all: Vec<NodeId>,
    near: Option<Vec<NodeId>>,
    burst: Burst,
    repair: Distribution,
    trouble: Trouble,
}

impl Members {
    /// The strikes of those that a crash at an instant takes along.
    fn of(&mut self, at: Instant) -> Vec<Strike> {
        let mut strikes = Vec::new();
        if self.stream.unit_f64() >= self.burst.probability {
            return strikes;
        }
        let mut taken = vec![self.head];
        loop {
            let is_near = self.stream.unit_f64() < self.burst.share;
            let near = self.near.as_ref().filter(|_| is_near);
            let free = |of: &[NodeId]| -> Vec<NodeId> {
                let free = of.iter().filter(|node| !taken.contains(node));
                free.copied().collect()
            };
            let mut from = near.map(|near| free(near)).unwrap_or_default();
            if from.is_empty() {
                from = free(&self.all);
            }
            if from.is_empty() {
                return strikes;
            }
            let node = from[self.stream.below(from.len() as u64) as usize];
            taken.push(node);
            let spread = self.burst.spread.as_nanos().max(0) as u64;
            let later = Duration::from_nanos(self.stream.below(spread + 1) as i64);
            let begin = at.saturating_add(later);
            let end = begin.saturating_add(self.repair.sample(&mut self.stream));
            strikes.extend(spell(node, self.trouble, begin, end));
            if self.stream.unit_f64() >= self.burst.more {
                return strikes;
            }
        }
    }
}

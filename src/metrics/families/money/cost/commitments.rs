//! Machines that are paid for whether or not they are there (metrics.md 5.4: commitments as fixed
//! cost). As many nodes on demand as are committed to cost nothing besides, those first that joined
//! first.

use crate::record::setup::economics::Commitment;
use crate::record::window::MeasuredWindow;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use model::Text;
use units::{Instant, NodeId, SortedMap};

use super::PARTS;

/// The commitments of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Commitments(Vec<CommitmentUse>);

/// One of them.
#[derive(Clone, Debug)]
struct CommitmentUse {
    own: Commitment,
    /// Cost of each node that the commitment may cover, in joining order.
    nodes: SortedMap<NodeId, i128>,
    /// Current price of the covered nodes.
    covered_rate: i128,
    since: Instant,
    covered: Integral,
}

impl Commitments {
    pub(super) fn new(commitments: &[Commitment]) -> Self {
        let all = commitments.iter().map(|own| CommitmentUse {
            own: own.clone(),
            nodes: SortedMap::new(),
            covered_rate: 0,
            since: Instant::ZERO,
            covered: Integral::default(),
        });
        Self(all.collect())
    }

    /// A node on demand joined, of an instance type or a group of one of these names.
    pub(super) fn joined(
        &mut self,
        node: NodeId,
        names: [Option<&Text>; 2],
        rate: i128,
        at: Instant,
        measured: &MeasuredWindow,
    ) {
        let mut all = self.0.iter_mut();
        let own = all.find(|own| names.into_iter().flatten().any(|name| *name == own.own.of));
        if let Some(own) = own {
            own.nodes.insert(node, rate);
            own.settle(at, measured);
        }
    }

    /// A node costs something else.
    pub(super) fn repriced(
        &mut self,
        node: NodeId,
        rate: i128,
        at: Instant,
        measured: &MeasuredWindow,
    ) {
        for own in &mut self.0 {
            if let Some(known) = own.nodes.get_mut(&node) {
                *known = rate;
                own.settle(at, measured);
            }
        }
    }

    /// A node left.
    pub(super) fn left(&mut self, node: NodeId, at: Instant, measured: &MeasuredWindow) {
        for own in &mut self.0 {
            if own.nodes.remove(&node).is_some() {
                own.settle(at, measured);
            }
        }
    }

    /// Whether there is any.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Cost of all commitments in a window of a given length, and the price of the nodes that they
    /// covered.
    pub(super) fn amounts(
        &self,
        at: Instant,
        measured: &MeasuredWindow,
        window_nanos: i64,
    ) -> (Integral, Integral) {
        let (mut fixed, mut covered) = (Integral::default(), Integral::default());
        for own in &self.0 {
            let rate = i128::from(own.own.price_micro_per_hour) * PARTS;
            fixed.add(rate * i128::from(own.own.machines), window_nanos);
            let mut own = own.clone();
            own.settle(at, measured);
            covered.join(&own.covered);
        }
        (fixed, covered)
    }
}

impl CommitmentUse {
    /// Up to now it covered what it did; from now on it covers what is there.
    fn settle(&mut self, at: Instant, measured: &MeasuredWindow) {
        let span = Span {
            from: self.since,
            to: at,
        };
        if let Some(span) = measured.clip(span) {
            self.covered.add(self.covered_rate, span.nanos());
        }
        self.since = at;
        let covered = self.nodes.values().take(self.own.machines as usize);
        self.covered_rate = covered.sum();
    }
}

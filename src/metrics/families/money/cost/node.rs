//! Costs of nodes, and the part of them that is billed.

use crate::record::setup::economics::Economics;
use crate::record::state::Row;
use crate::record::window::MeasuredWindow;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use model::Text;
use units::{Instant, SortedMap};

/// Usual prices of a core, a GiB and a GPU an hour, in millionths: how a node's price is split.
const WEIGHTS: [i128; 3] = [31_611, 4_237, 950_000];

#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) since: Option<Instant>,
    pub(super) price_rate: i128,
    /// Weight of the node's whole capacity.
    pub(super) whole: i128,
    pub(super) kind: KindKey,
    /// Key of a price that changes.
    pub(super) changes_as: Option<Text>,
    /// Cost at earlier prices, and the end of their validity.
    pub(super) earlier: Option<(Integral, Instant)>,
}

/// Instance type, whether it may be taken back, and its price in millionths an hour; that of kinds
/// whose price changes is none of them.
pub(super) type KindKey = (Text, bool, Option<i64>);

impl Node {
    /// Stores the cost up to now, because the price changes.
    pub(super) fn settle(&mut self, at: Instant, measured: &MeasuredWindow) {
        let Some(since) = self.since else {
            return;
        };
        let (cost, until) = self.earlier.get_or_insert((Integral::default(), since));
        let span = Span {
            from: *until,
            to: at,
        };
        if let Some(span) = measured.clip(span) {
            cost.add(self.price_rate, span.nanos());
        }
        *until = at;
    }
}

/// Nodes of one kind that were there within the window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kind {
    pub(super) nodes: u64,
    pub(super) on_time: i128,
    pub(super) billed: i128,
    pub(super) cost: Integral,
}

/// Weight of amounts by usual prices, in an internal integer unit.
pub(super) fn weight(amounts: &Row) -> i128 {
    let [cpu_milli, memory_bytes, gpu_milli, _] = amounts.map(i128::from);
    let memory = memory_bytes * WEIGHTS[1] * 1_000 / (1 << 30);
    cpu_milli * WEIGHTS[0] + memory + gpu_milli * WEIGHTS[2]
}

/// Bills a node's on-time in the window, up to an instant.
pub(super) fn bill(
    kinds: &mut SortedMap<KindKey, Kind>,
    node: &Node,
    at: Instant,
    economics: &Economics,
    measured: &MeasuredWindow,
) {
    let span = node.since.map(|since| Span {
        from: since,
        to: at,
    });
    if let Some(span) = span.and_then(|span| measured.clip(span)) {
        let kind = kinds.entry(node.kind.clone()).or_default();
        let billed = economics.billing.billed(span.nanos());
        kind.nodes += 1;
        kind.on_time += i128::from(span.nanos());
        kind.billed += i128::from(billed);
        // What rounding adds costs what the last stretch does.
        let mut nanos = billed;
        if let Some((cost, until)) = &node.earlier {
            kind.cost.join(cost);
            let rest = Span {
                from: *until,
                to: at,
            };
            let rest = measured.clip(rest).map_or(0, Span::nanos);
            nanos = billed - span.nanos() + rest;
        }
        kind.cost.add(node.price_rate, nanos);
    }
}

//! Churn: how often pods move and nodes come and go (metrics.md 5.4).
//!
//! A pod is bound once in its life; one that loses its node is submitted again under its name right
//! after, where the world does so. A move is the binding of such a successor; the first placement
//! of a pod is none, and a move to an equal node is one all the same. Of a workload's pods the first
//! bindings are as many as its wanted number grew by; every other binding is a move.

use model::Event;
use units::Instant;

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::statistics::integral::Integral;
use crate::values::{Direction, Reading, Statistic, Values};

const MOVES: Statistic = Statistic::amount("moves", "pods", Direction::Lower);
const MOVES_PER_POD_DAY: Statistic =
    Statistic::amount("moves_per_pod_day", "1/day", Direction::Lower);
const NODE_CHANGES: Statistic = Statistic::amount("node_changes", "nodes", Direction::Lower);
const NODE_CHANGES_PER_NODE_DAY: Statistic =
    Statistic::amount("node_changes_per_node_day", "1/day", Direction::Lower);

/// `churn.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "churn",
    title: Title::new("churn"),
    group: Group::Service.at(100),
    short_lists: &[ShortList::GatedOfWorkloads.at(40, &["moves"])],
    series: &[],
    summary: "Pods that moved, and nodes that joined, left, failed or recovered.",
    statistics: &[
        MOVES,
        MOVES_PER_POD_DAY,
        NODE_CHANGES,
        NODE_CHANGES_PER_NODE_DAY,
    ],
    formula: "moves: bindings of pods resubmitted after losing their node, and bindings of a \
              workload's pods in excess of the growth of its desired number, over the integral of \
              pods that hold a node; node_changes: nodes that joined, left, went down or came up, \
              over the integral of existing nodes; both integrals in days",
    denominators: "pod-days on nodes, node-days, in the measured window",
    census: "changes in the measured window; nodes that exist at the start did not join",
    censoring: "none: counts",
    source: "metrics.md 5.4, churn",
    construct: |_| Box::new(Churn::default()),
};

/// Nanoseconds in a day.
const DAY: i64 = 86_400_000_000_000;

#[derive(Clone, Debug, Default)]
struct Churn {
    moves: u64,
    node_changes: u64,
}

impl Collector for Churn {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Moved, EventKind::Declared]
    }

    fn event(&mut self, change: &Change<'_>) {
        match change.event {
            Event::PodBound { .. } => self.moves += u64::from(change.in_window()),
            Event::NodeAdded { .. } => {
                let joined = change.at > Instant::ZERO && change.in_window();
                self.node_changes += u64::from(joined);
            }
            Event::NodeRemoved { .. } | Event::NodeReadiness { .. } => {
                self.node_changes += u64::from(change.in_window());
            }
            _ => {}
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let per_day = |count: u64, area: &Integral, under: &str| {
            let mut counted = Integral::default();
            counted.add(i128::from(count), DAY);
            counted.ratio(area, under)
        };
        let areas = &end.state.areas;
        let replaced = end.workloads.rows().iter().map(|row| row.sums.moves);
        let moved = self.moves + replaced.sum::<u64>();
        let moves = per_day(moved, &areas.of(&areas.holding), "pod-days on nodes");
        let nodes = per_day(
            self.node_changes,
            &areas.of(&areas.nodes_present),
            "node-days",
        );
        values.put(MOVES, Reading::count(moved));
        values.put(MOVES_PER_POD_DAY, Reading::new(moves).over(moved));
        values.put(NODE_CHANGES, Reading::count(self.node_changes));
        values.put(
            NODE_CHANGES_PER_NODE_DAY,
            Reading::new(nodes).over(self.node_changes),
        );
    }
}

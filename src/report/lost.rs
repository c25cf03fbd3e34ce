//! Output formats of the fate of lost nodes' pods.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::formats::Formats;
use crate::grid::{Grid, csv, pairs};
use crate::losses::ranged;
use lab::place::lost::{Evicted, Loss};
use model::Text;
use units::plural;

/// Number of evicted pods that are named.
const EVICTED_SHOWN: usize = 20;
/// Number of lost nodes that the headline names.
const NODES_NAMED: usize = 3;

/// Loss of nodes with its context.
pub struct LossReport<'a> {
    /// Contents of the snapshot before the loss, in one line.
    pub snapshot: &'a str,
    /// Nodes that are lost.
    pub nodes: &'a [Text],
    /// Fate of their pods.
    pub loss: &'a Loss,
    /// Warnings about input that was ignored or looks wrong.
    pub warnings: &'a [String],
}

/// Lines about pods that were evicted for others.
pub(crate) fn evictions(evicted: &[Evicted]) -> String {
    let mut text = String::new();
    if !evicted.is_empty() {
        let _ = writeln!(text, "\n{} evicted for others", evicted.len());
    }
    for own in evicted.iter().take(EVICTED_SHOWN) {
        let _ = writeln!(text, "  {} on {} for {}", own.pod, own.node, own.by);
    }
    if evicted.len() > EVICTED_SHOWN {
        let _ = writeln!(text, "  and {} more", evicted.len() - EVICTED_SHOWN);
    }
    text
}

impl LossReport<'_> {
    fn headline(&self) -> String {
        let loss = self.loss;
        let (placed, waiting) = (loss.placed.len(), loss.waiting.len());
        let all = placed + waiting;
        let nodes = if self.nodes.len() > NODES_NAMED + 1 {
            let more = self.nodes.len() - NODES_NAMED;
            format!("{} and {more} more", self.nodes[..NODES_NAMED].join(", "))
        } else {
            self.nodes.join(", ")
        };
        match waiting {
            0 if all == 0 => format!("without {nodes} no pod needs a new node"),
            0 if all == 1 => format!("without {nodes} the only pod of theirs finds a new node"),
            0 => format!(
                "without {nodes} all {} of theirs find a new node",
                plural::count(all, "pod")
            ),
            _ => format!(
                "without {nodes} {placed} of {} {} a new node, {waiting} {}{}",
                plural::count(all, "pod"),
                plural::either(placed, "finds", "find"),
                plural::either(waiting, "stays pending", "stay pending"),
                ranged(loss.range)
            ),
        }
    }

    fn grid(&self) -> Grid {
        let placed = self.loss.placed.iter();
        let rows = placed.map(|(pod, node)| [pod.clone(), node.to_string()]);
        Grid::new("l", ["pod", "new node"]).with(rows)
    }

    /// Pods that are not placed again, by reason.
    fn left(&self) -> [(&'static str, &[String]); 2] {
        [
            (
                "lost permanently: no controller recreates them",
                &self.loss.gone,
            ),
            (
                "lost with their node: static, or from a DaemonSet",
                &self.loss.of_node,
            ),
        ]
    }
}

impl Formats for LossReport<'_> {
    fn table(&self) -> String {
        let mut text = format!("{}\n{}\n", self.snapshot, self.headline());
        if !self.loss.placed.is_empty() {
            let _ = write!(text, "\n{}", self.grid().text());
        }
        for (pod, message) in &self.loss.waiting {
            let _ = writeln!(text, "\n{pod} waits\n  {message}");
        }
        text.push_str(&evictions(&self.loss.evicted));
        for (why, pods) in self.left() {
            if !pods.is_empty() {
                let _ = writeln!(text, "\n{} {why}\n  {}", pods.len(), pods.join(", "));
            }
        }
        text
    }

    fn markdown(&self) -> String {
        let table = self.grid().markdown();
        let mut text = format!("**{}** ({})\n\n{table}", self.headline(), self.snapshot);
        for (pod, message) in &self.loss.waiting {
            let _ = writeln!(text, "\n{pod} waits:\n\n> {message}");
        }
        for (why, pods) in self.left() {
            if !pods.is_empty() {
                let _ = writeln!(text, "\n{} {why}: {}", pods.len(), pods.join(", "));
            }
        }
        text
    }

    /// CSV, one line per pod; the node of a pending pod is empty.
    fn csv(&self) -> String {
        let placed = self.loss.placed.iter();
        let placed = placed.map(|(pod, node)| [pod.as_str(), &**node]);
        let waiting = self.loss.waiting.iter().map(|(pod, _)| [pod.as_str(), ""]);
        csv(std::iter::once(["pod", "node"])
            .chain(placed)
            .chain(waiting))
    }

    fn json(&self) -> Value {
        json!({
            "snapshot": self.snapshot,
            "lostNodes": self.nodes,
            "placed": pairs(["pod", "node"], &self.loss.placed),
            "waiting": pairs(["pod", "message"], &self.loss.waiting),
            "waitingRange": self.loss.range,
            "gone": self.loss.gone,
            "ofNode": self.loss.of_node,
            "evicted": self.loss.evicted,
            "warnings": self.warnings,
        })
    }
}

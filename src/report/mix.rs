//! Output formats of the answer of `place` for several pods at once.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::formats::Formats;
use crate::grid::{Grid, csv};
use crate::lost::evictions;
use lab::place::mix::Mixed;
use model::Text;
use units::{SortedSet, plural};

/// Maximum number of nodes named in the table.
const NODES_SHOWN: usize = 20;

/// Placement of a mix with its context.
pub struct MixReport<'a> {
    /// Contents of the snapshot, in one line.
    pub snapshot: &'a str,
    /// Number of rounds requested.
    pub wanted: Option<u64>,
    /// Placement of the rounds.
    pub mixed: &'a Mixed,
    /// Warnings about input that was ignored or looks wrong.
    pub warnings: &'a [String],
}

impl MixReport<'_> {
    /// Contents of a round, such as `3 of shop/web and 1 of shop/db`.
    fn round(&self, number: impl Fn(usize) -> u64) -> String {
        let shapes = self.mixed.shapes.iter().enumerate();
        let parts: Vec<String> = shapes
            .map(|(place, shape)| format!("{} of {}", number(place), shape.pod))
            .collect();
        match parts.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        }
    }

    fn headline(&self) -> String {
        let mixed = self.mixed;
        let round = self.round(|place| mixed.shapes[place].each);
        let fits = plural::either(mixed.rounds, "fits", "fit");
        let more = match self.wanted {
            Some(wanted) if mixed.unfit.is_none() => {
                format!("all {} of {round} fit", plural::count(wanted, "round"))
            }
            Some(wanted) => {
                let rounds = plural::count(wanted, "round");
                format!("{} of {rounds} of {round} {fits}", mixed.rounds)
            }
            None => {
                let rounds = plural::noun(mixed.rounds, "round");
                format!("{} more {rounds} of {round} {fits}", mixed.rounds)
            }
        };
        let all = self.round(|place| mixed.shapes[place].placed());
        format!("{more}: {all}")
    }

    /// Rows of replicas by node, by name.
    fn rows(&self) -> Vec<Vec<String>> {
        let shapes = &self.mixed.shapes;
        let nodes: SortedSet<&Text> = { shapes.iter() }
            .flat_map(|shape| shape.by_node.keys())
            .collect();
        let row = |node: &Text| {
            let counts = shapes.iter().map(|shape| shape.by_node.get(node));
            let counts = counts.map(|count| count.copied().unwrap_or(0).to_string());
            std::iter::once(node.to_string()).chain(counts).collect()
        };
        nodes.into_iter().map(row).collect()
    }

    fn heads(&self) -> Vec<String> {
        let pods = self.mixed.shapes.iter().map(|shape| shape.pod.clone());
        std::iter::once("node".to_owned()).chain(pods).collect()
    }
}

impl Formats for MixReport<'_> {
    fn table(&self) -> String {
        let mut text = format!("{}\n{}\n", self.snapshot, self.headline());
        let rows = self.rows();
        let more = rows.len().saturating_sub(NODES_SHOWN);
        if !rows.is_empty() {
            let grid = Grid::new("lr", self.heads()).with(rows).text();
            let shown: String = grid.split_inclusive('\n').take(NODES_SHOWN + 1).collect();
            let _ = write!(text, "\n{shown}");
        }
        if more > 0 {
            let _ = writeln!(text, "and {more} more nodes");
        }
        if let Some(unfit) = &self.mixed.unfit {
            let end = if unfit.is_refused {
                "is refused by the API server"
            } else {
                "finds no node"
            };
            let _ = writeln!(text, "\nthe next {} {end}\n  {}", unfit.pod, unfit.message);
        }
        let displaced = &self.mixed.displaced;
        text.push_str(&evictions(&displaced.evicted));
        if !displaced.evicted.is_empty() {
            let _ = writeln!(
                text,
                "{} of them find another node, {} wait",
                displaced.placed.len(),
                displaced.waiting.len()
            );
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("**{}** ({})\n\n", self.headline(), self.snapshot);
        let grid = Grid::new("lr", self.heads()).with(self.rows());
        text.push_str(&grid.markdown());
        if let Some(unfit) = &self.mixed.unfit {
            let _ = writeln!(text, "\nnext {}:\n\n> {}", unfit.pod, unfit.message);
        }
        text
    }

    /// CSV, one line per node.
    fn csv(&self) -> String {
        csv(std::iter::once(self.heads()).chain(self.rows()))
    }

    fn json(&self) -> Value {
        let shapes = self.mixed.shapes.iter().map(|shape| {
            let nodes = shape.by_node.iter();
            let nodes = nodes.map(|(node, count)| json!({"node": node, "replicas": count}));
            json!({
                "pod": shape.pod,
                "each": shape.each,
                "fits": shape.placed(),
                "byNode": nodes.collect::<Vec<Value>>(),
            })
        });
        let displaced = &self.mixed.displaced;
        let unfit = self.mixed.unfit.as_ref();
        json!({
            "snapshot": self.snapshot,
            "wanted": self.wanted,
            "rounds": self.mixed.rounds,
            "shapes": shapes.collect::<Vec<Value>>(),
            "stoppedBy": unfit.map(|own| &own.pod),
            "finalMessage": unfit.map(|own| &own.message),
            "evicted": displaced.evicted,
            "evictedPlaced": displaced.placed.len(),
            "evictedWaiting": displaced.waiting.len(),
            "warnings": self.warnings,
        })
    }
}

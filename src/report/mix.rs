//! Output formats of the answer of `place` for several pods at once.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::format;
use crate::formats::Formats;
use crate::lost::{evicted_json, evictions};
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

    /// Nodes that take replicas, by name.
    fn nodes(&self) -> Vec<&Text> {
        let shapes = self.mixed.shapes.iter();
        let nodes: SortedSet<&Text> = shapes.flat_map(|shape| shape.by_node.keys()).collect();
        nodes.into_iter().collect()
    }

    /// Rows of replicas by node, the heads first.
    fn rows(&self) -> Vec<Vec<String>> {
        let shapes = &self.mixed.shapes;
        let heads = std::iter::once("node").chain(shapes.iter().map(|shape| shape.pod.as_str()));
        let mut rows = vec![heads.map(str::to_owned).collect()];
        for node in self.nodes() {
            let mut row = vec![node.to_string()];
            let counts = shapes.iter().map(|shape| shape.by_node.get(node));
            row.extend(counts.map(|count| count.copied().unwrap_or(0).to_string()));
            rows.push(row);
        }
        rows
    }
}

impl Formats for MixReport<'_> {
    fn table(&self) -> String {
        let mut text = format!("{}\n{}\n", self.snapshot, self.headline());
        let rows = self.rows();
        if rows.len() > 1 {
            text.push('\n');
        }
        let columns = rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            format::column_width(cells)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let most = if rows.len() > 1 { NODES_SHOWN + 1 } else { 0 };
        for row in rows.iter().take(most) {
            let mut line = format!("{:width$}", row[0], width = widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                let _ = write!(line, "  {cell:>width$}");
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if rows.len() > NODES_SHOWN + 1 {
            let more = rows.len() - NODES_SHOWN - 1;
            let _ = writeln!(text, "and {more} more nodes");
        }
        if let Some(unfit) = &self.mixed.unfit {
            let _ = writeln!(
                text,
                "\nthe next {} finds no node\n  {}",
                unfit.pod, unfit.message
            );
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
        for (number, row) in self.rows().iter().enumerate() {
            let _ = writeln!(text, "| {} |", row.join(" | "));
            if number == 0 {
                let rest = " ---: |".repeat(row.len() - 1);
                let _ = writeln!(text, "| --- |{rest}");
            }
        }
        if let Some(unfit) = &self.mixed.unfit {
            let _ = writeln!(text, "\nnext {}:\n\n> {}", unfit.pod, unfit.message);
        }
        text
    }

    /// CSV, one line per node.
    fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in self.rows() {
            // Writing to memory does not fail.
            let _ = writer.write_record(&row);
        }
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn json(&self) -> Value {
        let shapes = self.mixed.shapes.iter().map(|shape| {
            let nodes = shape.by_node.iter();
            let nodes = nodes.map(|(node, count)| json!({"node": &**node, "replicas": count}));
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
            "stoppedBy": unfit.map(|own| own.pod.as_str()),
            "finalMessage": unfit.map(|own| own.message.as_str()),
            "evicted": evicted_json(&displaced.evicted),
            "evictedPlaced": displaced.placed.len(),
            "evictedWaiting": displaced.waiting.len(),
            "warnings": self.warnings,
        })
    }
}

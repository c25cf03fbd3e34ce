//! Output formats of the answer of `place`.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::format;
use crate::formats::Formats;
use lab::place::{MOST, Placement, ResourceTally, Stop};
use model::Text;
use units::plural;

/// Maximum number of nodes named in the table.
const NODES_SHOWN: usize = 20;
/// Placeholder for the zone of nodes without one.
const NO_ZONE: &str = "–";

/// Placement with its context.
pub struct PlaceReport<'a> {
    /// Contents of the snapshot, in one line.
    pub snapshot: &'a str,
    /// Pod to place, `NAMESPACE/NAME`.
    pub pod: &'a str,
    /// Number of replicas requested.
    pub wanted: Option<u64>,
    /// Placement of the replicas.
    pub placement: &'a Placement,
    /// Warnings about input that was ignored or looks wrong.
    pub warnings: &'a [String],
}

/// Amount of a resource in the unit that people write it in.
fn amount(resource: &str, amount: i64) -> String {
    const UNITS: [(&str, i64); 3] = [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    let is_bytes =
        matches!(resource, "memory" | "ephemeral-storage") || resource.starts_with("hugepages-");
    match resource {
        "cpu" if amount % 1000 == 0 => (amount / 1000).to_string(),
        "cpu" => format!("{amount}m"),
        _ if is_bytes => {
            let unit = UNITS.iter().find(|&&(_, size)| amount >= 2 * size);
            unit.map_or_else(
                || amount.to_string(),
                |(unit, size)| format!("{}{unit}", amount / size),
            )
        }
        _ => amount.to_string(),
    }
}

fn zone(name: &Text) -> &str {
    if name.is_empty() { NO_ZONE } else { name }
}

impl PlaceReport<'_> {
    fn headline(&self) -> String {
        let fits = self.placement.fits;
        match (&self.placement.stop, self.wanted) {
            (Stop::NoNode(_), Some(wanted)) => {
                format!(
                    "{fits} of {} of {} {}",
                    plural::count(wanted, "replica"),
                    self.pod,
                    plural::either(fits, "fits", "fit")
                )
            }
            (Stop::NoNode(_), None) => {
                let fit = plural::either(fits, "fits", "fit");
                format!("{fits} more of {} {fit}", self.pod)
            }
            (Stop::Enough, Some(_)) if fits == 1 => {
                format!("the only replica of {} fits", self.pod)
            }
            (Stop::Enough, Some(_)) => {
                format!("all {} of {} fit", plural::count(fits, "replica"), self.pod)
            }
            (Stop::Enough, None) => format!(
                "{fits} more of {} fit and there is room for others; the search stops at {MOST}",
                self.pod
            ),
        }
    }
}

impl Formats for PlaceReport<'_> {
    fn table(&self) -> String {
        let placement = self.placement;
        let mut text = format!("{}\n{}\n", self.snapshot, self.headline());
        section(&mut text, "zone", &placement.by_zone, usize::MAX);
        section(&mut text, "node", &placement.by_node, NODES_SHOWN);
        let rows: Vec<[String; 6]> = placement.resources.iter().map(cells).collect();
        text.push('\n');
        text.push_str(&columns(&rows));
        if !placement.reasons.is_empty() {
            text.push_str("\nwhy the next one finds no node\n");
            for (reason, count) in &placement.reasons {
                let _ = writeln!(text, "  {count:>6}  {reason}");
            }
        }
        if let Stop::NoNode(message) = &placement.stop {
            let _ = writeln!(text, "\n{message}");
        }
        if !placement.devices.is_empty() {
            text.push_str("\ndevices for its claims\n");
            for line in &placement.devices {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }

    fn markdown(&self) -> String {
        let placement = self.placement;
        let mut text = format!("**{}** ({})\n\n", self.headline(), self.snapshot);
        text.push_str("| zone | replicas |\n| --- | ---: |\n");
        for (name, count) in &placement.by_zone {
            let _ = writeln!(text, "| {} | {count} |", zone(name));
        }
        text.push_str("\n| node | replicas |\n| --- | ---: |\n");
        for (name, count) in &placement.by_node {
            let _ = writeln!(text, "| {name} | {count} |");
        }
        let heads = HEADS.join(" | ");
        let _ = writeln!(
            text,
            "\n| {heads} |\n| --- | ---: | ---: | ---: | ---: | ---: |"
        );
        for tally in &placement.resources {
            let _ = writeln!(text, "| {} |", cells(tally).join(" | "));
        }
        if let Stop::NoNode(message) = &placement.stop {
            let _ = writeln!(text, "\n> {message}");
        }
        for line in &placement.devices {
            let _ = writeln!(text, "> - {line}");
        }
        text
    }

    /// CSV, one line per node.
    fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        // Writing to memory does not fail.
        let _ = writer.write_record(["node", "replicas"]);
        for (name, count) in &self.placement.by_node {
            let _ = writer.write_record([&**name, count.to_string().as_str()]);
        }
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn json(&self) -> Value {
        let placement = self.placement;
        let counts = |list: &[(Text, u64)], key: &str| -> Vec<Value> {
            let entries = list.iter();
            entries
                .map(|(name, count)| json!({key: &**name, "replicas": count}))
                .collect()
        };
        let (reason, message) = match &placement.stop {
            Stop::NoNode(message) => ("noNode", Some(message)),
            Stop::Enough => ("enough", None),
        };
        let resources: Vec<Value> = placement.resources.iter().map(resource).collect();
        let reasons: Vec<Value> = placement
            .reasons
            .iter()
            .map(|(reason, count)| json!({"reason": reason, "nodes": count}))
            .collect();
        let mut shown = json!({
            "snapshot": self.snapshot,
            "pod": self.pod,
            "wanted": self.wanted,
            "fits": placement.fits,
            "stop": reason,
            "finalMessage": message,
            "byZone": counts(&placement.by_zone, "zone"),
            "byNode": counts(&placement.by_node, "node"),
            "reasons": reasons,
            "resources": resources,
            "warnings": self.warnings,
        });
        if !placement.devices.is_empty() {
            shown["devices"] = json!(placement.devices);
        }
        shown
    }
}

const HEADS: [&str; 6] = [
    "resource",
    "per replica",
    "free before",
    "free after",
    "replicas by this alone",
    "nodes short of it",
];

fn cells(tally: &ResourceTally) -> [String; 6] {
    let shown = |own: i64| amount(&tally.resource, own);
    [
        tally.resource.clone(),
        shown(tally.request),
        shown(tally.free_before),
        shown(tally.free_after),
        tally.alone.to_string(),
        tally.short_nodes.to_string(),
    ]
}

fn resource(tally: &ResourceTally) -> Value {
    json!({
        "resource": tally.resource,
        "request": tally.request,
        "freeBefore": tally.free_before,
        "freeAfter": tally.free_after,
        "alone": tally.alone,
        "shortNodes": tally.short_nodes,
    })
}

fn section(text: &mut String, head: &str, list: &[(Text, u64)], most: usize) {
    if list.is_empty() {
        return;
    }
    let names = list
        .iter()
        .take(most)
        .map(|(name, _)| zone(name).chars().count());
    let width = format::column_width(names).max(head.len());
    let _ = writeln!(text, "\n{head:width$}  replicas");
    for (name, count) in list.iter().take(most) {
        let _ = writeln!(text, "{:width$}  {count:>8}", zone(name));
    }
    if list.len() > most {
        let _ = writeln!(text, "and {} more nodes", list.len() - most);
    }
}

/// Table with heads, the first column left-aligned and the others right-aligned.
fn columns(rows: &[[String; 6]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        format::column_width(cells).max(HEADS[column].len())
    };
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        let mut padded = format!("{:width$}", cells[0], width = widths[0]);
        for (cell, width) in cells.iter().zip(&widths).skip(1) {
            let _ = write!(padded, "  {cell:>width$}");
        }
        let _ = writeln!(text, "{}", padded.trim_end());
    };
    line(&HEADS.map(str::to_owned));
    for row in rows {
        line(row);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_people_write_them() {
        for (resource, own, expected) in [
            ("cpu", 1500, "1500m"),
            ("cpu", 2000, "2"),
            ("memory", 3 << 30, "3Gi"),
            ("memory", 1 << 30, "1024Mi"),
            ("memory", 100, "100"),
            ("nvidia.com/gpu", 8, "8"),
            ("pods", 110, "110"),
        ] {
            assert_eq!(amount(resource, own), expected);
        }
    }
}

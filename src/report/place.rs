//! Output formats of the answer of `place`.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::formats::Formats;
use crate::grid::{Grid, csv, pairs, section};
use crate::losses::LossesReport;
use crate::lost::LossReport;
use crate::mix::MixReport;
use lab::place::request::{Answer, Fate};
use lab::place::{MOST, Placement, ResourceTally, Stop};
use model::Text;
use units::plural;

/// Maximum number of nodes named in the table.
const NODES_SHOWN: usize = 20;
/// Placeholder for the zone of nodes without one.
const NO_ZONE: &str = "–";

/// Shows an answer in whatever format `show` takes.
pub fn with_answer<T>(answer: &Answer, show: impl FnOnce(&dyn Formats) -> T) -> T {
    let (snapshot, warnings) = (&*answer.described, &*answer.warnings);
    match &answer.fate {
        Fate::Pod(pod, placement) => show(&PlaceReport {
            snapshot,
            pod,
            wanted: answer.wanted,
            placement,
            warnings,
        }),
        Fate::Mix(mixed) => show(&MixReport {
            snapshot,
            wanted: answer.wanted,
            mixed,
            warnings,
        }),
        Fate::Loss(nodes, loss) => show(&LossReport {
            snapshot,
            nodes,
            loss,
            warnings,
        }),
        Fate::Turns(always, losses) => show(&LossesReport {
            snapshot,
            always,
            losses,
            warnings,
        }),
    }
}

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
    fn resources(&self) -> Grid {
        Grid::new("lr", HEADS).with(self.placement.resources.iter().map(cells))
    }

    fn headline(&self) -> String {
        let fits = self.placement.fits;
        match (&self.placement.stop, self.wanted) {
            (Stop::NoNode(_) | Stop::Refused(_), Some(wanted)) => {
                format!(
                    "{fits} of {} of {} {}",
                    plural::count(wanted, "replica"),
                    self.pod,
                    plural::either(fits, "fits", "fit")
                )
            }
            (Stop::NoNode(_) | Stop::Refused(_), None) => {
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
        let by_node = &placement.by_node[..placement.by_node.len().min(NODES_SHOWN)];
        for (head, list) in [("zone", &placement.by_zone[..]), ("node", by_node)] {
            if !list.is_empty() {
                let _ = write!(text, "\n{}", replicas(head, list).text());
            }
        }
        if placement.by_node.len() > NODES_SHOWN {
            let more = placement.by_node.len() - NODES_SHOWN;
            let _ = writeln!(text, "and {more} more nodes");
        }
        let _ = write!(text, "\n{}", self.resources().text());
        let reasons = placement.reasons.iter();
        let reasons = reasons.map(|(reason, count)| format!("{count:>6}  {reason}"));
        text.push_str(&section("why the next one finds no node", reasons));
        if let Stop::NoNode(message) = &placement.stop {
            let _ = writeln!(text, "\n{message}");
        }
        if let Stop::Refused(words) = &placement.stop {
            let _ = writeln!(text, "\nthe API server refuses the next one\n  {words}");
        }
        text.push_str(&section("devices for its claims", &placement.devices));
        text
    }

    fn markdown(&self) -> String {
        let placement = self.placement;
        let mut text = format!("**{}** ({})\n\n", self.headline(), self.snapshot);
        let tables = [
            replicas("zone", &placement.by_zone),
            replicas("node", &placement.by_node),
            self.resources(),
        ];
        text.push_str(&tables.map(|own| own.markdown()).join("\n"));
        if let Stop::NoNode(message) | Stop::Refused(message) = &placement.stop {
            let _ = writeln!(text, "\n> {message}");
        }
        for line in &placement.devices {
            let _ = writeln!(text, "> - {line}");
        }
        text
    }

    /// CSV, one line per node.
    fn csv(&self) -> String {
        let nodes = self.placement.by_node.iter();
        let rows = nodes.map(|(name, count)| [name.to_string(), count.to_string()]);
        csv(std::iter::once(["node", "replicas"].map(str::to_owned)).chain(rows))
    }

    fn json(&self) -> Value {
        let placement = self.placement;
        let (reason, message) = match &placement.stop {
            Stop::NoNode(message) => ("noNode", Some(message)),
            Stop::Refused(message) => ("refused", Some(message)),
            Stop::Enough => ("enough", None),
        };
        let mut shown = json!({
            "snapshot": self.snapshot,
            "pod": self.pod,
            "wanted": self.wanted,
            "fits": placement.fits,
            "stop": reason,
            "finalMessage": message,
            "byZone": pairs(["zone", "replicas"], &placement.by_zone),
            "byNode": pairs(["node", "replicas"], &placement.by_node),
            "reasons": pairs(["reason", "nodes"], &placement.reasons),
            "resources": placement.resources,
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

/// Numbers of replicas by zone or node.
fn replicas(head: &str, list: &[(Text, u64)]) -> Grid {
    let rows = list.iter();
    let rows = rows.map(|(name, count)| [zone(name).to_owned(), count.to_string()]);
    Grid::new("lr", [head, "replicas"]).with(rows)
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

//! Check as input of github-action-benchmark: a list of `{name, unit, value, range, extra}`. The
//! tool alerts in one direction for all of a file, so there is a file for each.

use std::io::{self, Write};

use serde_json::{Value as Json, json};

use super::outcome;
use crate::study::change;
use lab::check::CheckReport;
use metrics::Direction;
use units::SortedSet;

/// Direction of the metrics in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Metrics of which less is better, or neither direction is (`customSmallerIsBetter`).
    Smaller,
    /// Metrics of which more is better (`customBiggerIsBetter`).
    Bigger,
}

/// Writes the list: every gated metric of the direction once, in its own unit.
pub(super) fn write(out: &mut dyn Write, report: &CheckReport, better: Better) -> io::Result<()> {
    let mut seen = SortedSet::new();
    let mut list: Vec<Json> = Vec::new();
    let is_wanted =
        |direction: Direction| (direction == Direction::Higher) == (better == Better::Bigger);
    for gate in report.gates.iter().filter(|gate| is_wanted(gate.better)) {
        let (Some(value), true) = (gate.head, seen.insert((&gate.entry, &gate.metric))) else {
            continue;
        };
        let mut item = json!({
            "name": format!("{}: {}", gate.entry, gate.metric),
            "unit": gate.unit,
            "value": value,
            "extra": outcome(gate),
        });
        let interval = gate.judgement.as_ref().and_then(|found| found.interval);
        if let (Some(judgement), Some(interval)) = (&gate.judgement, interval) {
            item["range"] = json!(format!("± {}", interval.half_width()));
            item["extra"] = json!(format!("{}; {}", outcome(gate), change(judgement)));
        }
        list.push(item);
    }
    list.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    serde_json::to_writer_pretty(&mut *out, &list)?;
    writeln!(out)
}

//! A check as what github-action-benchmark reads: a list of `{name, unit, value, range, extra}`.
//! The tool plots one direction at a time, so names of metrics where more is better say so.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value as Json, json};

use super::outcome;
use crate::lab::check::CheckReport;
use crate::report::study::change;

/// Writes the list: every gated metric once, in its own unit.
pub(super) fn write(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    let mut seen = BTreeSet::new();
    let mut list: Vec<Json> = Vec::new();
    for gate in &report.gates {
        let (Some(value), true) = (gate.head, seen.insert((&gate.entry, &gate.metric))) else {
            continue;
        };
        let better = if gate.better == "higher" {
            " (more is better)"
        } else {
            ""
        };
        let mut item = json!({
            "name": format!("{}: {}{better}", gate.entry, gate.metric),
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

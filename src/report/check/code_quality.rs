//! Check as the code-quality report of GitLab, which merge requests show at the lines of the change.

use std::io::{self, Write};

use serde_json::{Value as Json, json};

use super::{broken, cause, failure, outcome, place_of};
use lab::check::{CheckReport, Outcome};

/// Writes the report: an issue for each gate that does not hold, and each scenario that could not be
/// run.
pub(super) fn write(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    let broken = broken(report).into_iter().map(|(names, entry, error)| {
        let words = format!("{names} could not be run: {error}");
        let (file, line) = place_of(entry);
        let texts = ["run", entry.name.as_str(), &words];
        issue(report, texts, file, line, "blocker")
    });
    let gates = report
        .gates
        .iter()
        .filter(|gate| gate.outcome <= Outcome::Acknowledged);
    let gates = gates.map(|gate| {
        let words = match (&gate.note, gate.outcome) {
            (_, outcome) if outcome.is_failure() => failure(gate),
            (Some(note), _) => format!("{} {}: {note}", gate.entry, gate.metric),
            (None, _) => format!("{} {}: {}", gate.entry, gate.metric, outcome(gate)),
        };
        let words = cause::with_cause(report, gate, words);
        let severity = match gate.outcome {
            _ if gate.fails() => "critical",
            Outcome::DifferentInputs | Outcome::NoBaseline if !gate.advisory => "major",
            Outcome::Acknowledged => "info",
            _ => "minor",
        };
        let texts = [gate.metric.as_str(), &gate.entry, &words];
        let (file, line) = cause::place(report, gate);
        issue(report, texts, file, line, severity)
    });
    let issues: Vec<Json> = broken.chain(gates).collect();
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    writeln!(out)
}

fn issue(
    report: &CheckReport,
    [rule, entry, words]: [&str; 3],
    file: &str,
    line: usize,
    severity: &str,
) -> Json {
    let key = format!("{}\0{entry}\0{rule}", report.suite);
    json!({
        "description": words,
        "check_name": format!("windtunnel/{rule}"),
        "fingerprint": blake3::hash(key.as_bytes()).to_hex().to_string(),
        "severity": severity,
        "location": {
            "path": file.strip_prefix("./").unwrap_or(file),
            "lines": {"begin": line.max(1)},
        },
    })
}

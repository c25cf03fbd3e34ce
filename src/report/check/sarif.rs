//! Check as SARIF 2.1.0 (ci.md 6.5): one result per failed gate, at the line of the change behind
//! it, or of its objective.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value as Json, json};

use super::{broken, cause, failure, is_unheld, outcome, place_of};
use lab::check::{CheckReport, Gate, Outcome};
use metrics::registry;
use units::SortedSet;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes the log.
pub(super) fn write(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    let ids: SortedSet<&str> = report
        .gates
        .iter()
        .map(|gate| gate.metric.as_str())
        .collect();
    let mut ids: Vec<&str> = ids.into_iter().collect();
    ids.extend(["vanished", "removed", "new", "run"]);
    let rules: Vec<Json> = ids.iter().map(|id| rule(id)).collect();
    let index = |id: &str| ids.iter().position(|known| *known == id).unwrap_or(0);
    let gates = report
        .gates
        .iter()
        .filter(|gate| gate.outcome <= Outcome::Acknowledged || is_unheld(gate));
    let mut results: Vec<Json> = gates
        .map(|gate| {
            let id = match gate.outcome {
                Outcome::Vanished => "vanished",
                Outcome::Removed => "removed",
                Outcome::New => "new",
                _ => gate.metric.as_str(),
            };
            result(report, gate, id, index(id))
        })
        .collect();
    for (names, entry, error) in broken(report) {
        let (file, line) = place_of(entry);
        results.push(json!({
            "ruleId": "windtunnel/run",
            "ruleIndex": index("run"),
            "level": "error",
            "message": {"text": format!("{names} could not be run: {error}")},
            "locations": [location(file, line)],
            "partialFingerprints": fingerprint(report, &entry.name, "run"),
        }));
    }
    let mut log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "windtunnel",
                "semanticVersion": report.windtunnel,
                "version": report.program,
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let changed: Vec<Json> = (cause::besides_with_places(report).into_iter())
        .map(|(text, (file, line))| {
            json!({
                "level": "note",
                "message": {"text": text},
                "locations": [location(file, line)],
            })
        })
        .collect();
    if !changed.is_empty() {
        log["runs"][0]["invocations"] = json!([{
            "executionSuccessful": true,
            "toolExecutionNotifications": changed,
        }]);
    }
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

fn rule(id: &str) -> Json {
    let (short, full) = match (registry::find(id), id) {
        (Some((entry, _)), _) => (
            format!("Gate on {}", registry::title(id)),
            format!("{} {}", entry.summary, entry.formula),
        ),
        (None, "digest") => (
            "Exact mode: every decision as in the baseline".to_owned(),
            "The hash over every change of every run must equal the baseline's.".to_owned(),
        ),
        (None, "vanished") => (
            "What is gated is still there".to_owned(),
            "A gate that had a value in the baseline must have one: absence is no pass.".to_owned(),
        ),
        (None, "new") => (
            "What is new is held to something".to_owned(),
            "A gate that the base has no value for compares nothing: give it a `max` or a `min`."
                .to_owned(),
        ),
        (None, "removed") => (
            "What was checked still is".to_owned(),
            "An entry of the base must be in the suite: what is not checked is no pass.".to_owned(),
        ),
        (None, _) => (
            "The scenario runs to its end".to_owned(),
            "A scenario of the suite must be readable and run without a broken invariant."
                .to_owned(),
        ),
    };
    json!({
        "id": format!("windtunnel/{id}"),
        "name": id,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": full, "markdown": full},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["scheduling", "performance"]},
    })
}

fn result(report: &CheckReport, gate: &Gate, id: &str, index: usize) -> Json {
    let level = match gate.outcome {
        _ if gate.fails() => "error",
        Outcome::DifferentInputs | Outcome::NoBaseline if !gate.advisory => "error",
        Outcome::Acknowledged | Outcome::New => "note",
        _ => "warning",
    };
    let text = match (&gate.note, gate.outcome) {
        (_, outcome) if outcome.is_failure() => failure(gate),
        (Some(note), _) => format!("{} {}: {note}", gate.entry, gate.metric),
        (None, _) => format!("{} {}: {}", gate.entry, gate.metric, outcome(gate)),
    };
    let text = cause::with_cause(report, gate, text);
    let (file, line) = cause::place(report, gate);
    let mut result = json!({
        "ruleId": format!("windtunnel/{id}"),
        "ruleIndex": index,
        "level": level,
        "message": {"text": text},
        "locations": [location(file, line)],
        "partialFingerprints": fingerprint(report, &gate.entry, &gate.metric),
        "baselineState": if gate.outcome == Outcome::Acknowledged { "unchanged" } else { "new" },
    });
    if (file, line) != (&gate.file, gate.line.max(1)) {
        let mut objective = location(&gate.file, gate.line);
        objective["id"] = json!(1);
        objective["message"] = json!({"text": "the objective"});
        result["relatedLocations"] = json!([objective]);
    }
    result
}

fn location(file: &str, line: usize) -> Json {
    let file = file.strip_prefix("./").unwrap_or(file);
    json!({"physicalLocation": {
        "artifactLocation": {"uri": encoded(file)},
        "region": {"startLine": line.max(1)},
    }})
}

/// Path as a relative URI reference.
fn encoded(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

fn fingerprint(report: &CheckReport, entry: &str, metric: &str) -> Json {
    let key = format!("{}\0{entry}\0{metric}", report.suite);
    json!({"windtunnel/v1": blake3::hash(key.as_bytes()).to_hex().to_string()})
}

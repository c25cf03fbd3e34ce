//! Summary of an import, as people and programs see it.

use std::fmt::Write;

use lab::import::{ImportSummary, PodCounts};
use units::plural;

/// Maximum number of findings printed in full.
const FINDINGS_TOLD: usize = 20;

/// Summary as text; lists every field that was not copied if `is_verbose`.
pub fn summary(summary: &ImportSummary, is_verbose: bool) -> String {
    let mut text = String::new();
    let pods = &summary.pods;
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<18}{value}");
    };
    line("release", &summary.release);
    for program in &summary.programs {
        line("", program);
    }
    line("nodes", &summary.nodes.to_string());
    line("pods bound", &bound(pods));
    line("pods pending", &pods.pending.to_string());
    if pods.deleted > 0 {
        let words = format!("{}  (waiting for a node; left out)", pods.deleted);
        line("pods deleted", &words);
    }
    line("pods ended", &format!("{}  (left out)", pods.ended));
    if pods.homeless > 0 {
        line("nodeless pods", &format!("{}  (left out)", pods.homeless));
    }
    let others = summary.kept.iter();
    let others: Vec<String> = others
        .filter(|(kind, _)| !matches!(kind.as_str(), "Pod" | "Node"))
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if !others.is_empty() {
        line("other objects", &others.join(", "));
    }
    if summary.repeated > 0 {
        let words = format!("{}, read once", plural::count(summary.repeated, "object"));
        line("repeated", &words);
    }
    if !summary.left_out.is_empty() {
        let kinds = summary.left_out.iter();
        let kinds: Vec<String> = kinds
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        line("left out", &format!("{}  (`--ignore`)", kinds.join(", ")));
    }
    if !summary.ignored_kinds.is_empty() {
        let kinds = summary.ignored_kinds.iter();
        let kinds: Vec<String> = kinds
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        line("ignored kinds", &kinds.join(", "));
    }
    let kinds = summary.ignored_fields.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, fields)| format!("{} of {kind}", fields.len()))
        .collect();
    if !kinds.is_empty() {
        line("ignored fields", &kinds.join(", "));
    }
    for (kind, fields) in summary.ignored_fields.iter().filter(|_| is_verbose) {
        for (field, count) in fields {
            line("", &format!("{count:>9} × {kind} {field}"));
        }
    }
    findings(&mut text, summary);
    let _ = writeln!(text, "snapshot: {}", summary.scenario.display());
    text
}

/// Bound pods, with what is special about some of them.
fn bound(pods: &PodCounts) -> String {
    let mut bound = pods.bound.to_string();
    let traits = [
        (pods.terminating, "terminating"),
        (pods.resized, "being resized"),
    ];
    let traits: Vec<String> = traits
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !traits.is_empty() {
        let _ = write!(bound, "  ({})", traits.join(", "));
    }
    bound
}

fn findings(text: &mut String, summary: &ImportSummary) {
    for finding in summary.findings.iter().take(FINDINGS_TOLD) {
        let _ = write!(
            text,
            "! {}: {}: {}; {}",
            finding.object, finding.field, finding.what, finding.effect
        );
        let _ = match finding.count {
            0 | 1 => writeln!(text),
            count => writeln!(text, " (and {} more like it)", count - 1),
        };
    }
    if summary.findings.len() > FINDINGS_TOLD {
        let more = summary.findings.len() - FINDINGS_TOLD;
        let _ = writeln!(text, "! … and {more} more; `--format json` lists all");
    }
}

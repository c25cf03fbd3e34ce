//! Changes of the input behind what gates say, and where they stand.

use lab::check::{CheckReport, Gate, Outcome};
use lab::objects::FieldChange;
use metrics::registry;
use units::plural;

use crate::format;

/// Changes that are told of a check or a gate.
const CHANGES_MAX: usize = 6;

/// Whether changes are the cause to look for: the gate failed, or can't be held.
fn is_open(gate: &Gate) -> bool {
    gate.outcome <= Outcome::DifferentInputs
}

/// The changes behind a gate: those that alone bring it back, or else all of its entry.
fn behind<'a>(report: &'a CheckReport, gate: &Gate) -> Vec<&'a FieldChange> {
    if !is_open(gate) {
        return Vec::new();
    }
    if !gate.cause.is_empty() {
        let all = gate.cause.iter();
        return all.filter_map(|place| report.changes.get(*place)).collect();
    }
    let all = report.changes.iter();
    all.filter(|change| change.entries.contains(&gate.entry))
        .collect()
}

/// The file and the line to look at for a gate: those of the first change behind it, or of its objective.
pub(super) fn place<'a>(report: &'a CheckReport, gate: &'a Gate) -> (&'a str, usize) {
    let mut lines = behind(report, gate).into_iter().filter_map(|change| {
        let line = usize::try_from(change.line?).ok()?;
        Some((change.file.as_str(), line))
    });
    lines.next().unwrap_or((&gate.file, gate.line.max(1)))
}

/// The changes behind a gate in words, a line each.
pub(super) fn lines(report: &CheckReport, gate: &Gate) -> Vec<String> {
    let alone = if gate.cause.is_empty() {
        ""
    } else {
        ", which alone brings it back"
    };
    let words = behind(report, gate).into_iter();
    cut(words.map(|change| format!("because: {}{alone}", words_of(change))))
}

/// The message of a gate with the changes behind it and the first decision that differs.
pub(super) fn with_cause(report: &CheckReport, gate: &Gate, message: String) -> String {
    let mut all = vec![message];
    all.extend(lines(report, gate));
    let divergence = gate.divergence.iter();
    all.extend(divergence.map(|found| format!("first divergence: {}", found.words)));
    all.join("\n")
}

/// The changes behind gates that failed or can't be held, in words, a line each.
pub(super) fn behind_failures(report: &CheckReport) -> Vec<String> {
    let open: Vec<&Gate> = report.gates.iter().filter(|gate| is_open(gate)).collect();
    if open.is_empty() {
        return Vec::new();
    }
    told(report, &open)
}

/// All changes in words, a line each, where every gate holds.
pub(super) fn besides(report: &CheckReport) -> Vec<String> {
    if report.gates.iter().any(is_open) {
        return Vec::new();
    }
    told(report, &[])
}

fn told(report: &CheckReport, open: &[&Gate]) -> Vec<String> {
    let lead = if open.is_empty() {
        "changed"
    } else {
        "because"
    };
    let alone = |place: usize| {
        let own = open.iter().filter(|gate| gate.cause.contains(&place));
        let names = own.map(|gate| {
            let entry = format::clean(&gate.entry);
            format!("{entry} {}", registry::title(&gate.metric))
        });
        plural::first_of(names, 2)
    };
    let is_behind = |place: usize, change: &FieldChange| {
        let is_own = |gate: &&Gate| match &*gate.cause {
            [] => change.entries.contains(&gate.entry),
            cause => cause.contains(&place),
        };
        open.is_empty() || open.iter().any(is_own)
    };
    let all = report.changes.iter().enumerate();
    let behind = all.filter(|(place, change)| is_behind(*place, change));
    cut(behind.map(|(place, change)| {
        let words = words_of(change);
        match &*alone(place) {
            "" => format!("{lead}: {words}"),
            gates => format!("{lead}: {words}; alone brings back {gates}"),
        }
    }))
}

fn words_of(change: &FieldChange) -> String {
    format::clean(&format!("{} ({})", change.words(), change.place()))
}

/// The first of some lines, and the number of the others.
fn cut(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    let more = lines.len().saturating_sub(CHANGES_MAX);
    if more > 0 {
        lines.truncate(CHANGES_MAX);
        let words = plural::count(more, "more change");
        lines.push(format!("… and {words}, all in `--format json`"));
    }
    lines
}

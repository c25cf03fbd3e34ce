//! Changes of the input behind what gates say, and where they stand.

use lab::check::{CheckReport, Gate, Outcome};
use lab::objects::{FieldChange, alike, words_of_all};
use metrics::registry;
use units::plural;

use crate::format;

/// Changes that are told of a check or a gate.
const CHANGES_MAX: usize = 6;

/// Whether changes are the cause to look for: the gate failed, or can't be held.
fn is_open(gate: &Gate) -> bool {
    gate.outcome <= Outcome::DifferentInputs
}

/// The changes behind a gate: those that alone bring it back, or else all of its entry; what is one change is
/// in a list.
fn behind<'a>(report: &'a CheckReport, gate: &Gate) -> Vec<Vec<&'a FieldChange>> {
    let sets = places_behind(report, gate).into_iter();
    sets.map(|places| at(report, &places)).collect()
}

fn places_behind(report: &CheckReport, gate: &Gate) -> Vec<Vec<usize>> {
    if !is_open(gate) {
        return Vec::new();
    }
    if !gate.cause.is_empty() {
        return gate.cause.clone();
    }
    let mut all = alike(&report.changes);
    for places in &mut all {
        places.retain(|place| report.changes[*place].entries.contains(&gate.entry));
    }
    all.retain(|places| !places.is_empty());
    all
}

fn at<'a>(report: &'a CheckReport, places: &[usize]) -> Vec<&'a FieldChange> {
    let places = places.iter();
    places
        .filter_map(|place| report.changes.get(*place))
        .collect()
}

/// The file and the line to look at for a gate: those of the first change behind it, or of its objective.
pub(super) fn place<'a>(report: &'a CheckReport, gate: &'a Gate) -> (&'a str, usize) {
    let mut lines = behind(report, gate)
        .into_iter()
        .flatten()
        .filter_map(|change| {
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
    cut(words.map(|changes| format!("because: {}{alone}", words_of(&changes))))
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

/// Each change in words with the file and line to look at, where every gate holds.
pub(super) fn besides_with_places(report: &CheckReport) -> Vec<(String, (&str, usize))> {
    if report.gates.iter().any(is_open) {
        return Vec::new();
    }
    let all = alike(&report.changes).into_iter();
    let told = all.filter_map(|places| {
        let changes = at(report, &places);
        let first = *changes.first()?;
        let line = first.line.and_then(|line| usize::try_from(line).ok());
        let words = format!("changed: {}", words_of(&changes));
        Some((words, (first.file.as_str(), line.unwrap_or(1))))
    });
    told.take(CHANGES_MAX).collect()
}

/// All changes in words, a line each, where every gate holds.
pub(super) fn besides(report: &CheckReport) -> Vec<String> {
    if report.gates.iter().any(is_open) {
        return Vec::new();
    }
    told(report, &[])
}

fn told(report: &CheckReport, open: &[&Gate]) -> Vec<String> {
    if open.is_empty() {
        let all = alike(&report.changes).into_iter();
        return cut(all.map(|places| format!("changed: {}", words_of(&at(report, &places)))));
    }
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for places in open.iter().flat_map(|gate| places_behind(report, gate)) {
        if !sets.contains(&places) {
            sets.push(places);
        }
    }
    sets.sort();
    cut(sets.into_iter().map(|places| {
        let own = open.iter().filter(|gate| gate.cause.contains(&places));
        let names = own.map(|gate| {
            let entry = format::clean(&gate.entry);
            format!("{entry} {}", registry::title(&gate.metric))
        });
        let words = words_of(&at(report, &places));
        match &*plural::first_of(names, 2) {
            "" => format!("because: {words}"),
            gates => format!("because: {words}; alone brings back {gates}"),
        }
    }))
}

fn words_of(changes: &[&FieldChange]) -> String {
    format::clean(&words_of_all(changes))
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

//! `windtunnel live replay --with`: a record under other settings of its system.

use std::fmt::Write as _;

use live::driver::Plane;
use live::record::Log;
use live::what_if::{Outcome, continued};
use units::{Duration, Instant, SortedSet, plural};

use super::table::aligned;
use cli::{Exit, Failure, output};

/// Greatest number of pods that are listed by name.
const LISTED_MAX: usize = 20;

/// Compares the ends of a record that is continued from an instant on with the recorded settings and with
/// others; `plane` makes the control plane of some settings.
pub(super) fn compare(
    log: &Log,
    plane: &dyn Fn(&[String]) -> Result<Plane, Failure>,
    with: &[String],
    from: &str,
) -> Result<Exit, Failure> {
    if let Some(set) = with.iter().find(|set| !set.starts_with("system.")) {
        return Err(Failure::input(format!(
            "--with: `{set}`: expected a setting of the system, such as \
             `system.scheduler.profile=first-fit`"
        )));
    }
    let after: Duration = from.parse().map_err(|error| {
        Failure::input(format!("--from: `{from}`: {error}; expected such as `10m`"))
    })?;
    let last = log.records.last().map_or(0, |record| record.at_ns);
    if after.as_nanos() > last {
        let whole = Duration::from_nanos(last);
        return Err(Failure::input(format!(
            "--from: the record ends after {whole}; choose an earlier instant"
        )));
    }
    let other = plane(with)?;
    if other.system != plane(&[])?.system {
        return Err(Failure::input(
            "--with: system.name: nodes of one system do not obey another; choose among the settings \
             of the recorded one",
        ));
    }
    let from = Instant::ZERO.saturating_add(after);
    let run = |decides: Plane| {
        let ended = continued(log, from, plane(&[])?, plane(&[])?, decides);
        ended.map_err(Failure::input)
    };
    let recorded = run(plane(&[])?)?;
    let other = run(other)?;
    output::print(text(&recorded, &other, with).as_bytes())?;
    Ok(Exit::Done)
}

/// The ends of both runs, side by side.
fn text(recorded: &Outcome, other: &Outcome, with: &[String]) -> String {
    let row = |name: &str, one: usize, two: usize| {
        vec![name.to_owned(), one.to_string(), two.to_string()]
    };
    let mut table = vec![
        vec![String::new(), "recorded".to_owned(), "other".to_owned()],
        row("bindings", recorded.bindings, other.bindings),
    ];
    let reasons: SortedSet<&String> = recorded.ends.keys().chain(other.ends.keys()).collect();
    for reason in reasons {
        let count = |run: &Outcome| run.ends.get(reason).copied().unwrap_or(0);
        let name = format!("ends: {reason}");
        table.push(row(&name, count(recorded), count(other)));
    }
    table.push(row("waiting at the end", recorded.waiting, other.waiting));
    let nodes: SortedSet<&String> = recorded
        .running
        .keys()
        .chain(other.running.keys())
        .collect();
    for node in nodes {
        let count = |run: &Outcome| run.running.get(node).copied().unwrap_or(0);
        let name = format!("pods on {node}");
        table.push(row(&name, count(recorded), count(other)));
    }
    let differ: Vec<Vec<String>> = recorded
        .places
        .iter()
        .filter_map(|(pod, place)| {
            let elsewhere = other.places.get(pod)?;
            let named = |place: &Option<String>| place.clone().unwrap_or_else(|| "none".to_owned());
            (elsewhere != place).then(|| vec![pod.clone(), named(place), named(elsewhere)])
        })
        .collect();
    let mut text = String::new();
    for set in with {
        let _ = writeln!(text, "with {set}");
    }
    text.push_str(&aligned(&table));
    if !differ.is_empty() {
        let count = plural::count(differ.len(), "pod");
        let _ = writeln!(text, "\n{count} on another node at the end:");
        let shown = differ.len().min(LISTED_MAX);
        text.push_str(&aligned(&differ[..shown]));
        if shown < differ.len() {
            let _ = writeln!(text, "and {} more", differ.len() - shown);
        }
    }
    text
}

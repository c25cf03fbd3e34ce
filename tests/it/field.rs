//! Public reports of users, each an experiment under `tests/data/field` with a link, the right values
//! and their source. The program runs them as a user would, and its events are counted.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use windtunnel::units::{Duration, SortedMap};

use crate::scratch::Scratch;

/// `case.json` of a report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    link: String,
    right: String,
    checks: Vec<Check>,
}

/// A condition that a run of the report's experiment meets.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Check {
    /// Number of events of a kind about objects whose names begin with a text.
    Events {
        kind: String,
        object: String,
        count: Option<usize>,
        at_least: Option<usize>,
        /// First instant that counts.
        from: Option<String>,
        /// Instant before which they count.
        to: Option<String>,
    },
    /// Largest and smallest number of living pods over the nodes that have one, at the end.
    Spread {
        spread: String,
        largest: usize,
        smallest: usize,
    },
    /// Part of what the program says on standard error.
    Words { words: String },
}

/// A line of the log of events.
#[derive(Deserialize)]
struct Event {
    time_ns: i64,
    kind: String,
    object: String,
    what: String,
}

fn nanoseconds(time: &str) -> i64 {
    let time: Duration = time.parse().expect("a time");
    time.as_nanos()
}

/// What differs from the right values, in words.
fn differences(report: &Report, events: &[Event], said: &str) -> Vec<String> {
    let differs = report.checks.iter().filter_map(|check| match check {
        Check::Events {
            kind,
            object,
            count,
            at_least,
            from,
            to,
        } => {
            let from = from.as_deref().map_or(0, nanoseconds);
            let to = to.as_deref().map_or(i64::MAX, nanoseconds);
            let found = events.iter().filter(|event| {
                event.kind == *kind
                    && event.object.starts_with(&**object)
                    && (from..to).contains(&event.time_ns)
            });
            let found = found.count();
            let is_right =
                count.is_none_or(|count| count == found) && found >= at_least.unwrap_or(0);
            (!is_right).then(|| format!("{found} events `{kind}` of {object}"))
        }
        Check::Spread {
            spread,
            largest,
            smallest,
        } => {
            let counts = pods_by_node(events, spread);
            let is_right =
                counts.values().max() == Some(largest) && counts.values().min() == Some(smallest);
            (!is_right).then(|| format!("pods by node: {counts:?}"))
        }
        Check::Words { words } => (!said.contains(&**words)).then(|| format!("it said: {said}")),
    });
    differs.collect()
}

/// Number of pods on each node at the end, of those whose names begin with a text.
fn pods_by_node(events: &[Event], prefix: &str) -> SortedMap<String, usize> {
    let mut places: SortedMap<&str, &str> = SortedMap::new();
    for event in events {
        if !event.object.starts_with(prefix) {
            continue;
        }
        match &*event.kind {
            "bound" => {
                let node = event.what.rsplit(' ').next().expect("a node");
                places.insert(&event.object, node);
            }
            "ended" => {
                places.remove(&*event.object);
            }
            _ => {}
        }
    }
    let mut counts: SortedMap<String, usize> = SortedMap::new();
    for node in places.values() {
        *counts.entry((*node).to_owned()).or_default() += 1;
    }
    counts
}

/// Runs the experiment of a folder and compares.
fn judge(folder: &Path) -> Result<(), String> {
    let name = folder.file_name().expect("a name").to_string_lossy();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().expect("a name").to_string_lossy();
        files.push((file.into_owned(), fs::read_to_string(&path).expect("text")));
    }
    let borrowed: Vec<(&str, &str)> = files.iter().map(|(a, b)| (&**a, &**b)).collect();
    let scratch = Scratch::new(&format!("field-{name}"), &borrowed);
    let report: Report = serde_json::from_str(&scratch.text("case.json")).expect("a report");
    let said = scratch.run(&["run", "experiment.yaml", "--out", "out", "--events"], 0);
    let log = zstd::decode_all(&scratch.bytes("out/events.jsonl.zst")[..]).expect("a log");
    let log = String::from_utf8(log).expect("text");
    let events: Vec<Event> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    let differences = differences(&report, &events, &said);
    if differences.is_empty() {
        return Ok(());
    }
    let (link, right) = (&report.link, &report.right);
    Err(format!(
        "{name} ({link})\n  right: {right}\n  came: {}",
        differences.join("; ")
    ))
}

/// The folders of all reports, by name.
fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/field");
    let entries = fs::read_dir(root).expect("the reports");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    folders
}

#[test]
fn what_users_reported_comes_out_right() {
    let folders = folders();
    assert!(folders.len() >= 31, "{}", folders.len());
    let wrong: Vec<String> = folders
        .iter()
        .filter_map(|folder| judge(folder).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

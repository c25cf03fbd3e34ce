//! Public reports of users, each an experiment under `tests/data/field` with a link, the right values
//! and their source. The program runs them as a user would, and its events are counted.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use windtunnel::units::{Duration, SortedMap};

use crate::scratch::Scratch;

/// `case.json` of a report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    link: String,
    right: String,
    /// Arguments of the program; absent is a run of the experiment.
    #[serde(default)]
    command: Vec<String>,
    /// Exit code of the program.
    #[serde(default)]
    exit: i32,
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
        /// Part of what they say.
        #[serde(default)]
        what: String,
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
    /// Number of decisions of an outcome on pods whose names begin with a text, of a run with `--decisions`.
    Decisions {
        outcome: String,
        pod: String,
        count: usize,
        /// First instant that counts.
        from: String,
        /// Instant before which they count.
        to: String,
    },
    /// Part of what the program says.
    Words { words: String },
    /// What it must not say.
    Absent { absent: String },
    /// A value of a result file, by its path.
    Value {
        file: String,
        path: String,
        equals: Option<Value>,
        within: Option<[f64; 2]>,
    },
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

/// A line of the log of decisions.
#[derive(Deserialize)]
struct Decision {
    time_ns: i64,
    pod: String,
    outcome: String,
}

/// What differs from the right values, in words.
fn differences(report: &Report, scratch: &Scratch, said: &str) -> Vec<String> {
    let is_run = report.command.is_empty() && report.exit == 0;
    let events: Vec<Event> = if is_run {
        lines_of(scratch, "out/events.jsonl.zst")
    } else {
        Vec::new()
    };
    let differs = report.checks.iter().filter_map(|check| match check {
        Check::Events {
            kind,
            object,
            what,
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
                    && event.what.contains(&**what)
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
            let counts = pods_by_node(&events, spread);
            let is_right =
                counts.values().max() == Some(largest) && counts.values().min() == Some(smallest);
            (!is_right).then(|| format!("pods by node: {counts:?}"))
        }
        Check::Decisions {
            outcome,
            pod,
            count,
            from,
            to,
        } => {
            let found = decided(scratch, outcome, pod, nanoseconds(from)..nanoseconds(to));
            (found != *count).then(|| format!("{found} decisions `{outcome}` on {pod}"))
        }
        Check::Words { words } => (!said.contains(&**words)).then(|| format!("it said: {said}")),
        Check::Absent { absent } => said.contains(&**absent).then(|| format!("it said: {said}")),
        Check::Value {
            file,
            path,
            equals,
            within,
        } => {
            let read = serde_json::from_str(&scratch.text(file)).expect("a result file");
            let value = value_at(&read, path);
            let is_within = |[low, high]: [f64; 2]| {
                let value = value.as_f64();
                value.is_some_and(|value| (low..=high).contains(&value))
            };
            let is_right =
                equals.as_ref().is_none_or(|own| own == value) && within.is_none_or(is_within);
            (!is_right).then(|| format!("{path} of {file}: {value}"))
        }
    });
    differs.collect()
}

/// The value at a path of fields and places; a place may count from the end.
fn value_at<'v>(whole: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(whole, |value, part| {
        let place: Option<usize> = match part.strip_prefix('-').and_then(|own| own.parse().ok()) {
            Some(back) => value.as_array().map_or(0, Vec::len).checked_sub(back),
            None => part.parse().ok(),
        };
        match place {
            Some(place) => &value[place],
            None => &value[part],
        }
    })
}

/// Number of decisions of an outcome at some times on pods whose names begin with a text.
fn decided(scratch: &Scratch, outcome: &str, pod: &str, times: Range<i64>) -> usize {
    let decisions: Vec<Decision> = lines_of(scratch, "out/decisions.jsonl.zst");
    let found = decisions.iter().filter(|own| {
        own.outcome == outcome && own.pod.starts_with(pod) && times.contains(&own.time_ns)
    });
    found.count()
}

/// The lines of a log of a run.
fn lines_of<T: DeserializeOwned>(scratch: &Scratch, file: &str) -> Vec<T> {
    let log = zstd::decode_all(&scratch.bytes(file)[..]).expect("a log");
    let log = String::from_utf8(log).expect("text");
    let lines = log.lines();
    let lines = lines.map(|line| serde_json::from_str(line).expect("a line of it"));
    lines.collect()
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
    let run = ["run", "experiment.yaml", "--out", "out", "--events"];
    let command: Vec<&str> = report.command.iter().map(String::as_str).collect();
    let command = if command.is_empty() {
        &run
    } else {
        &command[..]
    };
    let said = scratch.run(command, report.exit);
    let differences = differences(&report, &scratch, &said);
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
    assert!(folders.len() >= 95, "{}", folders.len());
    let wrong: Vec<String> = folders
        .iter()
        .filter_map(|folder| judge(folder).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

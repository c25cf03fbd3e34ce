//! `windtunnel live predict` for the record of a Kubernetes cluster: which nodes its pods get, and when, under the
//! scheduler of an experiment.

use std::fmt::Write as _;
use std::path::Path;

use live::record::Log;
use live::simulated::story::{Folder, simulate_hour};
use live::story::hour::{Hour, Placement, placements};
use serde_json::{Value, json};
use units::{Duration, plural};

use super::predict::{seconds, words};
use super::table::aligned;
use cli::{Exit, Failure, Global, output, terminal};

/// Greatest number of pods that are listed.
const LISTED_MAX: usize = 40;

pub(super) fn predict(
    global: &Global,
    log: &Log,
    document: &Value,
    out: Option<&Path>,
) -> Result<Exit, Failure> {
    let hour = Hour::of(log);
    if hour.is_empty() {
        return Err(Failure::input(
            "the record has no node: it ended before the cluster was read",
        ));
    }
    for told in &hour.left_out {
        terminal::complain(&format!("note: {told}"));
    }
    let folder = Folder::create(out)?;
    let run = simulate_hour(global, &folder.folder, &hour, document)?;
    let rows = placements(&hour, &run);
    let json: Vec<Value> = rows.iter().map(as_json).collect();
    let written = folder.folder.json("comparison.json", &json);
    written.map_err(Failure::incomplete)?;
    folder.finish()?;
    output::print(text(&hour, &rows).as_bytes())?;
    Ok(Exit::Done)
}

fn as_json(row: &Placement) -> Value {
    let place = |place: Option<&(String, Duration)>| {
        place.map(|(node, at)| json!({"node": node, "at": seconds(*at)}))
    };
    json!({
        "pod": row.pod,
        "seen": seconds(row.seen),
        "recorded": place(row.recorded.as_ref()),
        "predicted": place(row.predicted.as_ref()),
    })
}

/// Whether both accounts differ in a node, or one lacks it.
fn differs(row: &Placement) -> bool {
    let node = |place: &Option<(String, Duration)>| place.as_ref().map(|(node, _)| node.clone());
    node(&row.recorded) != node(&row.predicted)
}

fn text(hour: &Hour, rows: &[Placement]) -> String {
    let mut table = vec![words(["POD", "SEEN", "RECORDED", "AT", "PREDICTED", "AT"])];
    let differing: Vec<&Placement> = rows.iter().filter(|row| differs(row)).collect();
    let cells = |place: &Option<(String, Duration)>| match place {
        None => ["-".to_owned(), String::new()],
        Some((node, at)) => [node.clone(), seconds(*at)],
    };
    for row in differing.iter().take(LISTED_MAX) {
        let ([node, at], [other, later]) = (cells(&row.recorded), cells(&row.predicted));
        table.push(vec![
            row.pod.clone(),
            seconds(row.seen),
            node,
            at,
            other,
            later,
        ]);
    }
    let mut text = String::new();
    let time = seconds(hour.end.since(hour.origin));
    let _ = writeln!(
        text,
        "{} came or waited in {time} s; {}",
        plural::count(rows.len(), "pod"),
        match differing.len() {
            0 => "each has the node that it had in the record".to_owned(),
            count => format!("{count} of them have another node, or none:"),
        }
    );
    if !differing.is_empty() {
        text.push_str(&aligned(&table));
        if differing.len() > LISTED_MAX {
            let _ = writeln!(
                text,
                "and {} more (--out DIR has all of them, in comparison.json)",
                differing.len() - LISTED_MAX
            );
        }
    }
    text.push_str(&sums(rows));
    text
}

/// Times from the first sight of a pod to its node, in both accounts, and how far they are apart.
fn sums(rows: &[Placement]) -> String {
    let waits = |of: &dyn Fn(&Placement) -> Option<Duration>| {
        let mut waits: Vec<Duration> = rows.iter().filter_map(of).collect();
        waits.sort_unstable();
        waits
    };
    let wait = |row: &Placement, place: &Option<(String, Duration)>| {
        let (_, at) = place.as_ref()?;
        Some(Duration::from_nanos(
            (at.as_nanos() - row.seen.as_nanos()).max(0),
        ))
    };
    let apart = |row: &Placement| {
        let ((_, one), (_, other)) = (row.recorded.as_ref()?, row.predicted.as_ref()?);
        Some(Duration::from_nanos(
            (one.as_nanos() - other.as_nanos()).abs(),
        ))
    };
    let mut table = vec![words(["", "PODS", "P50", "P99", "MOST"])];
    for (name, times) in [
        (
            "waited in the record",
            waits(&|row| wait(row, &row.recorded)),
        ),
        (
            "waited in the prediction",
            waits(&|row| wait(row, &row.predicted)),
        ),
        ("apart", waits(&apart)),
    ] {
        let quantile = |share: usize| {
            let place = (times.len() * share).div_ceil(100).max(1) - 1;
            times.get(place).copied().map(seconds).unwrap_or_default()
        };
        table.push(vec![
            name.to_owned(),
            times.len().to_string(),
            quantile(50),
            quantile(99),
            quantile(100),
        ]);
    }
    format!(
        "\nSeconds from the first sight of a pod to its node:\n{}",
        aligned(&table)
    )
}

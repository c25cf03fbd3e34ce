//! Prints the medians that criterion left in a folder, as a Markdown table.
//!
//! usage: medians FOLDER

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What criterion knows of a benchmark.
#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    /// Of what kind, and how much.
    throughput: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// The folders of finished measurements below a folder.
fn measurements(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.join("estimates.json").is_file() && path.ends_with("new") {
            found.push(path);
        } else if path.is_dir() {
            measurements(&path, found);
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Nanoseconds in a unit that suits them.
fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos < 1e3 => format!("{nanos:.1} ns"),
        _ if nanos < 1e6 => format!("{:.2} µs", nanos / 1e3),
        _ if nanos < 1e9 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.2} s", nanos / 1e9),
    }
}

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_default();
    let mut found = Vec::new();
    measurements(Path::new(&folder), &mut found);
    found.sort();
    println!("| benchmark | median | per element |");
    println!("|---|---:|---:|");
    for path in found {
        let benchmark: Option<Benchmark> = read(&path.join("benchmark.json"));
        let estimates: Option<Estimates> = read(&path.join("estimates.json"));
        if let (Some(benchmark), Some(estimates)) = (benchmark, estimates) {
            let nanos = estimates.median.point_estimate;
            let elements = benchmark
                .throughput
                .and_then(|kind| kind["Elements"].as_f64());
            let each = elements.map_or_else(String::new, |count| time(nanos / count));
            println!("| {} | {} | {each} |", benchmark.full_id, time(nanos));
        }
    }
}

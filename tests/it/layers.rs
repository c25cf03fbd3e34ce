//! Holds the layer table of `ARCHITECTURE.md`: a lower layer never imports a higher one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Every layer and what it may import.
const LAYERS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("rng", &["units"]),
    ("model", &["units"]),
    ("cluster", &["units", "rng", "model"]),
    ("control", &["units", "rng", "model", "cluster"]),
    ("policy", &["units", "rng", "model", "cluster", "control"]),
    (
        "systems",
        &["units", "rng", "model", "cluster", "control", "policy"],
    ),
    ("trace", &["units", "rng", "model"]),
    // The simulator reads arrivals from the uniform stream of `trace` and nothing else of it.
    (
        "sim",
        &["units", "rng", "model", "cluster", "control", "trace"],
    ),
    ("metrics", &["units", "rng", "model", "cluster"]),
    (
        "scenario",
        &[
            "units", "rng", "model", "cluster", "control", "policy", "systems", "trace", "sim",
            "metrics",
        ],
    ),
    (
        "lab",
        &[
            "units", "rng", "model", "cluster", "control", "policy", "systems", "trace", "sim",
            "metrics", "scenario",
        ],
    ),
    (
        "report",
        &[
            "units", "rng", "model", "cluster", "control", "policy", "systems", "trace", "sim",
            "metrics", "scenario", "lab",
        ],
    ),
];

/// The layer that may import all others.
const TOP: &str = "cli";

/// What the simulator may name of `trace`.
const STREAM: &[&str] = &["Arrival", "ArrivalSource", "Ledger", "TraceError"];

#[test]
fn no_layer_imports_a_higher_one() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = LAYERS
        .iter()
        .map(|&(layer, imports)| (layer, imports.iter().copied().collect()))
        .collect();
    let mut broken = Vec::new();
    let mut seen = 0;
    for (file, text) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let Some(layer) = file.split(['/', '.']).next().filter(|&layer| layer != TOP) else {
            continue;
        };
        let Some(allowed) = allowed.get(layer) else {
            assert!(
                matches!(layer, "lib" | "main"),
                "{file} is in no layer of the table"
            );
            continue;
        };
        seen += 1;
        for (line, import) in imports(&text) {
            if import != layer && !allowed.contains(import.as_str()) {
                broken.push(format!("src/{file}:{line} imports crate::{import}"));
            }
        }
        if layer == "sim" {
            for (line, name) in trace_names(&text) {
                if !STREAM.contains(&name.as_str()) {
                    broken.push(format!("src/{file}:{line} imports crate::trace::{name}"));
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} files were read");
    assert!(
        broken.is_empty(),
        "the layer table is broken:\n{}",
        broken.join("\n")
    );
}

/// The modules named after `crate::`, with their lines; comments are passed over.
fn imports(text: &str) -> Vec<(usize, String)> {
    after(text, "crate::")
}

/// The names after `crate::trace::`, braces opened.
fn trace_names(text: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((_, rest)) = line.split_once("crate::trace::") else {
            continue;
        };
        let rest = rest.trim_end_matches(';').trim_matches(['{', '}']);
        names.extend(
            rest.split(',')
                .map(|name| (number + 1, word(name.trim())))
                .filter(|(_, name)| !name.is_empty()),
        );
    }
    names
}

fn after(text: &str, prefix: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for rest in line.split(prefix).skip(1) {
            found.push((number + 1, word(rest)));
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// Every Rust file below a folder, with its path relative to it.
fn sources(root: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable source folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path
                    .strip_prefix(root)
                    .expect("below the root")
                    .display()
                    .to_string();
                files.push((
                    name,
                    std::fs::read_to_string(&path).expect("a readable source"),
                ));
            }
        }
    }
    files.sort();
    files
}

//! Holds the layer table of `ARCHITECTURE.md`: the manifest of a crate lists lower layers only.
//! Cargo refuses circles and imports that no manifest lists; this test refuses the manifest.

use std::path::Path;

use windtunnel::units::SortedMap;

use crate::tidy::sources;

/// Every layer, lowest first, and the layers it may import.
const LAYERS: &[(&str, &[&str])] = &[
    // No code: the choice of foreign features (src/features/Cargo.toml).
    ("features", &[]),
    // Clients of the program, not of its libraries.
    ("mcp", &[]),
    ("serve", &[]),
    ("units", &["features"]),
    ("options", &["units"]),
    ("rng", &["units"]),
    ("model", &["units"]),
    ("kueue", &["units", "rng", "model"]),
    ("dra", &["units", "model"]),
    ("cluster", &["units", "model"]),
    ("control", &["units", "rng", "model", "cluster"]),
    (
        "scheduler",
        &["units", "options", "rng", "model", "cluster", "control"],
    ),
    (
        "autoscale",
        &["units", "rng", "model", "cluster", "control", "scheduler"],
    ),
    (
        "policy",
        &[
            "units",
            "options",
            "rng",
            "model",
            "dra",
            "cluster",
            "scheduler",
        ],
    ),
    (
        "systems",
        &[
            "units",
            "options",
            "rng",
            "model",
            "kueue",
            "cluster",
            "control",
            "scheduler",
            "autoscale",
            "policy",
        ],
    ),
    ("intake", &["units"]),
    ("k8s", &["units", "rng", "model", "dra", "intake"]),
    ("arrivals", &["units", "rng", "model", "intake"]),
    (
        "formats",
        &["units", "rng", "model", "intake", "k8s", "arrivals"],
    ),
    (
        "workloads",
        &["units", "rng", "model", "intake", "k8s", "arrivals"],
    ),
    // The simulator reads arrivals from the uniform stream of `arrivals` and nothing else of it.
    (
        "sim",
        &[
            "units", "rng", "model", "cluster", "control", "intake", "arrivals",
        ],
    ),
    (
        "metrics",
        &["units", "rng", "model", "cluster", "intake", "arrivals"],
    ),
    (
        "history",
        &[
            "units", "rng", "model", "cluster", "intake", "arrivals", "metrics",
        ],
    ),
    (
        "scenario",
        &["units", "options", "rng", "model", "control", "metrics"],
    ),
    (
        "world",
        &[
            "units",
            "options",
            "rng",
            "model",
            "cluster",
            "control",
            "scheduler",
            "autoscale",
            "policy",
            "systems",
            "intake",
            "k8s",
            "arrivals",
            "formats",
            "workloads",
            "sim",
            "metrics",
            "scenario",
        ],
    ),
    ("external", &["units", "rng", "model", "cluster", "control"]),
    (
        "lab",
        &[
            "units",
            "rng",
            "model",
            "cluster",
            "control",
            "external",
            "scheduler",
            "autoscale",
            "policy",
            "systems",
            "intake",
            "k8s",
            "arrivals",
            "formats",
            "workloads",
            "sim",
            "metrics",
            "history",
            "scenario",
            "world",
        ],
    ),
    (
        "report",
        &[
            "units",
            "rng",
            "model",
            "intake",
            "arrivals",
            "formats",
            "workloads",
            "metrics",
            "history",
            "lab",
        ],
    ),
];

/// Layers that may import all others: the command line, the programs beside it, and the Python package.
const TOPS: [&str; 5] = ["cli", "live", "python", "unit-tests", "verify"];

/// Layers that the driver of real hosts may not import: the simulator, and what runs in it. Its command line may.
const SIMULATED: [&str; 5] = ["sim", "scenario", "world", "lab", "cli"];

/// Layers that list what users choose among: none imports another, so that a change in one builds no other anew.
const LEAVES: [&str; 2] = ["formats", "workloads"];

/// The names of `arrivals` that the simulator may use.
const STREAM: &[&str] = &[
    "Arrival",
    "ArrivalSource",
    "EndedTasks",
    "Links",
    "Submission",
    "TaskEnd",
    "TaskKey",
    "UNNAMED",
    "WaitFault",
];

#[test]
fn no_layer_imports_a_higher_one() {
    let allowed: SortedMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut broken = Vec::new();
    let mut crates = 0;
    for entry in std::fs::read_dir(source_folder()).expect("a readable source folder") {
        let path = entry.expect("a readable entry").path().join("Cargo.toml");
        let Ok(manifest) = std::fs::read_to_string(&path) else {
            continue;
        };
        crates += 1;
        let layer = package(&manifest).expect("a crate below src is named windtunnel-LAYER");
        if TOPS.contains(&layer) {
            continue;
        }
        let Some(allowed) = allowed.get(layer) else {
            panic!("{} is in no layer of the table", path.display());
        };
        // Tests of a leaf may try it on another, and those of experiment files know all systems.
        let imports = if LEAVES.contains(&layer) || layer == "scenario" {
            manifest
                .split("[dev-dependencies]")
                .next()
                .unwrap_or_default()
        } else {
            &*manifest
        };
        for import in self::imports(imports) {
            if !allowed.contains(&import) {
                broken.push(format!("src/{layer}/Cargo.toml lists {import}"));
            }
        }
    }
    assert_eq!(crates, LAYERS.len() + TOPS.len(), "crates below src");
    assert!(
        broken.is_empty(),
        "the layer table is broken:\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_simulator_reads_the_stream_of_arrivals_alone() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for source in sources(&["src/sim"]) {
        for name in arrival_names(&source.code) {
            seen += 1;
            if !STREAM.contains(&&*name) {
                broken.push(format!("{} imports arrivals::{name}", source.path));
            }
        }
    }
    assert!(seen >= STREAM.len(), "only {seen} imports were read");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_driver_of_real_hosts_imports_no_simulator() {
    let mut broken = Vec::new();
    for source in sources(&["src/live"]) {
        // The commands, and the side that compares with the simulator.
        let sides = ["command", "simulated", "tests"];
        if sides
            .iter()
            .any(|side| source.path.starts_with(&format!("src/live/{side}/")))
        {
            continue;
        }
        for layer in SIMULATED {
            if source.code.contains(&format!("use {layer}::")) {
                broken.push(format!("{} imports {layer}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn source_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The layer that a manifest's package is named after.
fn package(manifest: &str) -> Option<&str> {
    let name = manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = "))?;
    name.trim_matches('"').strip_prefix("windtunnel-")
}

/// The layers that a manifest lists, development included.
fn imports(manifest: &str) -> impl Iterator<Item = &str> {
    manifest.lines().filter_map(|line| {
        let name = line.strip_prefix("windtunnel-")?;
        name.split(['.', ' ']).next()
    })
}

/// The names after `arrivals::` in the imports of a source without comments, with braces opened.
fn arrival_names(code: &str) -> Vec<String> {
    let code = code.replace("use ::", "use ");
    let imports = code.split("use arrivals::").skip(1);
    let names = imports.filter_map(|rest| rest.split(';').next());
    names
        .flat_map(|names| names.trim_matches(['{', '}']).split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

//! The one door to the files of an experiment. `world::FileSource` opens a file that the scenario's
//! list of file fields names, and all of that list is hashed into the inputs of a run. A file that is
//! opened elsewhere would decide about a run without being one of its inputs.

use super::sources;

/// Layers that build and run an experiment. The lab hashes and reads results, the command line reads
/// what it is given, and `verify` reads recordings.
const RUN: [&str; 18] = [
    "arrivals",
    "autoscale",
    "cluster",
    "control",
    "formats",
    "intake",
    "k8s",
    "metrics",
    "model",
    "policy",
    "rng",
    "scenario",
    "scheduler",
    "sim",
    "systems",
    "units",
    "workloads",
    "world",
];

/// The door, and what it is made of.
const DOOR: [&str; 5] = [
    "src/world/lib.rs",
    "src/world/inputs.rs",
    "src/intake/input/mod.rs",
    // What was decoded from a file that was opened, by its hash.
    "src/arrivals/cache/file.rs",
    // A temporary file without a name, for what was read from such files.
    "src/intake/temporary.rs",
];

/// Ways to open a file.
const WAYS: [&str; 7] = [
    "Input::path(",
    "Input::argument(",
    "Input::streamed(",
    "inputs::open(",
    "File::open(",
    "OpenOptions::new(",
    "fs::read",
];

#[test]
fn files_of_an_experiment_are_opened_by_one_door() {
    let mut found = Vec::new();
    for source in sources(&["src"]) {
        let layer = source.path.split('/').nth(1).unwrap_or_default();
        let is_test = ["tests", "real_files", "testing"]
            .iter()
            .any(|part| source.path.contains(part));
        if !RUN.contains(&layer) || is_test || DOOR.contains(&&*source.path) {
            continue;
        }
        // Unit tests stand last in a file.
        let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        for (line, text) in code.lines().enumerate() {
            if WAYS.iter().any(|way| text.contains(way)) {
                found.push(format!("{}:{}: {}", source.path, line + 1, text.trim()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "open files by `world::FileSource`, so that they are inputs of the run:\n{}",
        found.join("\n")
    );
}

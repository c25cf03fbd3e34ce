//! Hashes that identify what an experiment runs: its file and its inputs.

use std::path::Path;

use super::summary::InputSummary;
use scenario::{Experiment, as_run};
use trace::TraceError;
use world::inputs;

/// The hash of an experiment as run, every default filled in.
pub fn scenario_hash(experiment: &Experiment) -> String {
    let scenario = as_run::to_yaml(experiment);
    blake3::hash(scenario.as_bytes()).to_hex().to_string()
}

/// The files that an experiment reads, with the hashes of their content.
pub fn input_hashes(experiment: &Experiment) -> Result<Vec<InputSummary>, TraceError> {
    let mut found = Vec::new();
    for (written, path) in &experiment.files {
        let blake3 = inputs::open(Path::new(path)).blake3()?;
        found.push(InputSummary {
            path: written.clone(),
            blake3,
        });
    }
    Ok(found)
}

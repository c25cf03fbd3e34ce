//! Hashes that identify what an experiment runs: its file and its inputs.

use std::path::Path;

use serde_json::Value as Json;

use super::objects::ManifestObjects;
use super::summary::InputSummary;
use arrivals::format::FormatEntry;
use formats::{content_hash, registry};
use intake::TraceError;
use scenario::schema::{NodeSource, WorkloadSource};
use scenario::{Experiment, Scenario, as_run};
use units::SortedMap;
use world::inputs;

/// Traces up to this size are read to tell names from content, line by line and in about a second.
const TRACE_BYTES_MAX: u64 = 64 << 20;

/// The hash of an experiment as run, every default filled in.
pub fn scenario_hash(experiment: &Experiment) -> String {
    let scenario = as_run::to_yaml(experiment);
    blake3::hash(scenario.as_bytes()).to_hex().to_string()
}

/// The hash of what decides a run: the document of its scenario, and its files with their hashes. `head` tells whose
/// key it becomes.
pub(crate) fn ground(
    head: &str,
    document: &Json,
    files: impl IntoIterator<Item = (String, String)>,
) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{head}\n{document}\n").as_bytes());
    for (written, hash) in files {
        hasher.update(format!("{written} {hash}\n").as_bytes());
    }
    hasher.finalize()
}

/// The files that an experiment reads, with the hashes of their content.
pub fn input_hashes(experiment: &Experiment) -> Result<Vec<InputSummary>, TraceError> {
    let mut found = Vec::new();
    for (written, path) in &experiment.files {
        let blake3 = intake::archive::blake3(&inputs::open(Path::new(path)))?;
        found.push(InputSummary {
            path: written.clone(),
            blake3,
        });
    }
    Ok(found)
}

/// The inputs of a scenario with names, labels and annotations of manifests and the columns of names of
/// traces left out of the hashes: equal hashes differ in names at most.
pub(crate) fn nameless_hashes(
    experiment: &Experiment,
    scenario: &Scenario,
    manifests: &ManifestObjects,
    files: &[InputSummary],
) -> Vec<InputSummary> {
    let traces = traces(scenario);
    let files = manifests.hashes(scenario, files, true);
    let nameless = |file: &InputSummary| {
        let format = traces.get(file.path.as_str())?;
        let input = inputs::open(experiment.files.get(&file.path)?);
        let bytes = input.stored_bytes().ok()?;
        let hash = (bytes <= TRACE_BYTES_MAX).then(|| content_hash::hash(format, &input));
        hash?.ok()
    };
    let all = files.iter().map(|file| InputSummary {
        path: file.path.clone(),
        blake3: nameless(file).unwrap_or_else(|| file.blake3.clone()),
    });
    all.collect()
}

/// The formats of a scenario's traces, by their paths.
fn traces(scenario: &Scenario) -> SortedMap<&str, &'static FormatEntry> {
    let of_nodes = scenario.cluster.nodes.iter();
    let of_nodes = of_nodes.filter_map(|source| match source {
        NodeSource::Trace(trace) => Some((&trace.path, &trace.format)),
        _ => None,
    });
    let of_workload = scenario.workload.iter().filter_map(|source| match source {
        WorkloadSource::Trace(trace) => Some((&trace.path, &trace.format)),
        _ => None,
    });
    let all = of_nodes.chain(of_workload);
    all.filter_map(|(path, format)| Some((path.as_str(), registry::find(format)?)))
        .collect()
}

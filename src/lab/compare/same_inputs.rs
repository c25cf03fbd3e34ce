//! Whether all candidates of a comparison are given the same.

use super::{CompareError, Inputs};
use crate::experiment::ExperimentError;
use crate::hashes::{input_hashes, nameless_hashes};
use crate::objects::ManifestObjects;
use crate::replicate::{Work, Workers, replicate};
use crate::summary::InputSummary;
use scenario::Experiment;

/// Whether all candidates are given the same; in words what differs that may.
pub(super) fn same_inputs(
    experiment: &Experiment,
    workers: Workers<'_>,
) -> Result<Vec<String>, CompareError> {
    let files = input_hashes(experiment).map_err(ExperimentError::from)?;
    let inputs: Vec<Inputs> = (experiment.variants.iter())
        .map(|plan| Inputs::of(&plan.scenario, &files))
        .collect();
    let name = |index: usize| experiment.variants[index].name.clone();
    let mut notes = Vec::new();
    for (index, other) in inputs.iter().enumerate().skip(1) {
        let conflicts = inputs[0].conflicts(other);
        if !conflicts.is_empty() {
            let found = renamed(experiment, index, &files, &conflicts, workers)?;
            let fields = match found {
                Renamed::No => listed(&conflicts),
                Renamed::WithEffect => format!(
                    "{} in names or labels, and the runs differ with them",
                    listed(&conflicts)
                ),
                Renamed::WithoutEffect => {
                    notes.push(format!(
                        "`{}` differs from `{}` in names or labels of {} alone, which change \
                         neither a placement nor a metric",
                        name(index),
                        name(0),
                        listed(&conflicts)
                    ));
                    String::new()
                }
            };
            if !fields.is_empty() {
                return Err(CompareError::DifferentInputs {
                    name: name(index),
                    baseline: name(0),
                    fields,
                });
            }
        }
        let remarks = inputs[0].remarks(other);
        if !remarks.is_empty() {
            notes.push(format!(
                "`{}` differs from `{}` in more than the system: {}",
                name(index),
                name(0),
                listed(&remarks)
            ));
        }
    }
    Ok(notes)
}

/// Difference of a candidate's inputs from those of the baseline, by their names.
enum Renamed {
    /// They differ in more than names.
    No,
    /// They differ in names alone, on which decisions or metrics depend.
    WithEffect,
    /// They differ in names alone, which change nothing.
    WithoutEffect,
}

/// Tells whether the inputs of a candidate are those of the baseline under other names, and whether
/// these change anything: the candidate runs under either, with the first seed.
fn renamed(
    experiment: &Experiment,
    candidate: usize,
    files: &[InputSummary],
    conflicts: &[String],
    workers: Workers<'_>,
) -> Result<Renamed, CompareError> {
    let manifests = ManifestObjects::of(experiment);
    let nameless = |at: usize| {
        let scenario = &experiment.variants[at].scenario;
        let files = nameless_hashes(experiment, scenario, &manifests, files);
        Inputs::of(scenario, &files).nameless()
    };
    if !nameless(0).conflicts(&nameless(candidate)).is_empty() {
        return Ok(Renamed::No);
    }
    let own = &experiment.variants[candidate];
    let mut other = own.clone();
    let base = &experiment.variants[0].scenario;
    other.scenario.workload.clone_from(&base.workload);
    other.scenario.failures.clone_from(&base.failures);
    if conflicts.iter().any(|path| path.starts_with("cluster")) {
        other.scenario.cluster.clone_from(&base.cluster);
    }
    let both = Experiment {
        variants: vec![own.clone(), other],
        ..experiment.clone()
    };
    let work = [0, 1].map(|variant| Work {
        variant,
        seed: base.seed,
        shake: None,
        is_drawn: false,
    });
    let runs = replicate(&both, &work, workers)?;
    let is_same = runs.windows(2).all(|pair| {
        pair[0].placements == pair[1].placements
            && pair[0].summary.metrics == pair[1].summary.metrics
    });
    Ok(if is_same {
        Renamed::WithoutEffect
    } else {
        Renamed::WithEffect
    })
}

/// Paths in words, not too many.
pub(super) fn listed(paths: &[String]) -> String {
    const SHOWN_MAX: usize = 5;
    let mut shown: Vec<String> = paths
        .iter()
        .take(SHOWN_MAX)
        .map(|p| format!("`{p}`"))
        .collect();
    if paths.len() > SHOWN_MAX {
        shown.push(format!("{} more", paths.len() - SHOWN_MAX));
    }
    shown.join(", ")
}

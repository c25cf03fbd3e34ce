//! Running again what a report or a result folder claims, and comparing: the hashes of the inputs
//! first, then the digest of every run, then every metric.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::compare::{CompareError, RecordedStudy, StudyCheck, again};
use super::experiment::ExperimentError;
use super::hashes::input_hashes;
use super::journey::Journey;
use super::replicate::Workers;
use super::run::{Tables, prepare, run_through};
use super::summary::{Summary, VariantSummary};
use scenario::Experiment;
use scheduler::pipeline::evaluate::Form;
use sim::{EndCause, RunControl};
use units::{Instant, SortedMap};
use world::FileSource;

/// A run to repeat.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The experiment.
    pub experiment: Experiment,
    /// Of a fork: the instant up to which it ran otherwise, and the experiment until then.
    pub before: Option<(Instant, Experiment)>,
}

/// Result of repeating a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reproduction {
    /// The input files are others; nothing was run.
    OtherInputs {
        /// Recorded, and not at hand.
        missing: Vec<String>,
        /// At hand, and not recorded.
        found: Vec<String>,
    },
    /// Every run was made again.
    Run(Vec<VariantCheck>),
    /// The comparison was made again.
    Compared(StudyCheck),
}

/// One run against what is recorded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantCheck {
    /// The variant's name.
    pub name: String,
    /// The digest that is recorded.
    pub recorded: String,
    /// The digest of the run made again; absent where none of them matches and it is not known
    /// which it should be.
    pub found: Option<String>,
    /// Number of metrics recorded.
    pub metrics: usize,
    /// Metrics with another value now.
    pub differing: Vec<String>,
}

impl VariantCheck {
    /// `true` if the variant is reproduced.
    pub fn is_same(&self) -> bool {
        self.found.as_ref() == Some(&self.recorded) && self.differing.is_empty()
    }
}

/// One run made again.
struct Again {
    digest: String,
    metrics: SortedMap<String, Option<f64>>,
}

/// Runs the experiments of a summary again and compares.
///
/// # Errors
/// If a run fails, an input can't be read, or it was interrupted.
pub fn reproduce(
    claim: &Summary,
    repeats: &[Repeat],
    threads: usize,
    interrupted: &AtomicBool,
) -> Result<Reproduction, ExperimentError> {
    if let Some(others) = other_inputs(claim, repeats)? {
        return Ok(others);
    }
    let again = all(repeats, threads, interrupted)?;
    let is_one_to_one = again.len() == claim.variants.len();
    let checks = claim.variants.iter().enumerate().map(|(index, recorded)| {
        // In a report on several runs of one scenario each is found by its digest.
        let twin = if is_one_to_one {
            again.get(index)
        } else {
            again.iter().find(|run| run.digest == recorded.digest)
        };
        check(recorded, twin)
    });
    Ok(Reproduction::Run(checks.collect()))
}

/// Runs the comparison of a summary again, with all candidates and seeds, and compares.
///
/// # Errors
/// If a run fails, an input can't be read, or it was interrupted.
pub fn reproduce_study(
    claim: &Summary,
    repeat: &Repeat,
    recorded: &RecordedStudy,
    workers: Workers<'_>,
) -> Result<Reproduction, CompareError> {
    if let Some(others) = other_inputs(claim, std::slice::from_ref(repeat))? {
        return Ok(others);
    }
    let found = again(recorded, &repeat.experiment, workers)?;
    Ok(Reproduction::Compared(found))
}

/// The difference between the inputs of a claim and those at hand, if there is one.
fn other_inputs(
    claim: &Summary,
    repeats: &[Repeat],
) -> Result<Option<Reproduction>, ExperimentError> {
    let mut found = SortedMap::new();
    for repeat in repeats {
        let hashes = input_hashes(&repeat.experiment)?.into_iter();
        found.extend(hashes.map(|input| (input.blake3, input.path)));
    }
    let recorded = claim
        .inputs
        .iter()
        .map(|input| (input.blake3.clone(), &input.path));
    let recorded: SortedMap<String, &String> = recorded.collect();
    let missing = recorded
        .iter()
        .filter(|(hash, _)| !found.contains_key(*hash));
    let missing: Vec<String> = missing.map(|(hash, path)| told(path, hash)).collect();
    let others = found
        .iter()
        .filter(|(hash, _)| !recorded.contains_key(*hash));
    let others: Vec<String> = others.map(|(hash, path)| told(path, hash)).collect();
    let is_other = !missing.is_empty() || !others.is_empty();
    Ok(is_other.then_some(Reproduction::OtherInputs {
        missing,
        found: others,
    }))
}

fn told(path: &str, hash: &str) -> String {
    let name = Path::new(path)
        .file_name()
        .map_or(path.into(), |name| name.to_string_lossy());
    format!("{name} (blake3 {})", hash.get(..12).unwrap_or(hash))
}

/// Every variant of every experiment, in order.
fn all(
    repeats: &[Repeat],
    threads: usize,
    interrupted: &AtomicBool,
) -> Result<Vec<Again>, ExperimentError> {
    let journeys: Vec<Option<Journey<'_>>> = (repeats.iter())
        .map(|repeat| {
            let before = repeat.before.as_ref();
            before.map(|(at, before)| Journey::again(*at, before))
        })
        .collect();
    let variants: Vec<_> = (repeats.iter().zip(&journeys))
        .flat_map(|(repeat, journey)| {
            let variants = repeat.experiment.variants.iter().enumerate();
            variants.map(move |variant| (&repeat.experiment, variant, journey.as_ref()))
        })
        .collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| ExperimentError::Threads {
        threads,
        reason: error.to_string(),
    })?;
    pool.install(|| {
        let runs = variants
            .par_iter()
            .map(|&(experiment, (index, variant), journey)| {
                let failed = |source| ExperimentError::Variant {
                    variant: Some(variant.name.clone()),
                    seed: None,
                    source: Box::new(source),
                };
                let files = FileSource::of(&experiment.files);
                // Up to where it parted it is run as it was.
                let before = journey.and_then(|journey| journey.before(index));
                let scenario = before.unwrap_or(&variant.scenario);
                let mut stopover = journey.map(|journey| journey.stopover(index, variant));
                let prepared = prepare(scenario, &files);
                let prepared = prepared.map_err(|error| failed(error.into()))?;
                let mut control = RunControl {
                    interrupted,
                    progress: &mut |_| {},
                };
                let form = Form::Incremental;
                let outcome = run_through(
                    scenario,
                    prepared,
                    form,
                    stopover.as_mut(),
                    Tables::default(),
                    &mut control,
                );
                let outcome = outcome.map_err(failed)?;
                if outcome.end.cause == EndCause::Interrupted {
                    return Err(ExperimentError::Interrupted);
                }
                let metrics = outcome.metrics.values.into_iter();
                Ok(Again {
                    digest: outcome.end.digest,
                    metrics: metrics.map(|metric| (metric.id, metric.value)).collect(),
                })
            });
        runs.collect()
    })
}

fn check(recorded: &VariantSummary, again: Option<&Again>) -> VariantCheck {
    let is_same = |id: &String, value: Option<f64>| {
        let now = again.and_then(|run| *run.metrics.get(id)?);
        let bits = |value: Option<f64>| value.filter(|value| value.is_finite()).map(f64::to_bits);
        bits(now) == bits(value)
    };
    let metrics = recorded.metrics.iter();
    let differing = metrics.filter(|(id, metric)| again.is_some() && !is_same(id, metric.value));
    VariantCheck {
        name: recorded.name.clone(),
        recorded: recorded.digest.clone(),
        found: again.map(|run| run.digest.clone()),
        metrics: recorded.metrics.len(),
        differing: differing.map(|(id, _)| id.clone()).collect(),
    }
}

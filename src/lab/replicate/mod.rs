//! Replications: the variants of an experiment under many seeds, side by side on all cores.
//!
//! Every variant sees the same seeds, so that what does not depend on the variant (arrivals, sizes,
//! durations, failures) is drawn alike: common random numbers (metrics.md 5.7). Results come in
//! the order of the work, whatever thread was faster.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use rng::ChanceWatch;
use scenario::{Experiment, VariantPlan};
use sim::{EndCause, SimError};

use super::broken::guarded;
use super::experiment::ExperimentError;
use super::limits::Limits;
use super::placements::{FirstNodes, Placements};
use super::run::{RunError, Tables, prepare, run_quietly};
use super::summarize::summarize;
use super::summary::VariantSummary;
use history::{PODS_MAX, VariantData};
use world::{BuildError, FileSource, ManifestCache};

mod shake;

pub use shake::{SHAKE_OF_GAP, SHAKE_OF_RUN_TIME, Shaking};

/// One run to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// The variant, by its place in the experiment.
    pub variant: usize,
    /// The seed of every draw.
    pub seed: u64,
    /// Number of the small perturbation of the input; none runs the input as it is.
    pub shake: Option<u64>,
    /// Whether what the report draws is collected.
    pub is_drawn: bool,
}

/// Workers that run the seeds.
#[derive(Clone, Copy)]
pub struct Workers<'a> {
    /// Number of runs made at once.
    pub threads: usize,
    /// Set from outside to stop.
    pub interrupted: &'a AtomicBool,
    /// Told after every run how many are done, of how many.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
    /// Limits of what is run.
    pub limits: Limits<'a>,
    /// Manifests that all of the runs share.
    pub manifests: &'a ManifestCache,
}

impl Workers<'_> {
    /// Pool of the workers' threads.
    pub(crate) fn pool(&self) -> Result<rayon::ThreadPool, ExperimentError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads);
        pool.build().map_err(|error| ExperimentError::Threads {
            threads: self.threads,
            reason: error.to_string(),
        })
    }
}

/// Result of one run.
pub struct Replicate {
    /// The replicate's metrics and digest.
    pub summary: VariantSummary,
    /// Digest of the placements, without names and labels.
    pub placements: String,
    /// Data for the report, if requested.
    pub drawn: Option<VariantData>,
}

/// Result of one run with the first nodes of its pods.
pub(crate) struct PlacedReplicate {
    /// Result of the run.
    pub(crate) replicate: Replicate,
    /// First nodes of its pods.
    pub(crate) first_nodes: FirstNodes,
}

/// Runs all of the work; results are in its order.
///
/// # Errors
/// The first failure in the order of the work.
pub fn replicate(
    experiment: &Experiment,
    work: &[Work],
    workers: Workers<'_>,
) -> Result<Vec<Replicate>, ExperimentError> {
    each(work, workers, |work| {
        run_guarded(experiment, work, workers, Placements::default()).map(|placed| placed.replicate)
    })
}

/// Runs all of the work as [`replicate`] does, and keeps the first node of each pod.
///
/// # Errors
/// As [`replicate`].
pub(crate) fn replicate_placed(
    experiment: &Experiment,
    work: &[Work],
    workers: Workers<'_>,
) -> Result<Vec<PlacedReplicate>, ExperimentError> {
    each(work, workers, |work| {
        let placements = Placements::with_first_nodes();
        run_guarded(experiment, work, workers, placements)
    })
}

/// Makes every run of the work on the workers; no run begins after one that failed.
fn each<T: Send>(
    work: &[Work],
    workers: Workers<'_>,
    run: impl Fn(Work) -> Result<T, ExperimentError> + Sync,
) -> Result<Vec<T>, ExperimentError> {
    let pool = workers.pool()?;
    let failed = AtomicUsize::new(usize::MAX);
    let done = AtomicUsize::new(0);
    let count = work.len();
    let results: Vec<Option<Result<T, ExperimentError>>> = pool.install(|| {
        (work.par_iter().enumerate())
            .map(|(index, work)| {
                (index < failed.load(Ordering::Relaxed)).then(|| {
                    let result = run(*work);
                    if result.is_err() {
                        failed.fetch_min(index, Ordering::Relaxed);
                    }
                    (workers.progress)(1 + done.fetch_add(1, Ordering::Relaxed), count);
                    result
                })
            })
            .collect()
    });
    results.into_iter().flatten().collect()
}

/// Makes a run; where an invariant breaks in it, that is its error.
fn run_guarded(
    experiment: &Experiment,
    work: Work,
    workers: Workers<'_>,
    placements: Placements,
) -> Result<PlacedReplicate, ExperimentError> {
    let run = || run_one(experiment, work, workers, placements);
    guarded(run).unwrap_or_else(|words| {
        let variants = &experiment.variants;
        Err(ExperimentError::Broken {
            variant: (variants.len() > 1).then(|| variants[work.variant].name.clone()),
            seed: work.seed,
            words,
        })
    })
}

fn run_one(
    experiment: &Experiment,
    work: Work,
    workers: Workers<'_>,
    mut placements: Placements,
) -> Result<PlacedReplicate, ExperimentError> {
    let plan = &experiment.variants[work.variant];
    let failed = |source: RunError| {
        let is_of_a_file = matches!(
            source,
            RunError::Build(BuildError::Trace(_)) | RunError::Sim(SimError::Trace(_))
        );
        ExperimentError::Variant {
            variant: (!is_of_a_file && experiment.variants.len() > 1).then(|| plan.name.clone()),
            seed: (!is_of_a_file).then_some(work.seed),
            source: Box::new(source),
        }
    };
    let mut plan: VariantPlan = plan.clone();
    plan.scenario.seed = work.seed;
    let files = FileSource::of(&experiment.files).parsed_once(Some(workers.manifests));
    let chance = ChanceWatch::of_run(work.seed);
    (workers.limits.check_nodes(&plan.scenario)).map_err(failed)?;
    let mut prepared = prepare(&plan.scenario, &files).map_err(|error| failed(error.into()))?;
    workers.limits.check_objects(&prepared).map_err(failed)?;
    if let Some(number) = work.shake {
        let shaking = Shaking {
            seed: work.seed,
            number,
        };
        let shaken = shaking.apply(prepared.workload.source);
        let shaken = shaken.map_err(|error| failed(BuildError::Trace(error).into()))?;
        prepared.workload.source = shaken;
    }
    let tables = Tables {
        watch: Some(&mut placements),
        report_pods: (work.is_drawn).then(|| PODS_MAX / experiment.variants.len().max(1)),
        ..Tables::default()
    };
    let outcome = run_quietly(&plan.scenario, prepared, tables, workers.interrupted);
    let mut outcome = outcome.map_err(failed)?;
    if outcome.end.cause == EndCause::Interrupted {
        return Err(ExperimentError::Interrupted);
    }
    let drawn = outcome.report.take().map(|report| VariantData {
        name: plan.name.clone(),
        ..report
    });
    let first_nodes = placements.take_first_nodes();
    Ok(PlacedReplicate {
        replicate: Replicate {
            summary: VariantSummary {
                has_chance: chance.has_drawn(),
                ..summarize(&plan, &experiment.files, outcome)
            },
            placements: placements.value(),
            drawn,
        },
        first_nodes,
    })
}

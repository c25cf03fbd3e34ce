//! Replications: the variants of an experiment under many seeds, side by side on all cores.
//!
//! Every variant sees the same seeds, so that what does not depend on the variant (arrivals, sizes,
//! durations, failures) is drawn alike: common random numbers (metrics.md 5.7). Results come in
//! the order of the work, whatever thread was faster.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use cluster::Observer;
use rng::ChanceWatch;
use scenario::schema::MeasuredWindow;
use scenario::{Experiment, VariantPlan};
use scheduler::pipeline::evaluate::Form;
use sim::{EndCause, RunControl};
use units::{Duration, Instant, SortedMap, SortedSet};

use super::broken::guarded;
use super::experiment::ExperimentError;
use super::folder::FolderError;
use super::limits::Limits;
use super::placements::{FirstNodes, Placements};
use super::run::{Prepared, RunError, Tables, WarmUpEnd, prepare, run_quietly, warm_up};
use super::summarize::summarize;
use super::summary::VariantSummary;
use history::{PODS_MAX, VariantData};
use world::{BuildError, FileSource, ManifestCache};

mod blocks;
mod records;
mod shake;

pub(crate) use blocks::BlockCensus;
use blocks::Resampling;
pub(crate) use records::RunKeys;
pub use records::RunRecords;
pub use shake::{SHAKE_OF_GAP, SHAKE_OF_RUN_TIME, Shaking};

/// One run to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// The variant, by its place in the experiment.
    pub variant: usize,
    /// The seed of every draw.
    pub seed: u64,
    /// Change of the input; none runs it as it is.
    pub shake: Option<Perturbation>,
    /// Whether what the report draws is collected.
    pub is_drawn: bool,
}

/// One of many changes of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Perturbation {
    /// Number of the change.
    pub number: u64,
    /// Length of the blocks that a log is drawn anew from; none shakes it slightly.
    pub block: Option<Duration>,
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

/// Result of one run with its observer.
pub(crate) struct WatchedReplicate<W> {
    /// Metrics and digest of the run.
    pub(crate) summary: VariantSummary,
    /// Observer of the run.
    pub(crate) watch: W,
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
        let placements = Placements::default();
        run_guarded(experiment, work, None, workers, placements).map(|placed| placed.replicate)
    })
}

/// Runs all of the work as [`replicate`] does; where the measured window begins after a warm-up that is
/// found, all variants begin at the latest one of the same seed and perturbation, so that they are
/// measured over the same stretch.
///
/// Where runs have records, those are taken, and the others get theirs.
///
/// # Errors
/// As [`replicate`], and if a record can't be read or written.
pub(crate) fn replicate_paired(
    experiment: &Experiment,
    work: &[Work],
    workers: Workers<'_>,
    records: Option<(&RunRecords, &RunKeys)>,
) -> Result<Vec<Replicate>, ExperimentError> {
    let found = work.iter().map(|work| match records {
        Some((records, keys)) => records.find(&keys.key(*work)),
        None => Ok(None),
    });
    let found: Vec<Option<Replicate>> = found.collect::<Result<_, FolderError>>()?;
    let missing: Vec<Work> = { work.iter().zip(&found) }
        .filter_map(|(work, found)| found.is_none().then_some(*work))
        .collect();
    let warm_ups = common_warm_ups(experiment, &missing, workers)?;
    let made = each(&missing, workers, |work| {
        let warm_up = warm_ups.get(&(work.seed, work.shake)).cloned();
        let placements = Placements::default();
        let made = run_guarded(experiment, work, warm_up, workers, placements)?.replicate;
        if let Some((records, keys)) = records {
            records.keep(&keys.key(work), &made)?;
        }
        Ok(made)
    })?;
    let mut made = made.into_iter();
    Ok(found
        .into_iter()
        .filter_map(|found| found.or_else(|| made.next()))
        .collect())
}

/// The latest end of a warm-up over all variants, by seed and perturbation; if a variant has none, why.
fn common_warm_ups(
    experiment: &Experiment,
    work: &[Work],
    workers: Workers<'_>,
) -> Result<SortedMap<(u64, Option<Perturbation>), WarmUpEnd>, ExperimentError> {
    let variants = &experiment.variants;
    let is_found =
        |variant: &usize| variants[*variant].scenario.metrics.window == MeasuredWindow::Auto;
    let inputs: SortedSet<_> = work.iter().map(|work| (work.seed, work.shake)).collect();
    let all = inputs.iter().flat_map(|&(seed, shake)| {
        let variants = (0..variants.len()).filter(is_found);
        variants.map(move |variant| Work {
            variant,
            seed,
            shake,
            is_drawn: false,
        })
    });
    let all: Vec<Work> = all.collect();
    let found = each(&all, workers, |work| {
        let end = || warm_up_of(experiment, work, workers);
        guarded(end).unwrap_or_else(|words| Err(broken(experiment, work, words)))
    })?;
    let mut latest: SortedMap<(u64, Option<Perturbation>), WarmUpEnd> = SortedMap::new();
    for (work, end) in all.iter().zip(found) {
        let name = &variants[work.variant].name;
        let end = end.map_err(|why| format!("`{name}`: {why}"));
        let common = latest
            .entry((work.seed, work.shake))
            .or_insert(Ok(Instant::ZERO));
        *common = match (common.clone(), end) {
            (Ok(one), Ok(other)) => Ok(one.max(other)),
            (Err(why), _) | (Ok(_), Err(why)) => Err(why),
        };
    }
    Ok(latest)
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
        run_guarded(experiment, work, None, workers, placements)
    })
}

/// Runs all of the work, each run under an observer of its own; one that fails takes no other along.
///
/// # Errors
/// If it was interrupted, or the threads can't be started.
pub(crate) fn replicate_watched<W: Observer + Send>(
    experiment: &Experiment,
    work: &[Work],
    workers: Workers<'_>,
    watch: impl Fn(Work) -> W + Sync,
) -> Result<Vec<Result<WatchedReplicate<W>, ExperimentError>>, ExperimentError> {
    each(work, workers, |work| {
        let mut watch = watch(work);
        let run = || run_one(experiment, work, None, workers, &mut watch);
        let run = guarded(run).unwrap_or_else(|words| Err(broken(experiment, work, words)));
        match run {
            Err(ExperimentError::Interrupted) => Err(ExperimentError::Interrupted),
            run => Ok(run.map(|(summary, _)| WatchedReplicate { summary, watch })),
        }
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
    warm_up: Option<WarmUpEnd>,
    workers: Workers<'_>,
    mut placements: Placements,
) -> Result<PlacedReplicate, ExperimentError> {
    let run = || run_one(experiment, work, warm_up, workers, &mut placements);
    let run = guarded(run).unwrap_or_else(|words| Err(broken(experiment, work, words)));
    let (summary, drawn) = run?;
    let first_nodes = placements.take_first_nodes();
    Ok(PlacedReplicate {
        replicate: Replicate {
            summary,
            placements: placements.value(),
            drawn,
        },
        first_nodes,
    })
}

/// Error of a run in which an invariant broke.
fn broken(experiment: &Experiment, work: Work, words: String) -> ExperimentError {
    let variants = &experiment.variants;
    ExperimentError::Broken {
        variant: (variants.len() > 1).then(|| variants[work.variant].name.clone()),
        seed: work.seed,
        words,
    }
}

/// Error of a run that can't be made.
fn failed(experiment: &Experiment, work: Work, source: RunError) -> ExperimentError {
    let variant = &experiment.variants[work.variant].name;
    ExperimentError::of_run(source, experiment, variant, Some(work.seed))
}

/// The plan of a run with its seed, and what it runs, perturbed if that is asked for.
fn prepared(
    experiment: &Experiment,
    work: Work,
    workers: Workers<'_>,
) -> Result<(VariantPlan, Prepared), RunError> {
    let mut plan = experiment.variants[work.variant].clone();
    plan.scenario.seed = work.seed;
    let files = FileSource::of(&experiment.files).parsed_once(Some(workers.manifests));
    workers.limits.check_nodes(&plan.scenario)?;
    let mut prepared = prepare(&plan.scenario, &files)?;
    workers.limits.check_objects(&prepared)?;
    if let Some(Perturbation { number, block }) = work.shake {
        let (seed, source) = (work.seed, prepared.workload.source);
        let changed = match block {
            None => Shaking { seed, number }.apply(source),
            Some(block) => {
                let resampling = Resampling {
                    seed,
                    number,
                    block,
                };
                resampling.apply(source)
            }
        };
        prepared.workload.source = changed.map_err(BuildError::Trace)?;
    }
    Ok((plan, prepared))
}

/// The blocks of the log of the first variant, for a number of replicates.
///
/// # Errors
/// The log can't be read.
pub(crate) fn block_census(
    experiment: &Experiment,
    block: Duration,
    replicates: u64,
    workers: Workers<'_>,
) -> Result<BlockCensus, ExperimentError> {
    let seed = experiment.variants[0].scenario.seed;
    let work = Work {
        variant: 0,
        seed,
        shake: None,
        is_drawn: false,
    };
    let census = prepared(experiment, work, workers).and_then(|(_, run)| {
        let census = BlockCensus::of(run.workload.source, seed, block, replicates);
        Ok(census.map_err(BuildError::Trace)?)
    });
    census.map_err(|error| failed(experiment, work, error))
}

/// End of the warm-up of a run.
fn warm_up_of(
    experiment: &Experiment,
    work: Work,
    workers: Workers<'_>,
) -> Result<WarmUpEnd, ExperimentError> {
    let mut control = RunControl {
        interrupted: workers.interrupted,
        progress: &mut |_| {},
    };
    let found = prepared(experiment, work, workers)
        .and_then(|(plan, run)| warm_up(&plan.scenario, &run, Form::Incremental, &mut control));
    if workers.interrupted.load(Ordering::Relaxed) {
        return Err(ExperimentError::Interrupted);
    }
    found.map_err(|error| failed(experiment, work, error))
}

fn run_one(
    experiment: &Experiment,
    work: Work,
    warm_up: Option<WarmUpEnd>,
    workers: Workers<'_>,
    watch: &mut dyn Observer,
) -> Result<(VariantSummary, Option<VariantData>), ExperimentError> {
    let chance = ChanceWatch::of_run(work.seed);
    let failed = |error: RunError| failed(experiment, work, error);
    let (plan, mut prepared) = prepared(experiment, work, workers).map_err(failed)?;
    prepared.warm_up = warm_up;
    let tables = Tables {
        watch: Some(watch),
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
    let summary = VariantSummary {
        has_chance: chance.has_drawn(),
        ..summarize(&plan, &experiment.files, outcome)
    };
    Ok((summary, drawn))
}

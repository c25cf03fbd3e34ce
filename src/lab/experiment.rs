//! Running an experiment: its variants side by side, their tables and summary into one folder.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;
use thiserror::Error;

use control::Probe;
use intake::TraceError;
use metrics::{MetricEntry, RecordError, registry};
use scenario::{Experiment, VariantPlan, as_run};
use scheduler::pipeline::evaluate::Form;
use sim::{EndCause, RunControl, RunProgress, SimError};

use super::folder::{FolderError, ResultFolder};
use super::hashes::{input_hashes, scenario_hash};
use super::journey::Journey;
use super::outputs::{self, Outputs, VariantOutputs};
use super::paths;
use super::program;
use super::run::{OUTPUT, RunError, Tables, prepare, run_through};
use super::summarize::summarize;
use super::summary::{MetricDefinition, SCHEMA_VERSION, Summary, VariantSummary};
use super::tables::Place;
use history::{PODS_MAX, REPORT_DATA_FILE, REPORT_DATA_VERSION, ReportData, VariantData};
use units::{Instant, plural};
use world::{BuildError, FileSource};

/// Reason an experiment has no result.
#[derive(Debug, Error)]
pub enum ExperimentError {
    /// A variant has none.
    #[error("{}{source}", told(variant.as_deref(), *seed))]
    Variant {
        /// Name of the variant; `None` where it does not matter: there is only one, or a file is
        /// wrong.
        variant: Option<String>,
        /// Under which seed, where it runs under several.
        seed: Option<u64>,
        /// Reason the variant has no result.
        source: Box<RunError>,
    },
    /// The result can't be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// An input can't be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// An invariant broke in a run.
    #[error(
        "{}an invariant broke: {words}; this is a fault of the program. Please report it with the files \
         that the run reads", told(variant.as_deref(), Some(*seed))
    )]
    Broken {
        /// Name of the variant, where there are several.
        variant: Option<String>,
        /// Seed of the run.
        seed: u64,
        /// The broken invariant, with its place.
        words: String,
    },
    /// A limit of time or memory is exceeded.
    #[error("{0}")]
    Limit(String),
    /// It was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The threads can't be started.
    #[error("can't start {}: {reason}", plural::count(*threads, "thread"))]
    Threads {
        /// Number of threads asked for.
        threads: usize,
        /// Error of the system.
        reason: String,
    },
}

impl ExperimentError {
    /// Whether what the user gave is wrong, rather than what became of it.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Variant { source, .. } => is_input(source),
            Self::Folder(folder) => folder.exit_code() == 2,
            Self::Trace(_) => true,
            Self::Broken { .. } | Self::Limit(_) | Self::Interrupted | Self::Threads { .. } => {
                false
            }
        }
    }

    /// Advice, if the error's text does not contain it.
    pub fn advice(&self) -> Option<&'static str> {
        let Self::Variant { source, .. } = self else {
            return None;
        };
        let is_row = matches!(
            **source,
            RunError::Build(BuildError::Trace(TraceError::BadRow { .. }))
                | RunError::Sim(SimError::Trace(TraceError::BadRow { .. }))
        );
        is_row.then_some("correct the row, or leave such rows out with `onBadRow: skip` beside it")
    }
}

/// Whether a run has no result because what the user gave is wrong.
pub const fn is_input(error: &RunError) -> bool {
    matches!(
        error,
        RunError::Build(_)
            | RunError::Sim(
                SimError::Trace(_) | SimError::Declaration { .. } | SimError::Endless { .. }
            )
            | RunError::Record(RecordError::TooManyRows { .. })
    )
}

fn told(variant: Option<&str>, seed: Option<u64>) -> String {
    match (variant, seed) {
        (Some(name), Some(seed)) => format!("variant `{name}`, seed {seed}: "),
        (Some(name), None) => format!("variant `{name}`: "),
        (None, Some(seed)) => format!("seed {seed}: "),
        (None, None) => String::new(),
    }
}

/// Told of progress from any thread.
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use lab::experiment::Progress;
///
/// /// Counts variants that have ended.
/// #[derive(Default)]
/// struct Ended(AtomicUsize);
///
/// impl Progress for Ended {
///     fn at(&self, _variant: usize, _reached: sim::RunProgress) {}
///
///     fn finished(&self, _variant: usize) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let ended = Ended::default();
/// ended.finished(0);
/// assert_eq!(ended.0.into_inner(), 1);
/// ```
pub trait Progress: Sync {
    /// Reports the progress of a variant.
    fn at(&self, variant: usize, reached: RunProgress);

    /// A variant has its input and begins.
    fn begun(&self, variant: usize) {
        let _ = variant;
    }

    /// A variant is finished.
    fn finished(&self, variant: usize);
}

/// Steps of a run that are reached, out of `all`: by its end if that is known, or else by how much of its input is read.
pub fn steps(reached: RunProgress, horizon: Option<Instant>, all: u64) -> Option<u64> {
    let by_time = horizon.map(|end| {
        let end = end.as_nanos() as u64;
        ((reached.now.as_nanos() as u64).min(end), end)
    });
    let (done, whole) = by_time.or(reached.read).filter(|&(_, whole)| whole > 0)?;
    Some((u128::from(done) * u128::from(all) / u128::from(whole)) as u64)
}

/// Plan by which an experiment runs.
pub struct Plan<'a> {
    /// Experiment to run.
    pub experiment: &'a Experiment,
    /// Number of variants that run at once.
    pub threads: usize,
    /// Set from outside to stop.
    pub interrupted: &'a AtomicBool,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// Outputs in addition to the summary.
    pub outputs: Outputs,
    /// Form in which schedulers decide; the decisions are the same.
    pub form: Form,
    /// A label for each variant, at [`IDLE`] while it does not run; none if nobody looks.
    pub probes: &'a [Probe],
}

/// The part of a variant that has not begun or has ended.
pub const IDLE: &str = "idle";

/// Runs every variant with a stop on the way, if there is one.
pub fn run_journey(
    plan: &Plan<'_>,
    folder: &ResultFolder,
    journey: Option<&Journey<'_>>,
) -> Result<(Summary, ReportData), ExperimentError> {
    let experiment = plan.experiment;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(plan.threads)
        .build()
        .map_err(|error| ExperimentError::Threads {
            threads: plan.threads,
            reason: error.to_string(),
        })?;
    let failed = AtomicUsize::new(usize::MAX);
    let variants: Vec<Option<Result<(VariantSummary, VariantData), ExperimentError>>> = pool
        .install(|| {
            (experiment.variants.par_iter().enumerate())
                .map(|(index, variant)| {
                    // What comes after a failure is not begun; what comes before it is run, so that
                    // the failure told of is the first in written order, whatever thread was faster.
                    (index < failed.load(Ordering::Relaxed)).then(|| {
                        let outcome = run_one(plan, folder, index, variant, journey);
                        if outcome.is_err() {
                            failed.fetch_min(index, Ordering::Relaxed);
                        }
                        outcome
                    })
                })
                .collect()
        });
    let variants = variants.into_iter().flatten();
    let variants: Vec<(VariantSummary, VariantData)> =
        variants.collect::<Result<_, ExperimentError>>()?;
    let (variants, drawn): (Vec<_>, Vec<_>) = variants.into_iter().unzip();
    outputs::join(folder, plan.outputs, experiment.variants.len())?;
    let summary = Summary {
        schema_version: SCHEMA_VERSION,
        windtunnel: program::VERSION.to_owned(),
        build: program::build().to_owned(),
        name: experiment.name.clone(),
        description: experiment.description.clone(),
        scenario_hash: scenario_hash(experiment),
        inputs: input_hashes(experiment)?,
        definitions: metric_definitions(),
        variants,
    };
    // The hash is of the paths as written, so it is the same whatever the result folder is called.
    folder.text("scenario.yaml", &scenario_text(experiment, folder))?;
    folder.json("summary.json", &summary)?;
    let report = ReportData {
        schema_version: REPORT_DATA_VERSION,
        variants: drawn,
    };
    folder.text(REPORT_DATA_FILE, &report.to_json())?;
    Ok((summary, report))
}

/// The experiment as it was run, and where its paths start, seen from the result folder.
pub fn scenario_text(experiment: &Experiment, folder: &ResultFolder) -> String {
    let base = paths::base_line(experiment, folder.out());
    base + &as_run::to_yaml(experiment)
}

/// Definitions of all metrics.
pub fn metric_definitions() -> Vec<MetricDefinition> {
    let definition = |entry: &MetricEntry| MetricDefinition {
        titles: { entry.ids() }
            .map(|(id, _)| (id.clone(), registry::title(&id)))
            .collect(),
        definition: format!(
            "{} {}. Over: {}. Census: {}. Unfinished: {}.",
            entry.summary, entry.formula, entry.denominators, entry.census, entry.censoring
        ),
    };
    registry::REGISTRY.iter().map(definition).collect()
}

impl ExperimentError {
    /// The error of a variant's run, with its seed where there are several and it matters.
    pub(crate) fn of_run(
        source: RunError,
        experiment: &Experiment,
        variant: &str,
        seed: Option<u64>,
    ) -> Self {
        let (is_of_a_file, is_of_a_setting) = (source.is_of_a_file(), source.is_of_a_setting());
        let has_others = experiment.variants.len() > 1;
        Self::Variant {
            variant: (has_others && !is_of_a_file).then(|| variant.to_owned()),
            seed: seed.filter(|_| !is_of_a_file && !is_of_a_setting),
            source: Box::new(pointed(source, experiment, variant)),
        }
    }
}

/// Error of a setting, with the place where the setting was written. Where a trace does not go with a
/// setting, the error of the trace names the setting in the place of a file.
fn pointed(source: RunError, experiment: &Experiment, variant: &str) -> RunError {
    let place = |message: &str| {
        let place = experiment.places.of_message(variant, message);
        place.map_or_else(String::new, |place| format!("\n --> {place}"))
    };
    let pointed = |error: TraceError| match error {
        TraceError::Format { file, reason } => TraceError::Format {
            reason: format!("{reason}{}", place(&format!("{file}: "))),
            file,
        },
        other => other,
    };
    match source {
        RunError::Build(BuildError::Experiment(why)) => {
            RunError::Build(BuildError::Experiment(format!("{why}{}", place(&why))))
        }
        RunError::Build(BuildError::Trace(error)) => {
            RunError::Build(BuildError::Trace(pointed(error)))
        }
        RunError::Sim(SimError::Trace(error)) => RunError::Sim(SimError::Trace(pointed(error))),
        other => other,
    }
}

fn run_one(
    plan: &Plan<'_>,
    folder: &ResultFolder,
    index: usize,
    variant: &VariantPlan,
    journey: Option<&Journey<'_>>,
) -> Result<(VariantSummary, VariantData), ExperimentError> {
    let failed =
        |source: RunError| ExperimentError::of_run(source, plan.experiment, &variant.name, None);
    let mut stopover = journey.map(|journey| journey.stopover(index, variant));
    // Up to the stop it is run as it was.
    let before = journey.and_then(|journey| journey.before(index));
    let scenario = before.unwrap_or(&variant.scenario);
    let files = FileSource::of(&plan.experiment.files);
    let probe = plan.probes.get(index).cloned().unwrap_or_default();
    let input = probe.part("input");
    let prepared = probe.within(input, || prepare(scenario, &files));
    let mut prepared = prepared.map_err(|error| failed(error.into()))?;
    prepared.probe = probe.clone();
    let place = Place {
        variant: index,
        variants: plan.experiment.variants.len(),
    };
    let mut outputs = VariantOutputs::start(folder, plan.outputs, &variant.name, place)?;
    let mut control = RunControl {
        interrupted: plan.interrupted,
        progress: &mut |reached| plan.progress.at(index, reached),
    };
    let tables = Tables {
        report_pods: Some(PODS_MAX / plan.experiment.variants.len().max(1)),
        ..outputs.tables()
    };
    plan.progress.begun(index);
    let run = || {
        let stopover = stopover.as_mut();
        run_through(
            scenario,
            prepared,
            plan.form,
            stopover,
            tables,
            &mut control,
        )
    };
    let (mut outcome, stopped) = match probe.within(probe.part("engine"), run) {
        // What happened before is kept, and told to be no whole run.
        Err(RunError::Stopped { error, outcome }) => (*outcome, Some(error)),
        outcome => (outcome.map_err(failed)?, None),
    };
    if let (Some(journey), Some(stopover)) = (journey, stopover) {
        journey.arrived(index, stopover);
    }
    if outcome.end.cause == EndCause::Interrupted {
        return Err(ExperimentError::Interrupted);
    }
    probe.within(probe.part(OUTPUT), || outputs.finish())?;
    plan.progress.finished(index);
    let report = VariantData {
        name: variant.name.clone(),
        ..outcome.report.take().unwrap_or_default()
    };
    let summary = VariantSummary {
        stopped: stopped.map(|error| error.to_string()),
        ..summarize(variant, &plan.experiment.files, outcome)
    };
    Ok((summary, report))
}

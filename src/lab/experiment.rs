//! Running an experiment: its variants side by side, their tables and summary into one folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;
use thiserror::Error;

use crate::control::Probe;
use crate::control::scheduler::evaluate::Form;
use crate::metrics::services::{ServiceLatency, ServiceRow};
use crate::metrics::{CostTable, Direction, RunMetrics, registry, workloads};
use crate::model::EvictionCause;
use crate::model::traffic::FailureCause;
use crate::scenario::{Experiment, VariantPlan, as_run};
use crate::sim::{EndCause, Reached, RunControl, SimError};
use crate::systems::mapping::Mapping;
use crate::trace::TraceError;

use super::build::{BuildError, FileSource};
use super::folder::{FolderError, ResultFolder};
use super::inputs;
use super::outputs::{self, Outputs, VariantOutputs};
use super::paths;
use super::report_data::{
    PODS_MAX, REPORT_DATA_FILE, REPORT_DATA_VERSION, ReportData, VariantData,
};
use super::run::{OUTPUT, Outcome, RunError, Tables, prepare, run_through};
use super::summary::{
    ArrivedSummary, CostSummary, InputSummary, MetricDefinition, MetricSummary, NodeCostSummary,
    SCHEMA_VERSION, ServiceObjectiveSummary, ServiceSummary, Summary, TenantCostSummary,
    UnexpressedSummary, VariantSummary, WorkloadSummary, title_of_id,
};
use super::tables::Place;
use super::travel::Journey;

/// Why an experiment has no result.
#[derive(Debug, Error)]
pub enum ExperimentError {
    /// A variant has none.
    #[error("{}{source}", told(variant.as_deref(), *seed))]
    Variant {
        /// Which; `None` where it does not matter: there is only one, or a file is wrong.
        variant: Option<String>,
        /// Under which seed, where it runs under several.
        seed: Option<u64>,
        /// Why.
        source: Box<RunError>,
    },
    /// The result can't be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// An input can't be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// It was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The threads can't be started.
    #[error("can't start {threads} threads: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
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
            Self::Interrupted | Self::Threads { .. } => false,
        }
    }

    /// What to do about it, where its text does not say.
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
        RunError::Build(_) | RunError::Sim(SimError::Trace(_) | SimError::Declaration { .. })
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
pub trait Progress: Sync {
    /// How far a variant is.
    fn at(&self, variant: usize, reached: Reached);

    /// A variant has its input and begins.
    fn begun(&self, variant: usize) {
        let _ = variant;
    }

    /// A variant is finished.
    fn finished(&self, variant: usize);
}

/// How to run.
pub struct Plan<'a> {
    /// What to run.
    pub experiment: &'a Experiment,
    /// How many variants run at once.
    pub threads: usize,
    /// Set from outside to stop.
    pub interrupted: &'a AtomicBool,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// What is left beside the summary.
    pub outputs: Outputs,
    /// A label for each variant, at [`IDLE`] while it does not run; none if nobody looks.
    pub probes: &'a [Probe],
}

/// The part of a variant that has not begun or has ended.
pub const IDLE: &str = "idle";

/// Runs every variant and writes tables and summary; the caller adds plots and report and finishes
/// the folder.
pub fn run_experiment(
    plan: &Plan<'_>,
    folder: &ResultFolder,
) -> Result<(Summary, ReportData), ExperimentError> {
    run_journey(plan, folder, None)
}

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
                        let outcome = run_one(plan, folder, (index, variant), journey);
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
        windtunnel: env!("CARGO_PKG_VERSION").to_owned(),
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

/// The hash of an experiment as run, every default filled in.
pub fn scenario_hash(experiment: &Experiment) -> String {
    let scenario = as_run::to_yaml(experiment);
    blake3::hash(scenario.as_bytes()).to_hex().to_string()
}

/// The files that an experiment reads, with the hashes of their content.
pub fn input_hashes(experiment: &Experiment) -> Result<Vec<InputSummary>, ExperimentError> {
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

/// The experiment as it was run, with its files named as the result folder sees them.
pub fn scenario_text(experiment: &Experiment, folder: &ResultFolder) -> String {
    let seen = |written: &str| paths::seen_from(experiment, written, folder.out());
    as_run::to_yaml(&as_run::moved(experiment, &seen))
}

/// What every metric means.
pub fn metric_definitions() -> BTreeMap<String, MetricDefinition> {
    let entries = registry::REGISTRY.iter().flat_map(|entry| {
        entry.ids().map(|(id, _)| {
            let definition = MetricDefinition {
                title: title_of_id(&id),
                definition: format!(
                    "{} {}. Over: {}. Census: {}. Unfinished: {}.",
                    entry.summary, entry.formula, entry.denominators, entry.census, entry.censoring
                ),
            };
            (id, definition)
        })
    });
    entries.collect()
}

fn run_one(
    plan: &Plan<'_>,
    folder: &ResultFolder,
    (index, variant): (usize, &VariantPlan),
    journey: Option<&Journey<'_>>,
) -> Result<(VariantSummary, VariantData), ExperimentError> {
    let failed = |source: RunError| {
        let is_of_a_file = matches!(
            source,
            RunError::Build(BuildError::Trace(_)) | RunError::Sim(SimError::Trace(_))
        );
        let matters = plan.experiment.variants.len() > 1 && !is_of_a_file;
        ExperimentError::Variant {
            variant: matters.then(|| variant.name.clone()),
            seed: None,
            source: Box::new(source),
        }
    };
    let mut stopover = journey.map(|journey| journey.stopover(index, variant));
    // Up to the stop it is run as it was.
    let before = journey.and_then(|journey| journey.before(index));
    let scenario = before.unwrap_or(&variant.scenario);
    let files = FileSource {
        files: &plan.experiment.files,
    };
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
    let how = (Form::Incremental, stopover.as_mut());
    plan.progress.begun(index);
    let run = || run_through(scenario, prepared, how, tables, &mut control);
    let mut outcome = probe.within(probe.part("engine"), run).map_err(failed)?;
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
    Ok((summarize(variant, outcome), report))
}

/// What a run came to, as the summary tells it.
pub(super) fn summarize(variant: &VariantPlan, outcome: Outcome) -> VariantSummary {
    let scheduler = &variant.scenario.system.scheduler;
    let scheduler = match &scheduler.queue {
        Some(queue) => format!("{queue}, backfill {}", backfill_name(scheduler.backfill)),
        None => variant.scenario.system.placement(),
    };
    VariantSummary {
        name: variant.name.clone(),
        seed: variant.scenario.seed,
        system: variant.scenario.system.name.clone(),
        scheduler,
        nodes: outcome.nodes,
        pods: outcome.pods,
        ended: ended(outcome.end.cause).to_owned(),
        end_ns: outcome.end.at.as_nanos(),
        changes: outcome.end.changes,
        decisions: outcome.end.decisions,
        digest: outcome.end.digest,
        ledger: outcome.remarks,
        unexpressed: unexpressed(&outcome.mapping),
        arrived: outcome
            .metrics
            .arrived
            .as_ref()
            .map(|tables| ArrivedSummary {
                allocation_percent: tables.allocation.clone(),
                fragmentation_percent: tables.fragmented.clone(),
                fragmented_idle_percent: tables.fragmented_share.clone(),
            }),
        metrics: metrics(&outcome.metrics),
        workloads: outcome.metrics.workloads.iter().map(workload).collect(),
        services: outcome.metrics.services.iter().map(service).collect(),
        costs: outcome.metrics.costs.as_ref().map(costs),
    }
}

/// What became of the requests to a service.
fn service(row: &ServiceRow) -> ServiceSummary {
    let failed = row.failures();
    let ended = row.served + failed;
    let errors = FailureCause::ALL.into_iter().zip(row.failed);
    let errors = errors.filter(|(_, count)| *count > 0);
    let latency = |of: fn(&ServiceLatency) -> f64| row.latency.as_ref().map(of);
    ServiceSummary {
        service: row.service.to_string(),
        offered: row.offered,
        served: row.served,
        failed,
        errors: errors
            .map(|(cause, count)| (cause.name().to_owned(), count))
            .collect(),
        error_rate: (ended > 0).then(|| failed as f64 / ended as f64),
        retries: row.retries,
        latency_mean_s: latency(|own| own.mean),
        latency_p50_s: latency(|own| own.p50),
        latency_p95_s: latency(|own| own.p95),
        latency_p99_s: latency(|own| own.p99),
        objectives: (row.objectives.iter())
            .map(|own| ServiceObjectiveSummary {
                group: own.group.to_string(),
                latency_s: own.objective.latency.as_secs_f64(),
                share: own.objective.share,
                within: own.within,
                burn: own.burn,
            })
            .collect(),
        saturation: row.saturation,
        saturation_peak: row.saturation_peak,
        queue_mean: row.queue_mean,
        endpoints_mean: row.endpoints_mean,
    }
}

/// What nodes cost.
fn costs(own: &CostTable) -> CostSummary {
    let tenants = own.tenants.iter().map(|tenant| TenantCostSummary {
        name: tenant.name.to_string(),
        by_requests: tenant.by_requests,
        by_use: tenant.by_use,
        served: tenant.served,
        per_million_requests: (tenant.served > 0)
            .then(|| tenant.by_requests / (tenant.served as f64 / 1e6)),
    });
    let nodes = own.nodes.iter().map(|kind| NodeCostSummary {
        instance_type: kind.instance_type.to_string(),
        spot: kind.is_spot,
        nodes: kind.nodes,
        price: kind.price,
        hours: kind.hours,
        billed_hours: kind.billed_hours,
        cost: kind.cost,
    });
    CostSummary {
        currency: own.currency.to_string(),
        billing: own.billing.to_owned(),
        total: own.total,
        rounding: own.rounding,
        idle: own.idle,
        idle_by_use: own.idle_by_use,
        tenants: tenants.collect(),
        nodes: nodes.collect(),
    }
}

/// What became of a workload.
fn workload(row: &workloads::Row) -> WorkloadSummary {
    let sums = &row.sums;
    let mut missing = sums.desired;
    missing.take(&sums.ready);
    let (mean, most) = sums.repairs.known().unzip();
    let evictions = EvictionCause::ALL
        .into_iter()
        .map(|cause| (cause.name().to_owned(), sums.evictions[cause as usize]));
    WorkloadSummary {
        kind: row.kind.to_owned(),
        namespace: row.namespace.to_string(),
        name: row.name.to_string(),
        desired: row.desired,
        required: row.required,
        ready: row.ready,
        availability: sums.available.ratio(&sums.wanted, "").ok(),
        unplanned_loss: sums.unplanned.ratio(&sums.wanted, "").ok(),
        replica_availability: sums.ready.ratio(&sums.desired, "").ok(),
        missing_pod_hours: missing.mean(3_600_000_000_000).ok(),
        worst_missing: sums.worst_missing,
        losses: sums.repairs.count(),
        unrepaired: sums.unrepaired,
        recovery_mean_s: mean,
        recovery_max_s: most,
        rollouts: sums.rollouts.count() + sums.superseded,
        rollouts_unfinished: sums.unfinished,
        rollout_max_s: sums.rollouts.known().map(|(_, most)| most),
        lowest_ready: workloads::lowest_share(sums.lowest.into_iter()),
        evictions: evictions.filter(|(_, count)| *count > 0).collect(),
        restarts: sums.restarts,
        moves: sums.moves,
        blast_radius: workloads::largest_share(sums.blast.into_iter()),
    }
}

fn unexpressed(mapping: &Mapping) -> Vec<UnexpressedSummary> {
    let gaps = mapping.gaps.iter().map(|gap| UnexpressedSummary {
        capability: gap.capability.to_string(),
        object: gap.object.clone(),
        field: gap.field.to_owned(),
        count: gap.count,
        refused: gap.is_refused,
        instead: gap.instead.to_owned(),
    });
    gaps.collect()
}

const fn backfill_name(backfill: crate::scenario::schema::Backfill) -> &'static str {
    match backfill {
        crate::scenario::schema::Backfill::None => "none",
        crate::scenario::schema::Backfill::GreedyOnce => "greedy-once",
    }
}

const fn ended(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Reached => "reached",
        EndCause::Drained => "drained",
        EndCause::Idle => "idle",
        EndCause::Interrupted => "interrupted",
    }
}

fn metrics(run: &RunMetrics) -> BTreeMap<String, MetricSummary> {
    let known = run
        .values
        .iter()
        .filter_map(|value| Some((value, registry::find(&value.id)?.1)));
    known
        .map(|(value, statistic)| {
            let better = match statistic.direction {
                Direction::Lower => "lower",
                Direction::Higher => "higher",
                Direction::None => "none",
            };
            let summary = MetricSummary {
                value: value.value,
                unit: statistic.unit.to_owned(),
                better: better.to_owned(),
                note: value.reason.clone(),
                approximate: value.approx,
                observations: value.n,
            };
            (value.id.clone(), summary)
        })
        .collect()
}

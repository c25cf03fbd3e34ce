//! Runs what is missing of a sweep, on all threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::record::RunRecord;
use super::{Plan, PlannedRun, Shard, SweepError, SweepFolder};
use crate::run::{RunError, Tables, prepare, run_quietly};
use crate::summarize::summarize;
use scenario::VariantPlan;
use sim::EndCause;
use world::FileSource;

/// Execution of a sweep.
pub struct Execution<'a> {
    /// Plan to run.
    pub plan: &'a Plan,
    /// Part of the sweep to run.
    pub shard: Shard,
    /// Folder that records go to.
    pub folder: &'a SweepFolder,
    /// Number of runs that go on at once.
    pub threads: usize,
    /// Set from outside to stop.
    pub interrupted: &'a AtomicBool,
    /// Told whenever a run is there: how many are, of how many.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// Result of the execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// Runs of this shard.
    pub runs: usize,
    /// Number of records that were there already.
    pub found: usize,
    /// Records that were damaged, in words; their runs were made again.
    pub damaged: Vec<String>,
}

/// Runs what is missing.
///
/// # Errors
/// If a run fails, a record can't be kept, or it was interrupted; what was finished is kept.
pub fn execute(execution: &Execution<'_>) -> Result<Executed, SweepError> {
    let Execution { plan, shard, .. } = *execution;
    let planned = plan.runs.iter().enumerate();
    let mine: Vec<&PlannedRun> = planned
        .filter(|(position, _)| shard.has(*position))
        .map(|(_, run)| run)
        .collect();
    let mut done = Executed {
        runs: mine.len(),
        ..Executed::default()
    };
    let mut missing = Vec::new();
    for run in mine {
        if run.asks_function {
            execution.folder.forget(&run.key)?;
        }
        match execution.folder.record(&run.key)? {
            Some(Ok(_)) => done.found += 1,
            Some(Err(reason)) => {
                let path = super::store::record_path(execution.folder.folder().path(), &run.key);
                done.damaged.push(format!("{}: {reason}", path.display()));
                missing.push(run);
            }
            None => missing.push(run),
        }
    }
    (execution.progress)(done.found, done.runs);
    let finished = AtomicUsize::new(done.found);
    let failed: Mutex<Option<SweepError>> = Mutex::new(None);
    let stop = AtomicBool::new(false);
    pool(execution.threads)?.install(|| {
        missing.par_iter().with_max_len(1).for_each(|run| {
            if stop.load(Ordering::Relaxed) || execution.interrupted.load(Ordering::Relaxed) {
                return;
            }
            match one(execution, run) {
                Ok(true) => {
                    let count = finished.fetch_add(1, Ordering::Relaxed) + 1;
                    (execution.progress)(count, done.runs);
                }
                Ok(false) => {}
                Err(error) => {
                    // Where one run can't go on, others can: what they come to is kept.
                    // A function is its caller's, who waits to hear what it raised.
                    let is_own = !run.asks_function
                        && matches!(&error, SweepError::Run { source, .. }
                            if matches!(**source, RunError::Stopped { .. }));
                    stop.fetch_or(!is_own, Ordering::Relaxed);
                    let mut first = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert(error);
                }
            }
        });
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let finished = finished.into_inner();
    if finished < done.runs {
        return Err(SweepError::Interrupted {
            finished,
            runs: done.runs,
        });
    }
    Ok(done)
}

fn pool(threads: usize) -> Result<rayon::ThreadPool, SweepError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| SweepError::Threads {
        threads,
        reason: error.to_string(),
    })
}

/// Makes one run and keeps its record; false where it was interrupted.
fn one(execution: &Execution<'_>, planned: &PlannedRun) -> Result<bool, SweepError> {
    match run_alone(execution.plan, planned, execution.interrupted)? {
        Some(record) => execution.folder.keep(&record).map(|()| true),
        None => Ok(false),
    }
}

/// Makes one run, wherever its record goes; none where it was interrupted.
///
/// # Errors
/// If it can't be made.
pub fn run_alone(
    plan: &Plan,
    planned: &PlannedRun,
    interrupted: &AtomicBool,
) -> Result<Option<RunRecord>, SweepError> {
    let failed = |source| {
        let row = plan.file.runs.iter().position(|key| *key == planned.key);
        SweepError::Run {
            at: plan.file.words(row.unwrap_or(0)),
            source: Box::new(source),
        }
    };
    let files = &plan.experiments[planned.experiment].files;
    let prepared =
        prepare(&planned.scenario, &FileSource::of(files)).map_err(|error| failed(error.into()))?;
    let (scenario, tables) = (&planned.scenario, Tables::default());
    let outcome = run_quietly(scenario, prepared, tables, interrupted).map_err(failed)?;
    if outcome.end.cause == EndCause::Interrupted {
        return Ok(None);
    }
    let variant = VariantPlan {
        name: planned.variant.clone(),
        scenario: planned.scenario.clone(),
    };
    let run = summarize(&variant, files, outcome);
    Ok(Some(RunRecord::of(&planned.key, &plan.file.program, run)))
}

//! Comparisons whose runs have records: they go on where they were stopped, and processes share them.

use lab::compare::{self, CompareError};
use lab::experiment::ExperimentError;
use lab::replicate::RunRecords;
use lab::sweep::Shard;
use scenario::Experiment;
use units::plural;

use super::super::{Exit, Failure, Global, interrupt, terminal};
use super::{CompareArguments, counted, gated_settings};

/// The folders of records, if any are named.
pub(super) fn open(arguments: &CompareArguments) -> Result<Option<RunRecords>, Failure> {
    let shard = match &arguments.shard {
        Some(text) => Shard::read(text, &|name| std::env::var(name).ok())?,
        None => Shard::WHOLE,
    };
    let records = RunRecords::open(&arguments.records, shard);
    Ok(records.map_err(ExperimentError::from)?)
}

/// Makes the runs of a shard.
pub(super) fn make_part(
    global: &Global,
    arguments: &CompareArguments,
    experiments: &[Experiment],
    records: &RunRecords,
) -> Result<Exit, Failure> {
    for experiment in experiments {
        let settings = gated_settings(arguments, experiment);
        let made = counted(global, |workers| {
            compare::run_part(experiment, &settings, workers, records)
        });
        made.map_err(|error| failure(error, Some(records)))?;
    }
    let (made, found) = (records.made(), records.found());
    let told = format!(
        "shard {}: {} made, {found} {} there already\n\
         when all shards are done, the same command without --shard compares\n",
        records.shard(),
        plural::count(made, "run"),
        plural::either(found, "was", "were"),
    );
    terminal::print(&told);
    Ok(Exit::Done)
}

/// Failure of a comparison; one that was interrupted tells what is kept.
pub(super) fn failure(error: CompareError, records: Option<&RunRecords>) -> Failure {
    let is_interrupted = matches!(
        &error,
        CompareError::Experiment(ExperimentError::Interrupted)
    );
    match records.filter(|_| is_interrupted) {
        Some(records) => {
            let kept = records.found() + records.made();
            let words = plural::count(kept, "run");
            let verb = plural::either(kept, "has a record", "have records");
            Failure::new(
                interrupt::exit(),
                format!("interrupted; {words} {verb}: the same command resumes"),
            )
        }
        None => error.into(),
    }
}

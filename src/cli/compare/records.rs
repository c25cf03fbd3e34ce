//! Comparisons whose runs have records: they go on where they were stopped, and processes share them.

use std::path::PathBuf;

use lab::compare::{self, CompareError, RunTasks};
use lab::experiment::ExperimentError;
use lab::folder::KeptFolder;
use lab::replicate::RunRecords;
use lab::sweep::Shard;
use scenario::Experiment;
use units::plural;

use super::super::submission::{self, Submission};
use super::super::{Exit, Failure, Global, interrupt, output, terminal};
use super::{CompareArguments, counted, gated_settings, rerun};

/// The folders of records, if any are named.
pub(super) fn open(arguments: &CompareArguments) -> Result<Option<RunRecords>, Failure> {
    if arguments.wait {
        return Ok(RunRecords::beside(&arguments.records).map_err(ExperimentError::from)?);
    }
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

/// Waits until every run has a record, where that is asked for.
pub(super) fn wait(
    global: &Global,
    arguments: &CompareArguments,
    experiments: &[Experiment],
    records: Option<&RunRecords>,
) -> Result<(), Failure> {
    let Some(records) = records.filter(|_| arguments.wait) else {
        return Ok(());
    };
    for experiment in experiments {
        let tasks = RunTasks::new(experiment, gated_settings(arguments, experiment))?;
        let mut told = 0;
        loop {
            let missing = counted(global, |workers| tasks.missing(workers, records))?;
            if missing.is_empty() {
                break;
            }
            if told != missing.len() && !global.quiet {
                let runs = plural::count(missing.len(), "run");
                terminal::complain(&format!("waiting: of {}, {runs} or more", experiment.name));
            }
            told = missing.len();
            submission::pause()?;
        }
    }
    Ok(())
}

/// Hands the shards of a comparison to an engine.
pub(super) fn hand_over(
    global: &Global,
    arguments: &CompareArguments,
    experiments: &[Experiment],
) -> Result<Exit, Failure> {
    let [folder, ..] = arguments.records.as_slice() else {
        return Err(Failure::input(
            "--submit and --emit need `--records DIR`, the folder in which shards leave their runs",
        ));
    };
    if arguments.precision.is_some() {
        return Err(Failure::input(
            "--precision chooses its runs by the results, so it has no shards; leave it out",
        ));
    }
    // What can't be shared is refused here, not by every task.
    for experiment in experiments {
        RunTasks::new(experiment, gated_settings(arguments, experiment))?;
    }
    let named = experiments.first().map_or("", |own| own.name.as_str());
    let name = if experiments.len() > 1 { "logs" } else { named };
    let default = || output::default_folder(&format!("{name}-compare"));
    let out = arguments.out.clone().map_or_else(default, Ok)?;
    let mut end = rerun::shared(global, arguments);
    end.extend(arguments.out.iter().flat_map(|own| {
        let own = own.display().to_string();
        ["--out".to_owned(), own]
    }));
    end.extend(arguments.force.then(|| "--force".to_owned()));
    let files = arguments.what.iter().chain(&arguments.variants);
    let submission = Submission {
        study: lab::sweep::engine::Study {
            shard: rerun::shared(global, arguments),
            end,
            folder: folder.clone(),
        },
        name,
        files: files.map(PathBuf::as_path).collect(),
        planned: format!("{name}: a comparison whose runs leave records\n"),
        runs: None,
        result: out,
        open: &|write| write(&KeptFolder::open(folder, "").map_err(ExperimentError::from)?),
    };
    submission::submit(&submission, &arguments.submission)
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

//! `windtunnel compare`: candidates on the same workload and failures with paired seeds, or
//! finished runs.

mod logs;
mod records;
mod rerun;

use std::path::{Path, PathBuf};
use std::time::Instant as Clock;

use clap::Args;

use lab::by_system::{UnknownSystem, by_system};
use lab::compare::{self, CompareError, Finished, Settings, Study};
use lab::folder::{Existing, ResultFolder};
use lab::replicate::RunRecords;
use lab::shell::quoted;
use report::result_files::{self, write_compared};
use report::run::ReportRun;
use report::study::{self, StudyOptions};
use report::{self, Format};
use scenario::{Experiment, NamedText};
use units::Duration;

use super::experiment_file::{self, MessageFormat, Reading};
use super::report::{check_label, label};
use super::run_arguments::SummaryFormat;
use super::run_count::counted;
use super::submission::SubmissionArguments;
use super::{Exit, Failure, Global, output, source, terminal};
use rerun::{asked_of_metrics, portable, rerun};

/// Arguments of `compare`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompareArguments {
    /// Experiment file whose variants are compared, one of each log for a comparison on several, or result
    /// folders of finished runs or of a sweep [default: the bundled experiment]
    #[arg(value_name = "SCENARIO|RUN")]
    what: Vec<PathBuf>,
    /// Of a sweep, compare the points at which this field has this value; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    at: Vec<String>,
    /// Compare the variants of this file instead: a map from names to overrides
    #[arg(long, value_name = "FILE", conflicts_with = "systems")]
    pub(super) variants: Option<PathBuf>,
    /// Compare these systems instead, with default settings except for the experiment's own system
    #[arg(long = "system", value_name = "A,B", value_delimiter = ',', num_args = 1..)]
    pub(super) systems: Vec<String>,
    /// Baseline variant [default: the first]
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Paired runs per candidate; seeds are consecutive, starting at the scenario's
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seeds: u32,
    /// Add seeds until the confidence intervals of the gated metrics are this narrow to either
    /// side, such as 1%
    #[arg(long, value_name = "SHARE", value_parser = precision)]
    precision: Option<f64>,
    /// With --precision: maximum number of seeds [default: ten times --seeds]
    #[arg(long, value_name = "N", requires = "precision")]
    max_seeds: Option<u32>,
    /// Compare over logs made of blocks of this length, such as 1d, drawn from the recorded one (block bootstrap),
    /// three for each seed
    #[arg(long, value_name = "DURATION", value_parser = block, conflicts_with = "precision")]
    blocks: Option<Duration>,
    /// Gated metrics, whose tests are corrected together [default: those of the objectives,
    /// otherwise the main ones]
    #[arg(long = "metric", value_name = "ID", num_args = 1..)]
    pub(super) metrics: Vec<String>,
    /// Compare every candidate with every other, and rank them all in each gated metric
    #[arg(long)]
    all_pairs: bool,
    /// Mark the Pareto front over two metrics
    #[arg(long, value_name = "X,Y", value_parser = two_ids)]
    pub(super) pareto: Option<(String, String)>,
    /// Override a field of every variant, such as `seed=7`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) sets: Vec<String>,
    /// Override the first seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Result folder [default: results/NAME-compare; none for finished runs]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace an existing result folder
    #[arg(long)]
    force: bool,
    /// Keep a record of each run in the first folder, and take those that the folders have: the same command goes
    /// on where it was stopped, and several processes share one comparison
    #[arg(long, value_name = "DIR", num_args = 1.., help_heading = "Many machines")]
    records: Vec<PathBuf>,
    /// Make only part I of N of the runs, for their records; `auto` (or `auto/N`) asks the engine that started this
    /// process
    #[arg(
        long,
        value_name = "I/N",
        requires = "records",
        conflicts_with = "precision",
        help_heading = "Many machines"
    )]
    shard: Option<String>,
    /// Wait until shards that others make have left a record of every run
    #[arg(
        long,
        requires = "records",
        conflicts_with = "shard",
        help_heading = "Many machines"
    )]
    wait: bool,
    #[command(flatten)]
    submission: SubmissionArguments,
    /// Output format of the comparison
    #[arg(long, value_enum, default_value_t = SummaryFormat::Table)]
    format: SummaryFormat,
    /// With --format latex: label by which the text of a paper refers to the table
    #[arg(long, value_name = "NAME", value_parser = label)]
    label: Option<String>,
    /// Output format for errors in the experiment file
    #[arg(long, value_enum, default_value_t = MessageFormat::Human)]
    message_format: MessageFormat,
}

const EXAMPLES: &str = "Examples:
  windtunnel compare scenarios/job-queues.yaml --seeds 20
  windtunnel compare hpc2n.yaml nasa.yaml lcg.yaml --variants mine.yaml
  windtunnel compare cluster.yaml --variants mine.yaml --precision 1%
  windtunnel compare cluster.yaml --metric pending_time.p99 allocation.cpu.mean
  windtunnel compare log.yaml --blocks 1d
  windtunnel compare cluster.yaml --variants mine.yaml --all-pairs --metric pending_time.mean
  windtunnel compare cluster.yaml --records kept --shard 1/4    (on each of four machines)
  windtunnel compare cluster.yaml --records kept
  windtunnel compare cluster.yaml --records kept --submit slurm --shards 64
  windtunnel compare results/cluster-sweep --at cluster.nodes.0.count=8    (the runs of a sweep)
  windtunnel compare cluster.yaml --pareto cost.total,pending_time.p99
  windtunnel compare results/before results/after --format markdown";

/// Parses a share above 0 and below 1, as `1%` or `0.01`.
fn precision(text: &str) -> Result<f64, String> {
    let (number, divisor) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share = number.trim().parse::<f64>().map(|number| number / divisor);
    match share {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        Ok(share) if share.abs() <= 0.0 => {
            Err("no number of seeds reaches a precision of 0; expected such as 1%".to_owned())
        }
        _ => Err("expected a share above 0 % and below 100 %, such as 1% or 0.01".to_owned()),
    }
}

/// Parses the length of blocks.
fn block(text: &str) -> Result<Duration, String> {
    let length = text.parse::<Duration>().ok();
    length
        .filter(|length| *length >= Duration::from_secs(60))
        .ok_or_else(|| "expected a duration of at least a minute, such as 1d or 12h".to_owned())
}

fn two_ids(text: &str) -> Result<(String, String), String> {
    match text.split(',').collect::<Vec<_>>().as_slice() {
        [x, y] if !x.is_empty() && !y.is_empty() && x != y => {
            Ok(((*x).to_owned(), (*y).to_owned()))
        }
        _ => Err("expected two metrics, such as cost.total,pending_time.p99".to_owned()),
    }
}

pub(super) fn run(global: &Global, arguments: &CompareArguments) -> Result<Exit, Failure> {
    let is_latex = matches!(arguments.format, SummaryFormat::Latex);
    check_label(arguments.label.as_ref(), is_latex)?;
    let folders = arguments.what.iter().filter(|path| path.is_dir()).count();
    let submission = &arguments.submission;
    if submission.dry_run && !submission.is_wanted() {
        return Err(Failure::input(
            "--dry-run shows what would be submitted; give `--submit` or `--emit`, or leave it out",
        ));
    }
    if folders == 0 {
        // It says what is wrong with points of no sweep.
        result_files::read_runs(&[], &arguments.at)?;
    }
    match (folders, arguments.what.as_slice()) {
        (0, []) => of_scenario(global, arguments, None),
        (0, [scenario]) => of_scenario(global, arguments, Some(scenario)),
        (_, all) if folders == all.len() => of_folders(global, arguments),
        (_, all) if all.iter().any(|path| !path.exists()) => {
            let missing = all.iter().find(|path| !path.exists());
            let missing = missing.map_or_else(String::new, |path| path.display().to_string());
            Err(Failure::input(format!(
                "{missing}: no such experiment file or result folder; give experiment files, or the result \
                 folders of finished runs"
            )))
        }
        (0, files) => logs::run(global, arguments, files),
        (_, all) => {
            let file = all.iter().find(|path| !path.is_dir());
            let file = file.map_or_else(String::new, |path| path.display().to_string());
            Err(Failure::input(format!(
                "{file}: not a result folder, unlike other arguments; give either experiment \
                 files or only result folders"
            )))
        }
    }
}

fn settings(arguments: &CompareArguments) -> Settings {
    let seeds = arguments.seeds as usize;
    Settings {
        seeds,
        precision: arguments.precision,
        seeds_max: (arguments.max_seeds).map_or(seeds * 10, |most| (most as usize).max(seeds)),
        baseline: arguments.baseline.clone(),
        gated: arguments.metrics.clone(),
        pareto: arguments.pareto.clone(),
        all_pairs: arguments.all_pairs,
        block: arguments.blocks.map(Duration::as_nanos),
        ..Settings::default()
    }
}

/// Settings of a comparison of an experiment, whose objectives are gated if nothing else is.
fn gated_settings(arguments: &CompareArguments, experiment: &Experiment) -> Settings {
    let mut settings = settings(arguments);
    if settings.gated.is_empty() {
        settings.gated = compare::objectives(experiment);
    }
    settings
}

/// A comparison that was made, in its folder.
pub(super) struct Compared {
    study: Study,
    rerun: String,
    out: PathBuf,
}

fn of_scenario(
    global: &Global,
    arguments: &CompareArguments,
    path: Option<&Path>,
) -> Result<Exit, Failure> {
    let started = Clock::now();
    let experiment = read(global, arguments, path)?;
    let all = std::slice::from_ref(&experiment);
    if arguments.submission.is_wanted() {
        return records::hand_over(global, arguments, all);
    }
    let records = records::open(arguments)?;
    records::wait(global, arguments, all, records.as_ref())?;
    if let Some(records) = records.as_ref().filter(|_| arguments.shard.is_some()) {
        return records::make_part(global, arguments, &[experiment], records);
    }
    let is_default = arguments.out.is_none();
    let default = || output::default_folder(&format!("{}-compare", experiment.name));
    let out = arguments.out.clone().map_or_else(default, Ok)?;
    let folder = ResultFolder::create(&out, Existing::forced(arguments.force || is_default))?;
    let Compared { study, rerun, out } = made(
        global,
        arguments,
        path,
        &experiment,
        folder,
        records.as_ref(),
    )?;
    let report = out.join("report.html").display().to_string();
    let wall_time = terminal::seconds(started.elapsed());
    let options = StudyOptions {
        all: global.verbose,
        wall_time: Some(&wall_time),
        rerun: Some(&rerun),
        report: Some(&report),
        label: arguments.label.as_deref(),
    };
    print(&study, arguments.format.into(), options)?;
    Ok(Exit::Done)
}

/// Makes a comparison and writes it into its folder.
pub(super) fn made(
    global: &Global,
    arguments: &CompareArguments,
    path: Option<&Path>,
    experiment: &Experiment,
    folder: ResultFolder,
    records: Option<&RunRecords>,
) -> Result<Compared, Failure> {
    let settings = gated_settings(arguments, experiment);
    let made = counted(global, |workers| {
        compare::run(experiment, &settings, workers, records)
    });
    let made = made.map_err(|error| records::failure(error, records))?;
    let rerun = rerun(arguments, path, &made.study);
    let first = made.result(experiment, &folder)?.into();
    let kept = portable(&rerun, path);
    write_compared(vec![first], &made.study, &made.candidates, &kept, &folder)?;
    let out = folder.finish()?;
    let study = made.study;
    Ok(Compared { study, rerun, out })
}

fn read(
    global: &Global,
    arguments: &CompareArguments,
    path: Option<&Path>,
) -> Result<Experiment, Failure> {
    let mut sets = arguments.sets.clone();
    sets.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    let read = |variants: Option<NamedText<'_>>| {
        let reading = Reading {
            path,
            sets: &sets,
            variants,
            messages: arguments.message_format,
        };
        Ok(experiment_file::read(global, reading)?.0)
    };
    if let Some(file) = &arguments.variants {
        let (name, text) = source::text_of(file)?;
        return read(Some(NamedText {
            name: &name,
            text: &text,
        }));
    }
    if arguments.systems.is_empty() {
        return read(None);
    }
    by_system(&arguments.systems, &read)
}

impl From<UnknownSystem> for Failure {
    fn from(error: UnknownSystem) -> Self {
        Self::input(format!("--system: {error}"))
    }
}

impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Self {
        let exit = match error.exit_code() {
            2 => Exit::Input,
            3 => Exit::Incomparable,
            4 => Exit::NothingMeasured,
            _ => Exit::Incomplete,
        };
        match error {
            CompareError::Experiment(error) => error.into(),
            error => Self {
                exit,
                message: error.to_string(),
            },
        }
    }
}

fn of_folders(global: &Global, arguments: &CompareArguments) -> Result<Exit, Failure> {
    if !arguments.records.is_empty() {
        return Err(Failure::input(
            "--records keeps runs, and finished ones are given; give the experiment file",
        ));
    }
    if arguments.blocks.is_some() {
        return Err(Failure::input(
            "--blocks makes runs, and finished ones are given; give the experiment file",
        ));
    }
    if arguments.variants.is_some() || !arguments.systems.is_empty() || !arguments.sets.is_empty() {
        return Err(Failure::input(
            "--variants, --system and --set change experiments and can't change finished runs; \
             leave them out",
        ));
    }
    let runs = result_files::read_runs(&arguments.what, &arguments.at)?;
    let finished: Vec<Finished> = runs.iter().map(ReportRun::finished).collect();
    let (study, candidates) = compare::of_runs(&finished, &settings(arguments))?;
    let mut words = vec!["windtunnel compare".to_owned()];
    let folders = arguments.what.iter();
    words.extend(folders.map(|path| quoted(&path.display().to_string())));
    words.extend(
        arguments
            .at
            .iter()
            .map(|own| format!("--at {}", quoted(own))),
    );
    words.extend(asked_of_metrics(arguments));
    words.push(format!("--baseline {}", quoted(&study.baseline)));
    let rerun = words.join(" ");
    let mut report = None;
    if let Some(out) = &arguments.out {
        let folder = ResultFolder::create(out, Existing::forced(arguments.force))?;
        let kept = arguments.what.iter();
        let kept = kept.fold(rerun.clone(), |rerun, path| portable(&rerun, Some(path)));
        write_compared(runs, &study, &candidates, &kept, &folder)?;
        let out = folder.finish()?;
        report = Some(out.join("report.html").display().to_string());
    }
    let options = StudyOptions {
        all: global.verbose,
        wall_time: None,
        rerun: Some(&rerun),
        report: report.as_deref(),
        label: arguments.label.as_deref(),
    };
    print(&study, arguments.format.into(), options)?;
    Ok(Exit::Done)
}

fn print(study: &Study, form: Format, options: StudyOptions<'_>) -> Result<(), Failure> {
    output::print_with(|out| study::write(out, study, form, options))
}

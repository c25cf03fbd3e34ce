//! `windtunnel sweep`: an experiment at many points, resumable, in shards, into one table.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant as Clock;

use clap::Args;

use lab::sweep::axis::Axis;
use lab::sweep::design::{Design, Sampling};
use lab::sweep::engine::Study;
use lab::sweep::{
    Executed, Execution, Grounds, PARQUET_NAME, Plan, Shard, SweepError, SweepFolder, SweepTable,
    When, execute, keep, merge, plan,
};
use report::sweep::{self as words, write_drawings};

use super::run_count::RunCount;
use super::source::{self, Source};
use super::submission::{self, Submission, SubmissionArguments};
use super::{Exit, Failure, Global, interrupt, output, terminal};
use units::plural;

const EXAMPLES: &str = "\
Examples:
  windtunnel sweep s.yaml --grid system.scheduler.profile=fgd,most-allocated --seeds 10
  windtunnel sweep s.yaml --latin 50 --vary workload.0.trace.arrivals.scale=0.5..2
  windtunnel sweep s.yaml --grid … --shard 1/4 --out part-1     (on each of four machines)
  windtunnel sweep --merge part-1 part-2 part-3 part-4 --out whole
  windtunnel sweep s.yaml --grid … --submit slurm --shards 4 --dry-run
  windtunnel sweep s.yaml --grid … --emit lines --shards 64 | parallel

A sweep can be stopped at any time: the same command resumes it.";

/// Arguments of `sweep`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SweepArguments {
    /// Experiment file (YAML or JSON) [default: the bundled one]
    scenario: Option<PathBuf>,
    /// Values of a field, combined with every value of the other grids; may be repeated
    #[arg(long, value_name = "PATH=A,B,C", help_heading = "Points")]
    grid: Vec<String>,
    /// Values of a field, the n-th combined with the n-th of the other lists; may be repeated
    #[arg(long, value_name = "PATH=A,B,C", help_heading = "Points")]
    list: Vec<String>,
    /// Range of a field, sampled by --random, --latin or --sobol; `@log` for a logarithmic scale
    #[arg(long, value_name = "PATH=LOW..HIGH", help_heading = "Points")]
    vary: Vec<String>,
    /// Sample the ranges at N random points
    #[arg(long, value_name = "N", help_heading = "Points",
        conflicts_with_all = ["latin", "sobol"])]
    random: Option<u32>,
    /// Sample the ranges by a Latin hypercube of N points
    #[arg(
        long,
        value_name = "N",
        help_heading = "Points",
        conflicts_with = "sobol"
    )]
    latin: Option<u32>,
    /// Sample k ranges for Sobol indices: N × (k + 2) points
    #[arg(long, value_name = "N", help_heading = "Points")]
    sobol: Option<u32>,
    /// Seed of the samples (not of the runs)
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Points")]
    sampling_seed: u64,
    /// Seeds per point, consecutive from the experiment's own
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Points",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// Override a field at every point; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Folder of the sweep [default: results/NAME-sweep, or the first folder of --merge]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Reuse the folder of another sweep: keep the runs that both have, replace the table
    #[arg(long)]
    force: bool,
    /// Metrics to print, plot and analyze; may be repeated [default: main ones that vary]
    #[arg(long = "metric", value_name = "ID")]
    metrics: Vec<String>,
    /// Run only part I of N; `auto` (or `auto/N`) asks the engine that started this process
    #[arg(long, value_name = "I/N", help_heading = "Many machines")]
    shard: Option<String>,
    /// Merge the folders of shards into one table
    #[arg(long, value_name = "DIR", num_args = 1.., help_heading = "Many machines",
        conflicts_with_all = ["scenario", "grid", "list", "vary", "random", "latin", "sobol",
            "sets", "shard", "submit", "emit", "seeds"])]
    merge: Vec<PathBuf>,
    /// Let the merge wait until every run is there
    #[arg(long, requires = "merge", help_heading = "Many machines")]
    wait: bool,
    #[command(flatten)]
    submission: SubmissionArguments,
}

pub(super) fn run(global: &Global, arguments: &SweepArguments) -> Result<Exit, Failure> {
    let started = Clock::now();
    if !arguments.merge.is_empty() {
        let out = arguments.out.as_ref().unwrap_or(&arguments.merge[0]);
        if arguments.wait {
            wait(global, &arguments.merge)?;
        }
        let table = finish(arguments, &arguments.merge, out)?;
        report(
            global,
            arguments,
            &table,
            out,
            &Executed::default(),
            started,
        )?;
        return Ok(Exit::Done);
    }
    let shard = match &arguments.shard {
        Some(text) => Shard::read(text, &|name| std::env::var(name).ok())?,
        None => Shard::WHOLE,
    };
    let design = design(arguments)?;
    let source = Source::read(global, arguments.scenario.as_deref())?;
    let program = lab::program::identity().to_owned();
    let grounds = Grounds {
        source: &source,
        functions: &[],
        sets: &arguments.sets,
        design: &design,
        seeds: arguments.seeds,
        program: &program,
    };
    let plan = plan(&grounds)?;
    let default = || output::default_folder(&format!("{}-sweep", plan.file.name));
    let out = arguments.out.clone().map_or_else(default, Ok)?;
    if arguments.submission.is_wanted() {
        return hand_over(global, arguments, &plan, &out);
    }
    if arguments.submission.dry_run {
        terminal::print(&words::planned(&plan.file, plan.runs.len()));
        return Ok(Exit::Done);
    }
    let done = all_runs(global, arguments, &plan, &out, shard)?;
    if shard.of > 1 {
        let told = format!(
            "shard {shard} of {}: {}, {} of them {} finished already\n\
             merge all shards with: windtunnel sweep --merge {}\n",
            plan.file.name,
            plural::count(done.runs, "run"),
            done.found,
            plural::either(done.found, "was", "were"),
            out.display()
        );
        terminal::print(&told);
        return Ok(Exit::Done);
    }
    let table = finish(arguments, std::slice::from_ref(&out), &out)?;
    report(global, arguments, &table, &out, &done, started)?;
    Ok(Exit::Done)
}

/// Hands the shards to an engine.
fn hand_over(
    global: &Global,
    arguments: &SweepArguments,
    plan: &Plan,
    out: &Path,
) -> Result<Exit, Failure> {
    let shown = out.display().to_string();
    let mut shard = shared_arguments(global, arguments);
    shard.extend(["--out".to_owned(), shown.clone()]);
    let submission = Submission {
        study: Study {
            shard,
            end: ["sweep", "--merge", &shown].map(str::to_owned).to_vec(),
            folder: out.to_path_buf(),
        },
        name: &plan.file.name,
        files: arguments.scenario.iter().map(PathBuf::as_path).collect(),
        planned: words::planned(&plan.file, plan.runs.len()),
        runs: Some(plan.runs.len()),
        result: out.join(PARQUET_NAME),
        open: &|write| {
            write(SweepFolder::open(out, &plan.file, Shard::WHOLE, when(arguments))?.folder())
        },
    };
    submission::submit(&submission, &arguments.submission)
}

/// Arguments that every shard receives.
fn shared_arguments(global: &Global, arguments: &SweepArguments) -> Vec<String> {
    let mut shared = vec!["sweep".to_owned()];
    let scenario = arguments.scenario.iter();
    shared.extend(scenario.map(|path| path.display().to_string()));
    let mut add = |option: &str, value: String| shared.extend([option.to_owned(), value]);
    for (option, values) in [
        ("--grid", &arguments.grid),
        ("--list", &arguments.list),
        ("--vary", &arguments.vary),
        ("--set", &arguments.sets),
    ] {
        for value in values {
            add(option, value.clone());
        }
    }
    for (option, value) in [
        ("--random", arguments.random),
        ("--latin", arguments.latin),
        ("--sobol", arguments.sobol),
    ] {
        if let Some(value) = value {
            add(option, value.to_string());
        }
    }
    if arguments.sampling_seed != 0 {
        add("--sampling-seed", arguments.sampling_seed.to_string());
    }
    add("--seeds", arguments.seeds.to_string());
    submission::add_global(global, &mut shared);
    shared
}

fn design(arguments: &SweepArguments) -> Result<Design, SweepError> {
    let grids = arguments.grid.iter().map(|text| Axis::grid(text));
    let lists = arguments.list.iter().map(|text| Axis::list(text));
    let ranges = arguments.vary.iter().map(|text| Axis::range(text));
    let sampling = [
        arguments.random.map(Sampling::Random),
        arguments.latin.map(Sampling::Latin),
        arguments.sobol.map(Sampling::Sobol),
    ];
    Ok(Design {
        axes: grids.chain(lists).chain(ranges).collect::<Result<_, _>>()?,
        sampling: sampling.into_iter().flatten().next(),
        sampling_seed: arguments.sampling_seed,
    })
}

fn when(arguments: &SweepArguments) -> When {
    if arguments.force {
        When::AnySweep
    } else {
        When::SameSweep
    }
}

/// Runs all missing runs of a shard.
fn all_runs(
    global: &Global,
    arguments: &SweepArguments,
    plan: &Plan,
    out: &Path,
    shard: Shard,
) -> Result<Executed, Failure> {
    let folder = SweepFolder::open(out, &plan.file, shard, when(arguments))?;
    let count = RunCount::new(global);
    let progress = |finished: usize, runs: usize| count.at(finished, runs);
    let executed = execute(&Execution {
        plan,
        shard,
        folder: &folder,
        threads: global.threads(),
        interrupted: interrupt::flag(),
        progress: &progress,
    });
    count.clear();
    let executed = executed?;
    for damaged in &executed.damaged {
        terminal::complain(&format!("note: {damaged}; it was run again"));
    }
    Ok(executed)
}

/// Waits until every run of the folders is there, or the folders are.
fn wait(global: &Global, folders: &[PathBuf]) -> Result<(), Failure> {
    let mut told = String::new();
    loop {
        let missing = match merge(folders) {
            Err(error @ (SweepError::Gap { .. } | SweepError::Missing(_))) => error.to_string(),
            Ok(_) | Err(_) => return Ok(()),
        };
        if told != missing && !global.quiet {
            terminal::complain(&format!("waiting: {missing}"));
        }
        told = missing;
        submission::pause()?;
    }
}

/// Merges the table and writes it, with plots and sensitivities.
fn finish(
    arguments: &SweepArguments,
    folders: &[PathBuf],
    out: &Path,
) -> Result<SweepTable, Failure> {
    let table = SweepTable::new(merge(folders)?)?;
    for id in &arguments.metrics {
        table.has_metric(id)?;
    }
    let folder = keep(&table, out, when(arguments))?;
    write_drawings(&table, &metrics(arguments, &table), folder.folder())?;
    Ok(table)
}

fn metrics(arguments: &SweepArguments, table: &SweepTable) -> Vec<String> {
    if arguments.metrics.is_empty() {
        table.leading()
    } else {
        arguments.metrics.clone()
    }
}

fn report(
    global: &Global,
    arguments: &SweepArguments,
    table: &SweepTable,
    out: &Path,
    done: &Executed,
    started: Clock,
) -> Result<(), Failure> {
    if interrupt::flag().load(Ordering::Relaxed) {
        return Err(Failure::silent(interrupt::exit()));
    }
    let metrics = metrics(arguments, table);
    let wall_time = terminal::seconds(started.elapsed());
    let mut text = words::head(&table.merged().file, done.found, &wall_time);
    text.push_str(&words::extremes(table, &metrics));
    text.push_str(&words::sensitivities(table, &metrics));
    let file = out.join(PARQUET_NAME);
    terminal::print(&format!("{text}table: {}\n", file.display()));
    if metrics.is_empty() && !global.quiet {
        terminal::complain("note: no metric differs between the runs");
    }
    Ok(())
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        let exit = match &error {
            SweepError::Rejected { at, rejected } => {
                let failure = source::told(rejected);
                return Failure {
                    message: format!("the experiment file is wrong at {at}"),
                    ..failure
                };
            }
            SweepError::Interrupted { finished, runs } => {
                return Failure::new(
                    interrupt::exit(),
                    format!(
                        "interrupted; {finished} of {} {} finished and kept: the same command resumes",
                        plural::count(*runs, "run"),
                        plural::either(*finished, "is", "are")
                    ),
                );
            }
            error => match error.exit_code() {
                2 => Exit::Input,
                3 => Exit::Incomparable,
                _ => Exit::Incomplete,
            },
        };
        Failure {
            exit,
            message: error.to_string(),
        }
    }
}

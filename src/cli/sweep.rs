//! `windtunnel sweep`: an experiment at many points, resumable, in shards, into one table.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant as Clock;

use clap::{Args, ValueEnum};

use lab::folder::KeptFolder;
use lab::sweep::axis::Axis;
use lab::sweep::design::{Design, Sampling};
use lab::sweep::sensitivity;
use lab::sweep::slurm::{Scripts, command};
use lab::sweep::{
    Executed, Execution, Grounds, PARQUET_NAME, Plan, Shard, SweepError, SweepFolder, SweepTable,
    When, execute, merge, plan,
};
use report::plot::{Style, sweep as plots};
use report::sweep as words;

use super::run_count::RunCount;
use super::source::{self, Source};
use super::{Exit, Failure, Global, interrupt, output, terminal};
use units::plural;

const EXAMPLES: &str = "\
Examples:
  windtunnel sweep s.yaml --grid system.scheduler.profile=fgd,most-allocated --seeds 10
  windtunnel sweep s.yaml --latin 50 --vary workload.0.trace.arrivals.scale=0.5..2
  windtunnel sweep s.yaml --grid … --shard 1/4 --out part-1     (on each of four machines)
  windtunnel sweep --merge part-1 part-2 part-3 part-4 --out whole
  windtunnel sweep s.yaml --grid … --submit slurm --shards 4 --dry-run

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
    /// Run only part I of N
    #[arg(long, value_name = "I/N", help_heading = "Many machines")]
    shard: Option<String>,
    /// Merge the folders of shards into one table
    #[arg(long, value_name = "DIR", num_args = 1.., help_heading = "Many machines",
        conflicts_with_all = ["scenario", "grid", "list", "vary", "random", "latin", "sobol",
            "sets", "shard", "submit", "seeds"])]
    merge: Vec<PathBuf>,
    /// Submit the shards as a job array, and a merge job that waits for it
    #[arg(
        long,
        value_enum,
        value_name = "TO",
        conflicts_with = "shard",
        help_heading = "Many machines"
    )]
    submit: Option<Submit>,
    /// Number of shards to submit
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Many machines",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    shards: u32,
    /// Additional argument of sbatch, such as --partition=short; may be repeated
    #[arg(
        long,
        value_name = "ARGUMENT",
        allow_hyphen_values = true,
        help_heading = "Many machines"
    )]
    sbatch: Vec<String>,
    /// Print what would be run or submitted, and exit
    #[arg(long)]
    dry_run: bool,
}

/// Job system that shards are submitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Submit {
    /// Slurm, by `sbatch`
    Slurm,
}

pub(super) fn run(global: &Global, arguments: &SweepArguments) -> Result<Exit, Failure> {
    let started = Clock::now();
    if !arguments.merge.is_empty() {
        let out = arguments.out.as_ref().unwrap_or(&arguments.merge[0]);
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
        Some(text) => text.parse::<Shard>()?,
        None => Shard::WHOLE,
    };
    let design = design(arguments)?;
    let source = Source::read(global, arguments.scenario.as_deref())?;
    let program = lab::program::identity().to_owned();
    let grounds = Grounds {
        text: &source.text,
        name: &source.name,
        options: source.options(&arguments.sets),
        design: &design,
        seeds: arguments.seeds,
        program: &program,
    };
    let plan = plan(&grounds)?;
    let default = || output::default_folder(&format!("{}-sweep", plan.file.name));
    let out = arguments.out.clone().map_or_else(default, Ok)?;
    if arguments.submit.is_some() {
        return submit(global, arguments, &plan, &out);
    }
    if arguments.dry_run {
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

/// Runs all missing runs of a shard.
fn all_runs(
    global: &Global,
    arguments: &SweepArguments,
    plan: &Plan,
    out: &Path,
    shard: Shard,
) -> Result<Executed, Failure> {
    let when = if arguments.force {
        When::AnySweep
    } else {
        When::SameSweep
    };
    let folder = SweepFolder::open(out, &plan.file, shard, when)?;
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
    let when = if arguments.force {
        When::AnySweep
    } else {
        When::SameSweep
    };
    let folder = SweepFolder::open(out, &table.merged().file, Shard::WHOLE, when)?;
    for record in table.merged().records.values() {
        if !matches!(folder.record(&record.key)?, Some(Ok(_))) {
            folder.keep(record)?;
        }
    }
    table.write(folder.folder())?;
    drawings(arguments, &table, folder.folder())?;
    Ok(table)
}

fn metrics(arguments: &SweepArguments, table: &SweepTable) -> Vec<String> {
    if arguments.metrics.is_empty() {
        table.leading()
    } else {
        arguments.metrics.clone()
    }
}

fn drawings(
    arguments: &SweepArguments,
    table: &SweepTable,
    folder: &KeptFolder,
) -> Result<(), SweepError> {
    let metrics = metrics(arguments, table);
    for (name, plot) in plots::draw(table, &metrics, Style::Screen) {
        folder.write(&format!("plots/{name}.svg"), plot.svg.as_bytes())?;
        folder.write(&format!("plots/{name}.csv"), plot.csv().as_bytes())?;
    }
    let found = sensitivity::of_table(table, &metrics);
    if !found.is_empty() {
        let text = sensitivity::to_csv(&table.merged().file.parameters, &found);
        folder.write("sensitivity.csv", text.as_bytes())?;
    }
    Ok(())
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
    let file = if cfg!(feature = "parquet") {
        out.join(PARQUET_NAME)
    } else {
        out.join(lab::sweep::CSV_NAME)
    };
    terminal::print(&format!("{text}table: {}\n", file.display()));
    if metrics.is_empty() && !global.quiet {
        terminal::complain("note: no metric differs between the runs");
    }
    Ok(())
}

/// Writes the scripts of a job array and submits them.
fn submit(
    global: &Global,
    arguments: &SweepArguments,
    plan: &Plan,
    out: &Path,
) -> Result<Exit, Failure> {
    if arguments.scenario.as_deref() == Some(Path::new("-")) {
        let told = "standard input can't be submitted: every task reads the experiment file";
        return Err(Failure::input(told));
    }
    let directory = std::env::current_dir().map_err(Failure::incomplete)?;
    let program = std::env::current_exe().map_err(Failure::incomplete)?;
    let shared = shared_arguments(global, arguments);
    let scripts = Scripts {
        program: &program,
        arguments: &shared,
        out,
        shards: arguments.shards as usize,
        directory: &directory,
    };
    let (shard, merge) = (scripts.shard(), scripts.merge());
    if arguments.dry_run {
        let array = command("sbatch", &scripts.submit_shards(&arguments.sbatch));
        let after = command("sbatch", &scripts.submit_merge("JOB", &arguments.sbatch));
        terminal::print(&words::planned(&plan.file, plan.runs.len()));
        terminal::print(&format!(
            "\n# slurm/shard.sh\n{shard}\n# slurm/merge.sh\n{merge}\n{array}\n{after}\n"
        ));
        return Ok(Exit::Done);
    }
    let when = if arguments.force {
        When::AnySweep
    } else {
        When::SameSweep
    };
    {
        // Closed again before the first task starts.
        let folder = SweepFolder::open(out, &plan.file, Shard::WHOLE, when)?;
        for (name, text) in [("slurm/shard.sh", &shard), ("slurm/merge.sh", &merge)] {
            folder
                .folder()
                .write(name, text.as_bytes())
                .map_err(SweepError::from)?;
        }
    }
    let job = sbatch(&scripts.submit_shards(&arguments.sbatch))?;
    let after = sbatch(&scripts.submit_merge(&job, &arguments.sbatch))?;
    terminal::print(&format!(
        "{} in {}: job {job}, then the merge: job {after}\n\
         table: {}\n",
        plural::count(plan.runs.len(), "run"),
        plural::count(arguments.shards, "shard"),
        out.join(PARQUET_NAME).display()
    ));
    Ok(Exit::Done)
}

/// Submits a script; returns its job number.
fn sbatch(arguments: &[String]) -> Result<String, Failure> {
    let tried = command("sbatch", arguments);
    let output = std::process::Command::new("sbatch")
        .args(arguments)
        .output();
    let output = output.map_err(|error| {
        Failure::incomplete(format!(
            "`sbatch` can't be started ({error}); submit from a machine with Slurm, or see what \
             would be submitted with --dry-run"
        ))
    })?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // On several clusters the answer is NUMBER;CLUSTER.
    let number = said.split(';').next().unwrap_or_default();
    if !output.status.success() || number.is_empty() || number.parse::<u64>().is_err() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::incomplete(format!(
            "{tried}: {} {said}\nhelp: the scripts are kept; correct the problem that Slurm \
             reports and submit again with the same command, or run the shards by hand with \
             --shard I/N and then --merge",
            told.trim()
        )));
    }
    Ok(number.to_owned())
}

/// Arguments that every shard receives.
fn shared_arguments(global: &Global, arguments: &SweepArguments) -> Vec<String> {
    let mut shared = Vec::new();
    shared.extend(
        arguments
            .scenario
            .iter()
            .map(|path| path.display().to_string()),
    );
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
    for folder in &global.traces {
        add("--traces", folder.display().to_string());
    }
    shared
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

//! `windtunnel run`: an experiment into a result folder and a summary on the terminal.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant as Clock;

use clap::Args;

use lab::experiment::{ExperimentError, Plan, is_input, run_journey, scenario_text};
use lab::folder::{Existing, ResultFolder};
use lab::outputs::Outputs;
use lab::run::RunError;
use lab::summary::Summary;
use lab::tables::Forms;
use lab::travel::Journey;
use report::comparison::{Comparison, Rows};
use report::plot::Style;
use report::runs::{Gathered, ReportRun};
use report::table::TableOptions;
use report::{self, Format};
use scenario::schema::OnBadRow;
use scenario::{Experiment, load};
use sim::SimError;
use trace::TraceError;
use world::BuildError;

use super::experiment_file;
use super::profile::{Profiler, VARIANTS};
use super::progress::Bars;
use super::source::Source;
use super::trip::Trip;
use super::{Exit, Failure, Global, interrupt, terminal};

/// Arguments of `run`.
#[derive(Clone, Debug, Default, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each flag of the command line stands by itself"
)]
pub(super) struct RunArguments {
    /// Experiment file (YAML or JSON; `-` reads standard input) [default: the bundled one]
    scenario: Option<PathBuf>,
    /// Override a field, such as `seed=7` or `system.scheduler.profile=fgd`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) sets: Vec<String>,
    /// Override the seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Result folder [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace an existing result folder
    #[arg(long)]
    pub(super) force: bool,
    /// Handling of trace rows that cannot be read [default: as in the file, otherwise fail]
    #[arg(long, value_enum, value_name = "HOW")]
    on_bad_row: Option<BadRows>,
    /// Output format of the summary
    #[arg(long, value_enum, default_value_t = SummaryFormat::Table)]
    format: SummaryFormat,
    /// File format of the tables in the result folder
    #[arg(long, value_enum, default_value_t)]
    tables: TableForms,
    /// Also write every decision to `decisions.jsonl.zst`
    #[arg(long)]
    decisions: bool,
    /// Also write the events of pods, nodes and objects to `events.jsonl.zst`, for `events`
    #[arg(long)]
    events: bool,
    /// Write a snapshot of the run at a time, such as `--snapshot-at 3d FILE`, and continue
    #[arg(long, num_args = 2, value_names = ["AT", "FILE"], conflicts_with = "from")]
    pub(super) snapshot_at: Vec<String>,
    /// Replay to a snapshot and continue from there; `--set` changes what follows
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "seed", "on_bad_row"])]
    pub(super) from: Option<PathBuf>,
    /// Print where time is spent: engine, scheduler by plugin, arrivals, metrics, output (on
    /// stderr)
    #[arg(long)]
    profile: bool,
    /// Output format for errors in the experiment file
    #[arg(long, value_enum, default_value_t = MessageFormat::Human)]
    message_format: MessageFormat,
}

/// Handling of trace rows that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum BadRows {
    /// Fail at the first bad row.
    Fail,
    /// Skip bad rows and count them.
    Skip,
    /// Skip bad rows, count and list them.
    Report,
}

impl From<BadRows> for OnBadRow {
    fn from(rows: BadRows) -> Self {
        match rows {
            BadRows::Fail => Self::Fail,
            BadRows::Skip => Self::Skip,
            BadRows::Report => Self::Report,
        }
    }
}

/// Output format of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum MessageFormat {
    /// Text with the location in the file.
    #[default]
    Human,
    /// JSON, for editors and other tools.
    Json,
}

pub(super) fn run(global: &Global, arguments: &RunArguments) -> Result<Exit, Failure> {
    let started = Clock::now();
    let trip = Trip::new(global, arguments)?;
    let experiment = match &trip.after {
        Some(after) => after.clone(),
        None => read(global, arguments)?,
    };
    let journey = trip.journey();
    let folder = result_folder(arguments, &trip, &experiment)?;
    let variants = experiment.variants.len();
    let mut profiler = Profiler::new(arguments.profile, variants, started)?;
    profiler.ended("experiment file");
    let bars = Bars::new(global, &experiment);
    let interrupted = interrupt::flag();
    let plan = Plan {
        experiment: &experiment,
        threads: threads(global),
        interrupted,
        progress: &bars,
        outputs: arguments
            .tables
            .outputs(arguments.decisions, arguments.events),
        probes: &profiler.probes,
    };
    let result = run_journey(&plan, &folder, journey.as_ref());
    profiler.ended(VARIANTS);
    bars.clear();
    let (summary, data) = match result {
        Ok(made) => made,
        Err(error) => return Err(refused(error, folder, journey.as_ref())),
    };
    let fork = trip.keep(&folder, &experiment, &arguments.sets, journey.as_ref())?;
    let run = ReportRun {
        name: experiment.name.clone(),
        summary,
        data,
        scenario: scenario_text(&experiment, &folder),
        fork,
    };
    let gathered = Gathered::new(vec![run]);
    write_report(&gathered, &folder)?;
    let summary = &gathered.summary;
    if interrupted.load(Ordering::Relaxed) {
        return Err(Failure::silent(interrupt::exit()));
    }
    let out = folder.finish().map_err(|error| folder_failure(&error))?;
    profiler.ended("report");
    let report = out.join(REPORT).display().to_string();
    let wall_time = terminal::seconds(started.elapsed());
    let options = TableOptions {
        width: terminal::width(),
        wall_time: Some(&wall_time),
        report: Some(&report),
    };
    print(global, arguments, summary, options);
    if !global.quiet {
        for line in remarks(summary, global.verbose) {
            terminal::complain(&line);
        }
    }
    if let Some(table) = profiler.table(bars.begun.get().copied()) {
        terminal::complain(&table);
    }
    Ok(Exit::Done)
}

/// Failure of a run without results; a refused run leaves no folder behind.
fn refused(error: ExperimentError, folder: ResultFolder, journey: Option<&Journey<'_>>) -> Failure {
    if is_refusal(&error) {
        folder.withdraw();
    }
    Trip::failure(failure(error, interrupt::exit()), journey)
}

/// Prints the results of a run.
fn print(global: &Global, arguments: &RunArguments, summary: &Summary, options: TableOptions<'_>) {
    let rows = if global.verbose {
        Rows::All
    } else {
        Rows::Headline
    };
    let comparison = Comparison::new(summary, rows);
    terminal::print_with(|out| report::write(out, &comparison, arguments.format.into(), options));
}

/// Result folder of a run, not yet complete.
fn result_folder(
    arguments: &RunArguments,
    trip: &Trip,
    experiment: &Experiment,
) -> Result<ResultFolder, Failure> {
    let is_default = arguments.out.is_none();
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| trip.default_folder(&experiment.name));
    // The folder named after the experiment is the program's own to renew; one that was named by
    // the user is not.
    let existing = if arguments.force || is_default {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    ResultFolder::create(&out, existing).map_err(|error| folder_failure(&error))
}

/// Number of remarks printed without `-v`.
const MAX_REMARKS: usize = 5;

/// Remarks on the input. Rows that were kept unchanged are reported with `-v` only.
fn remarks(summary: &Summary, all: bool) -> Vec<String> {
    let ledgers = summary.variants.iter().flat_map(|variant| &variant.ledger);
    let mut lines: Vec<String> = Vec::new();
    // What is not run as it was written is always told.
    for variant in &summary.variants {
        for gap in &variant.unexpressed {
            let line = format!("note: the system `{}` {}", variant.system, gap.words());
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    let told = lines.len();
    for remark in ledgers.filter(|remark| all || !remark.starts_with("keep ")) {
        let line = format!("note: {remark}");
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let most = told + MAX_REMARKS;
    if !all && lines.len() > most {
        let left = lines.len() - most;
        lines.truncate(most);
        lines.push(format!("note: {left} more like these; -v tells them all"));
    }
    lines
}

/// Name of the report in a result folder.
const REPORT: &str = "report.html";

/// Writes plots, the data behind them and the report into the folder.
fn write_report(gathered: &Gathered, folder: &ResultFolder) -> Result<(), Failure> {
    let (plots, missing) = report::plot::draw_all(&gathered.material(), Style::Screen);
    let html = report::html::render(gathered, &plots, &missing).map_err(Failure::incomplete)?;
    let files = plots.iter().flat_map(|plot| {
        [
            (format!("plots/{}.svg", plot.name), plot.svg.clone()),
            (format!("plots/{}.csv", plot.name), plot.csv()),
        ]
    });
    for (name, text) in files.chain([(REPORT.to_owned(), html)]) {
        let written = folder.text(&name, &text);
        written.map_err(|error| folder_failure(&error))?;
    }
    Ok(())
}

/// Output format of the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SummaryFormat {
    /// Table for the terminal.
    #[default]
    Table,
    /// JSON, one object.
    Json,
    /// CSV, one line per metric and variant.
    Csv,
    /// Markdown table.
    Markdown,
}

impl From<SummaryFormat> for Format {
    fn from(format: SummaryFormat) -> Self {
        match format {
            SummaryFormat::Table => Self::Table,
            SummaryFormat::Json => Self::Json,
            SummaryFormat::Csv => Self::Csv,
            SummaryFormat::Markdown => Self::Markdown,
        }
    }
}

/// File format of the tables in the result folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum TableForms {
    /// `timeseries.parquet`, `timeseries.csv` and `pods.parquet`
    #[cfg(feature = "parquet")]
    #[default]
    Parquet,
    /// `timeseries.csv` and `pods.csv.zst`
    #[cfg_attr(not(feature = "parquet"), default)]
    Csv,
    /// Every table as Parquet and CSV
    #[cfg(feature = "parquet")]
    Both,
    /// No tables
    None,
}

impl TableForms {
    fn outputs(self, decisions: bool, events: bool) -> Outputs {
        // The time series is small, and a text is at hand everywhere; the table of pods as CSV
        // costs as much time as both of them as Parquet.
        let (series, pods) = match self {
            #[cfg(feature = "parquet")]
            Self::Parquet => (Forms::BOTH, Forms::PARQUET),
            Self::Csv => (Forms::CSV, Forms::CSV),
            #[cfg(feature = "parquet")]
            Self::Both => (Forms::BOTH, Forms::BOTH),
            Self::None => (Forms::NONE, Forms::NONE),
        };
        Outputs {
            series,
            pods,
            decisions,
            events,
        }
    }
}

/// Reads the experiment; prints its errors.
fn read(global: &Global, arguments: &RunArguments) -> Result<Experiment, Failure> {
    let mut sets = arguments.sets.clone();
    sets.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    let source = Source::read(global, arguments.scenario.as_deref())?;
    let mut experiment = load(&source.text, &source.name, source.options(&sets))
        .map_err(|rejected| experiment_file::told(&rejected, arguments.message_format))?;
    if let Some(on_bad_row) = arguments.on_bad_row {
        experiment.set_on_bad_row(on_bad_row.into());
    }
    Ok(experiment)
}

/// Number of variants that run at once.
pub(super) fn threads(global: &Global) -> usize {
    let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    global.threads.map_or(available, usize::from)
}

pub(super) fn folder_failure(error: &lab::folder::FolderError) -> Failure {
    match error.exit_code() {
        2 => Failure::input(error),
        _ => Failure::incomplete(error),
    }
}

/// Returns whether the input of a run was wrong, so that its output is useless.
fn is_refusal(error: &ExperimentError) -> bool {
    match error {
        ExperimentError::Trace(_) => true,
        ExperimentError::Variant { source, .. } => is_input(source),
        _ => false,
    }
}

/// Exit code and message of a failed run.
pub(super) fn failure(error: ExperimentError, interrupted: Exit) -> Failure {
    match &error {
        ExperimentError::Interrupted => Failure::silent(interrupted),
        ExperimentError::Folder(folder) => folder_failure(folder),
        ExperimentError::Trace(_) => Failure::input(error),
        ExperimentError::Variant { source, .. } => Failure {
            message: run_failure(source).message.replacen(
                &source.to_string(),
                &error.to_string(),
                1,
            ),
            ..run_failure(source)
        },
        ExperimentError::Threads { .. } => Failure::incomplete(error),
    }
}

/// Failure of a variant without results.
pub(super) fn run_failure(error: &RunError) -> Failure {
    match error {
        RunError::Build(BuildError::Trace(bad @ TraceError::BadRow { .. }))
        | RunError::Sim(SimError::Trace(bad @ TraceError::BadRow { .. })) => {
            Failure::input(format!(
                "{bad}\nhelp: correct the row, or leave such rows out with `--on-bad-row skip`"
            ))
        }
        error if is_input(error) => Failure::input(error),
        error => Failure::incomplete(error),
    }
}

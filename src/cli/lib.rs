//! The command line: one file per subcommand, thin. The wall clock, the environment and the
//! terminal are read here and nowhere else.

mod accept;
mod check;
mod compare;
mod completions;
mod diff;
mod divergence;
mod events;
mod exit;
mod experiment_file;
mod explain;
mod import;
mod interrupt;
mod man;
mod named;
mod output;
mod place;
mod profile;
mod progress;
mod report;
mod reproduce;
mod run;
mod run_count;
mod schema;
mod snapshot;
mod source;
mod sweep;
mod systems;
mod terminal;
mod trace;
mod trip;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};

/// A wind tunnel for cluster schedulers: real control loops against simulated nodes, failures and
/// traces, in deterministic time.
#[derive(Debug, Parser)]
#[command(name = "windtunnel", version, max_term_width = 100, after_help = exit::HELP)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Flags of every subcommand.
#[derive(Clone, Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and none excludes another"
)]
struct Global {
    /// Say more
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Don't draw progress bars
    #[arg(long, global = true)]
    no_progress: bool,
    /// Where the traces that scenarios and vectors name are kept; may be given several times
    #[arg(long = "traces", value_name = "DIR", global = true)]
    traces: Vec<PathBuf>,
    /// Neither read nor keep decoded traces in the user's cache folder
    #[arg(long, global = true)]
    no_trace_cache: bool,
    /// How many threads run variants side by side [default: all processors]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment (without a file: the bundled one), write a result folder, print the summary
    Run(run::RunArguments),
    /// Compare variants or systems on the same workload and failures, with paired seeds
    Compare(compare::CompareArguments),
    /// Hold scenarios against their objectives and a stored baseline; exit 100 when a gate fails
    Check(check::CheckArguments),
    /// Run an experiment at many points × variants × seeds; resumable, in shards, into one table
    Sweep(Box<sweep::SweepArguments>),
    /// Show where two runs part: the first decision that differs, both reasons, how it grew
    Diff(diff::DiffArguments),
    /// Run a report or a result folder again and compare hashes, digests and metrics
    Reproduce(reproduce::ReproduceArguments),
    /// Judge recorded decisions and published tables against what this program decides
    Verify(verify::VerifyArguments),
    /// Search what happened in a finished run: by object, kind and time
    Events(events::EventsArguments),
    /// Why a pod goes where it goes, or why it waits: every node, every filter, every score
    Explain(explain::ExplainArguments),
    /// How many more of a pod fit in a cluster, where, and what runs out first
    Place(place::PlaceArguments),
    /// Render finished runs side by side: HTML, Markdown, tables, single plots
    Report(report::ReportArguments),
    /// Make an experiment of what a real cluster's tools wrote
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Look into traces, check them, make them
    #[command(subcommand)]
    Trace(trace::TraceCommand),
    /// List systems, profiles, policies, queue policies, trace formats and generators
    Systems(systems::SystemsArguments),
    /// Print the JSON Schema of the experiment file, or of the result
    Schema(schema::SchemaArguments),
    /// Print completions for a shell
    Completions(completions::CompletionsArguments),
    /// Print the manual page, or write one for every subcommand
    Man(man::ManArguments),
}

/// Runs the command line and says how it ended.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    let global = arguments.global;
    if let Some(folder) = terminal::trace_cache(&global) {
        ::trace::cache::keep_in(folder);
    }
    let command = arguments
        .command
        .unwrap_or(Command::Run(run::RunArguments::default()));
    let result = match command {
        Command::Run(arguments) => run::run(&global, &arguments),
        Command::Compare(arguments) => compare::run(&global, &arguments),
        Command::Check(arguments) => check::run(&global, &arguments),
        Command::Sweep(arguments) => sweep::run(&global, &arguments),
        Command::Events(arguments) => events::run(&global, &arguments),
        Command::Diff(arguments) => diff::run(&global, &arguments),
        Command::Reproduce(arguments) => reproduce::run(&global, &arguments),
        Command::Verify(arguments) => verify::run(&global, &arguments),
        Command::Import(command) => import::run(&global, &command),
        Command::Explain(arguments) => explain::run(&global, &arguments),
        Command::Place(arguments) => place::run(&global, &arguments),
        Command::Trace(command) => trace::run(&global, &command),
        Command::Systems(arguments) => systems::run(&arguments),
        Command::Schema(arguments) => Ok(schema::run(&arguments)),
        Command::Report(arguments) => report::run(&global, &arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    exit::report(&global, result)
}

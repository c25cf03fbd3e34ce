//! The command line: one file per subcommand, thin. The wall clock, the environment and the
//! terminal are read here and nowhere else.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the wall clock, the environment and standard input are read here and nowhere else"
)]

mod accept;
mod archive;
mod change_list;
mod check;
mod compact;
mod companion;
mod compare;
mod completions;
mod conformance;
mod diff;
mod divergence;
mod events;
mod exit;
pub mod experiment_file;
mod explain;
mod failure;
mod fault;
mod function_figures;
mod import;
mod import_compose;
pub mod interrupt;
mod man;
mod memory;
mod named;
mod new;
pub mod output;
mod place;
mod plan;
mod policy_list;
mod profile;
mod progress;
mod queue;
mod report;
mod reproduce;
mod run;
mod run_arguments;
mod run_count;
mod schema;
mod snapshot;
mod source;
mod submission;
mod sweep;
mod systems;
mod table_format;
mod temporary;
pub mod terminal;
mod trace;
mod trace_edit;
mod trace_files;
mod trace_fit;
mod trace_options;
mod trip;
mod tune;
mod upgrade;
mod validate;
mod visible;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lab::compact::Question;
use lab::program;

pub use companion::companion;
pub use exit::{Exit, Failure};
pub use memory::SystemMemory;

/// A wind tunnel for cluster schedulers: real control loops against simulated nodes, failures and
/// traces, in deterministic time.
#[derive(Debug, Parser)]
#[command(name = "windtunnel", version, long_version = long_version(), max_term_width = 100, after_help = exit::help())]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Version with the build, which only `--version` is worth finding out for.
fn long_version() -> &'static str {
    if std::env::args_os().any(|own| own == "--version") {
        program::identity()
    } else {
        program::VERSION
    }
}

/// Flags of every subcommand.
#[derive(Clone, Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and none excludes another"
)]
pub struct Global {
    /// Print more details
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Print only results and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Hide progress bars
    #[arg(long, global = true)]
    no_progress: bool,
    /// Folder with the traces that scenarios and vectors name; may be repeated
    #[arg(long = "traces", value_name = "DIR", global = true)]
    traces: Vec<PathBuf>,
    /// Neither read nor write the cache of decoded traces
    #[arg(long, global = true)]
    no_trace_cache: bool,
    /// Leave objects of these kinds out of manifests and dumps, such as `hpa,cronjob`; may be repeated
    #[arg(long, value_name = "KIND", global = true, value_delimiter = ',')]
    ignore: Vec<String>,
    /// Run the programs that experiments name under `system.scheduler.external`, which decide with it
    #[arg(long, global = true)]
    allow_external: bool,
    /// Number of threads that run variants in parallel [default: all processors]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print progress as lines of JSON, for programs that run this one
    #[arg(long, global = true, hide = true)]
    progress_lines: bool,
    /// Let experiments name only files below this folder or those of traces; may be repeated
    #[arg(long, value_name = "DIR", global = true, hide = true)]
    within: Vec<PathBuf>,
}

impl Global {
    /// Folders of traces: `--traces`, then `WINDTUNNEL_TRACES` (several joined by `:`).
    pub fn traces_dirs(&self) -> Vec<PathBuf> {
        let mut folders = self.traces.clone();
        if let Some(variable) = std::env::var_os("WINDTUNNEL_TRACES") {
            folders.extend(std::env::split_paths(&variable));
        }
        folders
    }

    /// Number of threads that work at once.
    pub fn threads(&self) -> usize {
        let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.threads.map_or(available, usize::from)
    }

    /// Whether only results and errors are wanted.
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The flags as words of a command line.
    fn words(&self) -> Vec<OsString> {
        let switches = [
            (self.verbose, "--verbose"),
            (self.quiet, "--quiet"),
            (self.no_progress, "--no-progress"),
            (self.no_trace_cache, "--no-trace-cache"),
            (self.allow_external, "--allow-external"),
        ];
        let switches = switches.into_iter().filter(|(is_set, _)| *is_set);
        let mut words: Vec<OsString> = switches.map(|(_, flag)| flag.into()).collect();
        for folder in &self.traces {
            words.extend(["--traces".into(), folder.into()]);
        }
        for kind in &self.ignore {
            words.extend(["--ignore".into(), kind.into()]);
        }
        if let Some(threads) = self.threads {
            words.extend(["--threads".into(), threads.to_string().into()]);
        }
        words
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment (default: the bundled one), write a result folder, print the summary
    Run(run_arguments::RunArguments),
    /// Compare variants or systems on the same workload and failures, with paired seeds
    Compare(compare::CompareArguments),
    /// Check scenarios against their objectives and a stored baseline; exit 100 when a gate fails
    Check(check::CheckArguments),
    /// Run an experiment at many points × variants × seeds; resumable, in shards, into one table
    Sweep(Box<sweep::SweepArguments>),
    /// Judge the candidates of an optimiser: lines of JSON in, scores, verdicts and first decisions out
    Tune(Box<tune::TuneArguments>),
    /// Show the first differing decision of two runs, the reasons of both, and how it spread
    Diff(diff::DiffArguments),
    /// Rerun a report or a result folder and compare hashes, digests and metrics
    Reproduce(reproduce::ReproduceArguments),
    /// Archive results with their inputs, for another machine to reproduce
    Archive(archive::ArchiveArguments),
    /// Verify this program against recorded decisions and published tables (a program of its own)
    Verify(companion::Words),
    /// Search the events of a finished run by object, kind and time
    Events(events::EventsArguments),
    /// Explain why a pod goes to its node or waits: every node, every filter, every score
    Explain(explain::ExplainArguments),
    /// Show how many more copies of a pod fit in a cluster, where, and what runs out first
    Place(place::PlaceArguments),
    /// Plan a cluster: what binds, which nodes can go, what to buy, when it is full
    Plan(Box<plan::PlanArguments>),
    /// Show whether a job is admitted under the queues of a cluster, who makes room, and what binds
    Queue(queue::QueueArguments),
    /// Compare a run with a recording of the same cluster: placements, waits, allocation
    Validate(validate::ValidateArguments),
    /// Measure the fewest machines that hold a workload, by policy (cell compaction)
    Compact(compact::CompactArguments),
    /// Measure how much more of a workload a cluster holds, by policy (workload inflation)
    Inflate(compact::CompactArguments),
    /// Show what a release of Kubernetes changes for the pods of a cluster, and which switch does it
    Upgrade(upgrade::UpgradeArguments),
    /// Render finished runs side by side: HTML, Markdown, tables, single plots
    Report(report::ReportArguments),
    /// Create an experiment from cluster dumps (kubectl) or compose files
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Inspect, validate, convert, edit, fit and generate traces
    #[command(subcommand)]
    Trace(trace::TraceCommand),
    /// Run the control plane of an experiment on real Linux hosts (a program of its own)
    Live(companion::Words),
    /// Answer questions as tools of the Model Context Protocol (a program of its own)
    Mcp(companion::Words),
    /// Show runs, clusters at any instant and experiments in the browser (a program of its own)
    Serve(companion::Words),
    /// List systems, profiles, policies, queue policies, trace formats and generators
    Systems(systems::SystemsArguments),
    /// Print the JSON Schema of the experiment file or of a result
    Schema(schema::SchemaArguments),
    /// Print a program of your own to begin with, such as a policy
    #[command(subcommand)]
    New(new::NewCommand),
    /// Try a program of your own against the protocol: some sixty scripted cases, each with its exchange where
    /// it fails
    Conformance(conformance::ConformanceArguments),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArguments),
    /// Print the manual page, or write one per subcommand
    Man(man::ManArguments),
}

impl Command {
    /// Whether the command looks at the flag that signals set, and so ends by itself.
    const fn looks_at_signals(&self) -> bool {
        match self {
            Self::Run(_)
            | Self::Compare(_)
            | Self::Check(_)
            | Self::Sweep(_)
            | Self::Diff(_)
            | Self::Reproduce(_)
            | Self::Compact(_)
            | Self::Validate(_)
            | Self::Inflate(_)
            | Self::Explain(_) => true,
            Self::Plan(arguments) => arguments.searches(),
            Self::Verify(_)
            | Self::Archive(_)
            | Self::Live(_)
            | Self::Mcp(_)
            | Self::Serve(_)
            | Self::Events(_)
            | Self::Tune(_)
            | Self::Place(_)
            | Self::Queue(_)
            | Self::Upgrade(_)
            | Self::Report(_)
            | Self::Import(_)
            | Self::Trace(_)
            | Self::Systems(_)
            | Self::Schema(_)
            | Self::New(_)
            | Self::Conformance(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}

/// Stack of the program, whatever the shell gives.
const STACK_BYTES: usize = 16 << 20;

/// Runs the command line and returns its exit code.
pub fn main() -> ExitCode {
    program::built_from(env!("WINDTUNNEL_COMMIT"), env!("WINDTUNNEL_RUSTC"));
    let program = std::thread::Builder::new().name("main".to_owned());
    match program.stack_size(STACK_BYTES).spawn(on_own_stack) {
        Ok(program) => program
            .join()
            .unwrap_or(ExitCode::from(Exit::Incomplete.code())),
        // A system without threads gives what it has.
        Err(_) => on_own_stack(),
    }
}

fn on_own_stack() -> ExitCode {
    // From here on a signal ends the program in words.
    interrupt::flag();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    let global = arguments.global;
    keep_traces(&global);
    let command = arguments
        .command
        .unwrap_or(Command::Run(run_arguments::RunArguments::default()));
    if !command.looks_at_signals() {
        interrupt::end_at_once();
    }
    let result = fault::guarded(|| carry_out(&global, command));
    exit::report(&global, result)
}

/// Keeps decoded traces from now on, unless the user doesn't want it.
fn keep_traces(global: &Global) {
    if let Some(folder) = terminal::trace_cache(global) {
        arrivals::cache::keep_in(folder);
    }
}

fn carry_out(global: &Global, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(global, &arguments),
        Command::Compare(arguments) => compare::run(global, &arguments),
        Command::Check(arguments) => check::run(global, &arguments),
        Command::Sweep(arguments) => sweep::run(global, &arguments),
        Command::Tune(arguments) => tune::run(global, &arguments),
        Command::Events(arguments) => events::run(global, &arguments),
        Command::Diff(arguments) => diff::run(global, &arguments),
        Command::Reproduce(arguments) => reproduce::run(global, &arguments),
        Command::Archive(arguments) => archive::run(global, &arguments),
        Command::Verify(words) => companion::call(global, "verify", &words),
        Command::Import(command) => import::run(global, &command),
        Command::Explain(arguments) => explain::run(global, &arguments),
        Command::Place(arguments) => place::run(global, &arguments),
        Command::Plan(arguments) => plan::run(global, &arguments),
        Command::Queue(arguments) => queue::run(global, &arguments),
        Command::Upgrade(arguments) => upgrade::run(global, &arguments),
        Command::Validate(arguments) => validate::run(global, &arguments),
        Command::Compact(arguments) => compact::run(global, &arguments, Question::Compact),
        Command::Inflate(arguments) => compact::run(global, &arguments, Question::Inflate),
        Command::Trace(command) => trace::run(global, &command),
        Command::Live(words) => companion::call(global, "live", &words),
        Command::Mcp(words) => companion::call(global, "mcp", &words),
        Command::Serve(words) => companion::call(global, "serve", &words),
        Command::Systems(arguments) => systems::run(&arguments),
        Command::Schema(arguments) => Ok(schema::run(&arguments)),
        Command::New(command) => new::run(&command),
        Command::Conformance(arguments) => Ok(conformance::run(global, &arguments)),
        Command::Report(arguments) => report::run(global, &arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

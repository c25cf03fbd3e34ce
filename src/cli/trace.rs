//! `windtunnel trace`: inspect, validate, convert, edit, fit and generate traces.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use arrivals::ReadOptions;
use arrivals::format::Constructor;
use arrivals::inspect::{Content, Inspection, inspect, records, validate, validate_log};
use formats::failure_log::is_log;
use formats::failure_log::observed::observed;
use formats::writers::{Writer, find as find_writer, write_nodes};
use intake::{Input, Ledger, RowPolicy};
use lab::folder::{Existing, write_file, write_file_with};
use report::plot::Style;
use report::plot::trace::{Side, draw};
use report::trace as told;
use units::Duration;
use workloads::generate::lublin99::LublinKind;
use workloads::generate::{
    GENERATORS, GeneratorEntry, GeneratorOptions, Output, find as find_generator,
};

use super::trace_files::{
    FileArguments, ReadingArguments, end_of, exit, opened, write_plots, writer, written,
};
use super::{Exit, Failure, Global, terminal};

/// Page with the plots of an inspected trace.
const PAGE: &str = "trace.html";

/// Subcommands of `trace`.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum TraceCommand {
    /// Print the counts, times and sizes of a trace, and its bad rows
    Inspect(InspectArguments),
    /// List every row of a trace or failure log that breaks the rules of its format; exit 2 if there is any, 4 if there
    /// is no row at all
    Validate(ValidateArguments),
    /// Write a trace in the project's own format: arrivals as CSV, nodes as openb's table
    Convert(ConvertArguments),
    /// Cut, sample, scale, shift, merge or anonymize a trace of arrivals
    Edit(Box<super::trace_edit::EditArguments>),
    /// Fit a mix of jobs to a trace, for the generator `mix`: distributions, correlations, arrivals,
    /// sessions; or failures of nodes to a failure log
    Fit(super::trace_fit::FitArguments),
    /// Generate a synthetic trace (`windtunnel systems` lists the generators)
    #[command(after_help = heeded())]
    Generate(GenerateArguments),
}

/// Trace to inspect.
#[derive(Clone, Debug, Args)]
pub(super) struct InspectArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Print the records of this name instead: the file and line of each, and what they say
    #[arg(long, value_name = "NAME", conflicts_with = "out")]
    record: Option<String>,
    /// Folder for plots of the arrivals (SVG with their data as CSV) and a page with all of them
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace existing files
    #[arg(long, requires = "out")]
    force: bool,
}

/// Trace to validate.
#[derive(Clone, Debug, Args)]
pub(super) struct ValidateArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Maximum number of bad rows to print
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Read machine events, which could be read as nodes, too, as a failure log; other failure logs are detected
    #[arg(long, conflicts_with = "trace_format")]
    failures: bool,
}

/// Trace to convert.
#[derive(Clone, Debug, Args)]
pub(super) struct ConvertArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Output file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Format to write arrivals in; nodes are written as a table of openb
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = writer)]
    to: &'static Writer,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Trace to generate.
#[derive(Clone, Debug, Args)]
pub(super) struct GenerateArguments {
    /// Generator to use
    generator: String,
    /// File that describes the jobs of the generator `mix`
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print the mix that the generator draws from, to be edited and read with `--file`
    #[arg(long, conflicts_with = "file")]
    describe: bool,
    /// Output folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = GeneratorOptions::default().seed)]
    seed: u64,
    /// Jobs of a log [default: 10000]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Processors of a log's machine [default: 256]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(8..=65_536))]
    processors: Option<u32>,
    /// Nodes of a cluster [default: 100]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    nodes: Option<u32>,
    /// Pods of a cluster [default: 3000]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    pods: Option<u32>,
    /// Number of different task requests [default: 10]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    classes: Option<u32>,
    /// Long-run utilization of the scarcer of processors and memory, in percent [default: 80]
    #[arg(long, value_name = "PERCENT",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    load: Option<u32>,
    /// Time span in which tasks arrive [default: 29d]
    #[arg(long, value_name = "TIME", value_parser = span)]
    span: Option<Duration>,
    /// Mean number of tasks per job; at 1 each task draws its class anew [default: 38]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    tasks_per_job: Option<u32>,
    /// Generate two streams of jobs, batch and interactive, instead of one
    #[arg(long)]
    typed: bool,
    /// Replace existing files
    #[arg(long)]
    force: bool,
}

impl GenerateArguments {
    /// Refuses the options that the generator doesn't heed.
    fn refuse_unheeded(&self, entry: &GeneratorEntry) -> Result<(), Failure> {
        let named = [
            ("jobs", "jobs", self.jobs.is_some()),
            ("processors", "processors", self.processors.is_some()),
            ("nodes", "nodes", self.nodes.is_some()),
            ("pods", "pods", self.pods.is_some()),
            ("classes", "classes", self.classes.is_some()),
            ("load", "load", self.load.is_some()),
            ("span", "span", self.span.is_some()),
            (
                "tasks-per-job",
                "tasks-per-job",
                self.tasks_per_job.is_some(),
            ),
            ("typed", "kind", self.typed),
        ];
        let unheeded = { named.into_iter() }
            .find(|(_, option, is_named)| *is_named && !entry.options.contains(option));
        let Some((name, option, _)) = unheeded else {
            return Ok(());
        };
        let heeding = GENERATORS
            .iter()
            .filter(|own| own.options.contains(&option));
        let heeding: Vec<&str> = heeding.map(|own| own.name).collect();
        Err(Failure::input(format!(
            "--{name}: the generator `{}` has no such option; leave it out (it is one of {})",
            entry.name,
            heeding.join(", ")
        )))
    }

    /// The options of a generator, with the defaults of the bundled files.
    fn options(&self) -> GeneratorOptions {
        let defaults = GeneratorOptions::default();
        GeneratorOptions {
            seed: self.seed,
            jobs: self.jobs.unwrap_or(defaults.jobs),
            processors: self.processors.unwrap_or(defaults.processors),
            nodes: self.nodes.unwrap_or(defaults.nodes),
            pods: self.pods.unwrap_or(defaults.pods),
            classes: self.classes.unwrap_or(defaults.classes),
            load_percent: self.load.unwrap_or(defaults.load_percent),
            span: self.span.unwrap_or(defaults.span),
            tasks_per_job: self.tasks_per_job.unwrap_or(defaults.tasks_per_job),
            kind: if self.typed {
                LublinKind::Typed
            } else {
                LublinKind::Untyped
            },
        }
    }
}

/// The options that each generator heeds, as the help lists them.
fn heeded() -> String {
    let rows = GENERATORS.iter().map(|entry| {
        let options = entry.options.iter().map(|&option| match option {
            "kind" => "--typed".to_owned(),
            own => format!("--{own}"),
        });
        let options: Vec<String> = options.collect();
        let describe = matches!(entry.output, Output::Mix(Some(_)));
        let describe = if describe { " --describe" } else { "" };
        format!("  {:16}  {}{describe}\n", entry.name, options.join(" "))
    });
    let rows: String = rows.collect();
    format!(
        "Options that each generator heeds, besides --out and --force; any other is an error:\n{rows}"
    )
}

fn span(text: &str) -> Result<Duration, String> {
    match text.parse::<Duration>() {
        Ok(span) if span > Duration::ZERO => Ok(span),
        Ok(_) => Err("expected a time above zero, such as `29d`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn run(_global: &Global, command: &TraceCommand) -> Result<Exit, Failure> {
    match command {
        TraceCommand::Inspect(arguments) => inspected(arguments),
        TraceCommand::Validate(arguments) => validated(arguments),
        TraceCommand::Convert(arguments) => convert(arguments),
        TraceCommand::Edit(arguments) => super::trace_edit::edit(arguments),
        TraceCommand::Fit(arguments) => super::trace_fit::run(arguments),
        TraceCommand::Generate(arguments) => generate(arguments),
    }
}

fn validated(arguments: &ValidateArguments) -> Result<Exit, Failure> {
    let file = &arguments.file;
    let input = file.input()?;
    let has_failures = arguments.failures || !file.has_format() && is_log(&input)?;
    let validation = if has_failures {
        file.choices.refuse_for_log(&file.file)?;
        let options = ReadOptions {
            rows: file.rows(),
            ..ReadOptions::default()
        };
        let failures = observed(&input, None, RowPolicy::REPORT);
        validate_log(&input, failures, &options, arguments.limit)
    } else {
        let entry = file.format(&input)?;
        validate(&input, entry, &file.options(entry)?, arguments.limit)
    };
    terminal::print(&if file.json {
        told::validation_json(&validation)
    } else {
        told::validation(&validation)
    });
    terminal::print(&end_of(file, &input)?);
    Ok(if !validation.is_valid() {
        Exit::Input
    } else if validation.is_empty() {
        Exit::NothingMeasured
    } else {
        Exit::Done
    })
}

fn inspected(arguments: &InspectArguments) -> Result<Exit, Failure> {
    let (input, entry) = opened(&arguments.file)?;
    let options = arguments.file.options(entry)?;
    if let Some(name) = &arguments.record {
        let found = records(&input, entry, &options, name)?;
        if found.count == 0 {
            return Err(Failure::input(format!(
                "--record: {} has no record `{name}`",
                input.name
            )));
        }
        terminal::print(&if arguments.file.json {
            told::records_json(&found)
        } else {
            told::records(&found)
        });
        return Ok(Exit::Done);
    }
    let inspection = inspect(&input, entry, &options)?;
    terminal::print(&if arguments.file.json {
        told::inspection_json(&inspection)
    } else {
        told::inspection(&inspection)
    });
    let Some(out) = &arguments.out else {
        return Ok(read_anything(&inspection));
    };
    let Content::Workload(workload) = &inspection.content else {
        return Err(Failure::input(format!(
            "--out: {} has nodes, of which nothing is drawn; leave it out",
            input.name
        )));
    };
    let plots = draw(&[Side::alone(&workload.profile)], Style::Screen);
    let page = told::page(&inspection.file, &told::inspection(&inspection), &plots);
    write_plots(out, arguments.force, &plots, PAGE, page)?;
    Ok(read_anything(&inspection))
}

/// Exit code of an inspection: a file of bad rows alone is a wrong input, and one without rows has nothing to measure.
fn read_anything(inspection: &Inspection) -> Exit {
    let is_empty = match &inspection.content {
        Content::Workload(workload) => workload.arrivals == 0,
        Content::Nodes(nodes) => nodes.nodes == 0,
    };
    match (is_empty, inspection.ledger.bad_row_count()) {
        (false, _) => Exit::Done,
        (true, 0) => Exit::NothingMeasured,
        (true, _) => Exit::Input,
    }
}

fn convert(arguments: &ConvertArguments) -> Result<Exit, Failure> {
    let (input, entry) = opened(&arguments.file)?;
    let writer = arguments.to;
    if matches!(entry.open, Constructor::Nodes(_)) && writer.name != "csv" {
        return Err(Failure::input(format!(
            "`{}` is for arrivals, and the file has nodes; leave `--to` out",
            writer.name
        )));
    }
    let options = arguments.reading.options(&arguments.file, entry, writer)?;
    let mut ledger = Ledger::EMPTY;
    let mut format = "";
    let converted = written(&arguments.out, arguments.force, |out| match entry.open {
        Constructor::Nodes(read) => {
            let list = read(&input, &options)?;
            let done = write_nodes(&list, out);
            (ledger, format) = (list.ledger, "openb-nodes");
            done
        }
        Constructor::Workload(open) => {
            let mut source = open(&input, &options)?;
            let done = writer.write(&mut *source, arguments.reading.usage, out);
            (ledger, format) = (source.ledger().clone(), writer.name);
            done
        }
    })?;
    let conversion = told::Conversion {
        file: arguments.out.display().to_string(),
        format,
        converted,
        ledger,
    };
    terminal::print(&if arguments.file.json {
        told::conversion_json(&conversion)
    } else {
        told::conversion(&conversion)
    });
    terminal::print(&end_of(&arguments.file, &input)?);
    Ok(exit(&conversion))
}

fn generate(arguments: &GenerateArguments) -> Result<Exit, Failure> {
    let name = &arguments.generator;
    let entry = find_generator(name).ok_or_else(|| {
        let known: Vec<&str> = GENERATORS.iter().map(|entry| entry.name).collect();
        Failure::input(format!(
            "there is no generator `{name}`; known are {}",
            known.join(", ")
        ))
    })?;
    arguments.refuse_unheeded(entry)?;
    let options = arguments.options();
    let existing = Existing::forced(arguments.force);
    if arguments.describe {
        let Output::Mix(Some(text)) = entry.output else {
            return Err(Failure::input(format!(
                "--describe: no mix is built into the generator `{name}`; leave it out"
            )));
        };
        terminal::print(text);
        return Ok(Exit::Done);
    }
    if let Output::Stream { file, write, .. } = entry.output
        && arguments.file.is_none()
    {
        let path = arguments.out.join(file);
        let write = |out: &mut dyn std::io::Write| write(&options, out);
        write_file_with(&path, existing, write)?;
        terminal::print(&format!("{}\n", path.display()));
        return Ok(Exit::Done);
    }
    let input = arguments.file.as_ref().map(Input::path);
    let source = entry.arrivals(input.as_ref(), &options);
    if let Some(mut source) = source.map_err(Failure::input)? {
        let stem = arguments.file.as_ref().and_then(|file| file.file_stem());
        let stem = stem.unwrap_or_else(|| name.as_ref());
        let path = arguments.out.join(stem).with_extension("csv");
        let table = find_writer("csv").ok_or_else(|| Failure::input("there is no table"))?;
        written(&path, arguments.force, |out| {
            table.write(&mut *source, false, out)
        })?;
        terminal::print(&format!("{}\n", path.display()));
        return Ok(Exit::Done);
    }
    for file in entry.files(&options)? {
        let path = arguments.out.join(&file.name);
        write_file(&path, &file.text, existing)?;
        terminal::print(&format!("{}\n", path.display()));
    }
    Ok(Exit::Done)
}

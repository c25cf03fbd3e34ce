//! `windtunnel trace fit`: a mix of jobs fitted to a trace, or failures of nodes fitted to a failure log.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use arrivals::ArrivalSource;
use arrivals::format::Constructor;
use formats::failure_log::is_log;
use formats::failure_log::observed::observed;
use intake::Input;
use report::plot::Style;
use report::plot::trace::{Side, draw, laws, names};
use report::trace::page;
use units::Duration;
use units::plural::count;
use workloads::fit::failures::fit_failures;
use workloads::fit::{Fit, Reordered, TABLE_HEAD, fit, reordered};

use super::trace_files::{FileArguments, refuse_plots, write_plots};
use super::{Exit, Failure, terminal};

/// Trace or failure log to fit.
#[derive(Clone, Debug, Args)]
pub(super) struct FitArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Fit failures of nodes, of machine events that could be read as a trace, too; other failure logs are
    /// detected
    #[arg(long)]
    failures: bool,
    /// Print how far the mix is from the trace instead of the mix: a table of Markdown, with a row for each trace
    #[arg(long, conflicts_with_all = ["json", "failures", "system"])]
    goodness: bool,
    /// Print instead how long the trace's own jobs wait in random order within each of these windows and in all, on the
    /// pool that their work fills to 70 %: a table of Markdown, with a row for each trace
    #[arg(
        long,
        value_name = "TIME",
        value_delimiter = ',',
        value_parser = window,
        conflicts_with_all = ["goodness", "json", "failures", "system"]
    )]
    reorder: Vec<Duration>,
    /// Further traces of these tables
    #[arg(value_name = "TRACE")]
    others: Vec<String>,
    /// System of the Los Alamos log [default: all, each a class of nodes]
    #[arg(long, value_name = "N")]
    system: Option<u32>,
    /// Folder for plots of the trace and of as many jobs of the mix, or of the failures and their laws (SVG with their data as
    /// CSV), and a page with all of them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["goodness", "reorder"])]
    out: Option<PathBuf>,
    /// Replace existing files
    #[arg(long, requires = "out")]
    force: bool,
}

/// Page with the plots of a fit.
const PAGE: &str = "fit.html";

/// Reads the length of a window.
fn window(text: &str) -> Result<Duration, String> {
    match text.parse::<Duration>() {
        Ok(length) if length > Duration::ZERO => Ok(length),
        Ok(_) => Err("expected a time above 0, such as `1h`".to_owned()),
        Err(why) => Err(why.to_string()),
    }
}

/// Fits a mix to the arrivals of a trace, or failures to a failure log, and prints it.
pub(super) fn run(arguments: &FitArguments) -> Result<Exit, Failure> {
    let (file, system) = (&arguments.file, arguments.system);
    if arguments.goodness {
        return run_goodness(arguments);
    }
    if !arguments.reorder.is_empty() {
        return run_reordered(arguments);
    }
    if let Some(other) = arguments.others.first() {
        return Err(Failure::input(format!(
            "{other}: a mix is fitted to one trace; add `--goodness` or `--reorder` for a table of several"
        )));
    }
    let input = file.input()?;
    if arguments.failures || !file.has_format() && is_log(&input)? {
        file.choices.refuse_for_log(&file.file)?;
        return run_failures(&input, arguments);
    }
    if system.is_some() {
        return Err(Failure::input(format!(
            "--system: {} is no failure log; leave it out",
            file.file
        )));
    }
    if let Some(out) = &arguments.out {
        refuse_plots(out, arguments.force, names(), PAGE)?;
    }
    let fitted = fitted(&input, file)?;
    print_mix(&fitted, file);
    if let Some(out) = &arguments.out {
        write_plots_of(&fitted, out, arguments.force)?;
    }
    Ok(told(&fitted.name, fitted.bad_rows))
}

fn run_failures(input: &Input, arguments: &FitArguments) -> Result<Exit, Failure> {
    let file = &arguments.file;
    if let Some(out) = &arguments.out {
        refuse_plots(out, arguments.force, laws::names(), PAGE)?;
    }
    let failures = observed(input, arguments.system, file.rows())?;
    let fit = fit_failures(&input.name, failures).map_err(Failure::input)?;
    if file.json {
        let answer = json!({
            "failures": fit.text,
            "classes": fit.classes,
            "badRows": fit.ledger.bad_row_count(),
        });
        terminal::print(&format!("{answer:#}\n"));
    } else {
        terminal::print(&fit.text);
    }
    if let Some(out) = &arguments.out {
        let plots = laws::draw(&fit.curves, Style::Screen);
        let page = page(&input.name, &fit.text, &plots);
        write_plots(out, arguments.force, &plots, PAGE, page)?;
    }
    Ok(told(&input.name, fit.ledger.bad_row_count()))
}

fn print_mix(fitted: &Fitted, arguments: &FileArguments) {
    let fit = &fitted.fit;
    if !arguments.json {
        terminal::print(&fit.text);
        return;
    }
    let left_out = fit.left_out.iter();
    let left_out = left_out.map(|(what, jobs)| json!({"what": what, "jobs": jobs}));
    let mut answer = json!({
        "mix": fit.text,
        "model": fit.model,
        "goodness": fit.goodness,
        "leftOut": left_out.collect::<Vec<_>>(),
        "badRows": fitted.bad_rows,
    });
    if let Some(all) = fit.sampled_of {
        answer["sampledOf"] = all.into();
    }
    terminal::print(&format!("{answer:#}\n"));
}

/// Draws the trace and the jobs of the mix that it is judged by on the same axes.
fn write_plots_of(fitted: &Fitted, out: &Path, force: bool) -> Result<(), Failure> {
    let fit = &fitted.fit;
    let sides = [
        Side {
            name: "trace",
            profile: &fit.trace,
        },
        Side {
            name: "generated",
            profile: &fit.generated,
        },
    ];
    let plots = draw(&sides, Style::Screen);
    let figures: Vec<&str> = fit.head().collect();
    let page = page(&fitted.name, &figures.join("\n"), &plots);
    write_plots(out, force, &plots, PAGE, page)
}

/// Prints a table of how far the mixes of some traces are from these.
fn run_goodness(arguments: &FitArguments) -> Result<Exit, Failure> {
    table(arguments, TABLE_HEAD.to_owned(), |input, file| {
        let own = fitted(input, file)?;
        Ok(Row {
            text: own.fit.row(file_name(&file.file)),
            bad_rows: own.bad_rows,
        })
    })
}

/// Prints a table of how long the jobs of some traces wait in other orders.
fn run_reordered(arguments: &FitArguments) -> Result<Exit, Failure> {
    let windows = &arguments.reorder;
    table(arguments, Reordered::head(windows), |input, file| {
        let mut source = opened(input, file)?;
        let own = reordered(&input.name, &mut *source, windows)?;
        let own = own.ok_or_else(|| {
            Failure::input(format!(
                "{}: no job ends, so none waits for another",
                input.name
            ))
        })?;
        Ok(Row {
            text: own.row(file_name(&file.file)),
            bad_rows: source.ledger().bad_row_count(),
        })
    })
}

/// A row of a table of traces.
struct Row {
    text: String,
    bad_rows: u64,
}

/// Prints a table with a row for each trace.
fn table(
    arguments: &FitArguments,
    head: String,
    row: impl Fn(&Input, &FileArguments) -> Result<Row, Failure>,
) -> Result<Exit, Failure> {
    let (mut exit, mut table) = (Exit::Done, head);
    for file in [&arguments.file.file].into_iter().chain(&arguments.others) {
        let file = arguments.file.of(file);
        let input = file.input()?;
        let own = row(&input, &file)?;
        table.push_str(&own.text);
        if told(&input.name, own.bad_rows) == Exit::Input {
            exit = Exit::Input;
        }
    }
    terminal::print(&table);
    Ok(exit)
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A mix that was fitted to a file.
struct Fitted {
    name: String,
    fit: Fit,
    bad_rows: u64,
}

fn fitted(input: &Input, arguments: &FileArguments) -> Result<Fitted, Failure> {
    let mut source = opened(input, arguments)?;
    let fit = fit(&input.name, &mut *source)?;
    Ok(Fitted {
        name: input.name.to_string(),
        fit,
        bad_rows: source.ledger().bad_row_count(),
    })
}

/// The arrivals of a trace.
fn opened(input: &Input, arguments: &FileArguments) -> Result<Box<dyn ArrivalSource>, Failure> {
    let entry = arguments.format(input)?;
    let Constructor::Workload(open) = entry.open else {
        return Err(Failure::input(format!(
            "{}: the format `{}` has nodes and no jobs, of which a mix would be made",
            input.name, entry.name
        )));
    };
    open(input, &arguments.options(entry)?).map_err(Failure::input)
}

/// The result of a fit: bad rows of its input are an error of the input.
fn told(name: &str, bad_rows: u64) -> Exit {
    if bad_rows == 0 {
        return Exit::Done;
    }
    let rows = count(bad_rows, "bad row");
    terminal::complain(&format!(
        "{rows} of {name} left out; `windtunnel trace validate` lists them"
    ));
    Exit::Input
}

//! `windtunnel trace fit`: a mix of jobs fitted to a trace, or failures of nodes fitted to a failure log.

use clap::Args;
use serde_json::json;

use trace::failure_log::is_log;
use trace::fit::failures::fit_failures;
use trace::fit::{Fit, TABLE_HEAD, fit};
use trace::format::Constructor;
use trace::{Input, ReadOptions};
use units::plural::count;

use super::trace_files::FileArguments;
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
    /// Further traces of that table
    #[arg(value_name = "TRACE", requires = "goodness")]
    others: Vec<String>,
    /// System of the Los Alamos log [default: all, each a class of nodes]
    #[arg(long, value_name = "N")]
    system: Option<u32>,
}

/// Fits a mix to the arrivals of a trace, or failures to a failure log, and prints it.
pub(super) fn run(arguments: &FitArguments) -> Result<Exit, Failure> {
    let (file, system) = (&arguments.file, arguments.system);
    if arguments.goodness {
        return run_goodness(arguments);
    }
    let input = file.input()?;
    if arguments.failures || !file.has_format() && is_log(&input).map_err(Failure::input)? {
        return run_failures(&input, system, file);
    }
    if system.is_some() {
        return Err(Failure::input(format!(
            "--system: {} is no failure log; leave it out",
            file.file
        )));
    }
    run_mix(&input, file)
}

fn run_failures(
    input: &Input,
    system: Option<u32>,
    arguments: &FileArguments,
) -> Result<Exit, Failure> {
    let fit = fit_failures(input, system, arguments.rows()).map_err(Failure::input)?;
    if arguments.json {
        let answer = json!({
            "failures": fit.text,
            "classes": fit.classes,
            "badRows": fit.ledger.bad_row_count(),
        });
        terminal::print(&format!("{answer:#}\n"));
    } else {
        terminal::print(&fit.text);
    }
    Ok(told(&input.name, fit.ledger.bad_row_count()))
}

fn run_mix(input: &Input, arguments: &FileArguments) -> Result<Exit, Failure> {
    let Fitted {
        name,
        fit,
        bad_rows,
    } = fitted(input, arguments)?;
    if arguments.json {
        let left_out = fit.left_out.iter();
        let left_out = left_out.map(|(what, jobs)| json!({"what": what, "jobs": jobs}));
        let mut answer = json!({
            "mix": fit.text,
            "model": fit.model,
            "goodness": fit.goodness,
            "leftOut": left_out.collect::<Vec<_>>(),
            "badRows": bad_rows,
        });
        if let Some(all) = fit.sampled_of {
            answer["sampledOf"] = all.into();
        }
        terminal::print(&format!("{answer:#}\n"));
    } else {
        terminal::print(&fit.text);
    }
    Ok(told(&name, bad_rows))
}

/// Prints a table of how far the mixes of some traces are from these.
fn run_goodness(arguments: &FitArguments) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    let mut table = String::from(TABLE_HEAD);
    for file in [&arguments.file.file].into_iter().chain(&arguments.others) {
        let file_arguments = arguments.file.of(file);
        let input = file_arguments.input()?;
        let own = fitted(&input, &file_arguments)?;
        table.push_str(&own.fit.row(file_name(file)));
        if told(&own.name, own.bad_rows) == Exit::Input {
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
    let entry = arguments.format(input)?;
    let Constructor::Workload(open) = entry.open else {
        return Err(Failure::input(format!(
            "{}: the format `{}` has nodes and no jobs, of which a mix would be made",
            input.name, entry.name
        )));
    };
    let options = ReadOptions {
        rows: arguments.rows(),
        ..ReadOptions::default()
    };
    let mut source = open(input, &options).map_err(Failure::input)?;
    let fit = fit(&input.name, &mut *source).map_err(Failure::input)?;
    Ok(Fitted {
        name: input.name.to_string(),
        fit,
        bad_rows: source.ledger().bad_row_count(),
    })
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

//! `windtunnel trace fit`: a mix of jobs fitted to a trace.

use serde_json::json;

use trace::fit::fit;
use trace::format::Constructor;
use trace::{ReadOptions, RowPolicy};
use units::plural::count;

use super::trace_files::{FileArguments, opened};
use super::{Exit, Failure, terminal};

/// Fits a mix to the arrivals of a trace and prints it.
pub(super) fn run(arguments: &FileArguments) -> Result<Exit, Failure> {
    let (input, entry) = opened(arguments)?;
    let Constructor::Workload(open) = entry.open else {
        return Err(Failure::input(format!(
            "{}: the format `{}` has nodes and no jobs, of which a mix would be made",
            input.name, entry.name
        )));
    };
    let options = ReadOptions {
        rows: RowPolicy::REPORT,
        ..ReadOptions::default()
    };
    let mut source = open(&input, &options).map_err(Failure::input)?;
    let fit = fit(&input.name, &mut *source).map_err(Failure::input)?;
    let bad_rows = source.ledger().bad_row_count();
    if arguments.json {
        let left_out = fit.left_out.iter();
        let left_out = left_out.map(|(what, jobs)| json!({"what": what, "jobs": jobs}));
        let answer = json!({
            "mix": fit.text,
            "goodness": fit.goodness,
            "leftOut": left_out.collect::<Vec<_>>(),
            "badRows": bad_rows,
        });
        terminal::print(&format!("{answer:#}\n"));
    } else {
        terminal::print(&fit.text);
    }
    if bad_rows == 0 {
        return Ok(Exit::Done);
    }
    let rows = count(bad_rows, "bad row");
    terminal::complain(&format!(
        "{rows} of {} left out; `windtunnel trace validate` lists them",
        input.name
    ));
    Ok(Exit::Input)
}

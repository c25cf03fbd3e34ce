//! A plan that was written before, read a second time.

use std::path::Path;

use super::super::output;
use super::{Exit, Failure, Global, PlanArguments};
use lab::plan_audit::{Dump, cases};
use units::plural;

/// Reads a plan against the dump that it was made of, and tells what does not add up.
pub(super) fn run(
    global: &Global,
    file: &Path,
    arguments: &PlanArguments,
) -> Result<Exit, Failure> {
    let dump = Dump {
        paths: &arguments.paths,
        clusters: &arguments.clusters,
    };
    let cases = cases(file, dump, &global.traces_dirs()).map_err(Failure::input)?;
    let failed = cases
        .iter()
        .filter_map(|(name, outcome)| Some((name, outcome.as_ref().err()?)));
    let failed: Vec<String> = failed
        .map(|(name, words)| format!("  {name}: {words}\n"))
        .collect();
    let passed: Vec<&str> = { cases.iter() }
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(name, _)| *name)
        .collect();
    let verdict = if failed.is_empty() {
        format!(
            "the plan holds: {} of it, read a second time, agree with its cluster and the dump",
            plural::count(passed.len(), "statement")
        )
    } else {
        format!(
            "the plan does not hold: {} of {} fail",
            failed.len(),
            plural::count(cases.len(), "statement")
        )
    };
    let held = format!("  hold: {}\n", passed.join(", "));
    let text = format!("{verdict}\n{}{held}", failed.concat());
    output::print(text.as_bytes())?;
    Ok(if failed.is_empty() {
        Exit::Done
    } else {
        Exit::GateFailed
    })
}

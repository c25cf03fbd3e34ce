//! A month of a cluster of the size of Google's trace of 2011, and ten million pods on 100,000
//! nodes: parts of both at their own rates, with metrics and digest and without tables. The
//! variable `MONTH_TASKS` says how many tasks a part has; 48000000 is the whole month. A part is
//! measured once, as it is long: the figures are those of one run.

#[path = "support/peak.rs"]
mod peak;
mod support;

use std::io::Write as _;

use support::{experiment, timed};

/// Tasks of a part if nothing is said.
const TASKS: u64 = 48_000;

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark's size is said outside of it"
)]
fn tasks() -> u64 {
    let said = std::env::var("MONTH_TASKS").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(TASKS)
}

fn main() {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "| scenario | classes | tasks | seconds | \u{b5}s a decision | peak memory, MiB |\n\
         |---|---:|---:|---:|---:|---:|"
    );
    // The whole workload's tasks and seconds.
    for (file, whole, span, classes) in [
        ("google-month.yaml", 48_000_000, 29 * 86_400, 10),
        ("google-month.yaml", 48_000_000, 29 * 86_400, 100),
        ("google-month.yaml", 48_000_000, 29 * 86_400, 10_000),
        ("hundred-thousand-nodes.yaml", 10_000_000, 86_400, 10),
    ] {
        let tasks = tasks().min(whole);
        let span = (span * tasks / whole).max(1);
        let experiment = experiment(
            file,
            &[
                format!("workload.0.generate.jobs={tasks}"),
                format!("workload.0.generate.span={span}s"),
                format!("workload.0.generate.classes={classes}"),
                format!("stop.at={span}s"),
            ],
        );
        let (outcome, took) = timed(&experiment);
        let seconds = took.as_secs_f64();
        let memory = peak::bytes().map_or("?".to_owned(), |bytes| (bytes >> 20).to_string());
        let _ = writeln!(
            out,
            "| {file} | {classes} | {tasks} | {seconds:.2} | {:.2} | {memory} |",
            1e6 * seconds / outcome.end.decisions.max(1) as f64
        );
    }
}

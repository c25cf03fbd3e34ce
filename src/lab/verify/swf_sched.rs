//! The family `swf-sched`: average bounded slowdowns and start times of windows of job logs, as
//! published for `RLScheduler` (SC'20; spec: published-results.md section 2).
//!
//! `*_windows.csv` holds one average per workload, backfilling flag, policy and window;
//! `*_starts.csv` the start of every job of some windows; either may be compressed. A workload is
//! the log `NAME*.swf` of the traces, plain or compressed. Every window is run by the simulator
//! and compared for equality in every digit.

mod jobs;
mod vectors;
mod window;

use std::collections::BTreeMap;
use std::path::Path;

use super::FamilyReport;
use crate::trace::TraceError;

pub use self::jobs::{Job, Log, find_log, read_log};
pub use self::vectors::{Case, Figures, Vectors, read_vectors};
pub use self::window::{Rules, Start, average_bounded_slowdown, run_window};

/// The name of the family and of its folder.
pub const FAMILY: &str = "swf-sched";

/// How many jobs the published windows have.
pub const WINDOW_JOBS: usize = 1_024;

/// Compares every figure in `files` (a folder, or one file) with what the simulator gives on the
/// logs in `traces`.
pub fn verify(files: &Path, traces: &Path) -> FamilyReport {
    let mut report = FamilyReport::new(FAMILY);
    match read_vectors(files) {
        Ok(vectors) => vectors.workloads.iter().for_each(|(workload, cases)| {
            verify_workload(workload, cases, traces, &mut report);
        }),
        Err(error) => report.fail(|| error.to_string()),
    }
    report
}

fn verify_workload(
    workload: &str,
    cases: &BTreeMap<Case, Figures>,
    traces: &Path,
    report: &mut FamilyReport,
) {
    let log = match find_log(traces, workload) {
        Some(input) => read_log(&input),
        None => {
            let figures = cases.values().map(Figures::count).sum();
            report.leave_out(figures, || missing(workload, traces));
            return;
        }
    };
    match log {
        Ok(log) => cases.iter().for_each(|(case, figures)| {
            verify_case((workload, &log), case, figures, report);
        }),
        Err(error) => report.fail(|| error.to_string()),
    }
}

fn missing(workload: &str, traces: &Path) -> String {
    format!(
        "no log `{workload}*.swf`, plain, .gz or .zst, in {0} or {0}/swf; it is published in the \
         Parallel Workloads Archive",
        traces.display()
    )
}

fn verify_case(
    (workload, log): (&str, &Log),
    case: &Case,
    figures: &Figures,
    report: &mut FamilyReport,
) {
    let label = format!("{workload}, {case}");
    let Some(rules) = case.rules() else {
        report.leave_out(figures.count(), || {
            format!(
                "{label}: `{}` is no known policy; job orders are listed by `systems`",
                case.policy
            )
        });
        return;
    };
    let Some(jobs) = figures.window_of(&log.jobs) else {
        report.fail(|| format!("{label}: the log has no such window of {WINDOW_JOBS} jobs"));
        return;
    };
    let starts = match run_window(jobs, log.processors, &rules) {
        Ok(starts) => starts,
        Err(why) => {
            report.fail(|| format!("{label}: {why}"));
            return;
        }
    };
    if let Some(expected) = figures.average {
        let found = average_bounded_slowdown(jobs, &starts);
        if found.to_bits() == expected.to_bits() {
            report.pass();
        } else {
            report.fail(|| format!("{label}: average is {found}, expected {expected}"));
        }
    }
    verify_starts(&label, (jobs, &starts), figures, report);
}

fn verify_starts(
    label: &str,
    (jobs, starts): (&[Job], &[Start]),
    figures: &Figures,
    report: &mut FamilyReport,
) {
    let known: BTreeMap<i64, i64> = starts
        .iter()
        .map(|start| (jobs[start.position].number, start.second))
        .collect();
    for (number, expected) in &figures.starts {
        match known.get(number) {
            Some(found) if found == expected => report.pass(),
            found => report.fail(|| match found {
                Some(found) => {
                    format!("{label}: job {number} starts at {found} s, expected {expected} s")
                }
                None => format!("{label}: job {number} is not in the window"),
            }),
        }
    }
}

/// A vector file that can't be read, in words with file, line and what was expected.
pub(crate) type ReadError = TraceError;

#[cfg(test)]
mod tests;

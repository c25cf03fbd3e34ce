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
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Family, FamilyReport, VerifyOptions, file_name};
use crate::trace::TraceError;

pub use self::jobs::{Job, Log, find_log, read_log};
pub use self::vectors::{Case, Figures, Vectors, read_vectors};
pub use self::window::{Rules, Start, average_bounded_slowdown, run_window};

/// Windows of job logs under published queue policies.
pub const FAMILY: Family = Family {
    name: "swf-sched",
    summary: "average bounded slowdown and start times of windows of job logs under seven policies",
    claims,
    judge,
};

fn claims(path: &Path) -> bool {
    let name = file_name(path);
    name.contains("_windows.csv") || name.contains("_starts.csv")
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    Ok(verify(files, options))
}

/// How many jobs the published windows have.
pub const WINDOW_JOBS: usize = 1_024;

/// Compares every figure in `files` with what the simulator gives on the logs below `--traces`.
pub fn verify(files: &[PathBuf], options: &VerifyOptions) -> FamilyReport {
    let mut report = FamilyReport::new(FAMILY.name);
    match read_vectors(files) {
        Ok(vectors) => vectors.workloads.iter().for_each(|(workload, cases)| {
            verify_workload(workload, cases, options, &mut report);
        }),
        Err(error) => report.fail(|| error.to_string()),
    }
    report
}

fn verify_workload(
    workload: &str,
    cases: &BTreeMap<Case, Figures>,
    options: &VerifyOptions,
    report: &mut FamilyReport,
) {
    let log = match find_log(&options.traces, workload) {
        Some(input) => read_log(&input),
        None => {
            let figures = cases.values().map(Figures::count).sum();
            report.leave_out(figures, || missing(workload));
            return;
        }
    };
    match log {
        Ok(log) => {
            let wanted: Vec<_> = cases
                .iter()
                .filter(|(case, _)| options.wants(&format!("{workload}, {case}")))
                .collect();
            let judged: Vec<FamilyReport> = wanted
                .into_par_iter()
                .map(|(case, figures)| {
                    let mut part = FamilyReport::new(FAMILY.name);
                    verify_case((workload, &log), case, figures, &mut part);
                    part
                })
                .collect();
            judged.into_iter().for_each(|part| report.merge(part));
        }
        Err(error) => report.fail(|| error.to_string()),
    }
}

fn missing(workload: &str) -> String {
    format!(
        "no log `{workload}*.swf`, plain, .gz or .zst, below --traces (or in its folder `swf`); it \
         is published in the Parallel Workloads Archive"
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

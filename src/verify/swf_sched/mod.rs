//! The family `swf-sched`: average bounded slowdowns and start times of windows of job logs, as
//! published for `RLScheduler` (SC'20; spec: published-results.md section 2).
//!
//! `*_windows.csv` holds one average per workload, backfilling flag, policy and window;
//! `*_starts.csv` the start of every job of some windows; either may be compressed. A workload is
//! the log `NAME*.swf` of the traces, plain or compressed. Every window is run by the simulator
//! and compared for equality in every digit.

mod door;
mod jobs;
mod vectors;
mod window;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};
use crate::door::Door;
use intake::TraceError;

pub use self::jobs::{Job, Log, find_log, read_log};
pub use self::vectors::{Case, Figures, Vectors, read_vectors};
pub use self::window::{Rules, Start, average_bounded_slowdown, run_window};
use units::SortedMap;

/// Averages and starts of job-log windows.
pub const FAMILY: Family = Family {
    name: "swf-sched",
    summary: "average bounded slowdowns and starts of job-log windows under queue policies",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Judge(door::judge),
};

/// Number of jobs of the published windows.
pub const WINDOW_JOBS: usize = 1_024;

/// Ending of the names of the two kinds of file, before the ending of their compression.
const WINDOWS: &str = "_windows.csv";
const STARTS: &str = "_starts.csv";

fn claims(path: &Path) -> bool {
    let name = file_name(path);
    [WINDOWS, STARTS].iter().any(|part| name.contains(part))
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let vectors = read_vectors(files).map_err(|error| error.to_string())?;
    let mut report = FamilyReport::new(FAMILY.name);
    for (workload, cases) in &vectors.workloads {
        let cases: Vec<(&Case, &Figures)> = cases
            .iter()
            .filter(|(case, _)| options.wants(&label(workload, case)))
            .collect();
        let share = vectors.workloads.len();
        let wanted = options
            .sample
            .map_or(cases.len(), |runs| runs.div_ceil(share).max(1));
        let step = cases.len().div_ceil(wanted.max(1)).max(1);
        let cases: Vec<(&Case, &Figures)> = cases.into_iter().step_by(step).collect();
        judge_workload(workload, &cases, options, &mut report)?;
    }
    Ok(report)
}

fn label(workload: &str, case: &Case) -> String {
    format!("{workload}, {case}")
}

fn judge_workload(
    workload: &str,
    cases: &[(&Case, &Figures)],
    options: &VerifyOptions,
    report: &mut FamilyReport,
) -> Result<(), String> {
    let Some(input) = find_log(&options.traces, workload) else {
        let figures = cases.iter().map(|(_, figures)| figures.count()).sum();
        report.leave_out(figures, || missing(workload, &options.traces));
        return Ok(());
    };
    let log = read_log(&input).map_err(|error| error.to_string())?;
    let judged: Vec<FamilyReport> = cases
        .par_iter()
        .map(|&(case, figures)| judge_case(workload, &log, case, figures))
        .collect();
    for part in judged {
        report.merge(part);
    }
    Ok(())
}

fn missing(workload: &str, traces: &[PathBuf]) -> String {
    let folders: Vec<String> = traces
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let looked = if folders.is_empty() {
        "no folder of traces was given".to_owned()
    } else {
        format!(
            "it is not in `{}`, nor in a folder `swf` there",
            folders.join("`, `")
        )
    };
    format!(
        "these windows need the log `{workload}*.swf` (plain, .gz or .zst), and {looked}; it is \
         published in the Parallel Workloads Archive or with the study; say with --traces DIR \
         where it is kept"
    )
}

fn judge_case(workload: &str, log: &Log, case: &Case, figures: &Figures) -> FamilyReport {
    let mut report = FamilyReport::new(FAMILY.name);
    let label = label(workload, case);
    let Some(rules) = case.rules() else {
        report.leave_out(figures.count(), || {
            format!(
                "{label}: `{}` is not a known job order; `systems` lists them",
                case.policy
            )
        });
        return report;
    };
    let Some(jobs) = figures.window_of(&log.jobs) else {
        let figures = figures.count();
        report.leave_out(figures, || {
            format!("{label}: the log has no such window; is it whole?")
        });
        return report;
    };
    let starts = match run_window(jobs, log.processors, &rules) {
        Ok(starts) => starts,
        Err(why) => {
            report.failed += figures.count().saturating_sub(1);
            report.fail(|| format!("{label}: {why}"));
            return report;
        }
    };
    if let Some(expected) = figures.average {
        let found = average_bounded_slowdown(jobs, &starts);
        report.case(if found.to_bits() == expected.to_bits() {
            Ok(())
        } else {
            Err(format!("{label}: average is {found}, expected {expected}"))
        });
    }
    verify_starts(&label, jobs, &starts, figures, &mut report);
    report
}

fn verify_starts(
    label: &str,
    jobs: &[Job],
    starts: &[Start],
    figures: &Figures,
    report: &mut FamilyReport,
) {
    let known: SortedMap<i64, i64> = starts
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

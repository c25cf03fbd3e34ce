//! Windows of a job log through files: each is a table of jobs under a batch queue.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::VerifyOptions;
use crate::door::batch;
use crate::door::{DoorReport, Said, Share, lines};
use crate::job_runs::RigidJob;
use crate::swf_sched::{
    Case, FAMILY, Figures, Log, Start, average_bounded_slowdown, find_log, read_log, read_vectors,
};
use units::SortedMap;

/// Judges the windows of files through the door.
///
/// # Errors
/// A file can't be read.
pub(crate) fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
) -> Result<Vec<(String, DoorReport)>, String> {
    let vectors = read_vectors(files).map_err(|error| error.to_string())?;
    let mut report = DoorReport::default();
    for (workload, cases) in &vectors.workloads {
        let cases = cases
            .iter()
            .map(|(case, own)| (format!("{workload}, {case}"), case, own));
        let cases = cases.filter(|(name, ..)| options.wants(name)).collect();
        let cases: Vec<(String, &Case, &Figures)> =
            lines::choose(cases, share, |_| workload.clone(), |(name, ..)| name);
        let Some(input) = find_log(&options.traces, workload) else {
            report.leave_out(
                format!("the log `{workload}*.swf` is not there"),
                cases.len() as u64,
            );
            continue;
        };
        let log = read_log(&input).map_err(|error| error.to_string())?;
        let judged: Vec<Said> = cases
            .par_iter()
            .map(|(name, case, figures)| {
                let said = decide(&log, case, figures);
                said.unwrap_or_else(Said::Differs).of(name)
            })
            .collect();
        for said in judged {
            report.count(said);
        }
    }
    Ok(vec![(FAMILY.name.to_owned(), report)])
}

fn decide(log: &Log, case: &Case, figures: &Figures) -> Result<Said, String> {
    let Some(rules) = case.rules() else {
        return Ok(Said::Unsaid(
            "an order of jobs that is not known".to_owned(),
        ));
    };
    let Some(jobs) = figures.window_of(&log.jobs) else {
        return Ok(Said::Unsaid("the log has no such window".to_owned()));
    };
    let table: Vec<RigidJob> = { jobs.iter() }
        .map(|job| RigidJob {
            submit: job.submit,
            run: job.run,
            requested: job.requested,
            members: job.processors,
        })
        .collect();
    let started = batch::run(&table, log.processors, &rules.order, &rules.backfill, false)?;
    let starts: Vec<Start> = { started.iter() }
        .map(|own| Start {
            position: own.position,
            second: own.at.as_nanos() / 1_000_000_000,
        })
        .collect();
    if let Some(expected) = figures.average {
        let found = average_bounded_slowdown(jobs, &starts);
        if found.to_bits() != expected.to_bits() {
            return Ok(Said::Differs(format!(
                "average is {found}, expected {expected}"
            )));
        }
    }
    let known = starts
        .iter()
        .map(|own| (jobs[own.position].number, own.second));
    let known: SortedMap<i64, i64> = known.collect();
    for (number, expected) in &figures.starts {
        let found = known.get(number);
        if found != Some(expected) {
            let words = format!("job {number} starts at {found:?} s, expected {expected} s");
            return Ok(Said::Differs(words));
        }
    }
    Ok(Said::Agrees)
}

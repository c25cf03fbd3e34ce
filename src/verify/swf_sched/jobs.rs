//! The jobs of a log as the published code reads them (spec: published-results.md section 2).

use std::path::PathBuf;

use formats::readers::swf::{MISSING, SwfJob, read_swf_jobs};
use intake::{Input, TraceError};
use units::{Duration, Instant};

/// A job of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Field 1.
    pub number: i64,
    /// Field 2.
    pub submit: Instant,
    /// Field 4; 10 seconds where it is negative.
    pub run: Duration,
    /// Field 9, or the run time as it stands where field 9 is -1.
    pub requested: Duration,
    /// The larger one of fields 5 and 8.
    pub processors: u32,
}

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The log's jobs in the order of their numbers.
    pub jobs: Vec<Job>,
    /// Processors of the machine: `MaxProcs`, else `MaxNodes`.
    pub processors: u32,
}

/// Replacement of a negative run time.
const UNKNOWN_RUN: Duration = Duration::from_secs(10);

/// The log of a workload: `NAME*.swf`, plain or compressed, in a folder or its `swf` folder; of
/// several the one with the shortest name.
pub fn find_log(traces: &[PathBuf], workload: &str) -> Option<Input> {
    let mut folders = traces
        .iter()
        .flat_map(|root| [root.join("swf"), root.clone()]);
    folders.find_map(|folder| {
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(workload) && is_log(name))
            .collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        Some(Input::path(folder.join(names.first()?)))
    })
}

fn is_log(name: &str) -> bool {
    [".swf", ".swf.gz", ".swf.zst"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Reads a log by the published rules: jobs with run time 0 are left out, the others sorted by
/// number.
pub fn read_log(input: &Input) -> Result<Log, TraceError> {
    let (header, rows) = read_swf_jobs(input)?;
    let stated = header
        .processors()
        .and_then(|processors| u32::try_from(processors).ok());
    let processors = stated.ok_or_else(|| TraceError::Format {
        file: input.name.to_string(),
        reason: "the header states neither `MaxProcs` nor `MaxNodes`; add `; MaxProcs: N`".into(),
    })?;
    let mut jobs = rows
        .iter()
        .filter(|row| row.run != Duration::ZERO)
        .map(|row| job(row, &input.name))
        .collect::<Result<Vec<_>, _>>()?;
    jobs.sort_by_key(|job| job.number);
    Ok(Log { jobs, processors })
}

fn job(row: &SwfJob, file: &str) -> Result<Job, TraceError> {
    let most = row.allocated_processors.max(row.requested_processors);
    let processors = u32::try_from(most)
        .ok()
        .filter(|&processors| processors > 0);
    Ok(Job {
        number: row.number,
        submit: Instant::from_nanos(row.submit.as_nanos()),
        run: if row.run < Duration::ZERO {
            UNKNOWN_RUN
        } else {
            row.run
        },
        requested: if row.requested_time == MISSING {
            row.run
        } else {
            row.requested_time
        },
        processors: processors.ok_or_else(|| TraceError::BadRow {
            file: file.to_owned(),
            line: row.line,
            column: "8 requested processors".to_owned(),
            value: most.to_string(),
            rule: "this or field 5 must be positive".to_owned(),
        })?,
    })
}

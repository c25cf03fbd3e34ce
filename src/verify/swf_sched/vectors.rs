//! Reading the recorded figures.

use std::fmt;
use std::path::PathBuf;

use csv::StringRecord;

use super::super::file_name;
use super::jobs::Job;
use super::{ReadError, Rules, WINDOW_JOBS, WINDOWS};
use intake::Input;
use policy::job_order::JOB_ORDERS;
use units::SortedMap;

/// Run that a figure is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// Whether jobs are backfilled.
    pub backfill: bool,
    /// The policy as the table names it.
    pub policy: String,
    /// The window's number.
    pub window: u32,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backfill = if self.backfill { "greedy-once" } else { "no" };
        write!(
            f,
            "{} with {backfill} backfilling, window {}",
            self.policy, self.window
        )
    }
}

impl Case {
    /// The names under which the registries have what the case asks for. `WFP3` and `UNICEP` of
    /// the table are the published ones with their defect.
    pub fn rules(&self) -> Option<Rules> {
        let name = self.policy.to_lowercase();
        let published = format!("{name}-published");
        let known = |name: &str| JOB_ORDERS.iter().any(|entry| entry.name == name);
        let order = [published, name].into_iter().find(|name| known(name))?;
        let backfill = if self.backfill { "greedy-once" } else { "none" };
        Some(Rules {
            order,
            backfill: backfill.to_owned(),
            ..Rules::default()
        })
    }
}

/// Recorded figures of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Index of the window's first job, counted from 0 among the jobs kept.
    pub start_index: Option<usize>,
    /// The average bounded slowdown.
    pub average: Option<f64>,
    /// Starts by job number, in seconds since the log's zero.
    pub starts: Vec<(i64, i64)>,
}

impl Figures {
    /// Number of recorded figures.
    pub fn count(&self) -> u64 {
        u64::from(self.average.is_some()) + self.starts.len() as u64
    }

    /// The jobs of the window: from the recorded index on, or from the first recorded job.
    pub fn window_of<'a>(&self, jobs: &'a [Job]) -> Option<&'a [Job]> {
        let first = match (self.start_index, self.starts.first()) {
            (Some(index), _) => index,
            (None, Some((number, _))) => jobs.iter().position(|job| job.number == *number)?,
            (None, None) => return None,
        };
        jobs.get(first..first.checked_add(WINDOW_JOBS)?)
    }
}

/// All recorded figures, by workload and run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vectors {
    /// Runs by workload.
    pub workloads: SortedMap<String, SortedMap<Case, Figures>>,
}

/// Reads files of averages and of starts.
pub fn read_vectors(files: &[PathBuf]) -> Result<Vectors, ReadError> {
    let mut vectors = Vectors::default();
    for path in files {
        let input = Input::path(path);
        if file_name(path).contains(WINDOWS) {
            read_windows(&input, &mut vectors)?;
        } else {
            read_starts(&input, &mut vectors)?;
        }
    }
    Ok(vectors)
}

fn read_windows(input: &Input, vectors: &mut Vectors) -> Result<(), ReadError> {
    let columns = ["start_index", "avg_bounded_slowdown"];
    read(input, columns, vectors, |row, figures| {
        figures.start_index = Some(row.number("start_index", 0)?);
        figures.average = Some(row.number("avg_bounded_slowdown", 1)?);
        Ok(())
    })
}

pub(super) fn read_starts(input: &Input, vectors: &mut Vectors) -> Result<(), ReadError> {
    read(input, ["job_id", "start_time"], vectors, |row, figures| {
        let start = (row.number("job_id", 0)?, row.number("start_time", 1)?);
        figures.starts.push(start);
        Ok(())
    })
}

/// A row with the positions of its columns.
struct Row<'a> {
    file: &'a str,
    record: &'a StringRecord,
    columns: [usize; 6],
}

/// Columns that both kinds of file have.
const SHARED: [&str; 4] = ["workload", "backfill", "policy", "window"];

impl Row<'_> {
    fn text(&self, index: usize) -> &str {
        self.record.get(self.columns[index]).unwrap_or_default()
    }

    /// The number in the file's own column `own`, 0 or 1.
    fn number<T: std::str::FromStr>(&self, column: &str, own: usize) -> Result<T, ReadError> {
        self.parse(column, SHARED.len() + own, "must be a number")
    }

    fn parse<T: std::str::FromStr>(
        &self,
        column: &str,
        index: usize,
        rule: &str,
    ) -> Result<T, ReadError> {
        self.text(index)
            .parse()
            .map_err(|_| self.bad(column, index, rule))
    }

    fn bad(&self, column: &str, index: usize, rule: &str) -> ReadError {
        ReadError::BadRow {
            file: self.file.to_owned(),
            line: self.record.position().map_or(0, csv::Position::line),
            column: column.to_owned(),
            value: self.text(index).to_owned(),
            rule: rule.to_owned(),
        }
    }

    fn case(&self) -> Result<Case, ReadError> {
        let backfill = match self.text(1) {
            "0" => false,
            "1" => true,
            _ => return Err(self.bad("backfill", 1, "must be 0 or 1")),
        };
        let window = self.parse("window", 3, "must be a number")?;
        Ok(Case {
            backfill,
            policy: self.text(2).to_owned(),
            window,
        })
    }
}

fn read(
    input: &Input,
    own: [&str; 2],
    vectors: &mut Vectors,
    mut take: impl FnMut(&Row<'_>, &mut Figures) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let file: &str = &input.name;
    let broken = |error: csv::Error| ReadError::Format {
        file: file.to_owned(),
        reason: error.to_string(),
    };
    let mut reader = csv::Reader::from_reader(input.open()?);
    let header = reader.headers().map_err(broken)?.clone();
    let mut columns = [0; 6];
    for (position, name) in columns.iter_mut().zip(SHARED.into_iter().chain(own)) {
        *position = header
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| ReadError::Format {
                file: file.to_owned(),
                reason: format!("expected a column `{name}` in the first line"),
            })?;
    }
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(broken)? {
        let row = Row {
            file,
            record: &record,
            columns,
        };
        let cases = vectors.workloads.entry(row.text(0).to_owned()).or_default();
        take(&row, cases.entry(row.case()?).or_default())?;
    }
    Ok(())
}

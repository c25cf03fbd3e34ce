//! Reading a finished result folder back, for reports and comparisons.
//!
//! [`read`] checks the folder and reads its summary; the tables are read when they are asked for,
//! from Parquet or CSV, whichever the run left. Everything that is wrong with a folder is an error
//! that names the file and the way out: a folder comes from disk, so none of it is taken on trust.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use thiserror::Error;

use intake::Input;
use units::{Instant, SortedMap, plural};

use super::columns::{PODS, SERIES};
use super::folder::SUMMARY_NAME;
use super::summary::{SCHEMA_VERSION, Summary};

mod rows;

pub use super::cells::Value;
use rows::Rows;

/// Reason a result folder can't be read.
#[derive(Debug, Error)]
pub enum ResultsError {
    /// There is nothing of that name.
    #[error("{}: no such folder; give the result folder that `windtunnel run` left", .0.display())]
    Missing(PathBuf),
    /// The run was interrupted or goes on.
    #[error(
        "{}: an unfinished run (interrupted, or still running) without a summary; run it again to \
         completion", .0.display()
    )]
    Partial(PathBuf),
    /// It is something else.
    #[error(
        "{}: not a result folder (it holds no {SUMMARY_NAME}); give the folder that `windtunnel \
         run` left", .0.display()
    )]
    NotResult(PathBuf),
    /// The system refused.
    #[error("{path}: can't be read: {1}", path = .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The summary is no summary.
    #[error(
        "{}:{line}:{column}: {reason}; the file was changed or damaged: run the experiment again",
        path.display()
    )]
    Summary {
        /// The file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// The problem.
        reason: String,
    },
    /// The summary does not tell which schema it follows.
    #[error(
        "{path}: `schemaVersion` is {1}, expected a whole number from 1 to {SCHEMA_VERSION}; the \
         file was changed or damaged: run the experiment again", path = .0.display()
    )]
    Version(PathBuf, String),
    /// The summary was written by a newer program.
    #[error(
        "{}: written by windtunnel {program} with `schemaVersion` {found}, but windtunnel {} \
         supports versions up to {SCHEMA_VERSION}; use the newer program, or run the experiment \
         again with this one", path.display(), env!("CARGO_PKG_VERSION")
    )]
    Future {
        /// The file.
        path: PathBuf,
        /// Version of the folder.
        found: u64,
        /// The version of the program that wrote it.
        program: String,
    },
    /// It holds no variant.
    #[error("{}: holds no run (`variants` is empty); nothing was measured", .0.display())]
    Empty(PathBuf),
    /// A table is damaged.
    #[error(
        "{path}: {1}; the file was changed, cut off or damaged: run the experiment again",
        path = .0.display()
    )]
    Table(PathBuf, String),
}

impl ResultsError {
    /// The exit code of this error: 4 where nothing was measured, 2 where another folder helps.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Empty(..) => 4,
            _ => 2,
        }
    }
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRun {
    /// The run's folder.
    pub folder: PathBuf,
    /// The run's summary.
    pub summary: Summary,
}

/// Reads the summary of a result folder. `path` is the folder, or the summary in it.
///
/// # Errors
/// If the folder is missing, unfinished, not a result folder, damaged, empty or from the future.
pub fn read(path: &Path) -> Result<FinishedRun, ResultsError> {
    let folder = if path.ends_with(SUMMARY_NAME) {
        path.parent().unwrap_or(path)
    } else {
        path
    };
    let partial = |path: &Path| ResultsError::Partial(path.to_path_buf());
    if folder.extension().is_some_and(|ending| ending == "partial") {
        return Err(if folder.exists() {
            partial(folder)
        } else {
            ResultsError::Missing(folder.to_path_buf())
        });
    }
    let file = folder.join(SUMMARY_NAME);
    if !file.is_file() {
        let mut unfinished = folder.as_os_str().to_owned();
        unfinished.push(".partial");
        return Err(if folder.exists() {
            ResultsError::NotResult(folder.to_path_buf())
        } else if Path::new(&unfinished).exists() {
            partial(Path::new(&unfinished))
        } else {
            ResultsError::Missing(folder.to_path_buf())
        });
    }
    let text = Input::path(&file).read_to_string().map_err(|error| {
        ResultsError::Unreadable(
            file.clone(),
            io::Error::new(ErrorKind::InvalidData, error.to_string()),
        )
    })?;
    Ok(FinishedRun {
        folder: folder.to_path_buf(),
        summary: parse(&text, &file)?,
    })
}

/// Whether a path names a result folder, finished or not.
pub fn is_result_folder(path: &Path) -> bool {
    path.join(SUMMARY_NAME).is_file()
        || path.ends_with(SUMMARY_NAME)
        || path.extension().is_some_and(|ending| ending == "partial")
}

/// The summary that a text holds; the version first, since a later one may be shaped otherwise.
fn parse(text: &str, file: &Path) -> Result<Summary, ResultsError> {
    let path = || file.to_path_buf();
    let damaged = |error: &serde_json::Error| ResultsError::Summary {
        path: path(),
        line: error.line(),
        column: error.column(),
        reason: reason(error),
    };
    let json: Json = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    let found = json.get("schemaVersion");
    match found.and_then(Json::as_u64) {
        Some(version) if version > u64::from(SCHEMA_VERSION) => {
            let program = json.get("windtunnel").and_then(Json::as_str);
            return Err(ResultsError::Future {
                path: path(),
                found: version,
                program: program.unwrap_or("of an unknown version").to_owned(),
            });
        }
        Some(1..) => {}
        Some(0) | None => {
            return Err(ResultsError::Version(
                path(),
                found.map_or_else(|| "missing".to_owned(), ToString::to_string),
            ));
        }
    }
    // From the text again, for the place of what is wrong.
    let summary: Summary = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    if summary.variants.is_empty() {
        return Err(ResultsError::Empty(path()));
    }
    Ok(summary)
}

/// Fault without the place that the library appends.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

/// The time series of one variant, in columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VariantSeries {
    /// The variant.
    pub variant: String,
    /// Instants, in ascending order.
    pub times: Vec<Instant>,
    columns: SortedMap<String, Vec<Option<f64>>>,
}

impl VariantSeries {
    /// The values of a column, one per time, in the column's unit; `None` where the table has no
    /// such column of numbers.
    pub fn column(&self, name: &str) -> Option<&[Option<f64>]> {
        self.columns.get(name).map(Vec::as_slice)
    }
}

/// A pod of a finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedPod {
    /// The pod's variant.
    pub variant: String,
    /// The pod's name.
    pub pod: String,
    /// The number of whom it is accounted to.
    pub tenant: i64,
    /// The number of its class.
    pub class: i64,
    /// Instant of submission.
    pub submit: Instant,
    /// Instant at which the pod was given a node, if it was.
    pub bound: Option<Instant>,
    /// Instant at which the pod began to run, if it did.
    pub started: Option<Instant>,
    /// Instant at which the pod ended, if it did.
    pub ended: Option<Instant>,
    /// The name of its node, if it had one.
    pub node: Option<String>,
    /// The indexes of the GPU devices it held there.
    pub gpus: Vec<u8>,
    /// Outcome of the pod.
    pub outcome: String,
}

impl FinishedRun {
    /// A run whose folder is complete but for its name, to report on it before it is finished.
    pub fn unnamed(folder: &Path, summary: Summary) -> Self {
        Self {
            folder: folder.to_path_buf(),
            summary,
        }
    }

    /// The time series, one per variant in the order of the summary; empty where the run left no
    /// such table.
    ///
    /// # Errors
    /// If the table is damaged.
    pub fn series(&self) -> Result<Vec<VariantSeries>, ResultsError> {
        let Some(mut rows) = Rows::open(&self.folder, &SERIES)? else {
            return Ok(Vec::new());
        };
        let (variant, time) = (rows.position("variant")?, rows.position("time_ns")?);
        let mut found: Vec<VariantSeries> = Vec::new();
        let mut columns: Vec<(usize, Vec<Option<f64>>)> = Vec::new();
        let mut row = Vec::new();
        while rows.next(&mut row)? {
            let (Value::Text(name), Value::Integer(at)) = (&row[variant], &row[time]) else {
                return Err(rows.damaged("a row without variant or time"));
            };
            if found.last().is_none_or(|last| last.variant != *name) {
                close(&mut found, &mut columns, &rows);
                columns = (0..row.len())
                    .filter(|position| ![variant, time].contains(position))
                    .map(|position| (position, Vec::new()))
                    .collect();
                found.push(VariantSeries {
                    variant: name.clone(),
                    ..VariantSeries::default()
                });
            }
            let Some(series) = found.last_mut() else {
                continue;
            };
            let at = Instant::from_nanos(*at);
            if series.times.last().is_some_and(|last| *last > at) {
                return Err(rows.damaged("its rows are not in order of time"));
            }
            series.times.push(at);
            for (position, values) in &mut columns {
                values.push(row[*position].number());
            }
        }
        close(&mut found, &mut columns, &rows);
        self.in_order(found, &rows)
    }

    /// Whether every variant of the summary has its series; in the order of the summary.
    fn in_order(
        &self,
        found: Vec<VariantSeries>,
        rows: &Rows,
    ) -> Result<Vec<VariantSeries>, ResultsError> {
        let variants = &self.summary.variants;
        let names = variants.iter().map(|variant| &variant.name);
        if names.eq(found.iter().map(|series| &series.variant)) {
            return Ok(found);
        }
        Err(rows.damaged("its variants are not those of the summary"))
    }

    /// The pods, in the order of the table (see `docs/results.md`), read as they are asked for;
    /// `None` where the run left no such table.
    ///
    /// # Errors
    /// If the table can't be opened; later, from the iterator, if it is damaged.
    pub fn pods(&self) -> Result<Option<Pods>, ResultsError> {
        let Some(rows) = Rows::open(&self.folder, &PODS)? else {
            return Ok(None);
        };
        let mut positions = [0; 11];
        for (position, column) in positions.iter_mut().zip(PODS.columns) {
            *position = rows.position(column.name)?;
        }
        let expected = self.summary.variants.iter().map(|variant| variant.pods);
        Ok(Some(Pods {
            rows,
            positions,
            row: Vec::new(),
            missing: expected.sum(),
            is_done: false,
        }))
    }
}

/// Moves the columns that were gathered into the last series.
fn close(found: &mut [VariantSeries], columns: &mut Vec<(usize, Vec<Option<f64>>)>, rows: &Rows) {
    if let Some(last) = found.last_mut() {
        last.columns = std::mem::take(columns)
            .into_iter()
            .map(|(position, values)| (rows.names()[position].clone(), values))
            .collect();
    }
}

/// The pods of a run.
pub struct Pods {
    rows: Rows,
    /// Positions of the columns of [`PODS`] in a row.
    positions: [usize; 11],
    row: Vec<Value>,
    /// Pods of the summary that were not met yet.
    missing: u64,
    is_done: bool,
}

impl Iterator for Pods {
    type Item = Result<FinishedPod, ResultsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let pod = self.read().transpose();
        self.is_done = !matches!(pod, Some(Ok(_)));
        pod
    }
}

impl Pods {
    fn read(&mut self) -> Result<Option<FinishedPod>, ResultsError> {
        if !self.rows.next(&mut self.row)? {
            return match self.missing {
                0 => Ok(None),
                missing => {
                    let reason = format!(
                        "{} of the summary {} missing",
                        plural::count(missing, "pod"),
                        plural::either(missing, "is", "are")
                    );
                    Err(self.rows.damaged(&reason))
                }
            };
        }
        let Some(missing) = self.missing.checked_sub(1) else {
            return Err(self.rows.damaged("it has more pods than the summary"));
        };
        self.missing = missing;
        let pod = self.pod();
        pod.map(Some)
            .ok_or_else(|| self.rows.damaged("a row lacks a value that every pod has"))
    }

    fn pod(&mut self) -> Option<FinishedPod> {
        let mut take = |column: usize| std::mem::take(&mut self.row[self.positions[column]]);
        let time = |value: Value| value.integer().map(Instant::from_nanos);
        Some(FinishedPod {
            variant: take(0).text()?,
            pod: take(1).text()?,
            tenant: take(2).integer()?,
            class: take(3).integer()?,
            submit: time(take(4))?,
            bound: time(take(5)),
            started: time(take(6)),
            ended: time(take(7)),
            node: take(8).text(),
            gpus: match take(9).text() {
                None => Vec::new(),
                Some(text) => text
                    .split('-')
                    .map(|index| index.parse().ok())
                    .collect::<Option<_>>()?,
            },
            outcome: take(10).text()?,
        })
    }
}

#[cfg(test)]
mod tests;

//! Files of result folders that show what a run came to, and finished runs read from their folders.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::Format;
use crate::html::{self, RenderError};
use crate::plot::{self, Style};
use crate::run::ReportRun;
use crate::runs::Gathered;
use crate::study::{self, StudyOptions};
use history::{REPORT_DATA_FILE, ReportDataError};
use intake::{Input, TraceError};
use lab::compare::{
    Candidate, CompareError, STUDY_FILE, Study, is_sweep, swept_runs, write_values,
};
use lab::folder::{FolderError, ResultFolder};
use lab::results::{self, ResultsError};
use lab::sweep::SweepError;
use lab::travel::{FORK_FILE, Fork};

/// Name of the report in a result folder.
pub const REPORT: &str = "report.html";

/// Name of the summary in a result folder.
pub const SUMMARY: &str = "summary.json";

/// Formats of the comparison in a result folder.
const FORMS: [(&str, Format); 3] = [
    (STUDY_FILE, Format::Json),
    ("comparison.csv", Format::Csv),
    ("comparison.md", Format::Markdown),
];

/// Reason why the files of a result could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The folder takes them not.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The report can't be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A text can't be made.
    #[error(transparent)]
    Text(#[from] std::io::Error),
}

/// Reason why a result folder can't be shown.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is none, or is damaged.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The data of its plots are damaged.
    #[error(transparent)]
    Data(#[from] ReportDataError),
    /// A file can't be read.
    #[error(transparent)]
    Input(#[from] TraceError),
    /// A sweep's runs can't be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A file is not what its name says.
    #[error("{0}")]
    Damaged(String),
}

/// Writes plots, the data behind them and the report into the folder.
///
/// # Errors
/// The report can't be rendered, or a file can't be written.
pub fn write_report(gathered: &Gathered, folder: &ResultFolder) -> Result<(), WriteError> {
    let (plots, missing) = plot::draw_all(&gathered.material(), Style::Screen);
    let html = html::render(gathered, &plots, &missing)?;
    for plot in &plots {
        folder.text(&format!("plots/{}.svg", plot.name), &plot.svg)?;
        folder.text(&format!("plots/{}.csv", plot.name), &plot.csv())?;
    }
    folder.text(REPORT, &html)?;
    Ok(())
}

/// Writes the summary and the data of plots of several runs into one folder.
///
/// # Errors
/// A file can't be written.
fn write_summary(gathered: &Gathered, folder: &ResultFolder) -> Result<(), FolderError> {
    folder.json(SUMMARY, &gathered.summary)?;
    folder.text(REPORT_DATA_FILE, &gathered.data.to_json())
}

/// Writes a comparison in each of its formats, with plots and the report of its runs. `rerun` is the command line that
/// repeats it.
///
/// # Errors
/// The report can't be rendered, or a file can't be written.
fn write_comparison(
    gathered: &Gathered,
    study: &Study,
    rerun: &str,
    folder: &ResultFolder,
) -> Result<(), WriteError> {
    let options = StudyOptions {
        rerun: Some(rerun),
        ..StudyOptions::default()
    };
    for (name, form) in FORMS {
        let mut bytes = Vec::new();
        study::write(&mut bytes, study, form, options)?;
        folder.text(name, &String::from_utf8_lossy(&bytes))?;
    }
    write_report(gathered, folder)
}

/// Writes finished runs with their comparison into a folder: summary, values of all runs, report.
///
/// # Errors
/// The report can't be rendered, or a file can't be written.
pub fn write_compared(
    runs: Vec<ReportRun>,
    study: &Study,
    candidates: &[Candidate],
    rerun: &str,
    folder: &ResultFolder,
) -> Result<(), WriteError> {
    let gathered = Gathered::new(runs).compared(study.clone());
    write_summary(&gathered, folder)?;
    write_values(folder, candidates)?;
    write_comparison(&gathered, study, rerun, folder)
}

/// Reads the runs of folders to compare them: of a result folder its run, of a sweep those at the points where the fields
/// of `at` have the values, `PATH=VALUE` each.
///
/// # Errors
/// A folder is neither, or is damaged.
pub fn read_runs(folders: &[PathBuf], at: &[String]) -> Result<Vec<ReportRun>, ReadError> {
    let mut runs = Vec::new();
    for folder in folders {
        if is_sweep(folder) {
            runs.extend(swept_runs(folder, at)?.into_iter().map(ReportRun::from));
        } else {
            runs.push(read(folder)?);
        }
    }
    if !at.is_empty() && !folders.iter().any(|own| is_sweep(own)) {
        let words =
            "--at: it chooses points of a sweep, and no folder of one is given; leave it out";
        return Err(CompareError::from(SweepError::Design(words.to_owned())).into());
    }
    Ok(runs)
}

/// Reads a result folder.
///
/// # Errors
/// It is none, or is damaged.
pub fn read(path: &Path) -> Result<ReportRun, ReadError> {
    let run = results::read(path)?;
    // The tables are not shown, but a damaged folder is not reported on.
    run.series()?;
    run.pods()?;
    let names: Vec<&str> = (run.summary.variants.iter())
        .map(|variant| variant.name.as_str())
        .collect();
    let data = history::read(&run.folder, &names)?;
    let file = run.folder.join("scenario.yaml");
    let scenario = if file.exists() {
        Input::path(&file).read_to_string()?
    } else {
        String::new()
    };
    let name = match run.folder.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => run.summary.name.clone(),
    };
    Ok(ReportRun {
        name,
        summary: run.summary,
        data,
        scenario,
        fork: fork_of(&run.folder)?,
    })
}

/// Fork information of a result folder, if it is one.
///
/// # Errors
/// Its file can't be read, or is damaged.
pub fn fork_of(folder: &Path) -> Result<Option<Fork>, ReadError> {
    let file = folder.join(FORK_FILE);
    if !file.exists() {
        return Ok(None);
    }
    let text = Input::path(&file).read_to_string()?;
    let fork = serde_json::from_str(&text).map_err(|error| {
        ReadError::Damaged(format!(
            "{}: it does not describe a fork, or is damaged: {error}; run the fork again with \
             `windtunnel run --from`",
            file.display()
        ))
    })?;
    Ok(Some(fork))
}

/// Comparison that a folder holds, if it is one.
///
/// # Errors
/// Its file can't be read, or is damaged.
pub fn compared(path: &Path) -> Result<Option<Study>, ReadError> {
    let file = path.join(STUDY_FILE);
    if !file.is_file() {
        return Ok(None);
    }
    let text = Input::path(&file).read_to_string()?;
    let study = Study::read(&text).map_err(|error| {
        ReadError::Damaged(format!(
            "{}: it is no comparison, or is damaged: {error}; run `windtunnel compare` again",
            file.display()
        ))
    })?;
    Ok(Some(study))
}

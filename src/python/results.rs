//! Finished results in the forms that the command line prints.

use std::path::PathBuf;

use pyo3::prelude::*;

use report::Format;
use report::comparison::{Comparison, Rows};
use report::result_files::read;
use report::runs::Gathered;
use report::study::{self, StudyOptions};
use report::table::TableOptions;

use super::compared::study_of;
use super::fault::Fault;

/// Width of tables where no terminal says one.
const WIDTH: usize = 100;

fn format_of(name: &str) -> Result<Format, Fault> {
    Ok(match name {
        "table" => Format::Table,
        "json" => Format::Json,
        "csv" => Format::Csv,
        "markdown" => Format::Markdown,
        "latex" => Format::Latex,
        other => {
            return Err(Fault::Input(format!(
                "form: expected `table`, `json`, `csv`, `markdown` or `latex`, found `{other}`"
            )));
        }
    })
}

fn text_of(
    write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    write(&mut bytes).map_err(|error| Fault::Incomplete(error.to_string()))?;
    let plain = String::from_utf8_lossy(&bytes).into_owned();
    Ok(plain)
}

/// Returns the summaries of result folders side by side, as a text in a form; `all` shows every metric.
#[pyfunction]
pub(crate) fn summary_text(folders: Vec<PathBuf>, form: &str, all: bool) -> PyResult<String> {
    let form = format_of(form)?;
    let of = || -> Result<String, Fault> {
        let runs = folders.iter().map(|path| read(path));
        let gathered = Gathered::new(runs.collect::<Result<_, _>>()?);
        let rows = if all { Rows::All } else { Rows::Headline };
        let comparison = Comparison::of(&gathered, rows);
        let options = TableOptions {
            width: Some(WIDTH),
            ..TableOptions::default()
        };
        text_of(|out| report::write(out, &comparison, form, options))
    };
    Ok(of()?)
}

/// Returns the comparison of a folder as a text in a form; `all` shows every metric.
#[pyfunction]
pub(crate) fn comparison_text(folder: PathBuf, form: &str, all: bool) -> PyResult<String> {
    let form = format_of(form)?;
    let study = study_of(&folder)?;
    let options = StudyOptions {
        all,
        ..StudyOptions::default()
    };
    Ok(text_of(|out| study::write(out, &study, form, options))?)
}

//! A comparison on several logs: one experiment file for each, one table.

use std::path::{Path, PathBuf};

use lab::compare::LogStudy;
use lab::folder::{Existing, LOGS_NAME, ResultFolder};
use report::Format;
use report::plot::{Style, critical_difference};
use report::study::{self, logs};

use super::super::{Exit, Failure, Global, output};
use super::{CompareArguments, Compared, made, read, records};

/// Formats of the table in the result folder.
const FORMS: [(&str, Format); 4] = [
    (LOGS_NAME, Format::Json),
    ("logs.csv", Format::Csv),
    ("logs.md", Format::Markdown),
    ("logs.tex", Format::Latex),
];

/// Compares on each log, and over all of them.
pub(super) fn run(
    global: &Global,
    arguments: &CompareArguments,
    files: &[PathBuf],
) -> Result<Exit, Failure> {
    // All are read before the first run, so that a mistake in the last costs no time.
    let read = |path: &PathBuf| read(global, arguments, Some(path));
    let experiments: Vec<_> = files.iter().map(read).collect::<Result<_, _>>()?;
    if arguments.submission.is_wanted() {
        return records::hand_over(global, arguments, &experiments);
    }
    let records = records::open(arguments)?;
    records::wait(global, arguments, &experiments, records.as_ref())?;
    if let Some(records) = records.as_ref().filter(|_| arguments.shard.is_some()) {
        return records::make_part(global, arguments, &experiments, records);
    }
    let is_default = arguments.out.is_none();
    let default = || output::default_folder("logs-compare");
    let out = arguments.out.clone().map_or_else(default, Ok)?;
    let folder = ResultFolder::create(&out, Existing::forced(arguments.force || is_default))?;
    let mut studies = Vec::new();
    for (path, experiment) in files.iter().zip(&experiments) {
        let inner = folder.partial().join(&experiment.name);
        let inner = ResultFolder::create(&inner, Existing::forced(false))?;
        let path: Option<&Path> = Some(path);
        let Compared { study, .. } =
            made(global, arguments, path, experiment, inner, records.as_ref())?;
        studies.push(study);
    }
    let mut all = LogStudy::of(&studies)?;
    for own in &studies {
        let notes = study::saturated(own);
        all.notes
            .extend(notes.iter().map(|note| format!("{}: {note}", own.name)));
    }
    let label = arguments.label.as_deref();
    for (name, form) in FORMS {
        let mut bytes = Vec::new();
        logs::write(&mut bytes, &all, form, label).map_err(Failure::incomplete)?;
        folder.text(name, &String::from_utf8_lossy(&bytes))?;
    }
    let candidates = studies.first().into_iter().flat_map(|own| &own.candidates);
    let candidates: Vec<String> = candidates.map(|own| own.name.clone()).collect();
    let plot = critical_difference::of_logs(&all.rankings, &candidates, Style::Screen);
    if let Some(plot) = plot {
        folder.text(&format!("plots/{}.svg", plot.name), &plot.svg)?;
        folder.text(&format!("plots/{}.csv", plot.name), &plot.csv())?;
    }
    let out = folder.finish()?;
    let form = arguments.format.into();
    output::print_with(|to| {
        logs::write(to, &all, form, label)?;
        match form {
            Format::Table => writeln!(to, "folder: {}", out.display()),
            _ => Ok(()),
        }
    })?;
    Ok(Exit::Done)
}

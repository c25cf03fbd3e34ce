//! The forms in which `windtunnel check` tells its result: on standard output and in files, also where
//! nothing could be checked.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use lab::check::{CHECK_VERSION, CheckReport, EntryReport, ErrorKind};
use lab::folder::{Existing, write_file};
use lab::program;
use report::check::{self, Better, CheckForm, CheckOptions, Flavor};
use units::Date;

use super::baseline::baseline_path;
use super::paths::{in_form, real};
use super::{CheckArguments, relative, source_date, stem};
use crate::{Exit, Failure, output};

/// Output format of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Table for the terminal.
    Table,
    /// Markdown, for job summaries and comments.
    Markdown,
    /// JSON, one object.
    Json,
    /// JUnit XML, for CI servers.
    Junit,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub annotations (workflow commands).
    Github,
    /// Code-quality report, for merge requests of GitLab.
    CodeQuality,
    /// github-action-benchmark input: metrics of which less is better, or neither.
    GhaBenchmark,
    /// github-action-benchmark input: metrics of which more is better.
    GhaBenchmarkBigger,
}

/// Dialect of JUnit XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum JunitFlavor {
    /// Strict schema of Jenkins.
    Strict,
    /// Extended elements that most other readers know.
    Extended,
}

/// A form and a file, as in `junit=report.xml`.
pub(super) fn target(text: &str) -> Result<(CheckFormat, PathBuf), String> {
    let wrong = || format!("`{text}`: expected FORMAT=FILE, such as junit=report.xml");
    let (form, file) = text.split_once('=').ok_or_else(wrong)?;
    let form = CheckFormat::from_str(form, false)
        .map_err(|_| format!("{}; there is no form `{form}`", wrong()))?;
    if file.is_empty() {
        return Err(wrong());
    }
    Ok((form, PathBuf::from(file)))
}

impl CheckArguments {
    /// The form of a format, with the dialect that was asked for.
    pub(super) fn form(&self, format: CheckFormat) -> CheckForm {
        match format {
            CheckFormat::Table => CheckForm::Table,
            CheckFormat::Markdown => CheckForm::Markdown,
            CheckFormat::Json => CheckForm::Json,
            CheckFormat::Junit => CheckForm::Junit(match self.junit_flavor {
                JunitFlavor::Strict => Flavor::Strict,
                JunitFlavor::Extended => Flavor::Extended,
            }),
            CheckFormat::Sarif => CheckForm::Sarif,
            CheckFormat::Github => CheckForm::Github,
            CheckFormat::CodeQuality => CheckForm::CodeQuality,
            CheckFormat::GhaBenchmark => CheckForm::Benchmark(Better::Smaller),
            CheckFormat::GhaBenchmarkBigger => CheckForm::Benchmark(Better::Bigger),
        }
    }
}

/// Writes a result to the files that were asked for: to all that can be written, whatever is wrong with
/// one of them.
pub(super) fn write_targets(
    arguments: &CheckArguments,
    report: &CheckReport,
) -> Result<(), Failure> {
    let timestamp = timestamp();
    let written: Vec<Result<(), Failure>> = (arguments.targets.iter())
        .map(|(format, path)| {
            let report = in_form(arguments, report, *format);
            write_target(&report, arguments.form(*format), path, timestamp.as_deref())
        })
        .collect();
    written.into_iter().collect()
}

/// Refuses two reports in one file, and one in the place of an input: the suite, its baseline, a file that it
/// reads, or any that ends like a scenario.
pub(super) fn refuse_clashes(arguments: &CheckArguments, read: &[PathBuf]) -> Result<(), Failure> {
    let inputs = [arguments.file.clone(), baseline_path(arguments)];
    let inputs: Vec<PathBuf> = inputs.iter().chain(read).map(|path| real(path)).collect();
    let mut others: Vec<PathBuf> = Vec::new();
    for (_, path) in &arguments.targets {
        let place = real(path);
        let ending = path.extension().unwrap_or_default();
        let is_scenario = path.exists() && (ending == "yaml" || ending == "yml");
        let why = if others.contains(&place) {
            "two reports can't be written to one file"
        } else if is_scenario || inputs.iter().any(|input| place.starts_with(input)) {
            "is an input, which a report would replace"
        } else {
            others.push(place);
            continue;
        };
        let path = path.display();
        return Err(Failure::input(format!(
            "--write: {path}: {why}; name another file"
        )));
    }
    Ok(())
}

/// Writes the files that were asked for as those of a check without an end, which they are until the
/// result takes their place: the system may end the program without a chance to say so.
pub(super) fn write_unfinished(arguments: &CheckArguments) {
    let why = "the check did not come to its end: the program was ended, or had no memory left";
    // A file that can't be written is told with the result.
    let _ = write_targets(arguments, &refusal(arguments, Exit::Incomplete, why));
}

/// Tells every reader of the result why nothing was checked: the files that were asked for, and
/// standard output in a form for programs.
pub(super) fn write_refusal(arguments: &CheckArguments, exit: Exit, why: &str) {
    let report = refusal(arguments, exit, why);
    // What led here is told in any case, and decides the exit code.
    let _ = write_targets(arguments, &report);
    if arguments.format != CheckFormat::Table {
        let form = arguments.form(arguments.format);
        let report = in_form(arguments, &report, arguments.format);
        let _ = output::print_with(|out| check::write(out, &report, form, CheckOptions::default()));
    }
}

fn refusal(arguments: &CheckArguments, exit: Exit, why: &str) -> CheckReport {
    let (suite, file) = (
        stem(arguments),
        relative(&arguments.file).display().to_string(),
    );
    let entry = broken_entry(&suite, &file, exit, why);
    CheckReport {
        schema_version: CHECK_VERSION,
        windtunnel: program::VERSION.to_owned(),
        program: program::identity().to_owned(),
        suite,
        file,
        entries: vec![entry],
        ..CheckReport::default()
    }
}

/// Entry of a scenario that can't be run, with the reason.
pub(super) fn broken_entry(name: &str, file: &str, exit: Exit, why: &str) -> EntryReport {
    let why = one_line(&anstream::adapter::strip_str(why).to_string());
    EntryReport {
        name: name.to_owned(),
        file: file.to_owned(),
        error: Some(why),
        error_kind: Some(match exit {
            Exit::Incomplete => ErrorKind::CouldNotComplete,
            _ => ErrorKind::Input,
        }),
        rerun: format!("windtunnel check {}", lab::shell::quoted(file)),
        ..EntryReport::default()
    }
}

/// A message on one line; of what was found in a file, what and where it is and what helps.
pub(super) fn one_line(message: &str) -> String {
    let is_said = |line: &&str| {
        let said = ["base ", "error", "help", "note", "-->"];
        said.iter().any(|lead| line.starts_with(lead))
    };
    let all: Vec<&str> = message.lines().map(str::trim).collect();
    let said: Vec<&str> = all.iter().copied().filter(is_said).collect();
    // Of a text without a drawing, such as a name with a line break, all is told.
    if said.is_empty() {
        all.join(" ")
    } else {
        said.join(" ")
    }
}

fn write_target(
    report: &CheckReport,
    form: CheckForm,
    path: &Path,
    timestamp: Option<&str>,
) -> Result<(), Failure> {
    let options = CheckOptions {
        timestamp,
        ..CheckOptions::default()
    };
    let mut bytes = Vec::new();
    {
        let mut plainly = anstream::StripStream::new(&mut bytes);
        check::write(&mut plainly, report, form, options).map_err(Failure::incomplete)?;
    }
    Ok(write_file(path, &bytes, Existing::Replace)?)
}

/// Time of `SOURCE_DATE_EPOCH`, for reproducible output; `None` if unset.
pub(super) fn timestamp() -> Option<String> {
    let seconds = source_date().ok()??;
    let (day, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    Some(format!(
        "{}T{hour:02}:{minute:02}:{second:02}",
        Date::from_days(day)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_on_one_line_keeps_its_words() {
        let drawn = "error: a\n --> a.yaml:1\n  |\n1 | x\nhelp: b";
        assert_eq!(one_line(drawn), "error: a --> a.yaml:1 help: b");
        let named = "ci/x\n::error::y.yaml: no such file";
        assert_eq!(one_line(named), "ci/x ::error::y.yaml: no such file");
    }
}

//! Files that the commands of `windtunnel trace` read and write.

use std::fs;
use std::path::Path;

use clap::Args;

use arrivals::ReadOptions;
use arrivals::format::FormatEntry;
use formats::cut_file::check_cut_off;
use formats::registry::{FORMATS, find, recognize};
use formats::writers::{ConvertError, Converted, WRITERS, Writer, find as find_writer};
use intake::{Input, RowPolicy};
use lab::folder::{Existing, TextFile, refuse_files, remove_files, write_file_with, write_files};
use report::plot::Plot;
use report::plot::trace::{laws, names};
use report::trace as told;

use super::trace_options::FormatArguments;
use super::{Exit, Failure};

/// Trace to read.
#[derive(Clone, Debug, Args)]
pub(super) struct FileArguments {
    /// Trace file, plain or compressed; `-` reads standard input
    pub(super) file: String,
    /// Format of the trace [default: detected from its content]
    #[arg(long, value_name = "NAME")]
    trace_format: Option<String>,
    /// Read a file that is cut off, such as a download that broke off or a log that still grows, up
    /// to its last whole line
    #[arg(long)]
    cut_off: bool,
    /// Take every irregularity for an error: rows that the format's rules drop or repair, and those that they keep or
    /// take without a demand
    #[arg(long)]
    pub(super) strict: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) choices: FormatArguments,
}

impl FileArguments {
    /// The arguments for another file, with the same options.
    pub(super) fn of(&self, file: &str) -> Self {
        Self {
            file: file.to_owned(),
            ..self.clone()
        }
    }

    /// Whether the user names the format.
    pub(super) fn has_format(&self) -> bool {
        self.trace_format.is_some()
    }

    /// The policy for rows: bad ones are left out and listed.
    pub(super) fn rows(&self) -> RowPolicy {
        RowPolicy {
            strict: self.strict,
            ..RowPolicy::REPORT
        }
    }

    /// The options by which a trace of a format is read.
    pub(super) fn options(&self, entry: &FormatEntry) -> Result<ReadOptions, Failure> {
        Ok(ReadOptions {
            rows: self.rows(),
            ..self.choices.options(entry)?
        })
    }

    /// The file; nothing is opened yet but standard input, which is read as a whole.
    pub(super) fn input(&self) -> Result<Input, Failure> {
        let input = Input::argument(&self.file)?;
        Ok(if self.cut_off { input.cut_off() } else { input })
    }

    /// The format that the user names, or that the content shows.
    pub(super) fn format(&self, input: &Input) -> Result<&'static FormatEntry, Failure> {
        let found = self.named_or_recognized(input)?;
        check_cut_off(input, found)?;
        Ok(found)
    }

    fn named_or_recognized(&self, input: &Input) -> Result<&'static FormatEntry, Failure> {
        // A table whose columns are named is `csv`.
        let columns = self.choices.maps_columns().then_some("csv");
        let Some(name) = self.trace_format.as_deref().or(columns) else {
            return recognize(input).map_err(Failure::input);
        };
        find(name).ok_or_else(|| {
            let known: Vec<&str> = FORMATS.iter().map(|entry| entry.name).collect();
            Failure::input(format!(
                "there is no format `{name}`; known are {}",
                known.join(", ")
            ))
        })
    }
}

/// Choices about a trace that is written again.
#[derive(Clone, Debug, Args)]
pub(super) struct ReadingArguments {
    /// Write the usage that the trace recorded
    #[arg(long)]
    pub(super) usage: bool,
}

impl ReadingArguments {
    /// The options by which a trace is read that is written in a format.
    pub(super) fn options(
        &self,
        file: &FileArguments,
        entry: &FormatEntry,
        to: &Writer,
    ) -> Result<ReadOptions, Failure> {
        let heeds = |option: &str| entry.options.contains(&option);
        if self.usage && !heeds("usage") {
            return Err(Failure::input(format!(
                "--usage: the format `{}` records no usage",
                entry.name
            )));
        }
        if self.usage && !to.has_usage {
            return Err(Failure::input(format!(
                "`{}` can't say what pods use over time; leave `--usage` out, or write another format",
                to.name
            )));
        }
        Ok(ReadOptions {
            usage: self.usage,
            // A log written as a log has it in any case.
            memory: file.choices.memory || (heeds("memory") && entry.name == to.name),
            recorded: heeds("recorded"),
            resizes: to.has_resizes,
            ..file.options(entry)?
        })
    }
}

/// The format that a user names.
pub(super) fn writer(name: &str) -> Result<&'static Writer, String> {
    find_writer(name).ok_or_else(|| {
        let known = WRITERS
            .iter()
            .map(|entry| format!("`{}` ({})", entry.name, entry.summary));
        let known: Vec<String> = known.collect();
        format!("expected one of {}", known.join(", "))
    })
}

/// Words about the end of a file that may be cut off; none of any other, and of JSON output.
pub(super) fn end_of(arguments: &FileArguments, input: &Input) -> Result<String, Failure> {
    let is_file = input.files()?.is_none();
    if !arguments.cut_off || arguments.json || !is_file {
        return Ok(String::new());
    }
    let line = input.count_lines()?;
    Ok(format!(
        "read up to line {line}; `--after-line {line}` continues there\n"
    ))
}

/// The result of a conversion: bad rows of its input are an error of the input.
pub(super) fn exit(conversion: &told::Conversion) -> Exit {
    if conversion.ledger.bad_row_count() == 0 {
        Exit::Done
    } else {
        Exit::Input
    }
}

/// Writes a file, all of it or nothing.
pub(super) fn written(
    path: &Path,
    force: bool,
    write: impl FnOnce(&mut dyn std::io::Write) -> Result<Converted, ConvertError>,
) -> Result<Converted, Failure> {
    let mut done = Err(ConvertError::from(std::io::Error::other("not begun")));
    let result = write_file_with(path, Existing::forced(force), |out| {
        done = write(out);
        match &done {
            Ok(_) => Ok(()),
            Err(error) => Err(std::io::Error::other(error.to_string())),
        }
    });
    match (done, result) {
        (Err(ConvertError::Read(error)), _) => Err(Failure::input(error)),
        (_, Err(error)) => Err(error.into()),
        (Err(error), Ok(())) => Err(Failure::incomplete(error)),
        (Ok(converted), Ok(())) => Ok(converted),
    }
}

/// Names of the files of a plot: the picture and its data.
fn plot_files(plot: &str) -> [String; 2] {
    [format!("{plot}.svg"), format!("{plot}.csv")]
}

/// Refuses a folder with a page of plots that may not be replaced, or with one of its plots.
pub(super) fn refuse_plots(
    out: &Path,
    force: bool,
    names: impl Iterator<Item = &'static str>,
    page: &str,
) -> Result<(), Failure> {
    let mut files: Vec<String> = names.flat_map(plot_files).collect();
    files.push(page.to_owned());
    let files = files.iter().map(String::as_str);
    Ok(refuse_files(out, files, Existing::forced(force))?)
}

/// Writes plots with their data and a page with all of them: all files or none. Plots of a former report of the page that
/// this one lacks are removed, as they would seem to be of it.
pub(super) fn write_plots(
    out: &Path,
    force: bool,
    plots: &[Plot],
    page: &str,
    page_text: String,
) -> Result<(), Failure> {
    let drawn = plots.iter().flat_map(|plot| {
        let texts = [plot.svg.clone(), plot.csv()];
        let both = plot_files(plot.name).into_iter().zip(texts);
        both.map(|(name, text)| TextFile { name, text })
    });
    let page = TextFile {
        name: page.to_owned(),
        text: page_text,
    };
    // The pictures stand in their page as they are, which tells them from those of another page and from the user's own.
    let before = fs::read_to_string(out.join(&page.name)).unwrap_or_default();
    let is_of_page = |svg: &str| {
        let svg = fs::read_to_string(out.join(svg)).unwrap_or_default();
        !svg.is_empty() && before.contains(&svg)
    };
    let former: Vec<[String; 2]> = { names().chain(laws::names()) }
        .filter(|name| plots.iter().all(|plot| plot.name != *name))
        .map(plot_files)
        .filter(|[svg, table]| is_of_page(svg) && out.join(table).is_file())
        .collect();
    let files: Vec<TextFile> = drawn.chain([page]).collect();
    write_files(out, &files, Existing::forced(force))?;
    for both in former {
        remove_files(out, both.iter().map(String::as_str))?;
    }
    Ok(())
}

/// A trace with its format.
pub(super) fn opened(arguments: &FileArguments) -> Result<(Input, &'static FormatEntry), Failure> {
    let input = arguments.input()?;
    let entry = arguments.format(&input)?;
    Ok((input, entry))
}

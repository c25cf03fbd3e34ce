//! Files that the commands of `windtunnel trace` read and write.

use std::path::Path;

use clap::Args;

use lab::folder::{Existing, FolderError, write_file_with};
use report::trace as told;
use trace::convert::{ConvertError, Converted};
use trace::format::FormatEntry;
use trace::registry::{FORMATS, find, recognize};
use trace::{Input, RowPolicy};

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
}

impl FileArguments {
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

    /// The file; nothing is opened yet but standard input, which is read as a whole.
    pub(super) fn input(&self) -> Result<Input, Failure> {
        let input = Input::argument(&self.file).map_err(Failure::input)?;
        Ok(if self.cut_off { input.cut_off() } else { input })
    }

    /// The format that the user names, or that the content shows.
    pub(super) fn format(&self, input: &Input) -> Result<&'static FormatEntry, Failure> {
        let Some(name) = &self.trace_format else {
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

/// Words about the end of a file that may be cut off; none of any other, and of JSON output.
pub(super) fn end_of(arguments: &FileArguments, input: &Input) -> Result<String, Failure> {
    let is_file = input.files().map_err(Failure::input)?.is_none();
    if !arguments.cut_off || arguments.json || !is_file {
        return Ok(String::new());
    }
    let line = input.count_lines().map_err(Failure::input)?;
    Ok(format!(
        "read up to line {line}; `--after-line {line}` continues there\n"
    ))
}

/// Whether the usage of a trace is to be written; a failure if its format has none.
pub(super) fn with_usage(is_asked: bool, entry: &FormatEntry) -> Result<bool, Failure> {
    if is_asked && !entry.options.contains(&"usage") {
        let format = entry.name;
        return Err(Failure::input(format!(
            "--usage: the format `{format}` records no usage"
        )));
    }
    Ok(is_asked)
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
        (_, Err(error)) => Err(folder_failure(error)),
        (Err(error), Ok(())) => Err(Failure::incomplete(error)),
        (Ok(converted), Ok(())) => Ok(converted),
    }
}

/// A file that can't be written, as the program's failure.
pub(super) fn folder_failure(error: FolderError) -> Failure {
    match error.exit_code() {
        2 => Failure::input(error),
        _ => Failure::incomplete(error),
    }
}

/// A trace with its format.
pub(super) fn opened(arguments: &FileArguments) -> Result<(Input, &'static FormatEntry), Failure> {
    let input = arguments.input()?;
    let entry = arguments.format(&input)?;
    Ok((input, entry))
}

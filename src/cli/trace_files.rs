//! Files that the commands of `windtunnel trace` read and write.

use std::path::Path;

use clap::Args;

use lab::folder::{Existing, FolderError, write_file_with};
use report::trace as told;
use trace::Input;
use trace::convert::{ConvertError, Converted};
use trace::format::FormatEntry;
use trace::registry::{FORMATS, find, recognize};

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
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl FileArguments {
    /// Whether the user names the format.
    pub(super) fn has_format(&self) -> bool {
        self.trace_format.is_some()
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
    let input = Input::argument(&arguments.file).map_err(Failure::input)?;
    let input = if arguments.cut_off {
        input.cut_off()
    } else {
        input
    };
    let entry = match &arguments.trace_format {
        None => recognize(&input).map_err(Failure::input)?,
        Some(name) => find(name).ok_or_else(|| {
            let known: Vec<&str> = FORMATS.iter().map(|entry| entry.name).collect();
            Failure::input(format!(
                "there is no format `{name}`; known are {}",
                known.join(", ")
            ))
        })?,
    };
    Ok((input, entry))
}

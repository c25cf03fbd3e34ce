//! Commands about the host they run on: what live mode finds there, and the shim of a workload.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use ::live::runtime::doctor::{Finding, examine};
use ::live::runtime::shim as runtime;

use super::super::{Exit, Failure, output};

/// Arguments of `live doctor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Form of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Table for people.
    Text,
    /// JSON.
    Json,
}

/// Arguments of `live shim`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShimArguments {
    /// Folder of the attempt
    folder: PathBuf,
    /// Program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The shim that the command line asks for. Shims are found before the command line is parsed: there is
/// one for each container, and the parser of all commands takes more memory than the rest of a shim.
pub(crate) fn requested_shim(words: impl Iterator<Item = OsString>) -> Option<ShimArguments> {
    let mut words = words.skip(1);
    let is_shim = words.next()? == "live" && words.next()? == "shim";
    let folder = words.next().filter(|_| is_shim)?;
    let is_separated = words.next()? == "--";
    let command: Vec<OsString> = words.collect();
    (is_separated && !command.is_empty()).then(|| ShimArguments {
        folder: folder.into(),
        command,
    })
}

/// Runs a shim; it has no output but its files.
pub(crate) fn run_shim(arguments: &ShimArguments) -> ExitCode {
    match runtime::run(&arguments.folder, &arguments.command) {
        Ok(()) => ExitCode::from(Exit::Done.code()),
        Err(_) => ExitCode::from(Exit::Incomplete.code()),
    }
}

/// Runs a shim that the parser of all commands found.
pub(super) fn shim(arguments: &ShimArguments) -> Result<Exit, Failure> {
    let ended = runtime::run(&arguments.folder, &arguments.command);
    ended.map_err(Failure::incomplete)?;
    Ok(Exit::Done)
}

pub(super) fn doctor(arguments: &DoctorArguments) -> Result<Exit, Failure> {
    let root = std::env::var_os("WT_CGROUP_ROOT").map(PathBuf::from);
    let findings = examine(root.as_deref());
    let text = match arguments.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&findings);
            text.map_err(Failure::incomplete)? + "\n"
        }
        Format::Text => table(&findings),
    };
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Findings as a table, a feature a line.
fn table(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| {
        let answer = if finding.is_there { "yes" } else { "no" };
        let Finding {
            area,
            feature,
            detail,
            ..
        } = finding;
        let line = format!("{area:<8} {feature:<17} {answer:<4} {detail}");
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

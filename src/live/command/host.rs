//! `windtunnel live doctor`, and the shim that agents start.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use live::journal::{DatabaseJournal, Examined};
use live::record::Log;
use live::runtime::doctor::{Finding, examine};
use live::runtime::shim;
use units::plural;

use cli::{Exit, Failure, output};

/// Arguments of `live doctor`.
#[derive(Clone, Debug, Args)]
pub(super) struct DoctorArguments {
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Folder of a control server's state, whose journal is checked as well
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
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
pub(super) struct ShimArguments {
    /// Folder of the attempt
    folder: PathBuf,
    /// Program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The shim that the command line asks for. Shims are found before the command line is parsed: there is
/// one for each container, and the parser of all commands takes more memory than the rest of a shim.
pub(super) fn requested_shim(words: impl Iterator<Item = OsString>) -> Option<ShimArguments> {
    let mut words = words.skip(1);
    let is_shim = words.next()? == "shim";
    let folder = words.next().filter(|_| is_shim)?;
    let is_separated = words.next()? == "--";
    let command: Vec<OsString> = words.collect();
    (is_separated && !command.is_empty()).then(|| ShimArguments {
        folder: folder.into(),
        command,
    })
}

/// Runs a shim; it has no output but its files.
pub(super) fn run_shim(arguments: &ShimArguments) -> ExitCode {
    match shim::run(&arguments.folder, &arguments.command) {
        Ok(()) => ExitCode::from(Exit::Done.code()),
        Err(_) => ExitCode::from(Exit::Incomplete.code()),
    }
}

/// Runs a shim that the parser found, which says why it failed.
pub(super) fn hold(arguments: &ShimArguments) -> Result<Exit, Failure> {
    let ended = shim::run(&arguments.folder, &arguments.command);
    ended.map_err(Failure::incomplete)?;
    Ok(Exit::Done)
}

pub(super) fn doctor(arguments: &DoctorArguments) -> Result<Exit, Failure> {
    let root = std::env::var_os("WT_CGROUP_ROOT").map(PathBuf::from);
    let mut findings = examine(root.as_deref());
    findings.extend(arguments.state.as_deref().map(journal));
    let text = match arguments.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&findings);
            text.map_err(Failure::incomplete)? + "\n"
        }
        Format::Text => table(&findings),
    };
    output::print(text.as_bytes())?;
    let is_damaged = |finding: &Finding| finding.feature == JOURNAL && !finding.is_there;
    Ok(if findings.iter().any(is_damaged) {
        Exit::Input
    } else {
        Exit::Done
    })
}

/// Feature of a state: its journal is whole.
const JOURNAL: &str = "journal";

/// Whether the journal of a state is whole, by every page and every record.
fn journal(state: &Path) -> Finding {
    let (is_there, detail) = match DatabaseJournal::examine(state) {
        Ok(Examined::InUse) => (
            true,
            "a control server has it open, and found it whole when it opened it".to_owned(),
        ),
        Ok(Examined::Records(records)) => {
            let count = plural::count(records.len(), "record");
            if Log::is_whole(&records) {
                (true, format!("{count}, pages and records whole"))
            } else {
                let lack = "a record is damaged; restore it with `live control --restore FILE`";
                (false, format!("{count}, {lack}"))
            }
        }
        Err(error) => (false, error.to_string()),
    };
    Finding {
        area: "state",
        feature: JOURNAL,
        is_there,
        detail,
    }
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

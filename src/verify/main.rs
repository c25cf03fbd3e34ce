//! `windtunnel-verify`: recorded decisions and published tables against the decisions of this
//! program. It is test equipment, and no part of the program that users build.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rayon::ThreadPoolBuilder;

use verify::{DoorReport, FAMILIES, Family, FamilyReport, Share, VerifyOptions, selects};

use cli::{Exit, Failure, Global};
use units::plural;

/// Arguments of `verify`.
#[derive(Clone, Debug, Args)]
struct VerifyArguments {
    /// Files of vectors, or folders of them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only these families and kinds (names, or globs such as `fgd-*`; `fgd` selects all with that
    /// prefix)
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    family: Vec<String>,
    /// Only cases whose name contains this text
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Verify about this many runs of each published table, evenly spread
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Write cases as files as well, run the program on them, and compare: all, or N of each row by the
    /// hash of their names
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "0")]
    door: Option<usize>,
    /// Do not fail on cases that this program does not support
    #[arg(long)]
    allow_unsupported: bool,
    /// Output format of the result
    #[arg(long, value_enum, default_value_t = VerifyFormat::Table)]
    format: VerifyFormat,
}

/// Output format of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VerifyFormat {
    /// Table for the terminal, one line per family.
    Table,
    /// JSON, one object.
    Json,
}

/// Memory of the program: where there is no more, the program ends with words.
#[global_allocator]
static MEMORY: cli::SystemMemory = cli::SystemMemory;

fn main() -> ExitCode {
    cli::companion(
        "verify",
        "Verify this program against recorded decisions and published tables",
        |_: &VerifyArguments| false,
        run,
    )
}

fn run(global: &Global, arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let families = families(&arguments.family);
    let files = files(&arguments.files)?;
    let options = VerifyOptions {
        traces: global.traces_dirs(),
        families: arguments.family.clone(),
        case: arguments.case.clone(),
        sample: arguments.sample,
        door: arguments.door.map(|most| match most {
            0 => Share::All,
            most => Share::Most(most),
        }),
    };
    let threads = global.threads();
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| {
            let threads = plural::count(threads, "thread");
            Failure::incomplete(format!("can't start {threads}: {error}"))
        })?;
    let mut reports = Vec::new();
    for family in families {
        let own: Vec<PathBuf> = files
            .iter()
            .filter(|file| (family.claims)(file))
            .cloned()
            .collect();
        if own.is_empty() {
            continue;
        }
        let judged = pool
            .install(|| family.run(&own, &options))
            .map_err(Failure::input)?;
        for report in judged.into_iter().filter(|report| !report.is_empty()) {
            if arguments.format == VerifyFormat::Table {
                tell(global, &report);
            }
            reports.push(report);
        }
    }
    check_patterns(arguments, &reports)?;
    if arguments.format == VerifyFormat::Json {
        cli::terminal::print(&format!("{:#}\n", serde_json::json!({"families": reports})));
    }
    verdict(&reports, arguments)
}

/// Whether a pattern selects a family by a name that it is known by without any file.
fn is_of(pattern: &str, family: &Family) -> bool {
    let mut names = family.kinds.iter().chain([&family.name]);
    names.any(|name| selects(pattern, name))
}

/// Whether a pattern is the whole name of a family or a kind, so that no row of a file is meant.
fn is_exact(pattern: &str) -> bool {
    let mut names =
        { FAMILIES.iter() }.flat_map(|family| family.kinds.iter().chain([&family.name]));
    names.any(|name| *name == pattern)
}

fn is_known(pattern: &str) -> bool {
    FAMILIES.iter().any(|family| is_of(pattern, family))
}

/// The families that patterns select; all without patterns. What a family does not know by name may
/// be a row that its files name, so families with such files are asked, and leave out other cases.
fn families(patterns: &[String]) -> Vec<&'static Family> {
    let may_be_row = patterns.iter().any(|pattern| !is_exact(pattern));
    let wanted = |family: &&Family| {
        patterns.is_empty()
            || patterns.iter().any(|pattern| is_of(pattern, family))
            || (may_be_row && family.judge.is_named_by_files())
    };
    FAMILIES.iter().filter(wanted).collect()
}

/// Refuses a pattern that neither a family nor a row of these files is called by.
fn check_patterns(arguments: &VerifyArguments, reports: &[FamilyReport]) -> Result<(), Failure> {
    let is_row = |pattern: &str| {
        reports
            .iter()
            .any(|report| selects(pattern, &report.family))
    };
    let mut patterns = arguments.family.iter();
    let unknown = patterns.find(|pattern| !is_known(pattern) && !is_row(pattern));
    // A row may be missing because no case of it has the name that was asked for.
    let (Some(pattern), None) = (unknown, &arguments.case) else {
        return Ok(());
    };
    let names: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
    let kinds: usize = FAMILIES.iter().map(|family| family.kinds.len()).sum();
    Err(Failure::input(format!(
        "--family `{pattern}` selects none of the families {}, none of their {kinds} kinds, and no \
         row of these files",
        names.join(", ")
    )))
}

/// Files named, and files below the folders named, in order.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        if !path.exists() {
            return Err(Failure::input(format!(
                "{}: no such file or folder",
                path.display()
            )));
        }
        collect(path, &mut files)?;
    }
    files.dedup();
    Ok(files)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let wrong = |error: std::io::Error| Failure::input(format!("{}: {error}", path.display()));
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(wrong)? {
        entries.push(entry.map_err(wrong)?.path());
    }
    entries.sort();
    entries.iter().try_for_each(|entry| collect(entry, files))
}

fn tell(global: &Global, report: &FamilyReport) {
    let FamilyReport {
        family,
        passed,
        failed,
        unsupported,
        disagreements,
        door,
    } = report;
    let core = if door.is_some() { "core " } else { "" };
    let mut text = format!(
        "{family:28} {core}{passed:>8} passed  {failed:>6} failed  {unsupported:>6} unsupported"
    );
    if let Some(DoorReport {
        passed,
        failed,
        unsaid,
        ..
    }) = door
    {
        let _ = write!(
            text,
            "  door {passed:>8} passed  {failed:>6} failed  {unsaid:>6} unsaid"
        );
    }
    cli::terminal::print(&format!("{text}\n"));
    if !global.is_quiet() {
        for words in disagreements {
            cli::terminal::print(&format!("  {words}\n"));
        }
        if let Some(door) = door {
            for words in &door.disagreements {
                cli::terminal::print(&format!("  door: {words}\n"));
            }
            for (why, cases) in &door.reasons {
                let cases = plural::count(*cases, "case");
                cli::terminal::print(&format!("  {cases} unsaid: {why}\n"));
            }
        }
    }
}

fn verdict(reports: &[FamilyReport], arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let doors = reports.iter().filter_map(|report| report.door.as_ref());
    let at_doors: u64 = doors.map(|door| door.failed).sum();
    let failed: u64 = reports.iter().map(|report| report.failed).sum();
    let failed = failed + at_doors;
    let unsupported: u64 = reports.iter().map(|report| report.unsupported).sum();
    let passed: u64 = reports.iter().map(|report| report.passed).sum();
    if passed + failed + unsupported == 0 {
        let known: Vec<String> = FAMILIES
            .iter()
            .map(|family| format!("  {:18} {}", family.name, family.summary))
            .collect();
        let narrowed = if arguments.case.is_some() || !arguments.family.is_empty() {
            " with this --family and --case"
        } else {
            ""
        };
        return Err(Failure {
            exit: Exit::NothingMeasured,
            message: format!(
                "these files contain no case to judge{narrowed}; the families are\n{}",
                known.join("\n")
            ),
        });
    }
    if failed > 0 || (unsupported > 0 && !arguments.allow_unsupported) {
        return Ok(Exit::GateFailed);
    }
    if passed == 0 {
        return Err(Failure {
            exit: Exit::NothingMeasured,
            message: format!(
                "nothing was judged: {} found, and this program can judge none",
                plural::count(unsupported, "case")
            ),
        });
    }
    Ok(Exit::Done)
}

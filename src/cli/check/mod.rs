//! `windtunnel check`: gates for CI, against absolute bounds and a stored baseline.

mod base;
mod baseline;
mod git;
mod inside;
mod limits;
mod outputs;
mod part;
mod paths;
mod suite;

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Instant as Clock, SystemTime, UNIX_EPOCH};

use clap::Args;

use lab::check::{
    CheckReport, CheckSettings, Divergence, End, EntryReport, SEEDS_USUAL, SuiteScenario,
    entry_name, judge, run as run_suite,
};
use lab::compare::RESAMPLES;
use report::check::{self, CheckOptions};
use units::Date;

use super::accept::{self, Acceptance};
use super::divergence::Asked;
use super::run_count::counted;
use super::{Exit, Failure, Global, exit, output, terminal};
use baseline::{baseline_path, read_baseline};
use inside::Inside;
use limits::{LimitArguments, limited};
use outputs::{
    CheckFormat, JunitFlavor, broken_entry, refuse_clashes, target, timestamp, write_refusal,
    write_targets, write_unfinished,
};
use suite::{BrokenScenario, Suite};

/// Arguments of `check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct CheckArguments {
    /// Experiment file with `objectives:`, or a suite (`suite: [scenario…]`)
    #[arg(value_name = "SCENARIO|SUITE")]
    pub(super) file: PathBuf,
    /// Baseline file [default: NAME.baseline.json beside the file]
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Commit or folder to compare with: its suite is run beside this one, with the same program and seeds
    #[arg(
        long,
        value_name = "REF|DIR",
        conflicts_with_all = ["baseline", "accept", "despite_inputs"]
    )]
    base: Option<String>,
    /// Run only entries whose files are not those of this commit
    #[arg(long, value_name = "REF", conflicts_with = "accept")]
    changed_since: Option<String>,
    /// Seeds per scenario [default: `seeds` of the suite or its entry, at least those of the baseline, otherwise 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seeds: Option<u32>,
    /// Require every decision to match the baseline: equal digests
    #[arg(long)]
    exact: bool,
    /// Read files outside of the repository and of folders of traces, too
    #[arg(long)]
    allow_outside: bool,
    /// Compare although the inputs differ from the baseline's; verdicts say so
    #[arg(long, conflicts_with = "accept")]
    despite_inputs: bool,
    /// Show the changes and store the results as the new baseline; refused in CI
    #[arg(long)]
    accept: bool,
    /// Run only this entry of the suite, with all of its gates; with --accept, accept only this part; may be repeated
    #[arg(long, value_name = "ENTRY[:METRIC]")]
    only: Vec<String>,
    /// With --accept: show the changes without writing anything
    #[arg(long, requires = "accept")]
    dry_run: bool,
    /// Exit 10 if nothing failed but something is inconclusive or not measurable
    #[arg(long)]
    strict: bool,
    /// Output format of the result
    #[arg(long, value_enum, default_value_t = CheckFormat::Table)]
    pub(super) format: CheckFormat,
    /// Also write the result to a file, such as `junit=report.xml`; may be repeated
    #[arg(long = "write", value_name = "FORMAT=FILE", value_parser = target)]
    pub(super) targets: Vec<(CheckFormat, PathBuf)>,
    /// Dialect of JUnit XML
    #[arg(long, value_enum, default_value_t = JunitFlavor::Strict)]
    pub(super) junit_flavor: JunitFlavor,
    /// Override a field of every scenario, such as `stop.at=1h`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    limits: LimitArguments,
}

const EXAMPLES: &str = "Examples:
  windtunnel check .ci/quick.yaml
  windtunnel check ci/quick.yaml --base origin/main
  windtunnel check ci/quick.yaml --base origin/main --changed-since origin/main
  windtunnel check ci/quick.yaml --base ../rendered-main
  windtunnel check ci/quick.yaml --accept --dry-run
  windtunnel check ci/quick.yaml --accept --only burst:makespan.total
  windtunnel check ci/quick.yaml --write junit=junit.xml --write sarif=windtunnel.sarif
  windtunnel check ci/quick.yaml --format github
  windtunnel check ci/quick.yaml --exact
  windtunnel check ci/quick.yaml --despite-inputs

Exit codes: 0 no gate failed · 2 invalid scenario or input · 3 no baseline, or one of other \
inputs (compare nevertheless: --despite-inputs) · 4 nothing measured · 10 inconclusive (with --strict) · 100 a gate failed · 101 a \
scenario failed to complete";

pub(super) fn run(global: &Global, arguments: &CheckArguments) -> Result<Exit, Failure> {
    Inside::of(global, arguments).check_targets(&arguments.targets)?;
    refuse_clashes(arguments, &[])?;
    let clash = OnceCell::new();
    let checked = catch_unwind(AssertUnwindSafe(|| checked(global, arguments, &clash)));
    if let Some(failure) = clash.into_inner() {
        return Err(failure);
    }
    match checked {
        Ok(Err(failure)) if failure.exit.is_failure() => {
            write_refusal(arguments, failure.exit, &failure.message);
            Err(failure)
        }
        Ok(Err(failure)) if matches!(failure.exit, Exit::Interrupted | Exit::Terminated) => {
            let why = "the check was stopped before its end, and nothing was judged";
            write_refusal(arguments, Exit::Incomplete, why);
            Err(failure)
        }
        Ok(result) => result,
        Err(panic) => {
            let why = "windtunnel broke off by a fault of the program, which its log reports";
            write_refusal(arguments, Exit::Incomplete, why);
            resume_unwind(panic)
        }
    }
}

/// Checks; a report that would take the place of an input is told in `clash`, and nothing is written.
fn checked(
    global: &Global,
    arguments: &CheckArguments,
    clash: &OnceCell<Failure>,
) -> Result<Exit, Failure> {
    let started = Clock::now();
    if arguments.accept && !arguments.dry_run && is_ci() {
        return Err(Failure::input(
            "--accept is refused in CI (the variable CI is set): baselines must be reviewed by a \
             person; run the command on your own machine and commit the file",
        ));
    }
    let inside = Inside::of(global, arguments);
    inside.check(&arguments.file)?;
    let read = Suite::read(global, arguments, &inside)?.gated();
    if let Err(failure) = refuse_clashes(arguments, &read.files()) {
        let _ = clash.set(failure.clone());
        return Err(failure);
    }
    write_unfinished(arguments);
    let unread = read.broken.len();
    let broken = reported(arguments, &read)?;
    let names = entry_names(&read.scenarios);
    let only = part::selected(arguments, &read, &names)?;
    let run = only.as_ref().map_or(names.len(), Vec::len);
    let settings = CheckSettings {
        suite: stem(arguments),
        seeds: arguments.seeds.map_or(SEEDS_USUAL, |seeds| seeds as usize),
        is_seeds_given: arguments.seeds.is_some(),
        is_accepted: arguments.accept,
        exact: arguments.exact,
        today: today()?,
        resamples: RESAMPLES,
        sets: arguments.sets.clone(),
        baseline: baseline_path(arguments).display().to_string(),
        has_baseline: false,
        // Entries of files that can't be read are there.
        is_part: only.is_some() || !broken.is_empty(),
        only,
        despite_inputs: arguments.despite_inputs,
        base: None,
    };
    let judged = match &arguments.base {
        Some(name) => base::judged(global, arguments, read, name, settings),
        None => stored(global, arguments, &read.scenarios, settings),
    };
    let mut report = match judged? {
        Judged::Report(report) => report,
        Judged::Accepted(exit) => return Ok(exit),
    };
    report.entries.extend(broken);
    report
        .notes
        .extend(part::note(arguments, run, names.len() + unread));
    let wall_time = terminal::seconds(started.elapsed());
    let timestamp = timestamp();
    let options = CheckOptions {
        wall_time: Some(&wall_time),
        timestamp: timestamp.as_deref(),
        is_verbose: global.verbose,
    };
    paths::straighten(&mut report);
    write_targets(arguments, &report)?;
    let report = paths::in_form(arguments, &report, arguments.format);
    let form = arguments.form(arguments.format);
    output::print_with(|out| check::write(out, &report, form, options))?;
    Ok(exit_of(report.end(), arguments.strict))
}

/// Reports on the scenarios of a suite that can't be read; the others are checked.
fn reported(arguments: &CheckArguments, suite: &Suite) -> Result<Vec<EntryReport>, Failure> {
    let mut reports = Vec::new();
    // Entries that are named run whatever is wrong with the others.
    let is_part = !arguments.only.is_empty() && !arguments.accept;
    if is_part && suite.is_list {
        return Ok(reports);
    }
    for BrokenScenario { path, why } in &suite.broken {
        if !suite.is_list || arguments.accept {
            return Err(why.clone());
        }
        exit::complain(&why.message);
        let file = relative(path).display().to_string();
        reports.push(broken_entry(&file, &file, why.exit, &why.message));
    }
    Ok(reports)
}

/// Report of a check, or end of an acceptance.
enum Judged {
    Report(Box<CheckReport>),
    Accepted(Exit),
}

/// Holds a suite against its stored baseline.
fn stored(
    global: &Global,
    arguments: &CheckArguments,
    suite: &[SuiteScenario],
    settings: CheckSettings,
) -> Result<Judged, Failure> {
    let path = baseline_path(arguments);
    let names = entry_names(suite);
    let is_single =
        suite.len() == 1 && relative(&arguments.file).display().to_string() == suite[0].file;
    let inside = Inside::of(global, arguments);
    let single = is_single.then_some(&names);
    let read = || read_baseline(&path, arguments, &inside, single);
    let baseline = read()?;
    let is_of_suite = baseline
        .as_ref()
        .is_some_and(|held| held.suite != settings.suite && !held.suite.is_empty());
    let settings = CheckSettings {
        has_baseline: baseline.is_some(),
        is_part: settings.is_part || is_of_suite,
        ..settings
    };
    let results = limited(global, arguments, |workers| {
        run_suite(suite, baseline.as_ref(), &settings, workers)
    })?;
    let name = settings.baseline.as_str();
    let held = baseline.as_ref().map(|baseline| (baseline, name));
    let file = relative(&arguments.file).display().to_string();
    let asked = Asked {
        global,
        baseline: &path,
        sets: &arguments.sets,
    };
    let divergence = |question: Divergence<'_>| asked.first_divergence(&question);
    let report = judge(&results, held, &file, &settings, &divergence);
    if arguments.accept {
        let asked = Acceptance {
            only: &arguments.only,
            is_dry: arguments.dry_run,
            path: &path,
        };
        let accepted = accept::run(&asked, &report, &results, &read);
        write_targets(arguments, &report)?;
        return accepted.map(Judged::Accepted);
    }
    Ok(Judged::Report(Box::new(report)))
}

const fn exit_of(end: End, is_strict: bool) -> Exit {
    match end {
        End::Broken => Exit::Incomplete,
        End::WrongInput => Exit::Input,
        End::Failed => Exit::GateFailed,
        End::Incomparable => Exit::Incomparable,
        End::NothingMeasured => Exit::NothingMeasured,
        End::Inconclusive if is_strict => Exit::Inconclusive,
        End::Inconclusive | End::Passed => Exit::Done,
    }
}

/// Names of the entries of a suite.
fn entry_names(suite: &[SuiteScenario]) -> Vec<String> {
    let of = |scenario: &SuiteScenario| -> Vec<String> {
        let experiment = &scenario.experiment;
        let plans = experiment.variants.iter();
        plans
            .map(|plan| entry_name(experiment, &plan.name))
            .collect()
    };
    suite.iter().flat_map(of).collect()
}

/// Name of the suite: that of its file.
pub(super) fn stem(arguments: &CheckArguments) -> String {
    let stem = arguments.file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Path relative to the current folder: code hosts know files by their place in the repository.
pub(super) fn relative(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let below = path.strip_prefix(&here).ok();
    let below = below.filter(|below| !below.as_os_str().is_empty());
    below.unwrap_or(path).to_path_buf()
}

/// Returns whether this runs under a CI system, all of which set `CI`.
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false" && value != "0")
}

/// Seconds since 1970 of `SOURCE_DATE_EPOCH`, if it is set.
pub(super) fn source_date() -> Result<Option<i64>, Failure> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Err(_) => Ok(None),
        Ok(text) => text.trim().parse().map(Some).map_err(|_| {
            Failure::input(format!(
                "SOURCE_DATE_EPOCH is `{text}`; expected seconds since 1970-01-01, such as \
                 1767225600"
            ))
        }),
    }
}

fn today() -> Result<Date, Failure> {
    const DAY: i64 = 86_400;
    if let Some(seconds) = source_date()? {
        return Ok(Date::from_days(seconds.div_euclid(DAY)));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs() as i64);
    Ok(Date::from_days(seconds.div_euclid(DAY)))
}

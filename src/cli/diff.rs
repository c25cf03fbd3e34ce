//! `windtunnel diff`: the first difference between two runs.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use lab::check::{Baseline, entry_name};
use lab::diff::{DiffError, first_difference};
use report::diff::text;

use super::divergence::{OfBaseline, with_baseline_system};
use super::failure::run_failure;
use super::named::{self, NamedRun};
use super::{Exit, Failure, Global, interrupt, terminal};

const EXAMPLES: &str = "\
Examples:
  windtunnel diff results/a results/b
  windtunnel diff results/packing:spread results/packing:pack
  windtunnel diff before.yaml after.yaml --format json
  windtunnel diff ci/burst.yaml --baseline ci/quick.baseline.json --set seed=7

The runs are simulated again, so their inputs must be available.";

/// Arguments of `diff`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DiffArguments {
    /// Result folder or experiment file, with `:VARIANT` if it has several
    #[arg(value_name = "RUN")]
    one: String,
    /// Run to compare it with, in the same form
    #[arg(value_name = "RUN", required_unless_present = "baseline")]
    other: Option<String>,
    /// Compare with the system stored in this baseline of `check` for the run
    #[arg(long, value_name = "FILE", conflicts_with = "other")]
    baseline: Option<PathBuf>,
    /// Override a field of both runs; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Output format of the difference
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    format: DiffFormat,
}

/// Output format of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// Text for the terminal.
    Text,
    /// JSON, one object.
    Json,
}

pub(super) fn run(global: &Global, arguments: &DiffArguments) -> Result<Exit, Failure> {
    let one = named::run(global, &arguments.one, &arguments.sets)?;
    let whole = |run: NamedRun| HeldRun { run, _held: None };
    let (one, other) = match (&arguments.other, &arguments.baseline) {
        (Some(other), _) => (
            whole(one),
            whole(named::run(global, other, &arguments.sets)?),
        ),
        (None, Some(baseline)) => (of_baseline(global, &one, baseline)?, whole(one)),
        (None, None) => return Err(Failure::input("diff: expected a second run")),
    };
    let (one, other) = (&one.run, &other.run);
    let sides = [one.side(), other.side()];
    let difference = first_difference([&sides[0], &sides[1]], interrupt::flag())?;
    match arguments.format {
        DiffFormat::Text => terminal::print(&text(&difference)),
        DiffFormat::Json => {
            let json = serde_json::to_string_pretty(&difference).map_err(Failure::incomplete)?;
            terminal::print(&format!("{json}\n"));
        }
    }
    for (run, facts) in [one, other].into_iter().zip(&difference.sides) {
        run.note_other_digest(&facts.digest, &arguments.sets);
    }
    Ok(Exit::Done)
}

impl From<DiffError> for Failure {
    fn from(error: DiffError) -> Self {
        match error {
            DiffError::Interrupted => Self::silent(interrupt::exit()),
            DiffError::Run { label, source } => {
                let failure = run_failure(&source);
                Self {
                    message: format!("{label}: {}", failure.message),
                    ..failure
                }
            }
        }
    }
}

/// Run, with what has to be kept while it is simulated.
struct HeldRun {
    run: NamedRun,
    _held: Option<OfBaseline>,
}

/// Run with the system of a baseline.
fn of_baseline(global: &Global, run: &NamedRun, path: &Path) -> Result<HeldRun, Failure> {
    let plan = &run.experiment.variants[run.variant];
    let name = entry_name(&run.experiment, &plan.name);
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
    let baseline = Baseline::parse_any(&text, path.to_path_buf()).map_err(Failure::input)?;
    let Some(entry) = baseline.entries.get(&name) else {
        let known: Vec<&str> = baseline.entries.keys().map(String::as_str).collect();
        return Err(Failure::input(format!(
            "{}: has no `{name}`; it has {}",
            path.display(),
            known.join(", ")
        )));
    };
    let held = with_baseline_system(global, &plan.scenario, &run.file, path, entry)?;
    let named = NamedRun {
        label: path.display().to_string(),
        experiment: held.experiment.clone(),
        variant: 0,
        recorded: None,
        file: run.file.clone(),
        before: None,
    };
    Ok(HeldRun {
        run: named,
        _held: Some(held),
    })
}

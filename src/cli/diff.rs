//! `windtunnel diff`: where two runs part.

use clap::{Args, ValueEnum};

use crate::lab::diff::{DiffError, first_difference};
use crate::report::diff::text;

use super::named;
use super::{Exit, Failure, Global, interrupt, run::run_failure, terminal};

const EXAMPLES: &str = "\
Examples:
  windtunnel diff results/a results/b
  windtunnel diff results/packing:spread results/packing:pack
  windtunnel diff before.yaml after.yaml --format json

The runs are simulated again, so their inputs have to be at hand.";

/// What `diff` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DiffArguments {
    /// A result folder or an experiment file, with `:VARIANT` where there are several
    #[arg(value_name = "RUN")]
    one: String,
    /// The other
    #[arg(value_name = "RUN")]
    other: String,
    /// Override a field of both; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// How the difference is printed
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    format: DiffFormat,
}

/// How a difference is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// In words.
    Text,
    /// JSON.
    Json,
}

pub(super) fn run(global: &Global, arguments: &DiffArguments) -> Result<Exit, Failure> {
    let one = named::run(global, &arguments.one, &arguments.sets)?;
    let other = named::run(global, &arguments.other, &arguments.sets)?;
    let sides = [one.side(), other.side()];
    let found = first_difference([&sides[0], &sides[1]], interrupt::flag());
    let difference = found.map_err(|error| diff_failed(&error))?;
    match arguments.format {
        DiffFormat::Text => terminal::print(&text(&difference)),
        DiffFormat::Json => {
            let json = serde_json::to_string_pretty(&difference).map_err(Failure::incomplete)?;
            terminal::print(&format!("{json}\n"));
        }
    }
    for (run, facts) in [&one, &other].into_iter().zip(&difference.sides) {
        run.note_other_digest(&facts.digest, &arguments.sets);
    }
    Ok(Exit::Done)
}

/// Runs that can't be simulated again.
pub(super) fn diff_failed(error: &DiffError) -> Failure {
    match error {
        DiffError::Interrupted => Failure::silent(interrupt::exit()),
        DiffError::Run { label, source } => {
            let failure = run_failure(source);
            Failure {
                message: format!("{label}: {}", failure.message),
                ..failure
            }
        }
    }
}

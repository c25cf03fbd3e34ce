//! `windtunnel validate`: agreement of a run with a recorded one of the same cluster.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use lab::validate::recording::Recording;
use lab::validate::validate;
use report::validate::ValidationReport;

use super::failure::run_failure;
use super::{Exit, Failure, Global, interrupt, named, output, terminal};

const EXAMPLES: &str = "Examples:
  kubectl get events,pods -A -o json > recording.json
  windtunnel validate shop.yaml recording.json
  windtunnel validate shop.yaml audit.log --min-agreement 95
  windtunnel validate shop.yaml:spread results/shop --format json > validation.json
  windtunnel report results/shop --validation validation.json

A recording is a file of JSON: events of Kubernetes, records of an audit log, pods, all of these
mixed, in lists or one a line; or the result folder of a run with its table of pods. Pods are
matched by name, those of controllers by their workload and the order of their bindings. Nodes are
equal if they offer the same, with the same labels but for their names, and the same taints.";

/// Arguments of `validate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ValidateArguments {
    /// Experiment file, with `:VARIANT` if it has several
    #[arg(value_name = "EXPERIMENT")]
    experiment: String,
    /// Recording: a file of events, audit records or pods in JSON, or a result folder
    #[arg(value_name = "RECORDING")]
    recording: PathBuf,
    /// Variant of a recorded result folder [default: the first]
    #[arg(long, value_name = "VARIANT")]
    recorded_variant: Option<String>,
    /// Exit with 100 if fewer placements agree, in percent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    min_agreement: Option<f64>,
    /// Override a field of the experiment; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Output format of the answer
    #[arg(long, value_enum, default_value_t = ValidateFormat::Text)]
    format: ValidateFormat,
}

/// Output format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ValidateFormat {
    /// Text for the terminal.
    Text,
    /// JSON, one object.
    Json,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let value: Option<f64> = number.parse().ok();
    value
        .filter(|value| (0.0..=100.0).contains(value))
        .ok_or_else(|| format!("`{text}` is no percentage from 0 to 100"))
}

pub(super) fn run(global: &Global, arguments: &ValidateArguments) -> Result<Exit, Failure> {
    let recorded = arguments.recorded_variant.as_deref();
    let recording = Recording::read(&arguments.recording, recorded).map_err(Failure::input)?;
    let run = named::run(global, &arguments.experiment, &arguments.sets)?;
    let side = run.side();
    let found = validate(&side, &recording, interrupt::flag());
    let found = found.map_err(|error| run_failure(&error))?;
    let Some(found) = found else {
        return Err(Failure::silent(interrupt::exit()));
    };
    let report = ValidationReport {
        experiment: &run.label,
        recording: &arguments.recording.display().to_string(),
        validation: &found,
    };
    let text = match arguments.format {
        ValidateFormat::Text => report.text(),
        ValidateFormat::Json => format!("{:#}\n", report.json()),
    };
    output::print(text.as_bytes())?;
    let agreement = found.agreement_percent();
    match arguments.min_agreement {
        Some(least) if agreement < least => {
            terminal::complain(&format!(
                "gate agreement>={least}% fails: {agreement:.1} % of the placements agree"
            ));
            Ok(Exit::GateFailed)
        }
        _ => Ok(Exit::Done),
    }
}

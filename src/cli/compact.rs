//! `windtunnel compact` and `windtunnel inflate`: machines that a policy saves.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use lab::by_system::by_system;
use lab::compact::{Pending, Question, TrialPlan, compact};
use report::compact::CompactReport;
use scenario::NamedText;
use units::Duration;

use super::experiment_file::{self, MessageFormat, Reading};
use super::run_count::counted;

use super::table_format::{self, TableFormat};
use super::{Exit, Failure, Global};

const EXAMPLES: &str = "Examples:
  windtunnel compact packing.yaml
  windtunnel compact packing.yaml --system kubernetes,swarm,mesos
  windtunnel compact packing.yaml --pending 0 --trials 21 --format csv
  windtunnel inflate packing.yaml

All pods of the workload are taken at once, and none of them ends. `compact` removes machines in a
random order and has the system place all pods again each time, until more than 0.2 % of them stay
pending; `inflate` adds copies of pods drawn from the workload. Both repeat this with other random
orders, the same for every variant.";

/// Arguments of `compact` and `inflate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompactArguments {
    /// Experiment file (YAML or JSON), whose variants are the policies [default: the bundled one]
    scenario: Option<PathBuf>,
    /// Take these systems instead, with default settings except for the experiment's own system
    #[arg(long = "system", value_name = "A,B", value_delimiter = ',', num_args = 1..)]
    systems: Vec<String>,
    /// Number of trials, each with a random order of its own
    #[arg(long, value_name = "N", default_value_t = 11,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    trials: u16,
    /// Share of the pods that may stay pending, as far as only a handful of machines (5) could hold
    /// them
    #[arg(long, value_name = "PERCENT", default_value = "0.2%")]
    pending: Share,
    /// Simulated time that a system has to place the pods
    #[arg(long, value_name = "TIME", default_value = "1h")]
    settle: Duration,
    /// Seed of the random orders and of the runs
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Override a field of the experiment; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Output format of the answer
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    format: TableFormat,
}

/// Share in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share(u64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no share; expected a percentage such as `0.2%`");
        let number = text.strip_suffix('%').unwrap_or(text).trim();
        let percent: f64 = number.parse().map_err(|_| wrong())?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(wrong());
        }
        Ok(Self((percent * 10_000.0).round() as u64))
    }
}

pub(super) fn run(
    global: &Global,
    arguments: &CompactArguments,
    question: Question,
) -> Result<Exit, Failure> {
    let mut sets = arguments.sets.clone();
    sets.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    let path: Option<&Path> = arguments.scenario.as_deref();
    let read = |variants: Option<NamedText<'_>>| {
        let reading = Reading {
            path,
            sets: &sets,
            variants,
            messages: MessageFormat::default(),
        };
        Ok(experiment_file::read(global, reading)?.0)
    };
    let experiment = if arguments.systems.is_empty() {
        read(None)?
    } else {
        by_system::<Failure>(&arguments.systems, &read)?
    };
    let first = experiment.variants.first();
    if arguments.settle <= Duration::ZERO {
        return Err(Failure::input("--settle: expected a time above 0"));
    }
    let plan = TrialPlan {
        question,
        trials: usize::from(arguments.trials),
        removals: &[],
        pending: Pending::Picky {
            ppm: arguments.pending.0,
        },
        seed: first.map_or(0, |plan| plan.scenario.seed),
        settle: arguments.settle,
    };
    let variants = counted(global, |workers| compact(&experiment, plan, workers))?;
    let report = CompactReport {
        experiment: &experiment.name,
        plan,
        variants: &variants,
    };
    table_format::print(&report, arguments.format)?;
    Ok(Exit::Done)
}

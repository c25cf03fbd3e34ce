//! Cases of other cluster managers through files: the system of the case runs with its nodes, what is there
//! already, and what is asked for.

mod bins;
mod fleet;
mod queues;
mod swarmkit;

use std::path::PathBuf;

use serde_json::Value;

use crate::VerifyOptions;
use crate::door::lines;
use crate::door::{DoorReport, Said, Share};

/// Runs the program on a case.
type Decide = fn(&Value) -> Result<Said, String>;

/// Every row that files can say.
const DOORS: &[(&str, Decide)] = &[
    ("batch-fcfs", |case| queues::decide(case, "fcfs", "strict")),
    ("batch-sjf", |case| queues::decide(case, "sjf", "strict")),
    ("batch-easy", |case| queues::decide(case, "fcfs", "easy")),
    ("batch-conservative", |case| {
        queues::decide(case, "fcfs", "conservative")
    }),
    ("bin-packing", bins::decide),
    ("fleet", fleet::decide),
    ("swarmkit", swarmkit::decide),
];

/// Rows of single formulas and choices, whose inputs are not a cluster that files could say, with what
/// they are.
const FORMULAS: &[&str] = &[
    "availability",
    "borg-metrics",
    "borg-p90",
    "borg-score",
    "checkpoint",
    "cpu-share",
    "cpu-weight",
    "drf-tasks",
    "ettr",
    "fgd",
    "fgd-F",
    "gpu-packing-score",
    "graphene-bound",
    "image-pull",
    "kueue",
    "late-speculation",
    "lognormal",
    "marathon-constraint",
    "marathon-group-by",
    "max-min",
    "max-min-finish",
    "mesos-random-sorter",
    "mesos-sorter",
    "oom-adj",
    "power",
    "power-energy",
    "power-formula",
    "slurm-decay",
    "slurm-fairtree",
    "slurm-fs",
    "slurm-priority",
    "spot",
    "tetris",
    "volcano-proportion",
    "weibull",
    "yunikorn-queue",
];

/// Why a formula has no door.
const FORMULA: &str = "a value of one formula or one choice, which is part of no output; what it leads to is \
    held to recordings by other rows";

/// Judges the cases of files through the door.
///
/// # Errors
/// A file can't be read.
pub(crate) fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
) -> Result<Vec<(String, DoorReport)>, String> {
    let whole = crate::orchestrators::FAMILY.name;
    let row = |system: Option<&str>| system.map(str::to_owned);
    lines::judge(files, options, share, whole, row, |case| {
        let system = case["system"].as_str().unwrap_or_default();
        if let Some((_, decide)) = DOORS.iter().find(|(name, _)| *name == system) {
            return decide(case);
        }
        let why = if FORMULAS.contains(&system) {
            FORMULA
        } else {
            crate::door::UNWRITTEN
        };
        Ok(Said::Unsaid(why.to_owned()))
    })
}

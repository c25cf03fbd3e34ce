//! `check`: gates on the objectives of scenarios, against absolute bounds and a stored baseline
//! (spec: ci.md).
//!
//! [`run`] makes the runs of a suite, [`judge`] holds them against the baseline; both end in a
//! [`CheckReport`], from which every form is written. What was run can be made the new baseline
//! ([`accepted`], [`changes`]).

mod acknowledge;
mod base;
mod baseline;
mod bisect;
mod bounded;
mod cause;
mod change;
mod changed;
mod comparable;
mod divergence;
mod gate;
pub mod limit;
mod loosened;
mod losses;
mod refused;
mod run;
mod suite;
mod tested;
mod unit;
mod verify;

#[cfg(test)]
mod tests;

use crate::objects::FieldChange;
use metrics::Direction;
use serde::Serialize;

use crate::compare::{Judgement, Verdict};

pub use base::{BaseSide, BrokenBase, align, baseline_of, gated, name_lines, unchanged};
pub use baseline::{
    Acknowledgement, BASELINE_VERSION, Baseline, BaselineEntry, BaselineError, BaselineMetric,
    RULES_VERSION,
};
pub use bisect::Bisection;
pub use cause::{Divergence, FirstDivergence};
pub use change::{Change, Selection, SelectionError, accepted, accepted_only, changes};
pub use changed::Changed;
pub use divergence::{FoundDivergence, divergence_words, system_changes, system_of, with_system};
pub use gate::judge;
pub use loosened::LoosenedLimit;
pub use run::{Entry, SuiteResults, SuiteScenario, entry_name, run};
pub use suite::{SuiteError, SuiteItem, parse_suite};
use units::{Date, SortedMap};

/// The version of the form of a report.
pub const CHECK_VERSION: u32 = 4;

/// Seeds per scenario where neither the command line nor suite nor baseline says.
pub const SEEDS_USUAL: usize = 20;

/// Settings of a check.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub struct CheckSettings {
    /// The suite's name.
    pub suite: String,
    /// Seeds per scenario where neither suite nor baseline says.
    pub seeds: usize,
    /// Whether the command line says how many.
    pub is_seeds_given: bool,
    /// Whether what runs becomes the baseline, which then has as many seeds as the suite states.
    pub is_accepted: bool,
    /// Whether every digest must equal the baseline's.
    pub exact: bool,
    /// Today, for acknowledgements.
    pub today: Date,
    /// Resamples of every bootstrap.
    pub resamples: usize,
    /// `PATH=VALUE` of each `--set`, for the commands that look closer.
    pub sets: Vec<String>,
    /// The file of the baseline, whether or not it exists.
    pub baseline: String,
    /// Whether the baseline exists.
    pub has_baseline: bool,
    /// Entries that are run alone; all if none are named.
    pub only: Option<Vec<String>>,
    /// Whether a part of the suite is run alone.
    pub is_part: bool,
    /// Whether gates are held although the inputs are not those of the baseline.
    pub despite_inputs: bool,
    /// The side that was run as the baseline, where none is stored.
    pub base: Option<BaseSide>,
}

impl CheckSettings {
    /// Whether an entry is run.
    fn runs(&self, entry: &String) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|only| only.contains(entry))
    }
}

/// Outcome of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Beyond its limit.
    Regressed,
    /// It had a value in the baseline, or is about pods that there are none of.
    Vanished,
    /// The base has the entry, and the suite no longer.
    Removed,
    /// The inputs are not those of the baseline.
    DifferentInputs,
    /// The baseline does not have it.
    NoBaseline,
    /// There is no value.
    NotMeasurable,
    /// The test can't tell with these seeds.
    Inconclusive,
    /// Beyond its limit, and put up with.
    Acknowledged,
    /// The base does not have the entry: there is nothing to compare it with.
    New,
    /// Better, beyond chance.
    Improved,
    /// Worse or better, within the limit.
    Within,
    /// Shown to differ by less than matters, or not at all.
    Equivalent,
}

impl Outcome {
    /// Returns whether a gate with it fails, unless it is advisory.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Regressed | Self::Vanished | Self::Removed)
    }

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Regressed => Verdict::Regressed.word(),
            Self::Vanished => "vanished",
            Self::Removed => "removed",
            Self::DifferentInputs => Verdict::DifferentInputs.word(),
            Self::NoBaseline => "no baseline",
            Self::NotMeasurable => Verdict::NotMeasurable.word(),
            Self::Inconclusive => Verdict::Inconclusive.word(),
            Self::Acknowledged => "acknowledged",
            Self::New => "new",
            Self::Improved => Verdict::Improved.word(),
            Self::Within => "within the limit",
            Self::Equivalent => Verdict::Equivalent.word(),
        }
    }
}

/// A gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// The scenario, or `SCENARIO/VARIANT`.
    pub entry: String,
    /// The metric's id; `digest` in the exact mode.
    pub metric: String,
    /// The metric's unit.
    pub unit: String,
    /// Better direction.
    #[serde(serialize_with = "crate::compare::judge::direction::serialize")]
    pub better: Direction,
    /// Outcome of the gate.
    pub outcome: Outcome,
    /// Whether a failure is only said.
    pub advisory: bool,
    /// Whether a failure is put up with by an acknowledgement that the base does not have.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_acknowledged_here: bool,
    /// The limit in words, such as `limit +5 %`.
    pub limit: String,
    /// The baseline's mean.
    pub base: Option<f64>,
    /// The mean now.
    pub head: Option<f64>,
    /// `true` if the gate was held although the inputs are not those of the baseline.
    pub despite_inputs: bool,
    /// The paired comparison, where there is a baseline.
    pub judgement: Option<Judgement>,
    /// The smallest worsening, in the metric's unit, that the test finds in four of five checks with
    /// these seeds.
    pub detectable: Option<f64>,
    /// Remark on the outcome.
    pub note: Option<String>,
    /// The file of the objective.
    pub file: String,
    /// The gate's line there, from 1.
    pub line: usize,
    /// Command for a closer look at the gate.
    pub rerun: String,
    /// The first decision that differs from the baseline's, if it was looked for.
    pub divergence: Option<FoundDivergence>,
    /// Changes of the report that alone bring the gate back, if they were looked for, by their places: those
    /// that are one change, or were taken back together, in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cause: Vec<Vec<usize>>,
}

impl Gate {
    /// Gate of an entry on a metric that nothing is known of yet.
    pub(crate) fn of(entry: &str, metric: &str) -> Self {
        Self {
            entry: entry.to_owned(),
            metric: metric.to_owned(),
            unit: String::new(),
            better: Direction::None,
            outcome: Outcome::NotMeasurable,
            advisory: false,
            is_acknowledged_here: false,
            limit: String::new(),
            base: None,
            head: None,
            despite_inputs: false,
            judgement: None,
            detectable: None,
            note: None,
            file: String::new(),
            line: 1,
            rerun: String::new(),
            divergence: None,
            cause: Vec::new(),
        }
    }

    /// `true` if the gate makes the check fail.
    pub fn fails(&self) -> bool {
        self.outcome.is_failure() && !self.advisory
    }
}

/// A scenario of the suite.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryReport {
    /// The scenario, or `SCENARIO/VARIANT`.
    pub name: String,
    /// The entry's file.
    pub file: String,
    /// Releases that the parts of the system follow, with the switches that are turned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<String>,
    /// The entry's seeds.
    pub seeds: Vec<u64>,
    /// `true` if the entry's runs do not depend on the seed: one was made.
    pub deterministic: bool,
    /// Hash over the digests of its runs.
    pub digest: String,
    /// Digest of each run, in the order of the seeds.
    pub digests: Vec<String>,
    /// Hash over the placements of all runs, without names and labels.
    pub placements: String,
    /// Hash over what the system was given.
    pub inputs: String,
    /// Hash over what the system was given, with names, labels and annotations left out.
    pub nameless: String,
    /// Hashes over the parts of that, by the field of the scenario.
    pub parts: SortedMap<String, String>,
    /// First digits of the hash of each file that was read, by its path.
    pub files: SortedMap<String, String>,
    /// Demands of the input that the runs leave out, each once.
    pub left_out: Vec<String>,
    /// Whether no pod arrived in any run, so that nothing was scheduled.
    pub empty: bool,
    /// Difference of the entry's decisions from those of the baseline, where there is one.
    pub changed: Option<Changed>,
    /// Changes simulated, over all runs.
    pub changes: u64,
    /// Reason the entry could not be run to its end.
    pub error: Option<String>,
    /// Kind of the error.
    pub error_kind: Option<ErrorKind>,
    /// Command that runs the entry again.
    pub rerun: String,
}

/// Reason a scenario could not be run to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The scenario's file, a trace or a setting is wrong.
    Input,
    /// The simulation broke a rule of its own.
    Invariant,
    /// Something around it failed.
    CouldNotComplete,
}

impl ErrorKind {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Invariant => "invariant",
            Self::CouldNotComplete => "could-not-complete",
        }
    }
}

/// Result of a check.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Version of this form.
    pub schema_version: u32,
    /// Version of the program.
    pub windtunnel: String,
    /// Version, commit and build of the program.
    #[serde(default)]
    pub program: String,
    /// The suite.
    pub suite: String,
    /// The check's file.
    pub file: String,
    /// The file of the baseline, if there is one.
    pub baseline: Option<String>,
    /// Hash over the baseline's text.
    pub baseline_hash: Option<String>,
    /// The scenarios.
    pub entries: Vec<EntryReport>,
    /// Fields of the inputs and of the system that differ from the baseline's.
    pub changes: Vec<FieldChange>,
    /// Objectives that are looser than in the baseline, or are gone, and fewer seeds: those of the baseline are
    /// held.
    pub loosened: Vec<LoosenedLimit>,
    /// The gates, worst first.
    pub gates: Vec<Gate>,
    /// Remarks.
    pub notes: Vec<String>,
}

/// End of a check (ci.md 6.3), worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A scenario broke while it ran: 101.
    Broken,
    /// A scenario can't be run because what it is given is wrong: 2.
    WrongInput,
    /// A gate failed: 100.
    Failed,
    /// A comparison can't be made: 3.
    Incomparable,
    /// Nothing was measured: 4.
    NothingMeasured,
    /// Nothing failed, and something is inconclusive: 10 if that matters.
    Inconclusive,
    /// No gate failed: 0.
    Passed,
}

impl CheckReport {
    /// End of the check. What is broken and what can't be compared never reads as a pass.
    pub fn end(&self) -> End {
        let has = |outcome: Outcome| {
            let mut gates = self.gates.iter().filter(|gate| !gate.advisory);
            gates.any(|gate| gate.outcome == outcome)
        };
        let mut kinds = self.entries.iter().filter_map(|entry| entry.error_kind);
        if kinds.clone().any(|kind| kind != ErrorKind::Input) {
            End::Broken
        } else if kinds.next().is_some() {
            End::WrongInput
        } else if self.gates.iter().any(Gate::fails) {
            End::Failed
        } else if has(Outcome::DifferentInputs) || has(Outcome::NoBaseline) {
            End::Incomparable
        } else if self.entries.is_empty() {
            // Of a part of a suite that is the same as before nothing is run.
            End::Passed
        } else if self.entries.iter().any(|entry| entry.empty)
            || (self.gates.iter()).all(|gate| gate.outcome == Outcome::NotMeasurable)
        {
            End::NothingMeasured
        } else if has(Outcome::Inconclusive) || has(Outcome::NotMeasurable) {
            End::Inconclusive
        } else {
            End::Passed
        }
    }
}

/// The first digits of a hash.
fn short(hash: &str) -> String {
    hash.get(..12).unwrap_or(hash).to_owned()
}

//! Reasons a comparison can't be made.

use thiserror::Error;

use crate::experiment::ExperimentError;
use crate::sweep::SweepError;
use units::{Duration, nearest};

/// Reason a comparison can't be made.
#[derive(Debug, Error)]
pub enum CompareError {
    /// Fewer than two candidates.
    #[error(
        "nothing to compare: {0} has one candidate; add `variants:` to the file, or give \
         `--variants FILE`, `--system A,B`, or several result folders"
    )]
    OneCandidate(String),
    /// Runs that depend on more than the experiment and its files.
    #[error("records: `{variant}` {why}; or compare without records")]
    OwnProgram {
        /// The variant.
        variant: String,
        /// Program that decides in it, and why its content is no part of a record.
        why: String,
    },
    /// A name that no candidate has.
    #[error("--baseline: there is no candidate `{name}`; {hint}")]
    UnknownBaseline {
        /// As given.
        name: String,
        /// Those that there are.
        hint: String,
    },
    /// An id that no metric has.
    #[error("{flag}: there is no metric `{id}`; {hint}")]
    UnknownMetric {
        /// Option that named the metric.
        flag: &'static str,
        /// As given.
        id: String,
        /// Names that may have been meant.
        hint: String,
    },
    /// Neither direction is better, so there is no front.
    #[error(
        "--pareto: `{0}` has no better direction, so there is no front; give a metric with a \
         direction (`windtunnel schema metrics` lists them)"
    )]
    NoDirection(String),
    /// The inputs differ.
    #[error(
        "different-inputs: `{name}` and `{baseline}` have different inputs: {fields}. A paired \
         comparison needs the same workload, failures, end and measured window on both sides; \
         remove the difference from the variant, or compare other candidates"
    )]
    DifferentInputs {
        /// The candidate.
        name: String,
        /// The baseline.
        baseline: String,
        /// The fields that differ.
        fields: String,
    },
    /// No seed is in all runs.
    #[error(
        "`{name}` and `{baseline}` share no seed ({head} against {base}), so there is nothing to \
         pair; run both with the same seeds, or compare the scenario itself"
    )]
    NoSharedSeed {
        /// The candidate.
        name: String,
        /// The baseline.
        baseline: String,
        /// Seeds of the head.
        head: String,
        /// The baseline's.
        base: String,
    },
    /// A run is given twice.
    #[error("`{name}` with seed {seed} is given twice; give each run once")]
    Twice {
        /// The candidate.
        name: String,
        /// The seed.
        seed: u64,
    },
    /// Blocks are asked for of what is no log.
    #[error(
        "--blocks: the workload has a part that is no recorded log with times of arrival, so it has no blocks to \
         draw from; leave it out: seeds draw other workloads"
    )]
    NoLog,
    /// A log of fewer than two blocks.
    #[error(
        "--blocks: the log has fewer than two whole blocks of {block}, and from one nothing can be drawn; give shorter \
         blocks, or a longer log"
    )]
    ShortLog {
        /// Length of a block.
        block: Duration,
    },
    /// Logs under different candidates.
    #[error(
        "the candidates of `{log}` are {candidates}, those of the first file {first}: a comparison on several logs needs \
         the same ones on all, in the same order; give them with `--variants FILE`"
    )]
    OtherCandidates {
        /// Name of the experiment.
        log: String,
        /// Its candidates.
        candidates: String,
        /// Candidates of the first one.
        first: String,
    },
    /// Two experiments of one name.
    #[error(
        "two experiments are named `{0}`; give each a `name:` of its own, as the table has a column for each"
    )]
    OneName(String),
    /// Two candidates, which are one pair.
    #[error(
        "--all-pairs: two candidates are one pair, which is compared without it; give three or more (`variants:`, \
         `--variants FILE`, `--system A,B,C` or more result folders), or leave it out"
    )]
    OnePair,
    /// Fewer than two seeds that all candidates have.
    #[error(
        "--all-pairs: there are fewer than two seeds that all candidates have, and one run of each can't tell a rank \
         from chance; give `--seeds 10` or more, or result folders that share more seeds"
    )]
    FewSeeds,
    /// A sweep can't be read.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// No metric has a value on both sides.
    #[error("nothing was measured: no metric has a value on both sides")]
    NothingMeasured,
    /// A run failed.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
}

impl CompareError {
    /// An id that no metric has, with near ones or those of the same subject.
    pub fn unknown_metric<'a>(
        flag: &'static str,
        id: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Self {
        Self::UnknownMetric {
            flag,
            id: id.to_owned(),
            hint: metric_hint(id, known),
        }
    }

    /// The exit code (interface: "Exit codes").
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::DifferentInputs { .. } | Self::NoSharedSeed { .. } => 3,
            Self::NothingMeasured => 4,
            Self::OneCandidate(..)
            | Self::OwnProgram { .. }
            | Self::UnknownBaseline { .. }
            | Self::UnknownMetric { .. }
            | Self::NoDirection(..)
            | Self::Twice { .. }
            | Self::NoLog
            | Self::OtherCandidates { .. }
            | Self::OneName(..)
            | Self::OnePair
            | Self::FewSeeds
            | Self::ShortLog { .. } => 2,
            Self::Sweep(error) => error.exit_code(),
            Self::Experiment(_) => 101,
        }
    }
}

/// Suggestions for an unknown metric id: similar ids, and ids that contain it or share its
/// beginning.
pub fn metric_hint<'a>(id: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    const SHOWN_MAX: usize = 6;
    let mut near = nearest::all_near(id, known.clone());
    let subject = id.split('.').next().unwrap_or(id);
    let holds = |known: &&str| !id.is_empty() && known.contains(id);
    near.extend(known.clone().into_iter().filter(holds));
    near.extend(
        known
            .into_iter()
            .filter(|known| known.split('.').next() == Some(subject)),
    );
    let mut listed: Vec<String> = Vec::new();
    for id in near.into_iter().map(|id| format!("`{id}`")) {
        if !listed.contains(&id) && listed.len() < SHOWN_MAX {
            listed.push(id);
        }
    }
    if listed.is_empty() {
        "`windtunnel schema metrics` lists them".to_owned()
    } else {
        format!("did you mean {}?", listed.join(", "))
    }
}

//! Outcome of a run, or the reason why it has none.

use thiserror::Error;

use history::VariantData;
use metrics::{RecordError, RunMetrics};
use sim::{End, SimError};
use systems::mapping::Mapping;
use world::BuildError;

use crate::summary::Refused;

/// Reason a variant has no result.
#[derive(Debug, Error)]
pub enum RunError {
    /// It can't be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// It can't be simulated on.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The variant's results can't be kept.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It can't be simulated on, but what happened before is there ([`SimError::keeps_results`]).
    #[error("{error}")]
    Stopped {
        /// Reason why it can't go on.
        error: SimError,
        /// The run up to there.
        outcome: Box<Outcome>,
    },
}

impl RunError {
    /// Whether the error lies in a trace file, and so meets every variant that reads it.
    pub(crate) const fn is_of_a_file(&self) -> bool {
        matches!(
            self,
            Self::Build(BuildError::Trace(_)) | Self::Sim(SimError::Trace(_))
        )
    }

    /// Whether a setting of the experiment is wrong, with any seed; its files could be read.
    pub(crate) const fn is_of_a_setting(&self) -> bool {
        matches!(self, Self::Build(BuildError::Experiment(_)))
    }
}

/// Result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// End of the run.
    pub end: End,
    /// The outcome's metrics.
    pub metrics: RunMetrics,
    /// Nodes at the start.
    pub nodes: u64,
    /// Pods submitted; one that moves while it runs is one.
    pub pods: u64,
    /// Releases that the parts of the system followed, in words.
    pub releases: Vec<String>,
    /// Unmodelled features and irregularities of the input, one line each.
    pub remarks: Vec<String>,
    /// Pods of controllers that the API server refuses when the run ends.
    pub refused: Vec<Refused>,
    /// Features of the workload that the system can't express.
    pub mapping: Mapping,
    /// Data for the report, if requested; the caller sets the name.
    pub report: Option<VariantData>,
}

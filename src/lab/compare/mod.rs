//! `compare`: candidates on the same workload and failures with paired seeds; every metric with its
//! difference, interval and verdict (metrics.md 5.7).
//!
//! [`run`] makes the runs and judges them, [`of_runs`] judges finished ones; both end in a
//! [`Study`], from which every form is written.

mod error;
mod finished;
mod inputs;
pub(crate) mod judge;
mod pareto;
mod runs;
mod study;

pub use error::{CompareError, metric_hint};
pub use finished::{Finished, of_runs};
pub(crate) use inputs::without_names;
pub use inputs::{Inputs, SYSTEM_FILE};
pub use judge::{
    ALPHA, BOOTSTRAP_MIN, CONFIDENCE, Judgement, Pairs, Question, Threshold, Verdict, decide,
    measure,
};
pub use pareto::{ParetoPoint, mark_front};
pub use runs::{Made, run, seeds_from};
pub use study::{
    Candidate, CandidateInfo, Method, Pair, Pareto, Precision, RESAMPLES, STUDY_VERSION, Study,
    default_gated, judge_candidates, question_of,
};

/// Settings of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Pairs of runs per candidate.
    pub seeds: usize,
    /// Seeds are added until the 95 % intervals of the gated metrics are no wider than this share
    /// of the baseline's mean to either side.
    pub precision: Option<f64>,
    /// No more seeds than this are added.
    pub seeds_max: usize,
    /// Baseline; by default the first candidate.
    pub baseline: Option<String>,
    /// The gated metrics; without any those of the objectives, or the usual ones.
    pub gated: Vec<String>,
    /// The two metrics of the Pareto front.
    pub pareto: Option<(String, String)>,
    /// Resamples of every bootstrap.
    pub resamples: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seeds: 20,
            precision: None,
            seeds_max: 200,
            baseline: None,
            gated: Vec::new(),
            pareto: None,
            resamples: RESAMPLES,
        }
    }
}

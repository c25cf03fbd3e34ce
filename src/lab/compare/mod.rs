//! `compare`: candidates on the same workload and failures with paired seeds; every metric with its
//! difference, interval and verdict (metrics.md 5.7).
//!
//! [`run`] makes the runs and judges them, [`of_runs`] judges finished ones; both end in a
//! [`Study`], from which every form is written.

mod again;
mod all_pairs;
mod blocks;
mod comparable;
mod error;
mod finished;
mod inputs;
pub(crate) mod judge;
mod logs;
#[cfg(test)]
mod made_up;
mod pairing;
mod pareto;
mod questions;
mod ranking;
mod result;
mod runs;
mod same_inputs;
mod study;
mod swept;
mod tasks;
mod values;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use again::{CandidateCheck, RecordedCandidate, RecordedStudy, STUDY_FILE, StudyCheck, again};
pub use all_pairs::AllPairs;
pub use comparable::{CandidateRun, finished_apart, incomparable, same_decisions, statements};
pub use error::{CompareError, metric_hint};
pub use finished::{Finished, of_runs};
pub use inputs::Inputs;
pub use judge::{
    ALPHA, BOOTSTRAP_MIN, CONFIDENCE, Judgement, Pairs, Question, Tests, Threshold, Unshaken,
    Verdict, decide, measure,
};
pub use logs::{LogCell, LogRow, LogStudy};
pub use pairing::{Candidate, Method, Paired, SHAKES_PER_SEED, is_same_for_any_seed, paired};
pub use pareto::{ParetoPoint, mark_front};
pub use questions::{default_gated, question_of};
pub use ranking::{CandidateRank, Ranking, Unranked};
pub use result::{FirstRuns, objectives};
pub use runs::{Made, run, run_part, seeds_from};
pub use study::{
    CandidateInfo, GatedMean, Pair, Pareto, Precision, RESAMPLES, RunRecord, STUDY_VERSION, Study,
    judge_candidates,
};
pub use swept::{is_sweep, swept_runs};
pub use tasks::RunTasks;
pub use values::write_values;

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
const fn is_off(is_on: &bool) -> bool {
    !*is_on
}

/// Settings of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Seeds of each candidate, or a third of the perturbations ([`SHAKES_PER_SEED`]); 0 if finished
    /// runs are compared.
    pub seeds: usize,
    /// Seeds are added to a pair until the 95 % intervals of its gated metrics are no wider than this
    /// share of the baseline's mean to either side.
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
    /// True if every candidate is compared with every other, and all are ranked.
    #[serde(default, skip_serializing_if = "is_off")]
    pub all_pairs: bool,
    /// Length of the blocks, in nanoseconds, of which logs are drawn instead of seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<i64>,
}

impl Settings {
    /// The settings of a comparison of finished runs, which makes none.
    #[must_use]
    pub fn of_finished(self) -> Self {
        Self { seeds: 0, ..self }
    }

    /// Returns whether runs are made.
    const fn is_made(&self) -> bool {
        self.seeds > 0
    }
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
            all_pairs: false,
            block: None,
        }
    }
}

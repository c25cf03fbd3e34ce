//! Lines that a client gets: one for each candidate, and the last one.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::request::Candidate;
use crate::compare::{Judgement, Verdict};
use crate::statistics::Interval;

/// Outcome of a candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It has all of its runs.
    Done,
    /// It can't win any more and got no more seeds.
    Dropped,
    /// It has no result.
    #[default]
    Failed,
    /// The budget was spent before it.
    Unmeasured,
}

/// Answer to a candidate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Answer {
    /// Id that the client gave it.
    pub id: Json,
    /// Outcome of the candidate.
    pub status: Status,
    /// Mean of the metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// 95 % interval of the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Number of runs that it stands on.
    pub seeds: usize,
    /// Verdict against the best before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_best: Option<Versus>,
    /// Verdict against the base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_base: Option<Versus>,
    /// Whether the candidate is the best now.
    pub best: bool,
    /// First decision that differs from the best one's.
    #[serde(skip_serializing_if = "Json::is_null")]
    pub divergence: Json,
    /// Seconds of CPU that it took.
    pub cpu_seconds: f64,
    /// Reason why it has no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Answer {
    /// Answer to a line that is no candidate.
    pub fn mistake(id: Json, error: String) -> Self {
        Self {
            id,
            error: Some(error),
            ..Self::default()
        }
    }
}

/// Verdict against another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Versus {
    /// Id of the other, or `base`.
    pub id: Json,
    /// Verdict, as `compare` has it.
    pub verdict: &'static str,
    /// Mean difference of the pairs, in the unit of the metric.
    pub difference: Option<f64>,
    /// 95 % interval of the difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// p of the paired test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// Number of pairs.
    pub pairs: usize,
}

impl Versus {
    /// Verdict of a judgement.
    pub(super) fn of(id: Json, judgement: &Judgement) -> Self {
        let verdict = judgement.verdict.unwrap_or(Verdict::NotMeasurable);
        Self {
            id,
            verdict: verdict.word(),
            difference: judgement.difference,
            interval: judgement.interval.map(ends),
            p: judgement.p_adjusted,
            pairs: judgement.n,
        }
    }
}

/// First line: what candidates are measured by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// Name of the experiment.
    pub experiment: String,
    /// Id of the metric.
    pub metric: String,
    /// `maximize` or `minimize`.
    pub goal: &'static str,
    /// Most runs of a candidate.
    pub seeds: usize,
    /// Runs before it may be dropped.
    pub first_seeds: usize,
    /// Whether runs differ by perturbations of the input, as no seed changes the base.
    pub perturbed: bool,
    /// Score of the base.
    pub score: Option<f64>,
    /// 95 % interval of the score.
    pub interval: Option<[f64; 2]>,
}

/// Decision on the held-out runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Final {
    /// Id of the winner, or `base`.
    pub winner: Json,
    /// Settings of the winner.
    #[serde(skip_serializing_if = "Json::is_null")]
    pub candidate: Json,
    /// Verdict of the winner against the base on the held-out runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_base: Option<Versus>,
    /// The best ones of the search, on the held-out runs.
    pub finalists: Vec<Finalist>,
    /// Number of candidates that were measured.
    pub candidates: usize,
    /// Number of those that were dropped.
    pub dropped: usize,
    /// Number of those without a result.
    pub failed: usize,
    /// Whether the budget ended the search.
    pub budget_spent: bool,
    /// Seconds of CPU of the search, without the held-out runs.
    pub cpu_seconds: f64,
}

/// One of the best, on the held-out runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finalist {
    /// Id that the client gave it.
    pub id: Json,
    /// Score in the search.
    pub score: Option<f64>,
    /// Mean of the metric over the held-out runs.
    pub held_out: Option<f64>,
    /// Verdict against the base, corrected for the number of finalists.
    pub against_base: Versus,
    /// Mean difference on each held-out workload.
    pub workloads: Vec<WorkloadDifference>,
    /// Reason why it has no result there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Difference on a held-out workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkloadDifference {
    /// Name of the experiment that it is of.
    pub name: String,
    /// Mean of the base.
    pub base: Option<f64>,
    /// Mean difference of the pairs.
    pub difference: Option<f64>,
    /// Number of pairs.
    pub pairs: usize,
}

/// Ends of an interval.
pub(super) const fn ends(interval: Interval) -> [f64; 2] {
    [interval.low, interval.high]
}

/// Settings of a candidate, as its client wrote them.
pub(super) fn settings(candidate: &Candidate) -> Json {
    let mut all = serde_json::Map::new();
    if !candidate.set.is_empty() {
        all.insert("set".to_owned(), json!(candidate.set));
    }
    if let Some(policy) = &candidate.policy {
        all.insert("policy".to_owned(), json!(policy));
    }
    if let Some(source) = &candidate.source {
        all.insert("source".to_owned(), json!(source.text));
        all.insert("lang".to_owned(), json!(source.language.name()));
    }
    Json::Object(all)
}

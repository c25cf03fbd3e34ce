//! The candidates among each other: every pair by the machinery that compares with the baseline, and the ranking.
//!
//! The tests of all pairs and gated metrics are one family, with those of the baseline's pairs, so that a pair has one
//! p and one verdict wherever it stands.

use serde::{Deserialize, Serialize};

use super::pairing::{Aligned, Candidate, Method, aligned, shared_seeds};
use super::ranking::{Contest, Lottery, Ranking, Unranked, rank};
use super::study::{Known, Pair, Scope, judged};
use super::{CompareError, Settings};
use crate::summary::VariantSummary;
use metrics::Direction;

/// The candidates among each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AllPairs {
    /// The pairs without the baseline, in the gated metrics; those with it are `pairs` of the comparison.
    pub pairs: Vec<Pair>,
    /// Source of variation between the blocks that candidates are ranked on.
    pub method: Method,
    /// The order of the candidates in each gated metric.
    pub rankings: Vec<Ranking>,
    /// Gated metrics without an order.
    pub unranked: Vec<Unranked>,
    /// Candidates that are not ranked, as they are not comparable with those that are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// Refuses what has no pairs beside those with the baseline, and what can't tell chance.
pub(super) fn check(candidates: usize, seeds: usize) -> Result<(), CompareError> {
    match (candidates, seeds) {
        (0..3, _) => Err(CompareError::OnePair),
        (_, 0..2) => Err(CompareError::FewSeeds),
        _ => Ok(()),
    }
}

/// Refuses finished runs that can't be compared all with all.
pub(super) fn check_runs(candidates: &[Candidate]) -> Result<(), CompareError> {
    let all: Vec<&Candidate> = candidates.iter().collect();
    check(candidates.len(), shared_seeds(&all).len())
}

/// The pairs of candidates that are not the baseline, in the gated metrics and without verdicts.
pub(super) fn between(others: &[Candidate], all: &Known<'_>, settings: &Settings) -> Vec<Pair> {
    let pairs = others.iter().enumerate().flat_map(|(place, base)| {
        let heads = others[place + 1..].iter();
        heads.map(move |head| Pair {
            baseline: Some(base.name.clone()),
            ..judged(base, head, all, settings, Scope::Gated)
        })
    });
    pairs.collect()
}

impl AllPairs {
    /// The pairs and the ranking of candidates, the first of which is the baseline.
    pub(super) fn of(
        candidates: &[Candidate],
        against: &[Pair],
        between: Vec<Pair>,
        gated: &[String],
        settings: &Settings,
    ) -> Self {
        let names: Vec<&str> = candidates.iter().map(|own| own.name.as_str()).collect();
        let kept = comparable(&names, against.iter().chain(&between));
        let chosen: Vec<&Candidate> = kept.iter().map(|&at| &candidates[at]).collect();
        let Aligned { method, rows, .. } = aligned(&chosen);
        let ranked: Vec<&str> = kept.iter().map(|&at| names[at]).collect();
        let contests = gated.iter().map(|id| {
            let value = |run: &&VariantSummary| run.metrics.get(id)?.value;
            let mut runs = rows.iter().flatten();
            let better = runs
                .find_map(|run| run.metrics.get(id))
                .map(|own| own.better.as_str());
            Contest {
                metric: id,
                better: better.map_or(Direction::None, Direction::of_name),
                names: &ranked,
                blocks: rows
                    .iter()
                    .map(|row| row.iter().map(value).collect())
                    .collect(),
            }
        });
        let rules = Lottery {
            seed: rows
                .first()
                .and_then(|row| row.first())
                .map_or(0, |run| run.seed),
            draws: settings.resamples,
            is_sample: method.blocks() == 0,
        };
        let (rankings, unranked) = rank(&contests.collect::<Vec<_>>(), rules);
        let is_left_out = |name: &&&str| !ranked.contains(name);
        Self {
            left_out: names
                .iter()
                .filter(is_left_out)
                .map(|own| (*own).to_owned())
                .collect(),
            pairs: between,
            method,
            rankings,
            unranked,
        }
    }
}

/// Places of candidates that are comparable with each other: the baseline, and each of the others that is so with all
/// before it.
fn comparable<'a>(names: &[&str], pairs: impl Iterator<Item = &'a Pair>) -> Vec<usize> {
    let place = |name: &str| names.iter().position(|own| *own == name);
    let apart: Vec<[Option<usize>; 2]> = pairs
        .filter(|pair| !pair.is_comparable())
        .map(|pair| {
            [
                pair.baseline.as_deref().map_or(Some(0), place),
                place(&pair.candidate),
            ]
        })
        .collect();
    let mut kept: Vec<usize> = Vec::new();
    for own in 0..names.len() {
        let is_apart = |other: &usize| apart.contains(&[Some(*other), Some(own)]);
        if !kept.iter().any(is_apart) {
            kept.push(own);
        }
    }
    kept
}

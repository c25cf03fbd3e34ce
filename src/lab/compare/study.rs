//! From the runs of candidates to a [`Study`]: which metrics are gated, every metric judged, the
//! Pareto front, what to know.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Serialize;

use super::judge::{CONFIDENCE, Judgement, Pairs, Question, Threshold, Verdict, decide, measure};
use super::pareto::{ParetoPoint, mark_front};
use super::{CompareError, Settings};
use crate::statistics::{Interval, Resamples, mean};
use crate::summary::{MetricSummary, VariantSummary};
use metrics::{Direction, ShortList, registry};

/// The version of the form of a study.
pub const STUDY_VERSION: u32 = 1;
/// Resamples of a bootstrap (metrics.md 5.7).
pub const RESAMPLES: usize = 10_000;

/// A candidate with its runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The candidate's name.
    pub name: String,
    /// The candidate's runs, one per seed or perturbation, in the same order for every candidate.
    pub replicates: Vec<VariantSummary>,
    /// The run on the unshaken input, where `replicates` are of shaken ones.
    pub exact: Option<VariantSummary>,
}

/// Source of variation between runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Method {
    /// Seeds: the same for every candidate.
    Seeds {
        /// Seeds of the runs.
        seeds: Vec<u64>,
    },
    /// Small perturbations of one deterministic input.
    Shaking {
        /// The seed of all runs.
        seed: u64,
        /// Number of perturbations.
        shakes: u64,
    },
}

/// Description of a candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateInfo {
    /// The candidate's name.
    pub name: String,
    /// The system modelled.
    pub system: String,
    /// The scheduler's profile, or queue policy and backfilling.
    pub scheduler: String,
    /// Hash over the digests of its runs: equal hashes mean equal runs throughout.
    pub digest: String,
    /// Mean of every gated metric with its own interval of Student's t, for plots.
    pub gated: BTreeMap<String, GatedMean>,
}

/// The mean of a metric over runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatedMean {
    /// The mean.
    pub mean: f64,
    /// The metric's 95 % interval, Student's t; none of one run.
    pub interval: Option<Interval>,
}

/// A candidate against the baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// The candidate.
    pub candidate: String,
    /// Every metric, gated ones first in the order they were asked for, then by id.
    pub metrics: Vec<Judgement>,
}

/// The Pareto front over two metrics.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pareto {
    /// The first metric.
    pub x: String,
    /// The second metric.
    pub y: String,
    /// The candidates that have both.
    pub points: Vec<ParetoPoint>,
}

/// Result for a precision target.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Precision {
    /// The target: half the width of intervals over the baseline's mean.
    pub target: f64,
    /// No more seeds than this.
    pub seeds_max: usize,
    /// The gated metrics whose intervals are wider still, as `CANDIDATE METRIC`.
    pub wide: Vec<String>,
}

/// Result of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Study {
    /// Version of this form.
    pub schema_version: u32,
    /// Version of the program.
    pub windtunnel: String,
    /// The experiment's name.
    pub name: String,
    /// Baseline of the comparison.
    pub baseline: String,
    /// Everybody, the baseline first.
    pub candidates: Vec<CandidateInfo>,
    /// Source of variation between runs.
    pub method: Method,
    /// Confidence of intervals.
    pub confidence: f64,
    /// Resamples of each bootstrap.
    pub resamples: usize,
    /// The gated metrics.
    pub gated: Vec<String>,
    /// Tests that Holm corrected together.
    pub gated_tests: usize,
    /// Tests that Benjamini and Hochberg corrected together.
    pub other_tests: usize,
    /// The sequential rule, if there is one.
    pub precision: Option<Precision>,
    /// One per candidate but the baseline.
    pub pairs: Vec<Pair>,
    /// The front, if one was asked for.
    pub pareto: Option<Pareto>,
    /// Caveats of the result.
    pub notes: Vec<String>,
}

impl Study {
    /// Number of times that each verdict was given, of gated metrics or of all others.
    pub fn counts(&self, gated: bool) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        let all = self.pairs.iter().flat_map(|pair| &pair.metrics);
        for verdict in all
            .filter(|found| found.gated == gated)
            .filter_map(|found| found.verdict)
        {
            *counts.entry(verdict.word()).or_default() += 1;
        }
        counts
    }
}

/// The usual gated metrics of these candidates: of each place in the short lists the first id that
/// was measured everywhere.
pub fn default_gated(candidates: &[Candidate]) -> Vec<String> {
    let runs = || {
        candidates
            .iter()
            .flat_map(|candidate| &candidate.replicates)
    };
    let is_fill_up = runs().any(|run| run.arrived.is_some());
    let is_measured = |id: &str| {
        let value = |run: &VariantSummary| run.metrics.get(id).and_then(|metric| metric.value);
        runs().all(|run| value(run).is_some())
    };
    let mut groups = registry::short_list(if is_fill_up {
        ShortList::GatedOfFillUp
    } else {
        ShortList::Gated
    });
    if is_measured("availability.replicas") {
        groups.extend(registry::short_list(ShortList::GatedOfWorkloads));
    }
    let found = groups
        .into_iter()
        .filter_map(|group| group.into_iter().find(|id| is_measured(id)));
    found.collect()
}

/// Builds the question about a metric of a run.
pub fn question_of(id: &str, metric: &MetricSummary, gated: bool) -> Question {
    let threshold = registry::find(id).map_or(0.0, |(_, statistic)| statistic.threshold);
    Question {
        metric: id.to_owned(),
        unit: metric.unit.clone(),
        direction: Direction::of_name(&metric.better),
        threshold: Threshold::Relative(threshold),
        gated,
    }
}

/// Judges candidates whose runs are paired; the first is the baseline.
///
/// # Errors
/// If a metric is unknown, or nothing was measured.
pub fn judge_candidates(
    name: &str,
    candidates: &[Candidate],
    method: Method,
    settings: &Settings,
) -> Result<Study, CompareError> {
    let runs = candidates
        .iter()
        .flat_map(|candidate| &candidate.replicates);
    let known: BTreeMap<&str, &MetricSummary> = runs
        .flat_map(|run| run.metrics.iter().map(|(id, metric)| (id.as_str(), metric)))
        .collect();
    let gated = if settings.gated.is_empty() {
        default_gated(candidates)
    } else {
        settings.gated.clone()
    };
    for id in &gated {
        if !known.contains_key(id.as_str()) {
            let known = known.keys().copied();
            return Err(CompareError::unknown_metric("--metric", id, known));
        }
    }
    let mut pairs = measured(candidates, &known, &gated, settings.resamples);
    let all = || pairs.iter().flat_map(|pair| &pair.metrics);
    if all().all(|found| found.verdict == Some(Verdict::NotMeasurable)) {
        return Err(CompareError::NothingMeasured);
    }
    let (gated_tests, other_tests) = decide(pairs.iter_mut().flat_map(|pair| &mut pair.metrics));
    let infos = candidates
        .iter()
        .map(|candidate| info(candidate, &gated))
        .collect();
    let pareto = (settings.pareto.as_ref())
        .map(|(x, y)| front(candidates, &known, x, y))
        .transpose()?;
    let precision = settings.precision.map(|target| Precision {
        target,
        seeds_max: settings.seeds_max,
        wide: wide(&pairs, target),
    });
    Ok(Study {
        schema_version: STUDY_VERSION,
        windtunnel: env!("CARGO_PKG_VERSION").to_owned(),
        name: name.to_owned(),
        baseline: candidates
            .first()
            .map_or_else(String::new, |first| first.name.clone()),
        candidates: infos,
        method,
        confidence: CONFIDENCE,
        resamples: settings.resamples,
        gated,
        gated_tests,
        other_tests,
        precision,
        pairs,
        pareto,
        notes: Vec::new(),
    })
}

/// Every candidate against the baseline in every metric, gated ones first, without verdicts.
fn measured(
    candidates: &[Candidate],
    known: &BTreeMap<&str, &MetricSummary>,
    gated: &[String],
    resamples: usize,
) -> Vec<Pair> {
    let Some((baseline, others)) = candidates.split_first() else {
        return Vec::new();
    };
    let chosen: BTreeSet<&str> = gated.iter().map(String::as_str).collect();
    let rest = known.keys().copied().filter(|id| !chosen.contains(id));
    let ids: Vec<&str> = gated.iter().map(String::as_str).chain(rest).collect();
    let seed = baseline.replicates.first().map_or(0, |run| run.seed);
    let resamples = Resamples::draw(seed, baseline.replicates.len(), resamples);
    let judged = |other: &Candidate| -> Vec<Judgement> {
        (ids.par_iter())
            .map(|id| {
                let question = question_of(id, known[id], chosen.contains(id));
                measure(&question, &pairs(id, baseline, other), &resamples)
            })
            .collect()
    };
    let pair = |other: &Candidate| Pair {
        candidate: other.name.clone(),
        metrics: judged(other),
    };
    others.iter().map(pair).collect()
}

fn pairs(id: &str, baseline: &Candidate, other: &Candidate) -> Pairs {
    let value = |run: &VariantSummary| run.metrics.get(id).and_then(|metric| metric.value);
    let values = |of: &Candidate| of.replicates.iter().map(value).collect();
    let note = |run: &VariantSummary| {
        let metric = run
            .metrics
            .get(id)
            .filter(|metric| metric.value.is_none())?;
        metric.note.clone()
    };
    let exact = baseline.exact.as_ref().zip(other.exact.as_ref());
    Pairs {
        base: values(baseline),
        head: values(other),
        exact: exact.map(|(base, head)| (value(base), value(head))),
        reason: (baseline.replicates.iter().chain(&other.replicates)).find_map(note),
    }
}

fn info(candidate: &Candidate, gated: &[String]) -> CandidateInfo {
    let mut hasher = blake3::Hasher::new();
    for run in &candidate.replicates {
        hasher.update(run.digest.as_bytes());
    }
    let first = candidate.replicates.first();
    let means = gated.iter().filter_map(|id| {
        let values: Option<Vec<f64>> = (candidate.replicates.iter())
            .map(|run| run.metrics.get(id)?.value)
            .collect();
        let values = values?;
        let interval = crate::statistics::student_interval(&values, CONFIDENCE);
        Some((
            id.clone(),
            GatedMean {
                mean: mean(&values)?,
                interval,
            },
        ))
    });
    CandidateInfo {
        name: candidate.name.clone(),
        system: first.map_or_else(String::new, |run| run.system.clone()),
        scheduler: first.map_or_else(String::new, |run| run.scheduler.clone()),
        digest: hasher.finalize().to_hex().to_string(),
        gated: means.collect(),
    }
}

fn front(
    candidates: &[Candidate],
    known: &BTreeMap<&str, &MetricSummary>,
    x: &str,
    y: &str,
) -> Result<Pareto, CompareError> {
    let direction = |id: &str| match known.get(id) {
        None => Err(CompareError::unknown_metric(
            "--pareto",
            id,
            known.keys().copied(),
        )),
        Some(metric) => match question_of(id, metric, false).direction {
            Direction::None => Err(CompareError::NoDirection { id: id.to_owned() }),
            direction => Ok(direction),
        },
    };
    let directions = (direction(x)?, direction(y)?);
    let average = |candidate: &Candidate, id: &str| -> Option<f64> {
        let runs = candidate.replicates.iter();
        let values: Option<Vec<f64>> = runs.map(|run| run.metrics.get(id)?.value).collect();
        mean(&values?)
    };
    let mut points: Vec<ParetoPoint> = candidates
        .iter()
        .filter_map(|candidate| {
            Some(ParetoPoint {
                candidate: candidate.name.clone(),
                x: average(candidate, x)?,
                y: average(candidate, y)?,
                on_front: false,
            })
        })
        .collect();
    mark_front(&mut points, directions);
    Ok(Pareto {
        x: x.to_owned(),
        y: y.to_owned(),
        points,
    })
}

/// The gated metrics whose intervals are wider than the target; metrics whose baseline is zero
/// have no relative width and are left out.
fn wide(pairs: &[Pair], target: f64) -> Vec<String> {
    let mut found = Vec::new();
    for pair in pairs {
        for judgement in pair.metrics.iter().filter(|judgement| judgement.gated) {
            let is_wide = judgement.n < 2 && judgement.difference.is_some()
                || (judgement.relative_interval).is_some_and(|at| at.half_width() > target);
            if is_wide {
                found.push(format!("{} {}", pair.candidate, judgement.metric));
            }
        }
    }
    found
}

//! From the runs of candidates to a [`Study`]: every candidate against the baseline, the Pareto
//! front, what to know. A pair of candidates is measured from its own runs alone, whoever else is
//! compared beside it; the tests of all pairs are corrected together.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::all_pairs::{self, AllPairs};
use super::comparable::{CandidateRun, finished_apart, incomparable};
use super::judge::{
    CONFIDENCE, Judgement, Pairs, Tests, Unshaken, Verdict, decide, measure, stretched,
};
use super::pairing::{Candidate, Method, Paired, SHAKES_PER_SEED, paired};
use super::pareto::{ParetoPoint, front};
use super::questions::{default_gated, question_of};
use super::{CompareError, Settings};
use crate::program;
use crate::statistics::{Interval, Resamples, mean, student_interval};
use crate::summary::{MetricSummary, VariantSummary};
use units::{SortedMap, SortedSet};

/// The version of the form of a study.
pub const STUDY_VERSION: u32 = 2;
/// Resamples of a bootstrap (metrics.md 5.7).
pub const RESAMPLES: usize = 10_000;

/// Pairs below which no interval is narrow: of few pairs, some are so by chance.
const PRECISION_MIN: usize = 20;

/// Description of a candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateInfo {
    /// The candidate's name.
    pub name: String,
    /// The system modelled.
    pub system: String,
    /// The scheduler's profile, or queue policy and backfilling.
    pub scheduler: String,
    /// Releases that the parts of the system follow, with the switches that are turned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<String>,
    /// Hash over the digests of its runs on the input as it is: equal hashes mean equal runs
    /// throughout.
    pub digest: String,
    /// Mean of every gated metric over the runs that verdicts stand on, for tables of all candidates and
    /// plots.
    pub gated: SortedMap<String, GatedMean>,
    /// Every run: those on the input as it is by seed, then the shaken ones by number.
    pub runs: Vec<RunRecord>,
}

/// A run of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// The seed of every draw.
    pub seed: u64,
    /// The number of the perturbation, if the input was shaken.
    pub shake: Option<u64>,
    /// Digest over every change: equal digests mean equal runs.
    pub digest: String,
}

/// The mean of a metric over runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatedMean {
    /// The mean.
    pub mean: f64,
    /// The metric's 95 % interval, Student's t; none where all runs are copies of one.
    pub interval: Option<Interval>,
}

/// A candidate against the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// The candidate.
    pub candidate: String,
    /// The candidate that it is compared with, where that is not the baseline of the comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Source of variation between the runs.
    pub method: Method,
    /// Reasons against comparing the two, in words; empty if they are comparable.
    pub not_comparable: Vec<String>,
    /// Numbers of tests that are corrected together, over all candidates.
    pub tests: Tests,
    /// The gated metrics.
    pub gated: Vec<String>,
    /// Every metric, gated ones first in the order they were asked for, then by id.
    pub metrics: Vec<Judgement>,
}

impl Pair {
    /// Returns whether the two did the same work under the same rules.
    pub fn is_comparable(&self) -> bool {
        self.not_comparable.is_empty()
    }

    /// The gated metrics whose intervals are wider than the target, or stand on too few pairs to be
    /// trusted; metrics whose baseline is zero have no relative width and are left out.
    pub(super) fn wide(&self, target: f64) -> impl Iterator<Item = &str> {
        let gated = self.metrics.iter().filter(|judgement| judgement.gated);
        let is_wide = move |judgement: &&Judgement| {
            let level = judgement.base.unwrap_or(0.0).abs();
            let width = judgement.interval.map(Interval::half_width);
            match width {
                Some(width) => {
                    let is_early = judgement.n < PRECISION_MIN || !judgement.carried;
                    // Pairs without any difference are as narrow as can be.
                    level > 0.0 && width > 0.0 && (is_early || width > target * level)
                }
                None => judgement.n < 2 && judgement.difference.is_some(),
            }
        };
        let is_open = !matches!(self.method, Method::Whole { .. } | Method::Blocks { .. });
        let wide = gated.filter(is_wide).filter(move |_| is_open);
        wide.map(|judgement| judgement.metric.as_str())
    }
}

/// The Pareto front over two metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Study {
    /// Version of this form.
    pub schema_version: u32,
    /// Version of the program.
    pub windtunnel: String,
    /// Hash of its build; empty of one that can't tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build: String,
    /// The experiment's name.
    pub name: String,
    /// Baseline of the comparison.
    pub baseline: String,
    /// Everybody, the baseline first.
    pub candidates: Vec<CandidateInfo>,
    /// Settings of the comparison: with them and the same inputs it can be made again.
    pub settings: Settings,
    /// Confidence of intervals.
    pub confidence: f64,
    /// Resamples of each bootstrap.
    pub resamples: usize,
    /// Statement on candidates that finished different numbers of jobs, by their first runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_apart: Option<String>,
    /// The metrics that are gated in some pair.
    pub gated: Vec<String>,
    /// The sequential rule, if there is one.
    pub precision: Option<Precision>,
    /// One per candidate but the baseline.
    pub pairs: Vec<Pair>,
    /// The candidates among each other, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_pairs: Option<AllPairs>,
    /// The front, if one was asked for.
    pub pareto: Option<Pareto>,
    /// Caveats of the result.
    pub notes: Vec<String>,
}

impl Study {
    /// Every pair that was compared: those with the baseline, and then those of the other candidates.
    pub fn every_pair(&self) -> impl Iterator<Item = &Pair> {
        let between = self.all_pairs.iter().flat_map(|all| &all.pairs);
        self.pairs.iter().chain(between)
    }

    /// Reads a comparison from the text of its file.
    ///
    /// # Errors
    /// The text is no comparison, or one of another version.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let study: Self = serde_json::from_str(text)?;
        if study.schema_version == STUDY_VERSION {
            return Ok(study);
        }
        let found = study.schema_version;
        let words = format!("schemaVersion is {found}, and this program reads {STUDY_VERSION}");
        Err(serde::de::Error::custom(words))
    }

    /// Number of times that each verdict was given, of gated metrics or of all others.
    pub fn counts(&self, gated: bool) -> SortedMap<&'static str, usize> {
        let mut counts = SortedMap::new();
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

/// The metrics of any runs, by id.
pub(super) type Known<'a> = SortedMap<&'a str, &'a MetricSummary>;

fn known<'a>(runs: impl IntoIterator<Item = &'a VariantSummary>) -> Known<'a> {
    let runs = runs.into_iter();
    runs.flat_map(|run| run.metrics.iter().map(|(id, metric)| (id.as_str(), metric)))
        .collect()
}

/// Judges candidates; the first is the baseline.
///
/// # Errors
/// If a metric is unknown, or nothing was measured.
pub fn judge_candidates(
    name: &str,
    candidates: &[Candidate],
    settings: &Settings,
) -> Result<Study, CompareError> {
    let runs = candidates
        .iter()
        .flat_map(|candidate| candidate.by_seed.iter().chain(&candidate.shaken));
    let known = known(runs);
    for id in &settings.gated {
        if !known.contains_key(id.as_str()) {
            let known = known.keys().copied();
            return Err(CompareError::unknown_metric("--metric", id, known));
        }
    }
    let (baseline, others) = match candidates.split_first() {
        Some((baseline, others)) => (Some(baseline), others),
        None => (None, candidates),
    };
    let judged = |other: &Candidate| Some(judged(baseline?, other, &known, settings, Scope::All));
    let mut pairs: Vec<Pair> = others.iter().filter_map(judged).collect();
    let mut between = if settings.all_pairs {
        all_pairs::between(others, &known, settings)
    } else {
        Vec::new()
    };
    correct(pairs.iter_mut().chain(&mut between).collect());
    let mut all = pairs.iter().flat_map(|pair| &pair.metrics);
    if all.all(|found| found.verdict == Some(Verdict::NotMeasurable)) {
        return Err(CompareError::NothingMeasured);
    }
    let mut gated: Vec<String> = Vec::new();
    for id in { pairs.iter().chain(&between) }.flat_map(|pair| &pair.gated) {
        if !gated.contains(id) {
            gated.push(id.clone());
        }
    }
    // The baseline is that of the first pair.
    let of_pairs = pairs.first().into_iter().chain(&pairs).map(Some);
    let of_pairs = of_pairs.chain(std::iter::repeat(None));
    let shown: Vec<(&Candidate, &[VariantSummary])> = (candidates.iter().zip(of_pairs))
        .map(|(candidate, pair)| (candidate, shown(candidate, pair)))
        .collect();
    let infos = shown
        .iter()
        .map(|(candidate, runs)| info(candidate, runs, &gated))
        .collect();
    let pareto = (settings.pareto.as_ref())
        .map(|(x, y)| front(&shown, &known, x, y))
        .transpose()?;
    let precision = settings.precision.map(|target| Precision {
        target,
        seeds_max: settings.seeds_max,
        wide: wide(pairs.iter().chain(&between), target),
    });
    let all_pairs =
        (settings.all_pairs).then(|| AllPairs::of(candidates, &pairs, between, &gated, settings));
    Ok(Study {
        schema_version: STUDY_VERSION,
        windtunnel: program::VERSION.to_owned(),
        build: program::build().to_owned(),
        name: name.to_owned(),
        baseline: baseline.map_or_else(String::new, |first| first.name.clone()),
        candidates: infos,
        settings: settings.clone(),
        confidence: CONFIDENCE,
        resamples: settings.resamples,
        finished_apart: first_runs_apart(candidates),
        gated,
        precision,
        pairs,
        all_pairs,
        pareto,
        notes: Vec::new(),
    })
}

/// Statement on candidates whose first runs left unlike numbers of jobs undone.
fn first_runs_apart(candidates: &[Candidate]) -> Option<String> {
    let runs = candidates.iter().filter_map(|own| {
        let (name, run) = (own.name.as_str(), own.by_seed.first()?);
        Some(CandidateRun { name, run })
    });
    finished_apart(&runs.collect::<Vec<_>>())
}

/// Metrics of a pair that are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every metric.
    All,
    /// The gated ones alone.
    Gated,
}

/// A candidate against another, from the runs of these two alone, and without verdicts. Of the
/// metrics of all runs only the units are taken.
pub(super) fn judged(
    baseline: &Candidate,
    other: &Candidate,
    all: &Known<'_>,
    settings: &Settings,
    scope: Scope,
) -> Pair {
    let runs = paired(baseline, other);
    let both: Vec<&VariantSummary> = runs.base.iter().chain(&runs.head).copied().collect();
    let gated = if settings.gated.is_empty() {
        default_gated(&both)
    } else {
        settings.gated.clone()
    };
    let own = known(both);
    let chosen: SortedSet<&str> = gated.iter().map(String::as_str).collect();
    let rest = own.keys().copied().filter(|id| !chosen.contains(id));
    let rest = rest.filter(|_| scope == Scope::All);
    let ids: Vec<&str> = gated.iter().map(String::as_str).chain(rest).collect();
    let seed = runs.base.first().map_or(0, |run| run.seed);
    let resamples = Resamples::draw(seed, runs.base.len(), settings.resamples);
    let metrics: Vec<Judgement> = (ids.par_iter())
        .filter_map(|id| {
            let metric = own.get(id).or_else(|| all.get(id))?;
            let question = question_of(id, metric, chosen.contains(id));
            Some(measure(&question, &pairs(id, &runs), &resamples))
        })
        .collect();
    Pair {
        candidate: other.name.clone(),
        baseline: None,
        not_comparable: incomparable(&baseline.name, &runs.base, &other.name, &runs.head),
        method: runs.method,
        tests: Tests::default(),
        gated,
        metrics,
    }
}

/// Gives every judgement its verdict. All pairs are one family: of many that are tried against a
/// baseline, one is better by chance.
fn correct(mut pairs: Vec<&mut Pair>) {
    let tests = decide(pairs.iter_mut().flat_map(|pair| &mut pair.metrics));
    for pair in pairs {
        pair.tests = tests;
        if matches!(pair.method, Method::Shaking { .. }) {
            for judgement in &mut pair.metrics {
                let needed = &mut judgement.seeds_needed;
                *needed = needed.map(|pairs| pairs.shared_by(SHAKES_PER_SEED as u64));
            }
        }
    }
}

fn pairs(id: &str, runs: &Paired<'_>) -> Pairs {
    let value = |run: &VariantSummary| run.metrics.get(id).and_then(|metric| metric.value);
    let note = |run: &&VariantSummary| {
        let metric = run
            .metrics
            .get(id)
            .filter(|metric| metric.value.is_none())?;
        metric.note.clone()
    };
    let unshaken = runs.base_unshaken.zip(runs.head_unshaken);
    Pairs {
        base: runs.base.iter().map(|run| value(run)).collect(),
        head: runs.head.iter().map(|run| value(run)).collect(),
        unshaken: unshaken.map(|(base, head)| Unshaken {
            base: value(base),
            head: value(head),
        }),
        is_whole: matches!(runs.method, Method::Whole { .. }),
        blocks: runs.method.blocks(),
        reason: (runs.base.iter().chain(&runs.head)).find_map(note),
    }
}

/// The runs of a candidate that its pair is judged by, so that every table and plot shows the same
/// values: perturbations, or the distinct ones on the input as it is.
fn shown<'a>(candidate: &'a Candidate, pair: Option<&Pair>) -> &'a [VariantSummary] {
    match pair.map(|pair| &pair.method) {
        Some(Method::Shaking { shakes, .. }) => &candidate.shaken[..*shakes as usize],
        Some(Method::Blocks { .. }) => &candidate.shaken,
        _ => candidate.distinct(),
    }
}

/// The values of a metric in runs.
pub(super) fn values(runs: &[VariantSummary], id: &str) -> Option<Vec<f64>> {
    let values = runs.iter().map(|run| run.metrics.get(id)?.value);
    values.collect()
}

fn info(candidate: &Candidate, shown: &[VariantSummary], gated: &[String]) -> CandidateInfo {
    let runs = candidate.distinct();
    let mut hasher = blake3::Hasher::new();
    for run in runs {
        hasher.update(run.digest.as_bytes());
    }
    let first = runs.first();
    let means = gated.iter().filter_map(|id| {
        let values = values(shown, id)?;
        let is_of_log = shown.first() == candidate.shaken.first();
        let blocks = candidate.blocks * usize::from(is_of_log);
        let found = GatedMean {
            mean: mean(&values)?,
            interval: student_interval(&stretched(&values, blocks), CONFIDENCE),
        };
        Some((id.clone(), found))
    });
    let record = |run: &VariantSummary, shake: Option<u64>| RunRecord {
        seed: run.seed,
        shake,
        digest: run.digest.clone(),
    };
    let by_seed = candidate.by_seed.iter().map(|run| record(run, None));
    let shaken = (0_u64..).zip(&candidate.shaken);
    let shaken = shaken.map(|(number, run)| record(run, Some(number)));
    CandidateInfo {
        name: candidate.name.clone(),
        system: first.map_or_else(String::new, |run| run.system.clone()),
        scheduler: first.map_or_else(String::new, |run| run.scheduler.clone()),
        releases: first.map_or_else(Vec::new, |run| run.releases.clone()),
        digest: hasher.finalize().to_hex().to_string(),
        gated: means.collect(),
        runs: by_seed.chain(shaken).collect(),
    }
}

/// The gated metrics whose intervals are wider than the target, as `CANDIDATE METRIC`.
fn wide<'a>(pairs: impl Iterator<Item = &'a Pair>, target: f64) -> Vec<String> {
    let of = |pair: &Pair| -> Vec<String> {
        let than = (pair.baseline.as_ref()).map_or_else(String::new, |own| format!(" than {own}"));
        let wide = pair.wide(target);
        wide.map(|metric| format!("{}{than} {metric}", pair.candidate))
            .collect()
    };
    pairs.flat_map(of).collect()
}

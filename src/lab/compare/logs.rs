//! One comparison on several logs: the log is the sample. Each has a verdict of its own, and over all of them stands
//! the geometric mean of the ratios of candidate and baseline, with its interval and verdict.

use rng::math;
use serde::{Deserialize, Serialize};

use super::all_pairs::AllPairs;
use super::judge::{Judgement, Pairs, Question, Threshold, Verdict, decide, direction, measure};
use super::ranking::{Contest, Lottery, Ranking, Unranked, rank};
use super::study::Pair;
use super::{CompareError, STUDY_VERSION, Study};
use crate::program;
use crate::statistics::{Interval, Resamples};
use metrics::{Direction, registry};

/// A comparison over logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogStudy {
    /// Version of this form.
    pub schema_version: u32,
    /// Version of the program.
    pub windtunnel: String,
    /// Hash of its build; empty of one that can't tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build: String,
    /// Names of the logs, in the order given.
    pub logs: Vec<String>,
    /// Baseline of the comparisons.
    pub baseline: String,
    /// Number of tests that are corrected together.
    pub tests: usize,
    /// The gated metrics of all candidates, by metric.
    pub rows: Vec<LogRow>,
    /// The order of the candidates over the logs, if all pairs are compared: by their means on each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rankings: Vec<Ranking>,
    /// Gated metrics without an order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unranked: Vec<Unranked>,
    /// Caveats of the result.
    pub notes: Vec<String>,
}

/// A gated metric of a candidate on all logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogRow {
    /// The metric's id.
    pub metric: String,
    /// The candidate.
    pub candidate: String,
    /// The candidate that it is compared with, where that is not the baseline of the comparisons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The metric's unit.
    pub unit: String,
    /// Better direction: `higher`, `lower` or `none`.
    #[serde(with = "direction")]
    pub better: Direction,
    /// Result on each log, in their order; none where it isn't gated.
    pub cells: Vec<Option<LogCell>>,
    /// Number of logs in the mean: those with values above zero on both sides, where the two are comparable.
    pub n: usize,
    /// Geometric mean of the ratios of candidate and baseline; none without logs.
    pub ratio: Option<f64>,
    /// The 95 % interval of the ratio, Student's t of the logarithms; none of one log.
    pub ratio_interval: Option<Interval>,
    /// p of the t-test of the logarithms.
    pub p: Option<f64>,
    /// p corrected by Holm for all rows.
    pub p_adjusted: Option<f64>,
    /// Whether the logarithms look as if their interval held as often as stated.
    pub carried: bool,
    /// Verdict over the logs.
    pub verdict: Option<Verdict>,
}

/// A gated metric of a candidate on one log.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogCell {
    /// The baseline's mean.
    pub base: Option<f64>,
    /// The candidate's mean.
    pub head: Option<f64>,
    /// Difference over the baseline's mean.
    pub relative: Option<f64>,
    /// Interval of that on the log.
    pub relative_interval: Option<Interval>,
    /// Verdict on the log, corrected over all candidates there.
    pub verdict: Option<Verdict>,
    /// Whether candidate and baseline did the same work there under the same rules.
    pub is_comparable: bool,
}

impl LogCell {
    /// Logarithms of the baseline's and the candidate's mean.
    fn logarithms(&self) -> Option<[f64; 2]> {
        let [base, head] = [self.base?, self.head?];
        (self.is_comparable && base > 0.0 && head > 0.0).then(|| [math::ln(base), math::ln(head)])
    }
}

impl LogStudy {
    /// The comparison over logs of the comparisons on each.
    ///
    /// # Errors
    /// They have other candidates, or two have one name.
    pub fn of(studies: &[Study]) -> Result<Self, CompareError> {
        let names = |study: &Study| -> Vec<String> {
            study
                .candidates
                .iter()
                .map(|own| own.name.clone())
                .collect()
        };
        let Some(first) = studies.first() else {
            return Err(CompareError::NothingMeasured);
        };
        for (place, study) in studies.iter().enumerate() {
            if names(study) != names(first) {
                return Err(CompareError::OtherCandidates {
                    log: study.name.clone(),
                    candidates: super::same_inputs::listed(&names(study)),
                    first: super::same_inputs::listed(&names(first)),
                });
            }
            if studies[..place].iter().any(|own| own.name == study.name) {
                return Err(CompareError::OneName(study.name.clone()));
            }
        }
        let mut gated: Vec<&String> = Vec::new();
        for id in studies.iter().flat_map(|study| &study.gated) {
            if !gated.contains(&id) {
                gated.push(id);
            }
        }
        let places = 0..first.every_pair().count();
        let (mut rows, mut judged): (Vec<LogRow>, Vec<Judgement>) = { gated.iter() }
            .flat_map(|id| places.clone().filter_map(move |at| row(studies, id, at)))
            .unzip();
        let tests = decide(judged.iter_mut()).gated;
        for (row, own) in rows.iter_mut().zip(judged) {
            row.p_adjusted = own.p_adjusted;
            row.verdict = own.verdict;
        }
        let (rankings, unranked) = ranked(studies, &gated);
        Ok(Self {
            schema_version: STUDY_VERSION,
            windtunnel: program::VERSION.to_owned(),
            build: program::build().to_owned(),
            logs: studies.iter().map(|study| study.name.clone()).collect(),
            baseline: first.baseline.clone(),
            tests,
            rows,
            rankings,
            unranked,
            notes: Vec::new(),
        })
    }
}

/// The order of the candidates over the logs, without those that are not comparable with others on some log.
fn ranked(studies: &[Study], gated: &[&String]) -> (Vec<Ranking>, Vec<Unranked>) {
    let all: Vec<&AllPairs> = studies
        .iter()
        .filter_map(|own| own.all_pairs.as_ref())
        .collect();
    let is_kept = |name: &&str| {
        !all.iter()
            .any(|own| own.left_out.iter().any(|out| out == name))
    };
    let candidates = studies.first().map_or(&[][..], |own| &own.candidates);
    let names = candidates.iter().map(|own| own.name.as_str());
    let names: Vec<&str> = names.filter(is_kept).collect();
    let mean = |study: &Study, id: &str, name: &str| {
        let own = study.candidates.iter().find(|own| own.name == name)?;
        Some(own.gated.get(id)?.mean)
    };
    let contests = gated.iter().map(|id| Contest {
        metric: id,
        better: registry::find(id).map_or(Direction::None, |(_, known)| known.direction),
        names: &names,
        blocks: { studies.iter() }
            .map(|study| names.iter().map(|name| mean(study, id, name)).collect())
            .collect(),
    });
    let first = candidates.first().and_then(|own| own.runs.first());
    let rules = Lottery {
        seed: first.map_or(0, |run| run.seed),
        draws: studies.first().map_or(0, |own| own.resamples),
        is_sample: true,
    };
    if all.len() < studies.len() {
        return (Vec::new(), Vec::new());
    }
    rank(&contests.collect::<Vec<_>>(), rules)
}

/// The pair at a place.
fn nth(study: &Study, place: usize) -> Option<&Pair> {
    study.every_pair().nth(place)
}

/// A metric of the pair at a place on all logs, before its verdict.
fn row(studies: &[Study], id: &str, place: usize) -> Option<(LogRow, Judgement)> {
    let own = |study: &'_ Study| {
        let pair = nth(study, place)?;
        let found = pair
            .metrics
            .iter()
            .find(|own| own.metric == id && own.gated)?;
        Some(LogCell {
            base: found.base,
            head: found.head,
            relative: found.relative,
            relative_interval: found.relative_interval,
            verdict: found.verdict,
            is_comparable: pair.is_comparable(),
        })
    };
    let first = nth(studies.first()?, place)?;
    let cells: Vec<Option<LogCell>> = studies.iter().map(own).collect();
    let mut known = studies
        .iter()
        .filter_map(|study| nth(study, place))
        .flat_map(|pair| &pair.metrics);
    let known = known.find(|own| own.metric == id)?;
    let logarithms = || cells.iter().flatten().filter_map(LogCell::logarithms);
    let share = registry::find(id).map_or(0.0, |(_, statistic)| statistic.threshold);
    let question = Question {
        metric: id.to_owned(),
        unit: String::new(),
        direction: known.better,
        threshold: Threshold::Absolute(math::ln_1p(share)),
        gated: true,
    };
    let pairs = Pairs {
        base: logarithms().map(|[base, _]| Some(base)).collect(),
        head: logarithms().map(|[_, head]| Some(head)).collect(),
        ..Pairs::default()
    };
    let n = pairs.base.len();
    let mut found = measure(&question, &pairs, &Resamples::draw(0, n, 1));
    if n == 0 {
        found.verdict = Some(Verdict::NotMeasurable);
    }
    let row = LogRow {
        metric: id.to_owned(),
        candidate: first.candidate.clone(),
        baseline: first.baseline.clone(),
        unit: known.unit.clone(),
        better: known.better,
        cells,
        n,
        ratio: found.difference.filter(|_| n > 0).map(math::exp),
        ratio_interval: found.interval.map(|at| Interval {
            low: math::exp(at.low),
            high: math::exp(at.high),
        }),
        p: found.p,
        p_adjusted: None,
        carried: found.carried,
        verdict: None,
    };
    Some((row, found))
}

#[cfg(test)]
mod tests {
    use super::super::pairing::Candidate;
    use super::super::{Settings, judge_candidates, made_up};
    use super::*;

    /// A comparison on a log where the candidate waits `ratio` times as long as the baseline.
    fn study(name: &str, level: f64, ratio: f64) -> Study {
        let candidate = |own: &str, wait: f64| Candidate {
            name: own.to_owned(),
            by_seed: (0..4)
                .map(|seed| {
                    let mut run = made_up::run(seed);
                    run.digest = format!("{own} {seed}");
                    let wait = wait * (1.0 + seed as f64 / 10.0);
                    let metric = made_up::metric(Some(wait));
                    run.metrics.insert("pending_time.mean".to_owned(), metric);
                    run
                })
                .collect(),
            ..Candidate::default()
        };
        let all = [candidate("a", level), candidate("b", level * ratio)];
        let settings = Settings {
            gated: vec!["pending_time.mean".to_owned()],
            resamples: 10,
            ..Settings::default()
        };
        judge_candidates(name, &all, &settings).expect("a study")
    }

    #[test]
    fn the_log_is_the_sample() {
        let ratios = [0.5, 0.55, 0.45, 0.5, 0.6, 0.42];
        let studies: Vec<Study> = (0..)
            .zip(ratios)
            .map(|(at, ratio)| study(&format!("log{at}"), 10.0 * f64::from(1 + at), ratio))
            .collect();
        let found = LogStudy::of(&studies).expect("logs");
        assert_eq!((found.rows.len(), found.tests, found.logs.len()), (1, 1, 6));
        let row = &found.rows[0];
        // By SciPy: exp(t.interval(0.95, 5, mean(log(x)), sem(log(x)))).
        let at = row.ratio_interval.expect("an interval");
        assert!(
            (row.ratio.expect("a ratio") - 0.499_827).abs() < 1e-6,
            "{row:?}"
        );
        assert!(
            (at.low - 0.436_322).abs() < 1e-6 && (at.high - 0.572_574).abs() < 1e-6,
            "{at:?}"
        );
        assert_eq!((row.n, row.verdict), (6, Some(Verdict::Improved)));
        // Two logs tell next to nothing.
        let two = LogStudy::of(&studies[..2]).expect("logs");
        assert_ne!(two.rows[0].verdict, Some(Verdict::Regressed));
        let one = LogStudy::of(&studies[..1]).expect("a log");
        assert_eq!(one.rows[0].ratio_interval, None);
    }

    #[test]
    fn logs_without_a_ratio_are_left_out_of_the_mean() {
        let studies = [study("x", 10.0, 0.5), study("idle", 0.0, 1.0)];
        let found = LogStudy::of(&studies).expect("logs");
        assert_eq!((found.rows[0].n, found.rows[0].cells.len()), (1, 2));
        let twice = [studies[0].clone(), studies[0].clone()];
        let refused = LogStudy::of(&twice).expect_err("one name");
        assert!(refused.to_string().contains("`x`"), "{refused}");
    }

    /// Three candidates on four logs, of which `c` waits least on each and `a` and `b` take turns.
    #[test]
    fn candidates_are_ranked_over_the_logs() {
        let study = |at: u32| {
            let candidate = |own: &str, wait: f64| Candidate {
                name: own.to_owned(),
                by_seed: (0..3)
                    .map(|seed| {
                        let mut run = made_up::run(seed);
                        run.digest = format!("{own} {seed}");
                        let metric = made_up::metric(Some(wait + seed as f64));
                        run.metrics.insert("pending_time.mean".to_owned(), metric);
                        run
                    })
                    .collect(),
                ..Candidate::default()
            };
            let turn = if at.is_multiple_of(2) { 1.0 } else { -1.0 };
            let all = [
                candidate("a", 100.0 + turn),
                candidate("b", 100.0),
                candidate("c", 50.0),
            ];
            let settings = Settings {
                gated: vec!["pending_time.mean".to_owned()],
                resamples: 1_000,
                all_pairs: true,
                ..Settings::default()
            };
            judge_candidates(&format!("log{at}"), &all, &settings).expect("a study")
        };
        let studies: Vec<Study> = (0..4).map(study).collect();
        let found = LogStudy::of(&studies).expect("logs");
        let rows = found.rows.iter();
        let names = rows.map(|row| (row.candidate.as_str(), row.baseline.as_deref()));
        let names: Vec<(&str, Option<&str>)> = names.collect();
        assert_eq!(names, [("b", None), ("c", None), ("c", Some("b"))]);
        assert_eq!(found.tests, 3);
        let ranking = &found.rankings[0];
        let ranks = ranking.standings.iter();
        let ranks: Vec<(&str, f64)> = ranks
            .map(|own| (own.candidate.as_str(), own.rank))
            .collect();
        assert_eq!(ranks, [("c", 1.0), ("a", 2.5), ("b", 2.5)]);
        // Friedman's chi-square by hand: 12 · 4 / (3 · 4) · (1 + 6.25 + 6.25 - 12) = 6.
        let test = ranking.friedman.expect("four logs");
        assert!((test.chi_square - 6.0).abs() < 1e-9, "{test:?}");
        assert!(
            LogStudy::of(&studies[..1]).expect("a log").rankings[0]
                .friedman
                .is_none()
        );
    }
}

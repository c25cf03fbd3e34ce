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

#[cfg(test)]
mod tests {
    use super::super::judge::ALPHA;
    use super::super::study::{Study, judge_candidates};
    use super::super::{Verdict, made_up};
    use super::*;
    use crate::statistics::holm;

    const WAIT: &str = "pending_time.mean";

    /// Candidates by the seconds that they wait longer, over twelve seeds.
    fn candidates(shifts: &[(&str, f64)]) -> Vec<Candidate> {
        let run = |name: &str, shift: f64, seed: u64| {
            let mut run = made_up::run(seed);
            run.digest = format!("{name} {seed}");
            let noise = (seed * 7 % 12) as f64 + shift * (seed * 5 % 12) as f64 / 40.0;
            let wait = made_up::metric(Some(100.0 + noise + shift));
            run.metrics.insert(WAIT.to_owned(), wait);
            run
        };
        let candidate = |(name, shift): &(&str, f64)| Candidate {
            name: (*name).to_owned(),
            by_seed: (0..12).map(|seed| run(name, *shift, seed)).collect(),
            ..Candidate::default()
        };
        shifts.iter().map(candidate).collect()
    }

    fn study(shifts: &[(&str, f64)]) -> Study {
        let settings = Settings {
            gated: vec![WAIT.to_owned()],
            all_pairs: true,
            resamples: 500,
            ..Settings::default()
        };
        judge_candidates("waits", &candidates(shifts), &settings).expect("a study")
    }

    const SHIFTS: [(&str, f64); 4] = [("a", 0.0), ("b", -30.0), ("c", 20.0), ("d", 20.1)];

    #[test]
    fn all_pairs_are_one_family() {
        let study = study(&SHIFTS);
        let names = |pair: &Pair| {
            let base = pair.baseline.as_ref().unwrap_or(&study.baseline);
            format!("{}{base}", pair.candidate)
        };
        let all: Vec<&Pair> = study.every_pair().collect();
        let pairs: Vec<String> = all.iter().map(|pair| names(pair)).collect();
        assert_eq!(pairs, ["ba", "ca", "da", "cb", "db", "dc"]);
        let p: Vec<f64> = all.iter().filter_map(|pair| pair.metrics[0].p).collect();
        let adjusted: Vec<f64> = all
            .iter()
            .filter_map(|pair| pair.metrics[0].p_adjusted)
            .collect();
        assert_eq!((p.len(), all[5].tests.gated), (6, 6));
        assert_eq!(adjusted, holm(&p));
        assert!(adjusted.iter().zip(&p).all(|(adjusted, p)| adjusted >= p));
        assert_eq!(all[0].metrics[0].verdict, Some(Verdict::Improved));
        assert_eq!(all[3].metrics[0].verdict, Some(Verdict::Regressed));
        assert_eq!(all[5].metrics[0].verdict, Some(Verdict::Equivalent));
        // Among each other only the gated metric is judged.
        assert!(all[3..].iter().all(|pair| pair.metrics.len() == 1));
    }

    #[test]
    fn candidates_are_ranked_on_every_seed() {
        let study = study(&SHIFTS);
        let among = study.all_pairs.expect("all pairs");
        let [ranking] = among.rankings.as_slice() else {
            panic!("{among:?}");
        };
        let order: Vec<&str> = { ranking.standings.iter() }
            .map(|own| own.candidate.as_str())
            .collect();
        assert_eq!((ranking.n, order), (12, vec!["b", "a", "c", "d"]));
        assert!(ranking.p_adjusted.is_some_and(|p| p <= ALPHA));
        assert_eq!(ranking.letters("b"), "a");
        assert!(
            ranking.letters("c").contains('b') && ranking.letters("d") == "c",
            "{ranking:?}"
        );
        assert!(matches!(&among.method, Method::Seeds { seeds } if seeds.len() == 12));
    }

    /// Another baseline and another order turn signs around, and change no p, no verdict between equals and no rank.
    #[test]
    fn names_and_order_change_nothing() {
        let found = study(&SHIFTS);
        let turned = study(&[SHIFTS[3], SHIFTS[1], SHIFTS[0], SHIFTS[2]]);
        let key = |study: &Study, pair: &Pair| {
            let mut key = [
                pair.baseline.clone().unwrap_or(study.baseline.clone()),
                pair.candidate.clone(),
            ];
            key.sort();
            key
        };
        for pair in found.every_pair() {
            let mut others = turned.every_pair();
            let other = others.find(|other| key(&turned, other) == key(&found, pair));
            let (own, other) = (&pair.metrics[0], &other.expect("the pair").metrics[0]);
            let size = |difference: Option<f64>| difference.map_or(0.0, f64::abs);
            assert!((size(own.difference) - size(other.difference)).abs() < 1e-9);
            let p = |of: Option<f64>| of.expect("a test");
            assert!(
                (p(own.p_adjusted) - p(other.p_adjusted)).abs() < 1e-9,
                "{own:?} {other:?}"
            );
        }
        let [own, other] =
            [&found, &turned].map(|of| &of.all_pairs.as_ref().expect("pairs").rankings[0]);
        assert_eq!(
            (&own.standings, &own.groups),
            (&other.standings, &other.groups)
        );
        assert_eq!(own.friedman, other.friedman);
    }

    #[test]
    fn what_is_not_comparable_is_not_ranked() {
        let mut all: Vec<Pair> = study(&SHIFTS).every_pair().cloned().collect();
        let names = ["a", "b", "c", "d"];
        assert_eq!(comparable(&names, all.iter()), [0, 1, 2, 3]);
        // `cb`: of these two the first stays.
        all[3].not_comparable = vec!["a reason".to_owned()];
        assert_eq!(comparable(&names, all.iter()), [0, 1, 3]);
        all[0].not_comparable = vec!["a reason".to_owned()];
        assert_eq!(comparable(&names, all.iter()), [0, 2, 3]);
    }

    #[test]
    fn two_candidates_and_one_seed_are_refused() {
        let two = check(2, 20).expect_err("one pair");
        assert!(two.to_string().contains("give three or more"), "{two}");
        let one = check_runs(
            &candidates(&SHIFTS)
                .into_iter()
                .map(|own| Candidate {
                    by_seed: own.by_seed[..1].to_vec(),
                    ..own
                })
                .collect::<Vec<_>>(),
        );
        let one = one.expect_err("one seed");
        assert!(one.to_string().contains("--seeds 10"), "{one}");
        assert_eq!([two.exit_code(), one.exit_code()], [2, 2]);
        assert!(check(3, 2).is_ok());
    }
}

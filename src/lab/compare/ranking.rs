//! Ranks of candidates in a metric: of each seed, perturbation or log (a block) the order of the candidates, and over
//! all of them the mean rank with its interval, Friedman's test and the critical difference of Nemenyi (Demšar, 2006,
//! Journal of Machine Learning Research 7).
//!
//! Candidates whose mean ranks are closer than the critical difference are one group; groups overlap. Where Friedman's
//! test, corrected by Holm over all metrics ranked, shows no difference at all, everybody is one.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::judge::{ALPHA, BOOTSTRAP_MIN, CONFIDENCE, direction, noise};
use crate::statistics::{
    Friedman, Interval, Resamples, critical_difference, friedman, holm, mean, mid_ranks,
};
use metrics::Direction;

/// Order of candidates in a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ranking {
    /// The metric's id.
    pub metric: String,
    /// Better direction: `higher` or `lower`.
    #[serde(with = "direction")]
    pub better: Direction,
    /// Number of seeds, perturbations or logs on which candidates are ranked.
    pub n: usize,
    /// The candidates, the best mean rank first.
    pub standings: Vec<CandidateRank>,
    /// Test of any difference; none of a single block, and of logs drawn from one.
    pub friedman: Option<Friedman>,
    /// The test's p corrected by Holm for all metrics ranked.
    pub p_adjusted: Option<f64>,
    /// Difference of mean ranks from which on two candidates differ, at 0.05 over all pairs (Nemenyi).
    pub critical_difference: Option<f64>,
    /// Names of candidates that are not shown to differ, group by group, best first; none without a test.
    pub groups: Vec<Vec<String>>,
}

/// Place of a candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateRank {
    /// The candidate.
    pub candidate: String,
    /// Mean rank; 1 is best on every block.
    pub rank: f64,
    /// The BCa bootstrap's 95 % interval of the mean rank, from ten blocks on.
    pub interval: Option<Interval>,
}

/// Metric that candidates can't be ranked in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unranked {
    /// The metric's id.
    pub metric: String,
    /// Reason against it, in words.
    pub reason: String,
}

/// Values of candidates in a metric: a list over all candidates for each block.
pub(super) struct Contest<'a> {
    pub(super) metric: &'a str,
    pub(super) better: Direction,
    pub(super) names: &'a [&'a str],
    pub(super) blocks: Vec<Vec<Option<f64>>>,
}

/// Rules of a ranking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lottery {
    /// The seed of every draw.
    pub(super) seed: u64,
    /// Number of resamples and of permutations.
    pub(super) draws: usize,
    /// True if blocks are a sample; draws from one log are none of their own.
    pub(super) is_sample: bool,
}

impl Contest<'_> {
    /// The ranks on each block, or why there are none.
    fn ranks(&self) -> Result<Vec<Vec<f64>>, String> {
        if self.better == Direction::None {
            return Err("neither direction is better".to_owned());
        }
        for (at, name) in self.names.iter().enumerate() {
            let is_missing = |row: &&Vec<Option<f64>>| row[at].is_none_or(|own| !own.is_finite());
            let missing = self.blocks.iter().filter(is_missing).count();
            if missing > 0 {
                let all = self.blocks.len();
                return Err(format!("`{name}` has no value in {missing} of {all}"));
            }
        }
        let ranked = self.blocks.iter().map(|row| {
            let values: Vec<f64> = row.iter().flatten().copied().collect();
            let worse: Vec<f64> = values
                .iter()
                .map(|own| self.better.worsening(*own))
                .collect();
            mid_ranks(&worse, noise(values.iter()))
        });
        Ok(ranked.collect())
    }

    fn ranking(&self, rules: Lottery, resamples: &Resamples) -> Result<Ranking, Unranked> {
        let blocks = self.ranks().map_err(|reason| Unranked {
            metric: self.metric.to_owned(),
            reason,
        })?;
        let (k, n) = (self.names.len(), blocks.len());
        let standings = self.names.iter().enumerate().map(|(at, name)| {
            let own: Vec<f64> = blocks.iter().map(|block| block[at]).collect();
            let is_carried = rules.is_sample && n >= BOOTSTRAP_MIN;
            let interval = is_carried.then(|| resamples.interval_of_mean(&own, CONFIDENCE));
            CandidateRank {
                candidate: (*name).to_owned(),
                rank: mean(&own).unwrap_or(f64::NAN),
                interval: interval.flatten(),
            }
        });
        let mut standings: Vec<CandidateRank> = standings.collect();
        standings.sort_by(|one, other| one.rank.total_cmp(&other.rank));
        let test = rules
            .is_sample
            .then(|| friedman(&blocks, rules.seed, rules.draws));
        let test = test.flatten();
        Ok(Ranking {
            metric: self.metric.to_owned(),
            better: self.better,
            n,
            standings,
            friedman: test,
            p_adjusted: None,
            critical_difference: test.map(|_| critical_difference(k, n, ALPHA)),
            groups: Vec::new(),
        })
    }
}

impl Ranking {
    /// Returns whether the test shows any difference between candidates.
    pub fn is_apart(&self) -> bool {
        self.p_adjusted.is_some_and(|p| p <= ALPHA)
    }

    /// Letters of the groups that a candidate is in, `a` for the best; empty without groups.
    pub fn letters(&self, candidate: &str) -> String {
        let letters = ('a'..='z').chain('A'..='Z');
        let of = self.groups.iter().zip(letters);
        let own = of.filter(|(group, _)| group.iter().any(|name| name == candidate));
        own.map(|(_, letter)| letter).collect()
    }

    /// The place of a candidate.
    pub fn standing(&self, candidate: &str) -> Option<&CandidateRank> {
        self.standings.iter().find(|own| own.candidate == candidate)
    }

    /// The longest runs of places that are closer than the critical difference.
    fn grouped(&self) -> Vec<Vec<String>> {
        let Some(reach) = self.critical_difference else {
            return Vec::new();
        };
        let all = &self.standings;
        let is_close = |first: usize, last: usize| {
            !self.is_apart() || all[last].rank - all[first].rank < reach
        };
        let mut groups = Vec::new();
        let mut covered = 0;
        for first in 0..all.len() {
            let end = (first..all.len())
                .take_while(|last| is_close(first, *last))
                .count()
                + first;
            if end > covered {
                covered = end;
                let names = all[first..end].iter().map(|own| own.candidate.clone());
                groups.push(names.collect());
            }
        }
        groups
    }
}

/// Ranks candidates in every metric that allows it, and corrects the tests together.
pub(super) fn rank(contests: &[Contest<'_>], rules: Lottery) -> (Vec<Ranking>, Vec<Unranked>) {
    let n = contests
        .iter()
        .map(|own| own.blocks.len())
        .max()
        .unwrap_or(0);
    let resamples = Resamples::draw(rules.seed, n, rules.draws);
    let all: Vec<Result<Ranking, Unranked>> = (contests.par_iter())
        .map(|own| own.ranking(rules, &resamples))
        .collect();
    let (mut ranked, mut unranked): (Vec<Ranking>, Vec<Unranked>) = (Vec::new(), Vec::new());
    for own in all {
        match own {
            Ok(own) => ranked.push(own),
            Err(own) => unranked.push(own),
        }
    }
    let p: Vec<f64> = ranked
        .iter()
        .filter_map(|own| own.friedman)
        .map(|own| own.p)
        .collect();
    let tested = ranked.iter_mut().filter(|own| own.friedman.is_some());
    for (own, adjusted) in tested.zip(holm(&p)) {
        own.p_adjusted = Some(adjusted);
        own.groups = own.grouped();
    }
    (ranked, unranked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection;
    use proptest::prelude::*;

    const RULES: Lottery = Lottery {
        seed: 1,
        draws: 2_000,
        is_sample: true,
    };

    fn ranked(names: &[&str], blocks: &[Vec<f64>], better: Direction) -> Ranking {
        let known = |row: &Vec<f64>| row.iter().copied().map(Some).collect();
        let contest = Contest {
            metric: "pending_time.mean",
            better,
            names,
            blocks: blocks.iter().map(known).collect(),
        };
        let (mut ranked, unranked) = rank(&[contest], RULES);
        assert!(unranked.is_empty(), "{unranked:?}");
        ranked.remove(0)
    }

    /// Twelve seeds on which `b` waits least and `a` longest; `c` and `d` are alike but for chance.
    fn waits() -> Vec<Vec<f64>> {
        let row = |seed: u32| {
            let noise = f64::from(seed * 7 % 12);
            let turn = if seed.is_multiple_of(2) { 1.0 } else { -1.0 };
            vec![
                40.0 + noise,
                10.0 + noise,
                20.0 + noise + turn,
                20.0 + noise,
            ]
        };
        (0..12).map(row).collect()
    }

    #[test]
    fn the_best_is_first_and_groups_are_closer_than_the_critical_difference() {
        let names = ["a", "b", "c", "d"];
        let found = ranked(&names, &waits(), Direction::Lower);
        let order: Vec<&str> = found
            .standings
            .iter()
            .map(|own| own.candidate.as_str())
            .collect();
        assert_eq!(order, ["b", "c", "d", "a"]);
        let ranks: Vec<f64> = found.standings.iter().map(|own| own.rank).collect();
        assert_eq!(ranks, [1.0, 2.5, 2.5, 4.0]);
        // 2.569 · √(4 · 5 / (6 · 12)) = 1.354.
        let reach = found.critical_difference.expect("a test");
        assert!((reach - 1.354).abs() < 1e-3, "{reach}");
        assert!(found.is_apart());
        assert_eq!(found.groups, [vec!["b"], vec!["c", "d"], vec!["a"]]);
        assert_eq!(
            (found.letters("b"), found.letters("d")),
            ("a".to_owned(), "b".to_owned())
        );
        let at = found.standings[1].interval.expect("twelve blocks");
        assert!(
            at.low < 2.5 && 2.5 < at.high && at.low >= 2.0 && at.high <= 3.0,
            "{at:?}"
        );
        // The other direction turns the order around.
        let turned = ranked(&names, &waits(), Direction::Higher);
        assert_eq!(turned.standings[0].candidate, "a");
    }

    #[test]
    fn without_a_difference_everybody_is_one_group() {
        let blocks = [
            vec![1.0, 2.0, 3.0],
            vec![3.0, 1.0, 2.0],
            vec![2.0, 3.0, 1.0],
        ];
        let found = ranked(&["a", "b", "c"], &blocks, Direction::Lower);
        assert_eq!(found.groups, [vec!["a", "b", "c"]]);
        assert!(!found.is_apart() && found.standings.iter().all(|own| own.interval.is_none()));
        let one = ranked(&["a", "b", "c"], &blocks[..1], Direction::Lower);
        assert_eq!((one.friedman, one.critical_difference), (None, None));
        assert!(one.groups.is_empty() && one.letters("a").is_empty());
    }

    #[test]
    fn groups_overlap() {
        let mut found = ranked(&["a", "b", "c", "d"], &waits(), Direction::Lower);
        for (own, rank) in found.standings.iter_mut().zip([1.2, 2.2, 2.9, 3.7]) {
            own.rank = rank;
        }
        assert_eq!(
            found.grouped(),
            [vec!["b", "c"], vec!["c", "d"], vec!["d", "a"]]
        );
        found.groups = found.grouped();
        assert_eq!(found.letters("c"), "ab");
    }

    #[test]
    fn metrics_without_an_order_are_listed() {
        let contest = |better, first| Contest {
            metric: "m",
            better,
            names: &["a", "b"],
            blocks: vec![vec![first, Some(1.0)], vec![Some(2.0), Some(1.0)]],
        };
        let contests = [
            contest(Direction::None, Some(1.0)),
            contest(Direction::Lower, None),
        ];
        let (ranked, unranked) = rank(&contests, RULES);
        assert!(ranked.is_empty());
        let reasons: Vec<&str> = unranked.iter().map(|own| own.reason.as_str()).collect();
        assert_eq!(
            reasons,
            ["neither direction is better", "`a` has no value in 1 of 2"]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

        /// On every block the ranks sum to k(k + 1)/2, so that their means do, too; other names and another order of
        /// candidates permute the result; corrected p are no less than their own, in the same order.
        #[test]
        fn ranks_are_shared_out_and_do_not_hang_on_names(
            blocks in collection::vec(collection::vec(0_u8..6, 5), 2..14),
            turn in 0_usize..5,
        ) {
            let blocks: Vec<Vec<f64>> = blocks.iter()
                .map(|row| row.iter().map(|own| f64::from(*own)).collect())
                .collect();
            let found = ranked(&["a", "b", "c", "d", "e"], &blocks, Direction::Lower);
            let sum: f64 = found.standings.iter().map(|own| own.rank).sum();
            assert!((sum - 15.0).abs() < 1e-9, "{sum}");
            for row in &blocks {
                let ranks = mid_ranks(row, 0.0);
                assert!((ranks.iter().sum::<f64>() - 15.0).abs() < 1e-12);
            }
            let mut names = ["a", "b", "c", "d", "e"];
            names.rotate_left(turn);
            let turned = |row: &Vec<f64>| { let mut row = row.clone(); row.rotate_left(turn); row };
            let turned: Vec<Vec<f64>> = blocks.iter().map(turned).collect();
            let other = ranked(&names, &turned, Direction::Lower);
            for own in &found.standings {
                let same = other.standing(&own.candidate).expect("the candidate");
                assert!((own.rank - same.rank).abs() < 1e-12);
                assert_eq!(own.interval, same.interval);
            }
            let test = |of: &Ranking| of.friedman.expect("a test");
            assert!((test(&found).chi_square - test(&other).chi_square).abs() < 1e-9);
            assert!((test(&found).p - test(&other).p).abs() < 1e-12);
        }

        #[test]
        fn corrected_p_are_monotone(p in collection::vec(0.0_f64..=1.0, 1..30)) {
            let adjusted = holm(&p);
            let mut order: Vec<usize> = (0..p.len()).collect();
            order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
            assert!(p.iter().zip(&adjusted).all(|(own, adjusted)| adjusted >= own && *adjusted <= 1.0));
            assert!(order.windows(2).all(|pair| adjusted[pair[0]] <= adjusted[pair[1]]));
        }
    }
}

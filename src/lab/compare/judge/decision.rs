//! The verdicts of a family of tests, corrected together.

use serde::{Deserialize, Serialize};

use super::{ALPHA, Judgement, Verdict};
use crate::statistics::{
    Rules, SeedsNeeded, benjamini_hochberg, holm, seeds_to_carry, seeds_to_count, seeds_to_decide,
    seeds_to_reach,
};
use metrics::Direction;

/// Number of tests in each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tests {
    /// Tests of gated metrics, which Holm corrects together.
    pub gated: usize,
    /// All other tests, which Benjamini and Hochberg correct together.
    pub others: usize,
}

/// Gives every judgement its verdict: gated ones are corrected together by Holm, the others
/// together by Benjamini and Hochberg.
pub fn decide<'a>(judgements: impl Iterator<Item = &'a mut Judgement>) -> Tests {
    let judgements = judgements.filter(|judgement| judgement.verdict.is_none());
    let (mut gated, mut others): (Vec<_>, Vec<_>) = judgements.partition(|found| found.gated);
    Tests {
        gated: correct(&mut gated, holm),
        others: correct(&mut others, benjamini_hochberg),
    }
}

fn correct(family: &mut [&mut Judgement], correction: fn(&[f64]) -> Vec<f64>) -> usize {
    let p: Vec<f64> = family.iter().filter_map(|judgement| judgement.p).collect();
    let tested = family.iter_mut().filter(|judgement| judgement.p.is_some());
    for (judgement, adjusted) in tested.zip(correction(&p)) {
        judgement.p_adjusted = Some(adjusted);
    }
    for judgement in family.iter_mut() {
        let found = verdict(judgement);
        judgement.verdict = found;
        if found == Some(Verdict::Inconclusive) {
            open(judgement, p.len(), correction);
        }
    }
    p.len()
}

fn verdict(judgement: &Judgement) -> Option<Verdict> {
    let difference = judgement.difference.unwrap_or(0.0);
    let directed = |difference: f64| match judgement.better {
        Direction::None => None,
        better if better.worsening(difference) > 0.0 => Some(Verdict::Regressed),
        _ => Some(Verdict::Improved),
    };
    if judgement.n == 1 {
        let is_equal = difference.abs() <= 0.0;
        return match judgement.is_whole {
            true if is_equal || difference.abs() < judgement.threshold => Some(Verdict::Equivalent),
            true => directed(difference),
            false if is_equal => Some(Verdict::Equivalent),
            false => directed(difference).map(|_| Verdict::Inconclusive),
        };
    }
    let is_beyond_chance = is_shown(judgement.p_adjusted)
        && (judgement.carried || is_shown(judgement.signed_rank_p))
        && judgement
            .interval
            .is_some_and(|interval| !interval.holds(0.0));
    if is_shown(judgement.equivalence_p) && judgement.holds_pairs(f64::abs) {
        Some(Verdict::Equivalent)
    } else if is_beyond_chance {
        directed(difference)
    } else if judgement.is_not_worse() {
        Some(Verdict::NotWorse)
    } else {
        directed(difference).map(|_| Verdict::Inconclusive)
    }
}

/// Returns whether a test shows what it asks.
fn is_shown(p: Option<f64>) -> bool {
    p.is_some_and(|p| p <= ALPHA)
}

impl Judgement {
    /// Returns whether a worsening by what matters is shown not to be.
    pub(crate) fn is_not_worse(&self) -> bool {
        is_shown(self.not_worse_p) && self.holds_pairs(|own| self.better.worsening(own))
    }

    /// Returns whether the sample carries a test of its mean, or every single pair is below what matters.
    fn holds_pairs(&self, amount: impl Fn(f64) -> f64) -> bool {
        let mut pairs = self.points.iter().flatten();
        self.carried || pairs.all(|own| amount(*own) < self.threshold)
    }
}

/// Says of an inconclusive judgement what would decide it.
fn open(judgement: &mut Judgement, tests: usize, correction: fn(&[f64]) -> Vec<f64>) {
    if judgement.n == 1 {
        judgement.note = Some("one run each: the effect of chance is unknown".to_owned());
        return;
    }
    if judgement.blocks > 0 {
        // More draws from a log don't make it longer.
        return;
    }
    let rules = Rules {
        alpha: ALPHA,
        threshold: judgement.threshold,
        tests,
    };
    let worsenings = judgement.worsenings();
    let by_events = (judgement.events())
        .map(|events| seeds_to_count(events, judgement.event_ratio(), ALPHA, judgement.n));
    let by_spread = worsenings.and_then(|worsenings| {
        let needed = seeds_to_decide(&worsenings, rules)?;
        let to_carry = seeds_to_carry(&worsenings);
        let all = [to_carry, by_events].into_iter().flatten();
        Some(all.fold(needed, SeedsNeeded::and))
    });
    judgement.seeds_needed = if judgement.interval.is_some() {
        by_spread
    } else {
        // All pairs differ by the same: the signs decide.
        let least = seeds_to_reach(ALPHA, |smallest| {
            correction(&vec![smallest; tests.max(1)])[0]
        });
        Some(SeedsNeeded::exactly(least as u64))
    };
}

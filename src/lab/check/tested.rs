//! Gates with a test: worse by more than the limit is tested against the limit.

use super::gate::{by_mean, worse};
use super::run::SuiteResults;
use super::{Gate, Outcome};
use crate::compare::{ALPHA, Judgement, Verdict, decide};
use crate::statistics::{
    SEEDS_MIN, SeedsNeeded, above, cautious_reach, holm, standard_error, student_quantile,
};
use metrics::Direction;

/// Power at which a gate is said to find a worsening.
const POWER: f64 = 0.8;

/// Gives the gates with a test their outcome. Those of an entry stand side by side, and are corrected
/// together.
pub(super) fn hold_tests(gates: &mut [Gate], tests: &[usize], results: &SuiteResults) {
    let tested: Vec<usize> = (tests.iter().copied())
        .filter(|&index| gates[index].judgement.is_some())
        .collect();
    let families = tested.chunk_by(|&one, &other| gates[one].entry == gates[other].entry);
    let families: Vec<Vec<usize>> = families.map(<[usize]>::to_vec).collect();
    for family in families {
        let own = family
            .iter()
            .filter_map(|&index| gates[index].judgement.clone());
        let mut own: Vec<Judgement> = own.collect();
        decide(own.iter_mut());
        let known: Vec<Option<f64>> = own.iter().map(worse_p).collect();
        let adjusted = holm(&known.iter().flatten().copied().collect::<Vec<f64>>());
        let mut adjusted = adjusted.into_iter();
        for ((&index, judgement), p) in family.iter().zip(own).zip(known) {
            let p = p.and_then(|_| adjusted.next());
            let gate = &mut gates[index];
            let mut entries = results.entries.iter().map(|entry| &entry.report);
            let is_exact = entries.any(|entry| entry.deterministic && entry.name == gate.entry);
            gate.outcome = outcome(gate, &judgement, p, is_exact);
            gate.detectable = detectable(&judgement, family.len());
            gate.judgement = Some(judgement);
        }
    }
}

fn outcome(
    gate: &mut Gate,
    judgement: &Judgement,
    worse_p: Option<f64>,
    is_exact: bool,
) -> Outcome {
    let is_shown = |p: Option<f64>| p.is_some_and(|p| p <= ALPHA);
    if judgement.verdict == Some(Verdict::NotMeasurable) {
        return gate.outcome;
    }
    // The same values with every seed need no test: neither side can be worse.
    let is_zero = |point: &Option<f64>| point.is_some_and(|own| own.abs() <= 0.0);
    if !judgement.points.is_empty() && judgement.points.iter().all(is_zero) {
        return Outcome::Equivalent;
    }
    if judgement.n == 1 {
        return single(gate, judgement, is_exact);
    }
    if is_shown(worse_p) {
        return Outcome::Regressed;
    }
    match judgement.verdict {
        Some(Verdict::Equivalent) => Outcome::Equivalent,
        Some(Verdict::Improved) => Outcome::Improved,
        _ if judgement.is_not_worse() => Outcome::Within,
        Some(Verdict::Inconclusive) => {
            let needed = judgement.seeds_needed;
            let needed = needed.unwrap_or(SeedsNeeded::exactly(SEEDS_MIN as u64));
            gate.note = Some(format!("{needed} would decide"));
            Outcome::Inconclusive
        }
        _ => {
            let words =
                "worse beyond chance, but these seeds can't tell whether by more than the limit";
            gate.note = Some(words.to_owned());
            Outcome::Inconclusive
        }
    }
}

/// Outcome of one pair.
fn single(gate: &mut Gate, judgement: &Judgement, is_exact: bool) -> Outcome {
    if judgement.verdict == Some(Verdict::Equivalent) {
        return Outcome::Equivalent;
    }
    // One pair without sampling error needs no test.
    if is_exact {
        gate.note = Some("one deterministic run: the exact difference".to_owned());
        return by_mean(judgement);
    }
    gate.note = Some(format!(
        "{} would decide",
        SeedsNeeded::exactly(SEEDS_MIN as u64)
    ));
    Outcome::Inconclusive
}

/// Worsening of each pair beyond the limit; of metrics without a direction, of the mean's sign.
fn beyond(judgement: &Judgement) -> Option<Vec<f64>> {
    judgement.beyond(sign(judgement)?)
}

/// Sign of a worsening; of metrics without a direction, of the mean's sign.
fn sign(judgement: &Judgement) -> Option<f64> {
    Some(match judgement.better {
        Direction::None if judgement.difference? < 0.0 => -1.0,
        Direction::None => 1.0,
        better => better.worsening(1.0),
    })
}

/// The one-sided p of a worsening by no more than the limit; two-sided where no direction is better.
fn worse_p(judgement: &Judgement) -> Option<f64> {
    if judgement.n < 2 {
        return None;
    }
    let values = beyond(judgement)?;
    if judgement
        .interval
        .is_some_and(|interval| interval.low < interval.high)
    {
        let by_events = judgement.events_above(sign(judgement)?).unwrap_or(0.0);
        let p = above(&values, 0.0)?.max(by_events);
        let sides = if judgement.better == Direction::None {
            2.0
        } else {
            1.0
        };
        return Some((p * sides).min(1.0));
    }
    // All pairs differ by the same: the signs decide.
    let slack = 1e-12 * judgement.base.unwrap_or(0.0).abs();
    let is_beyond = worse(judgement) > judgement.threshold + slack;
    judgement.p.map(|p| if is_beyond { p } else { 1.0 })
}

/// The smallest worsening, in the metric's unit, that a gate finds with these seeds in four of five
/// checks.
fn detectable(judgement: &Judgement, tests: usize) -> Option<f64> {
    // Runs that are all alike tell nothing of the spread that a change would show.
    let points: Option<Vec<f64>> = judgement.points.iter().copied().collect();
    standard_error(&points?).filter(|error| *error > 0.0)?;
    let beyond = beyond(judgement)?;
    let error = standard_error(&beyond)?;
    let degrees = (judgement.n - 1) as f64;
    let quantile = student_quantile(1.0 - ALPHA / tests.max(1) as f64, degrees);
    let found = cautious_reach(quantile, 0.0, judgement.n) + student_quantile(POWER, degrees);
    Some(judgement.threshold + found * error)
}

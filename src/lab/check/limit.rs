//! The limits of objectives: held, and in words.

use super::Outcome;
use crate::compare::{Judgement, Threshold};
use metrics::Direction;
use scenario::scalar::Bound;
use scenario::schema::Objective;

/// A bound in the metric's own unit.
pub(super) fn number(bound: &Bound) -> f64 {
    match bound {
        Bound::Number(value) => *value,
        Bound::Duration(duration) => duration.as_nanos() as f64 / 1e9,
    }
}

/// Whether a mean keeps to the bounds.
pub fn within(objective: &Objective, head: f64) -> Outcome {
    let is_low = objective.min.as_ref().is_some_and(|min| head < number(min));
    let is_high = objective.max.as_ref().is_some_and(|max| head > number(max));
    if is_low || is_high {
        Outcome::Regressed
    } else {
        Outcome::Within
    }
}

/// Distance of a value beyond the bounds; negative within them.
pub(super) fn excess(objective: &Objective, value: f64) -> f64 {
    let below = objective.min.as_ref().map(|min| number(min) - value);
    let above = objective.max.as_ref().map(|max| value - number(max));
    let beyond = below.into_iter().chain(above);
    beyond.fold(f64::NEG_INFINITY, f64::max)
}

/// The bounds in words.
pub fn bounds(objective: &Objective, unit: &str) -> String {
    let text = |bound: &Bound| bound_text(bound, unit);
    match (&objective.min, &objective.max) {
        (Some(min), Some(max)) => format!("limit {} to {}", text(min), text(max)),
        (Some(min), None) => format!("limit ≥ {}", text(min)),
        (None, Some(max)) => format!("limit ≤ {}", text(max)),
        (None, None) => String::new(),
    }
}

/// The amount in words below which no change of a metric matters, where it allows more than the share.
pub(super) fn floor(threshold: Threshold, judgement: &Judgement, unit: &str) -> Option<String> {
    let Threshold::Usual { share, floor } = threshold else {
        return None;
    };
    let is_ruling = floor > share * judgement.base?.abs();
    is_ruling.then(|| match unit {
        "ratio" => points(floor),
        _ => bound_text(&Bound::Number(floor), unit),
    })
}

/// A part of a whole as points of percent.
fn points(part: f64) -> String {
    format!("{} percentage points", rounded(part * 100.0))
}

fn bound_text(bound: &Bound, unit: &str) -> String {
    match (bound, unit) {
        (Bound::Number(value), "ratio") => format!("{} %", rounded(value * 100.0)),
        (Bound::Number(value), "s") => format!("{} s", rounded(*value)),
        _ => bound.to_string(),
    }
}

/// Without what binary fractions leave at the end.
pub(super) fn rounded(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Permitted distance of a metric from the baseline, in words.
pub(super) fn limit(objective: &Objective, better: Direction, unit: &str) -> String {
    let amount = match (&objective.tolerance, &objective.threshold) {
        (Some(tolerance), _) => format!("{} %", rounded(tolerance.as_f64() * 100.0)),
        // Beside a change in percent, a part of a whole is told in points.
        (None, Some(Bound::Number(value))) if unit == "ratio" => points(*value),
        (None, Some(threshold)) => bound_text(threshold, unit),
        (None, None) => " noise".to_owned(),
    };
    let sign = match better {
        Direction::Lower => "+",
        Direction::Higher => "−",
        Direction::None => "±",
    };
    let word = if objective.test {
        "tested, limit"
    } else {
        "limit"
    };
    format!("{word} {sign}{amount}")
}

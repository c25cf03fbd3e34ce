//! All candidates side by side in the gated metrics: the pairs alone do not rank more than two.

use crate::format;
use lab::compare::{
    ALPHA, Method, Pair, Pairs, Question, Study, Threshold, Verdict, decide, measure,
};
use lab::statistics::Resamples;
use metrics::{Direction, registry};

/// Metric over all candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OverviewRow {
    /// Name of the metric for people.
    pub(super) label: String,
    /// Result of each candidate, in their order.
    pub(super) cells: Vec<String>,
    /// Candidates that everybody else is shown to be worse than; none if there is none.
    pub(super) best: Vec<bool>,
}

/// Rows, for more than two candidates.
pub(super) fn rows(study: &Study) -> Vec<OverviewRow> {
    if study.candidates.len() < 3 {
        return Vec::new();
    }
    study.gated.iter().filter_map(|id| row(study, id)).collect()
}

/// A metric of all candidates. Best is the best of those that are comparable with
/// the baseline.
fn row(study: &Study, id: &str) -> Option<OverviewRow> {
    let mut judged = study.pairs.iter().flat_map(|pair| &pair.metrics);
    let first = judged.find(|own| own.metric == id)?;
    let all = study.candidates.iter();
    let values = all.map(|own| own.gated.get(id).map(|known| known.mean));
    let values: Vec<Option<f64>> = values.collect();
    // The baseline comes first, and the pairs are in the order of the others.
    let others = study.pairs.iter().map(Pair::is_comparable);
    let is_comparable: Vec<bool> = std::iter::once(true).chain(others).collect();
    let known = || {
        let both = values.iter().zip(&is_comparable);
        both.filter(|(_, is_comparable)| **is_comparable)
            .filter_map(|(value, _)| *value)
    };
    let (least, most) = (
        known().min_by(f64::total_cmp)?,
        known().max_by(f64::total_cmp)?,
    );
    let best = match first.better {
        Direction::Higher if least < most => Some(most),
        Direction::Lower if least < most => Some(least),
        _ => None,
    };
    // What reads the same is equally good. The mark stands where everybody else is shown to be worse:
    // means of a few runs always differ.
    let cells = format::values(&values, &first.unit);
    let place = values.iter().zip(&is_comparable).position(|(value, own)| {
        let both = value.zip(best);
        *own && both.is_some_and(|(value, best)| value.total_cmp(&best).is_eq())
    });
    let text = place.map(|place| &cells[place]);
    let is_other = |at: &usize| is_comparable[*at] && Some(&cells[*at]) != text;
    let others: Vec<usize> = (0..cells.len()).filter(is_other).collect();
    let is_shown = !others.is_empty()
        && place.is_some_and(|best| others.iter().all(|other| is_worse(study, id, *other, best)));
    let compared = cells.iter().zip(&is_comparable);
    let best = compared.map(|(cell, own)| is_shown && *own && Some(cell) == text);
    let best = best.collect();
    Some(OverviewRow {
        label: registry::title(id),
        cells,
        best,
    })
}

/// Returns whether a candidate is shown to be worse than another in a metric, by the runs that both have.
fn is_worse(study: &Study, id: &str, candidate: usize, than: usize) -> bool {
    let judged = |at: usize| {
        let pair = study.pairs.get(at.saturating_sub(1))?;
        let own = pair.metrics.iter().find(|own| own.metric == id)?;
        let points = if at == 0 {
            &own.base_points
        } else {
            &own.head_points
        };
        Some((pair, own, points.clone()))
    };
    // The baseline's runs are those of the pair with the other.
    let of_baseline = |points: Vec<Option<f64>>, at: usize, other: usize| match at {
        0 => judged(other).map(|(_, own, _)| own.base_points.clone()),
        _ => Some(points),
    };
    let Some(((_, _, base), (pair, own, head))) = judged(than).zip(judged(candidate)) else {
        return false;
    };
    let base = of_baseline(base, than, candidate);
    let Some((base, head)) = base.zip(of_baseline(head, candidate, than)) else {
        return false;
    };
    if base.len() != head.len() {
        return false;
    }
    let question = Question {
        metric: id.to_owned(),
        unit: own.unit.clone(),
        direction: own.better,
        threshold: Threshold::Absolute(own.threshold),
        gated: true,
    };
    let resamples = Resamples::draw(0, base.len(), 1);
    let pairs = Pairs {
        base,
        head,
        is_whole: matches!(pair.method, Method::Whole { .. }),
        blocks: pair.method.blocks(),
        ..Pairs::default()
    };
    let mut found = measure(&question, &pairs, &resamples);
    decide(std::iter::once(&mut found));
    // The marks of a table are as many claims as its verdicts are, and err together as rarely.
    let family = pair.tests.gated.max(1) as f64;
    found.verdict == Some(Verdict::Regressed) && found.p.is_none_or(|p| p * family <= ALPHA)
}

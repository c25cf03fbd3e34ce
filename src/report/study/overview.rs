//! All candidates side by side in the gated metrics: the pairs alone do not rank more than two.

use crate::format;
use lab::compare::{Pair, Study};
use metrics::{Direction, registry};

/// Metric over all candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OverviewRow {
    /// Name of the metric for people.
    pub(super) label: String,
    /// Result of each candidate, in their order.
    pub(super) cells: Vec<String>,
    /// Best candidates; none if all are alike.
    pub(super) best: Vec<bool>,
}

/// Rows, for more than two candidates.
pub(super) fn rows(study: &Study) -> Vec<OverviewRow> {
    if study.candidates.len() < 3 {
        return Vec::new();
    }
    study.gated.iter().filter_map(|id| row(study, id)).collect()
}

/// A metric of all candidates on the input as it is. Best is the best of those that are comparable with
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
    let is_best = |(value, is_comparable): (&Option<f64>, &bool)| {
        let both = value.zip(best);
        *is_comparable && both.is_some_and(|(value, best)| value.total_cmp(&best).is_eq())
    };
    Some(OverviewRow {
        label: registry::title(id),
        cells: format::values(&values, &first.unit),
        best: values.iter().zip(&is_comparable).map(is_best).collect(),
    })
}

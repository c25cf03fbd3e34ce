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
    // What reads the same is equally good; where everything does, nothing is marked.
    let cells = format::values(&values, &first.unit);
    let place = values.iter().zip(&is_comparable).position(|(value, own)| {
        let both = value.zip(best);
        *own && both.is_some_and(|(value, best)| value.total_cmp(&best).is_eq())
    });
    let text = place.map(|place| cells[place].clone());
    let compared = || cells.iter().zip(&is_comparable);
    let tells = compared().any(|(cell, own)| *own && Some(cell) != text.as_ref());
    let is_best = |(cell, own): (&String, &bool)| tells && *own && Some(cell) == text.as_ref();
    let best = compared().map(is_best).collect();
    Some(OverviewRow {
        label: registry::title(id),
        cells,
        best,
    })
}

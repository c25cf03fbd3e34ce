//! All candidates side by side in the gated metrics: the pairs alone do not rank more than two.

use crate::format;
use lab::compare::{Judgement, Study};
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

fn row(study: &Study, id: &str) -> Option<OverviewRow> {
    let of_pairs = study.pairs.iter().map(|pair| {
        let mut judged = pair.metrics.iter();
        judged.find(|own| own.metric == id)
    });
    let judged: Vec<&Judgement> = of_pairs.collect::<Option<_>>()?;
    let first = judged.first()?;
    let mut values = vec![first.base];
    values.extend(judged.iter().map(|own| own.head));
    let known = || values.iter().flatten().copied();
    let (least, most) = (
        known().min_by(f64::total_cmp)?,
        known().max_by(f64::total_cmp)?,
    );
    let best = match first.better {
        Direction::Higher if least < most => Some(most),
        Direction::Lower if least < most => Some(least),
        _ => None,
    };
    let is_best = |value: &Option<f64>| {
        let both = value.zip(best);
        both.is_some_and(|(value, best)| value.total_cmp(&best).is_eq())
    };
    Some(OverviewRow {
        label: registry::title(id),
        cells: format::values(&values, &first.unit),
        best: values.iter().map(is_best).collect(),
    })
}
